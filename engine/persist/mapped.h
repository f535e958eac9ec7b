/* A file in memory, to be read once from its begin to its end. */
#ifndef ATRIUM_PERSIST_MAPPED_H
#define ATRIUM_PERSIST_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

struct mapped {
    void *p; /* NULL where it is empty */
    size_t n;
};

/* 0 or an errno; EINVAL: no regular file. */
int mapped_open(struct mapped *m, const char *path);
void mapped_close(struct mapped *m);

#endif
