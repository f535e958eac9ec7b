/* The table form of a hash: records in a slab, found through a table of their handles. Inside of
 * the hash type: only types/hash*.c includes this.
 *
 * A record lies in one piece:
 *
 *   +-------+-----------+-----------+---------------+-----------+-------+-------+
 *   | flags | field len | value len | [deadline 8 B | heap at 4]| field | value |
 *   +-------+-----------+-----------+---------------+-----------+-------+-------+
 *
 * Lengths are 1 byte each, or 4 each where either is above 255 (RECORD_WIDE). A field that
 * is longer than HASH_FIELD_INLINE_MAX together with its value lies with it in a block of its own,
 * and the record has the address (RECORD_OUTSIDE). The bracketed part is there where the field has
 * a deadline: `heap at` is its place in the order of deadlines, a 4-ary heap of (deadline, handle)
 * in which fields without one cost nothing.
 *
 * Once more of the slab is free than in use, the records move to a new one, a few with each write,
 * and the old chunks are given back as they empty: memory follows the number of fields down. The
 * top bit of a handle tells in which of the two slabs its record is.
 *
 * Invariants (hash_fields_check):
 *  1. the table holds each record once, under the hash of its field;
 *  2. heap entry i is no later than its children 4i+1 .. 4i+4, and names a record whose deadline it
 * has and whose `heap at` is i; every record with a deadline is in the heap.
 *
 * Handles are valid until the next write. 0 is no handle. */
#ifndef ATRIUM_TYPES_HASH_FIELDS_H
#define ATRIUM_TYPES_HASH_FIELDS_H

#include "types/hash.h"

#define HASH_FIELD_INLINE_MAX 2048

struct hash_fields;

struct hash_fields *hash_fields_new(size_t expected);
void hash_fields_free(struct hash_fields *f);
struct hash_fields *hash_fields_dup(const struct hash_fields *f);

size_t hash_fields_count(const struct hash_fields *f);
size_t hash_fields_mem_bytes(const struct hash_fields *f);
void hash_fields_check(const struct hash_fields *f);

uint32_t hash_fields_find(const struct hash_fields *f, struct bytes field);
void hash_fields_read(const struct hash_fields *f, uint32_t handle, struct hash_item *item);
/* The field is not there. */
void hash_fields_add(struct hash_fields *f, struct bytes field, struct bytes value,
                     uint64_t expire_at_ms);
void hash_fields_replace(struct hash_fields *f, uint32_t handle, struct bytes value,
                         uint64_t expire_at_ms);
void hash_fields_set_deadline(struct hash_fields *f, uint32_t handle, uint64_t expire_at_ms);
void hash_fields_remove(struct hash_fields *f, uint32_t handle);

/* Fields due at now_ms. O(fields due). */
size_t hash_fields_due(const struct hash_fields *f, uint64_t now_ms);
uint64_t hash_fields_first_deadline(const struct hash_fields *f);
size_t hash_fields_remove_due(struct hash_fields *f, uint64_t now_ms, size_t max,
                              void (*each)(struct bytes field, void *ctx), void *ctx);

/* Calls visit for the records of one or more buckets from `cursor` on; the next cursor, 0 at the
 * end. */
typedef void hash_fields_visit(uint32_t handle, void *ctx);
uint64_t hash_fields_scan(const struct hash_fields *f, uint64_t cursor, hash_fields_visit *visit,
                          void *ctx);
/* The same by bucket number, HASH_ITER_BATCH records at most: cheaper, for a walk without a write
 * in between. */
uint64_t hash_fields_walk(const struct hash_fields *f, uint64_t at, hash_fields_visit *visit,
                          void *ctx);
/* A record, all about equally likely; there is at least one. */
uint32_t hash_fields_random(const struct hash_fields *f);

#endif
