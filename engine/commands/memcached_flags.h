/* The flags of memcached's meta commands (mg, ms, md, ma): one letter each, some with a token behind
 * it. What a line may have and what is said about a mistake is as in memcached 1.6.18; on purpose
 * otherwise: a number that does not fit is refused where memcached cuts it, and an opaque that is too
 * long is refused before anything has been done. Pure functions. */
#ifndef ATRIUM_COMMANDS_MEMCACHED_FLAGS_H
#define ATRIUM_COMMANDS_MEMCACHED_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define MEMCACHED_META_WORDS_MAX 19 /* of the whole line */
#define MEMCACHED_OPAQUE_MAX     32 /* its letter counts */

enum memcached_meta {
    MEMCACHED_META_GET,
    MEMCACHED_META_SET,
    MEMCACHED_META_DELETE,
    MEMCACHED_META_COUNT
};

struct memcached_flags {
    const struct bytes *words; /* as given: answers come in their order */
    size_t nwords;
    bool base64;                          /* b: the key is written so */
    bool quiet;                           /* q */
    bool value;                           /* v */
    bool keeps;                           /* u: the look is no access */
    bool stale;                           /* I */
    bool vivifies;                        /* N */
    bool recaches;                        /* R */
    bool has_ttl;                         /* T */
    bool has_unique;                      /* C */
    char mode;                            /* M, 0: none */
    uint32_t client_flags;                /* F */
    int64_t ttl, vivify_ttl, recache_ttl; /* memcached's exptimes */
    uint64_t unique;
    uint64_t delta, initial; /* D, 1 by default; J */
};

/* NULL, or the line that says what is wrong. The words are borrowed. */
const char *memcached_flags_parse(struct memcached_flags *f, enum memcached_meta verb,
                                  const struct bytes *words, size_t nwords);

#endif
