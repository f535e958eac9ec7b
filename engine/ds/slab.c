#include "ds/slab.h"

#include <stdlib.h>

#include "base/mem.h"

#define FIRST_UNITS_MIN 128u

void slab_init(struct slab *s)
{
    *s = (struct slab){.top = 1}; /* unit 0 is left out: 0 is no handle */
}

void slab_release(struct slab *s)
{
    for (uint32_t i = 0; i < s->chunks; i++)
        mem_free(s->chunk[i]);
    mem_free(s->chunk);
    slab_init(s);
}

static uint32_t units_of(size_t bytes)
{
    if (bytes == 0 || bytes > SLAB_BYTES_MAX)
        abort();
    return (uint32_t)((bytes + SLAB_UNIT - 1) / SLAB_UNIT);
}

/* A free block, in its first unit. */
struct free_block {
    uint8_t mark, spare;
    uint16_t units;
    uint32_t next;
};

_Static_assert(sizeof(struct free_block) == SLAB_UNIT, "a free block fits the least record");

static void push(struct slab *s, uint32_t handle, uint32_t units)
{
    struct free_block *b = slab_at(s, handle);
    *b = (struct free_block){SLAB_FREE, 0, (uint16_t)units, s->free[units]};
    s->free[units] = handle;
    s->free_units += units;
}

static uint32_t pop(struct slab *s, uint32_t units)
{
    uint32_t handle = s->free[units];
    s->free[units] = ((const struct free_block *)slab_at(s, handle))->next;
    s->free_units -= units;
    return handle;
}

uint32_t slab_free_block(const struct slab *s, uint32_t handle)
{
    const struct free_block *b = slab_at(s, handle);
    return b->mark == SLAB_FREE ? b->units : 0;
}

void slab_drop_chunk(struct slab *s, uint32_t i)
{
    mem_free(s->chunk[i]);
    s->chunk[i] = NULL;
    s->dropped++;
}

/* Takes a larger free block apart; 0 where there is none. */
static uint32_t split(struct slab *s, uint32_t units)
{
    if (s->free_units <= units)
        return 0;
    for (uint32_t larger = units + 1; larger <= SLAB_UNITS_MAX; larger++) {
        if (s->free[larger] == 0)
            continue;
        uint32_t handle = pop(s, larger);
        push(s, handle + units, larger - units);
        return handle;
    }
    return 0;
}

static uint32_t limit(const struct slab *s)
{
    return s->chunks <= 1 ? s->first_units : s->chunks * SLAB_CHUNK_UNITS;
}

/* The first chunk grows in place or moves, until it has the size of the others. */
static void grow_first(struct slab *s, uint32_t units)
{
    uint32_t want = s->first_units < FIRST_UNITS_MIN ? FIRST_UNITS_MIN : s->first_units;
    while (want < s->top + units)
        want *= 2;
    if (want > SLAB_CHUNK_UNITS)
        want = SLAB_CHUNK_UNITS;
    if (s->chunks == 0) {
        s->chunk = mem_alloc(sizeof *s->chunk);
        s->chunk[0] = NULL;
        s->chunks = s->chunks_cap = 1;
    }
    s->chunk[0] = mem_realloc(s->chunk[0], (size_t)want * SLAB_UNIT);
    s->first_units = want;
}

static void add_chunk(struct slab *s)
{
    if (s->chunks == INT32_MAX / SLAB_CHUNK_UNITS)
        mem_exhausted((size_t)SLAB_CHUNK_UNITS * SLAB_UNIT);
    if (s->top < limit(s))
        push(s, s->top, limit(s) - s->top);
    if (s->chunks == s->chunks_cap) {
        s->chunks_cap += s->chunks_cap / 2 + 4;
        s->chunk = mem_realloc(s->chunk, s->chunks_cap * sizeof *s->chunk);
    }
    s->top = s->chunks * SLAB_CHUNK_UNITS;
    s->chunk[s->chunks++] = mem_alloc((size_t)SLAB_CHUNK_UNITS * SLAB_UNIT);
}

static uint32_t take_new(struct slab *s, uint32_t units)
{
    uint32_t handle = s->top;
    s->top += units;
    return handle;
}

static uint32_t take(struct slab *s, uint32_t units)
{
    if (s->free[units] != 0)
        return pop(s, units);
    if (s->chunks <= 1 && s->top + units > s->first_units && s->first_units < SLAB_CHUNK_UNITS)
        grow_first(s, units);
    if (s->top + units <= limit(s))
        return take_new(s, units);
    uint32_t handle = split(s, units);
    if (handle != 0)
        return handle;
    add_chunk(s);
    return take_new(s, units);
}

uint32_t slab_alloc(struct slab *s, size_t bytes)
{
    uint32_t units = units_of(bytes);
    s->used_units += units;
    return take(s, units);
}

void slab_free(struct slab *s, uint32_t handle, size_t bytes)
{
    uint32_t units = units_of(bytes);
    s->used_units -= units;
    push(s, handle, units);
}

size_t slab_mem_bytes(const struct slab *s)
{
    return sizeof *s + s->chunks_cap * sizeof *s->chunk +
           ((size_t)limit(s) - (size_t)s->dropped * SLAB_CHUNK_UNITS) * SLAB_UNIT;
}

void slab_check(const struct slab *s)
{
    uint64_t free_units = 0;
    for (uint32_t units = 1; units <= SLAB_UNITS_MAX; units++) {
        for (uint32_t handle = s->free[units]; handle != 0;) {
            if (handle + units > s->top ||
                handle / SLAB_CHUNK_UNITS != (handle + units - 1) / SLAB_CHUNK_UNITS)
                abort();
            free_units += units;
            if (slab_free_block(s, handle) != units)
                abort();
            handle = ((const struct free_block *)slab_at(s, handle))->next;
        }
    }
    if (free_units != s->free_units || free_units + s->used_units + 1 != s->top)
        abort();
}
