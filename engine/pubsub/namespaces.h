/* Channel namespaces: what channels whose names begin with a prefix keep and allow, from the directive
 * channel-namespace:
 *
 *     chat: history_size=100 history_ttl_ms=86400000 presence=yes join_leave=yes
 *
 * A word without `=` begins a namespace and is its prefix (`*`: every channel that no other prefix fits); the words
 * behind it are its options. The longest prefix that fits counts.
 *
 * Ownership: the set owns its namespaces; it never changes, so any thread reads it without a lock. */
#ifndef ATRIUM_PUBSUB_NAMESPACES_H
#define ATRIUM_PUBSUB_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define HISTORY_SIZE_MAX 100000

struct namespace
{
    struct bytes prefix;     /* into the set's own copy of the text; empty: every channel */
    uint64_t history_size;   /* messages kept; 0: none */
    uint64_t history_ttl_ms; /* for so long; 0: for ever */
    bool presence;           /* it is known who is there */
    bool join_leave;         /* and who asks for it is told of comings and goings */
    bool ws_publish;         /* WebSocket clients may publish, not servers alone */
    bool ws_subscribe;       /* they may subscribe without a ticket that names the channel */
};

struct namespaces;

/* NULL with one clear line in `error`: an unknown option, a value out of range, a prefix named twice. */
struct namespaces *namespaces_parse(struct bytes text, struct buf *error);
void namespaces_free(struct namespaces *set);
/* The channel's; where no prefix fits, one that keeps nothing and allows everything. O(namespaces). */
const struct namespace *namespaces_find(const struct namespaces *set, struct bytes channel);

#endif
