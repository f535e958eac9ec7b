/* A slab: an arena of small records under 32-bit handles.
 *
 * Space is counted in units of 8 bytes; a handle is the index of a record's first unit, so a handle
 * of 4 bytes reaches 32 GiB. 0 is no handle. Units come in chunks of 64 KiB, of which the first
 * grows from 1 KiB, so a small slab is small. A freed block goes to the list of its size (its first
 * word links it) and is taken again by the next record of that size, or split for a smaller one
 * before a new chunk is asked for.
 *
 * The slab keeps no sizes of records: the owner names a record's bytes when it frees it. An owner
 * whose records never begin with SLAB_FREE can walk a slab from unit 1 to `top`, since it knows the
 * sizes of its own.
 *
 * Invariants (slab_check): used + free units = units handed out so far; free blocks lie below
 * `top`, inside one chunk. Complexity: O(1). Memory: rounding to 8 bytes, 1.1 KiB of list heads.
 * Pointers from slab_at are valid until the next slab_alloc. Thread rule: one owner. */
#ifndef ATRIUM_DS_SLAB_H
#define ATRIUM_DS_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_UNIT        8
#define SLAB_CHUNK_UNITS 8192u
#define SLAB_UNITS_MAX   272u
#define SLAB_BYTES_MAX   (SLAB_UNITS_MAX * SLAB_UNIT) /* of one record */

#define SLAB_FREE 0xFF /* the first byte of a free block */

struct slab {
    uint8_t **chunk;
    uint32_t chunks, chunks_cap;
    uint32_t first_units; /* in the first chunk, while it grows */
    uint32_t top;         /* the next unit that was never handed out */
    uint32_t used_units, free_units;
    uint32_t dropped;                  /* chunks given back */
    uint32_t free[SLAB_UNITS_MAX + 1]; /* lists by size in units */
};

void slab_init(struct slab *s);
/* Frees everything at once. */
void slab_release(struct slab *s);

/* Room for 1..SLAB_BYTES_MAX bytes, not cleared. Aborts above 16 GiB. */
uint32_t slab_alloc(struct slab *s, size_t bytes);
void slab_free(struct slab *s, uint32_t handle, size_t bytes);

static inline void *slab_at(const struct slab *s, uint32_t handle)
{
    return s->chunk[handle / SLAB_CHUNK_UNITS] + (size_t)(handle % SLAB_CHUNK_UNITS) * SLAB_UNIT;
}

/* Do records of a and of b bytes fill the same block? */
static inline bool slab_same_block(size_t a, size_t b)
{
    return (a + SLAB_UNIT - 1) / SLAB_UNIT == (b + SLAB_UNIT - 1) / SLAB_UNIT;
}

/* Units of the free block at `handle`, 0 where a record is there. */
uint32_t slab_free_block(const struct slab *s, uint32_t handle);
/* Gives the memory of chunk i back: no record is in it any more, and nothing is allocated from this
 * slab again. */
void slab_drop_chunk(struct slab *s, uint32_t i);

size_t slab_mem_bytes(const struct slab *s);
/* Aborts where an invariant is broken (tests). O(free blocks). */
void slab_check(const struct slab *s);

#endif
