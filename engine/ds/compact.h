/* A slab that follows the number of its records down: once more of it is free than in use, the
 * records move to a new slab, a few with each write, and the old chunks are given back as they
 * empty.
 *
 * The owner says how long a record is from its bytes, and is told of each that gets another handle.
 * The top bit of a handle tells in which of the two slabs its record is, so 31 bits of units
 * remain: 16 GiB. 0 is no handle; a record never begins with SLAB_FREE.
 *
 * Complexity: O(1) a record, O(writes) a tidy. Pointers are valid until the next alloc or tidy.
 * Thread rule: one owner. */
#ifndef ATRIUM_DS_COMPACT_H
#define ATRIUM_DS_COMPACT_H

#include "ds/slab.h"

/* Bytes of the record that begins here. */
typedef size_t compact_bytes(const uint8_t *record);
/* The record of handle `from` lies at `to` now, bytes copied. */
typedef void compact_moved(void *owner, uint32_t from, uint32_t to);

struct compact {
    struct slab slab, *old; /* old is NULL where nothing is moving */
    uint32_t side;          /* of the handles in slab */
    uint32_t moved;         /* blocks of old below it are empty */
    compact_bytes *bytes_of;
    compact_moved *on_moved;
    void *owner;
};

void compact_init(struct compact *c, compact_bytes *bytes_of, compact_moved *on_moved, void *owner);
/* Frees all records at once. */
void compact_release(struct compact *c);

uint32_t compact_alloc(struct compact *c, size_t bytes);
void compact_free(struct compact *c, uint32_t handle);

#define COMPACT_SIDE 0x80000000u

static inline uint8_t *compact_at(const struct compact *c, uint32_t handle)
{
    const struct slab *s = (handle & COMPACT_SIDE) == c->side ? &c->slab : c->old;
    return slab_at(s, handle & ~COMPACT_SIDE);
}

/* After so many writes: moves records where that is due. */
void compact_tidy(struct compact *c, size_t writes);

/* Calls visit for every record; visit may not write. */
typedef void compact_visit(uint8_t *record, void *ctx);
void compact_each(const struct compact *c, compact_visit *visit, void *ctx);

size_t compact_mem_bytes(const struct compact *c);
void compact_check(const struct compact *c);

#endif
