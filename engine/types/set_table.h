/* The table form of a set: a record a member in a compacting slab, found through a table of
 * handles. Inside of the set type.
 *
 * A record is the member's length and the member: 1 byte of length below 253; 253 and 4 bytes; or
 * 254, 4 bytes and the address of a block of its own, for one too long for the slab. About 14 bytes
 * beyond the member.
 *
 * Complexity: O(1) a member. Members handed out are valid until the next write. */
#ifndef ATRIUM_TYPES_SET_TABLE_H
#define ATRIUM_TYPES_SET_TABLE_H

#include "base/bytes.h"
#include "ds/compact.h"
#include "ds/handle_table.h"

struct set_table {
    struct compact records;
    struct handle_table table;
    size_t outside_bytes; /* of members in blocks of their own */
};

struct set_table *set_table_new(size_t expected);
void set_table_free(struct set_table *t);

static inline size_t set_table_count(const struct set_table *t)
{
    return handle_table_count(&t->table);
}
size_t set_table_mem_bytes(const struct set_table *t);
struct bytes set_table_member(const struct set_table *t, uint32_t handle);
/* 0 where missing; hash is hash_bytes(member). */
uint32_t set_table_find(const struct set_table *t, struct bytes member, uint64_t hash);
/* It is not there. */
void set_table_add(struct set_table *t, struct bytes member, uint64_t hash);
void set_table_remove(struct set_table *t, uint32_t handle);
void set_table_check(const struct set_table *t);

#endif
