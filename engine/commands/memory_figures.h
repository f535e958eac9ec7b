/* What takes the program's memory: the figures that INFO and MEMORY STATS tell. */
#ifndef ATRIUM_COMMANDS_MEMORY_FIGURES_H
#define ATRIUM_COMMANDS_MEMORY_FIGURES_H

#include <stddef.h>

#include "base/mem.h"

struct engine;

/* Bytes, but for keys. */
struct memory_figures {
    size_t used, peak, resident;
    struct mem_figures allocator;
    size_t startup;    /* used when the engine was opened */
    size_t clients;    /* their sessions, with what waits in them */
    size_t tables;     /* of the keyspace */
    size_t log_buffer; /* records on their way to the disk */
    size_t overhead;   /* the four above */
    size_t dataset;    /* the rest of what is used */
    size_t keys;
};

/* Any thread. O(clients): under the registry's lock. */
struct memory_figures memory_figures(struct engine *e);

#endif
