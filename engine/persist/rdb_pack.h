/* The packed forms in which Redis kept small values, read from memory that nobody vouches for: each walk
 * checks as it goes and hands out the elements up to where the form turns out to be wrong.
 *
 *   listpack   ds/listpack.h (Redis 7)
 *   ziplist    u32 bytes, u32 offset of the last entry, u16 entries, then entries, 0xFF (Redis 2 to 6). Entry:
 *              length of the entry before (1 byte, or 0xFE and u32), encoding, value
 *   zipmap     a count, then length, field, length, unused bytes, value, those bytes ..., 0xFF (Redis 2) */
#ifndef ATRIUM_PERSIST_RDB_PACK_H
#define ATRIUM_PERSIST_RDB_PACK_H

#include "base/bytes.h"

enum rdb_pack { RDB_PACK_LISTPACK, RDB_PACK_ZIPLIST, RDB_PACK_ZIPMAP };

/* Sees one element, false: refuses it. `s` lives for the call. */
typedef bool rdb_pack_visit(struct bytes s, void *ctx);

/* True where the pack is well formed throughout and no element was refused. */
bool rdb_pack_each(enum rdb_pack form, struct bytes pack, rdb_pack_visit *visit, void *ctx);

/* The same in groups of n (up to RDB_GROUP_MAX): fields with values, members with scores. False as well where
 * the last group is not complete. */
#define RDB_GROUP_MAX 3
typedef bool rdb_group_visit(const struct bytes *group, void *ctx);
bool rdb_pack_groups(enum rdb_pack form, struct bytes pack, unsigned n, rdb_group_visit *visit,
                     void *ctx);

#endif
