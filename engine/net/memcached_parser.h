/* memcached's text protocol, the requests: one at a time from unread input.
 *
 * A request is a line of words with one or more blanks between them, ended by \r\n or \n; those
 * that store are followed by as many bytes of data as the line says and \r\n. Which words a line
 * may have, what is looked at first, and what is said about a mistake is as in memcached 1.6. On
 * purpose otherwise: numbers that do not fit are refused where memcached cuts them to 32 bits, and
 * a line with a NUL in it is refused.
 *
 * Of an unfinished request nothing is kept but how far the search for its line's end has come:
 * input that arrives in pieces is looked at again from the line's beginning once there is more of
 * it.
 *
 * Thread rule: one owner. */
#ifndef ATRIUM_NET_MEMCACHED_PARSER_H
#define ATRIUM_NET_MEMCACHED_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "commands/memcached.h"
#include "commands/memcached_flags.h"

enum memcached_verb {
    MEMCACHED_GET,
    MEMCACHED_GETS,
    MEMCACHED_GAT,
    MEMCACHED_GATS,
    MEMCACHED_SET,
    MEMCACHED_ADD,
    MEMCACHED_REPLACE,
    MEMCACHED_APPEND,
    MEMCACHED_PREPEND,
    MEMCACHED_CAS,
    MEMCACHED_INCR,
    MEMCACHED_DECR,
    MEMCACHED_DELETE,
    MEMCACHED_TOUCH,
    MEMCACHED_FLUSH_ALL,
    MEMCACHED_STATS,
    MEMCACHED_VERSION,
    MEMCACHED_VERBOSITY,
    MEMCACHED_QUIT,
    MEMCACHED_MG,
    MEMCACHED_MS,
    MEMCACHED_MD,
    MEMCACHED_MA,
    MEMCACHED_ME,
    MEMCACHED_MN,
    MEMCACHED_CACHE_MEMLIMIT,
    MEMCACHED_SAYS, /* `says` is the answer, whatever follows */
};

enum memcached_result {
    MEMCACHED_INCOMPLETE,
    MEMCACHED_REQUEST,
    MEMCACHED_ERROR,     /* `error` is the line to answer, unless noreply */
    MEMCACHED_TOO_LARGE, /* the same; the value's data is passed over by the next calls */
    MEMCACHED_HOPELESS,  /* a line that does not end: close */
};

/* One request, and room that is used again for the next. Slices point into the input. */
struct memcached_parser {
    enum memcached_verb verb;
    const char *name;         /* the verb's word */
    const struct bytes *keys; /* of the get family; else one, or none */
    size_t nkeys;
    struct memcached_flags meta; /* of mg, ms, md, ma */
    uint32_t flags;
    int64_t exptime;
    uint64_t number;    /* incr and decr: delta; cas: unique; verbosity, cache_memlimit */
    struct bytes value; /* of those that store */
    bool noreply;
    const char *error, *says;
    size_t used;  /* bytes of the input that the result stands for */
    size_t wants; /* INCOMPLETE: bytes that the whole request has, where known; else 0 */

    struct bytes *words; /* owned */
    size_t nwords, words_cap;
    size_t scanned;       /* no line end in these */
    size_t swallow;       /* bytes of data still to pass over */
    struct bytes decoded; /* a key that came in base64, in key_room */
    char key_room[MEMCACHED_KEY_MAX];
};

void memcached_parser_init(struct memcached_parser *p);
void memcached_parser_release(struct memcached_parser *p);

/* Looks at unread input. The caller drops `used` bytes before the next call, after any result:
 * INCOMPLETE uses some too, where data is passed over. */
enum memcached_result memcached_parse(struct memcached_parser *p, struct bytes in,
                                      size_t max_value_bytes);

#endif
