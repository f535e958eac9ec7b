/* The reply sink of the memcached door: what the commands of commands/memcached.c and
 * commands/memcached_meta.c answer, as that protocol's lines. One event, or one container, makes:
 *
 *     simple, bulk               the text as a line              STORED
 *     integer                    a line, unsigned                18446744073709551615
 *     array that begins with     VALUE key flags bytes [unique]
 *       an integer               and the value's line
 *     array of bulks             a line each                     VA 1 t30
 *     map                        a line a pair, and END          STAT name value
 *     null                       nothing: a miss
 *     error                      the error table's memcached word and its text
 */
#ifndef ATRIUM_NET_MEMCACHED_REPLY_H
#define ATRIUM_NET_MEMCACHED_REPLY_H

#include "commands/reply.h"

struct memcached_reply {
    struct reply base;
    struct buf *out;
    struct bytes key; /* of VALUE lines; set by the caller before the command */
    enum { MEMCACHED_LINE, MEMCACHED_VALUE, MEMCACHED_STATS_PAIRS } shape;
    unsigned part;    /* within the shape */
    uint64_t head[2]; /* flags, unique */
};

/* out is borrowed. */
void memcached_reply_init(struct memcached_reply *r, struct buf *out);
/* A whole line: text and its end. */
void memcached_line(struct buf *out, const char *text);

#endif
