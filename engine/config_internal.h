/* What config.c and config_file.c share. */
#ifndef ATRIUM_CONFIG_INTERNAL_H
#define ATRIUM_CONFIG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "config.h"

enum directive_kind { KIND_INT, KIND_OCTAL, KIND_BYTES, KIND_BOOL, KIND_STRING, KIND_ENUM };
enum directive_flag { FIXED = 1, SECRET = 2 };

struct directive {
    const char *name;
    enum directive_kind kind;
    const char *initial;
    int64_t min, max;
    unsigned flags;
    const char *help;
};

extern const struct directive directives[CONFIG_COUNT];

struct config {
    _Atomic int64_t numbers[CONFIG_COUNT]; /* a string's is its length */
    _Atomic bool changed[CONFIG_COUNT];    /* differs from the default, or was set */
    struct buf strings[CONFIG_COUNT];      /* lock */
    pthread_mutex_t lock;
    char *file; /* absolute path of the file it was read from, or NULL */
};

/* Index of a directive, -1 where unknown. */
int config_lookup(struct bytes name);
/* A directive's present value as text. */
void config_text(const struct config *c, int id, struct buf *out);

#endif
