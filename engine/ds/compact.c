#include "ds/compact.h"

#include <string.h>

#include "base/mem.h"

/* Moving pays when the slab has as many chunks, most of them free. */
#define CHUNKS_MIN 4
/* Blocks looked at with each tidy beyond those of its writes. */
#define BLOCKS_MORE 16

void compact_init(struct compact *c, compact_bytes *bytes_of, compact_moved *on_moved, void *owner)
{
    *c = (struct compact){.bytes_of = bytes_of, .on_moved = on_moved, .owner = owner};
    slab_init(&c->slab);
}

static void drop_old(struct compact *c)
{
    if (!c->old)
        return;
    slab_release(c->old);
    mem_free(c->old);
    c->old = NULL;
}

void compact_release(struct compact *c)
{
    slab_release(&c->slab);
    drop_old(c);
}

uint32_t compact_alloc(struct compact *c, size_t bytes)
{
    return slab_alloc(&c->slab, bytes) | c->side;
}

void compact_free(struct compact *c, uint32_t handle)
{
    size_t bytes = c->bytes_of(compact_at(c, handle));
    slab_free((handle & COMPACT_SIDE) == c->side ? &c->slab : c->old, handle & ~COMPACT_SIDE,
              bytes);
}

/* ---- moving ------------------------------------------------------------------------------------
 */

static void start_moving(struct compact *c)
{
    c->old = mem_alloc(sizeof *c->old);
    *c->old = c->slab;
    slab_init(&c->slab);
    c->side ^= COMPACT_SIDE;
    c->moved = 1;
}

static void move_record(struct compact *c, uint32_t at, size_t bytes)
{
    uint32_t to = compact_alloc(c, bytes);
    memcpy(compact_at(c, to), slab_at(c->old, at), bytes);
    c->on_moved(c->owner, at | (c->side ^ COMPACT_SIDE), to);
}

/* Takes one block of the old slab, free or not, and gives back the chunk that ends with it. */
static void move_block(struct compact *c)
{
    uint32_t at = c->moved, chunk = at / SLAB_CHUNK_UNITS, units = slab_free_block(c->old, at);
    if (units == 0) {
        size_t bytes = c->bytes_of(slab_at(c->old, at));
        units = (uint32_t)((bytes + SLAB_UNIT - 1) / SLAB_UNIT);
        move_record(c, at, bytes);
    }
    c->moved += units;
    if (c->moved / SLAB_CHUNK_UNITS != chunk)
        slab_drop_chunk(c->old, chunk);
}

void compact_tidy(struct compact *c, size_t writes)
{
    const struct slab *s = &c->slab;
    if (!c->old && s->chunks >= CHUNKS_MIN && s->free_units > s->used_units)
        start_moving(c);
    if (!c->old)
        return;
    for (size_t left = writes + BLOCKS_MORE; left && c->moved < c->old->top; left--)
        move_block(c);
    if (c->moved >= c->old->top)
        drop_old(c);
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static void each_in(const struct compact *c, const struct slab *s, uint32_t at,
                    compact_visit *visit, void *ctx)
{
    while (at < s->top) {
        uint32_t units = slab_free_block(s, at);
        if (units == 0) {
            uint8_t *record = slab_at(s, at);
            units = (uint32_t)((c->bytes_of(record) + SLAB_UNIT - 1) / SLAB_UNIT);
            visit(record, ctx);
        }
        at += units;
    }
}

void compact_each(const struct compact *c, compact_visit *visit, void *ctx)
{
    each_in(c, &c->slab, 1, visit, ctx);
    if (c->old)
        each_in(c, c->old, c->moved, visit, ctx);
}

size_t compact_mem_bytes(const struct compact *c)
{
    return slab_mem_bytes(&c->slab) + (c->old ? slab_mem_bytes(c->old) : 0);
}

void compact_check(const struct compact *c)
{
    slab_check(&c->slab);
}
