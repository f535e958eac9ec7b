/* What memcached's commands, text, meta and binary, do to the string at a command's first key.
 *
 * The cas unique is the value's digest: an ETag at the HTTP door, DIGEST in RESP. It names the value,
 * so a value that was changed and changed back is the same one, where memcached counts every store:
 * whoever must tell A-B-A apart puts a counter into the value. A value that is marked stale has
 * another unique than the same value when it was fresh.
 *
 * Thread rule: under the shard's lock, as every handler. */
#ifndef ATRIUM_COMMANDS_MEMCACHED_ITEM_H
#define ATRIUM_COMMANDS_MEMCACHED_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct entry;
struct exec;

enum memcached_mode {
    MEMCACHED_MODE_SET,
    MEMCACHED_MODE_ADD,
    MEMCACHED_MODE_REPLACE,
    MEMCACHED_MODE_APPEND,
    MEMCACHED_MODE_PREPEND,
    MEMCACHED_MODE_CAS,
};

enum memcached_outcome {
    MEMCACHED_STORED,
    MEMCACHED_NOT_STORED,
    MEMCACHED_EXISTS,
    MEMCACHED_NOT_FOUND,
};

struct memcached_item {
    enum memcached_mode mode;
    uint32_t flags;       /* append and prepend keep the old ones, */
    uint64_t deadline_ms; /* and the old deadline; one that has passed leaves no key */
    struct bytes value;
    uint64_t unique; /* cas needs it; append and prepend look at it where it is not 0 */
    bool has_unique;
    bool or_stale; /* cas: another value is replaced too, by one that is stale from the start */
};

uint64_t memcached_unique(const struct entry *e);
/* e is the key's string, NULL where it is missing. */
enum memcached_outcome memcached_store(struct exec *x, struct entry *e,
                                       const struct memcached_item *item);

/* incr wraps at 2^64, decr stops at 0. The number takes the value's place, as wide as before, with
 * blanks behind it where it has become shorter. False: it is no number, and that has been answered. */
bool memcached_count(struct exec *x, struct entry *e, bool incr, uint64_t delta, uint64_t *v);
/* For the statistics. */
void memcached_counted(struct exec *x, bool incr, bool hit);

/* A new deadline, 0: none; one that has passed removes the key, and e with it. */
void memcached_set_deadline(struct exec *x, struct entry *e, uint64_t deadline_ms);

#endif
