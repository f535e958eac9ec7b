#include "ds/beam.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* A new block at place `at` of the list. */
static struct beam_block *add_block(struct beam *b, size_t at)
{
    if (b->blocks == b->cap) {
        b->block = mem_realloc(b->block, (b->cap + 1) * sizeof *b->block);
        b->block[b->cap++] = mem_alloc(sizeof(struct beam_block));
    }
    struct beam_block *fresh = b->block[b->blocks];
    memmove(b->block + at + 1, b->block + at, (b->blocks - at) * sizeof *b->block);
    b->block[at] = fresh;
    b->blocks++;
    fresh->n = 0;
    return fresh;
}

void beam_begin(struct beam *b, size_t ef)
{
    b->blocks = 0;
    add_block(b, 0);
    b->counted = 0;
    b->ef = ef;
    b->at_block = b->at = 0;
}

void beam_release(struct beam *b)
{
    for (size_t i = 0; i < b->cap; i++)
        mem_free(b->block[i]);
    mem_free(b->block);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static size_t block_for(const struct beam *b, uint64_t item)
{
    size_t low = 0, high = b->blocks - 1;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct beam_block *at = b->block[mid];
        if (at->item[at->n - 1] < item)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The first place whose item is above. Without branches: they could not be foretold. */
static size_t place_in(const struct beam_block *at, uint64_t item)
{
    const uint64_t *base = at->item;
    size_t n = at->n;
    if (n == 0)
        return 0;
    while (n > 1) {
        size_t half = n / 2;
        base = base[half - 1] < item ? base + half : base;
        n -= half;
    }
    return (size_t)(base - at->item) + (*base < item);
}

static void split(struct beam *b, size_t i)
{
    struct beam_block *right = add_block(b, i + 1), *left = b->block[i];
    right->n = BEAM_BLOCK / 2;
    left->n = BEAM_BLOCK - right->n;
    memcpy(right->item, left->item + left->n, right->n * sizeof *right->item);
    if (b->at_block >= i) { /* look again from here */
        b->at_block = i;
        b->at = 0;
    }
}

static void drop_last(struct beam *b)
{
    struct beam_block *last = b->block[b->blocks - 1];
    b->counted -= !(last->item[--last->n] & BEAM_REFUSED);
    if (last->n == 0 && b->blocks > 1)
        b->blocks--;
}

/* One too many counts: drops it, and what waits behind the new last one. */
static void trim(struct beam *b)
{
    while (b->counted > b->ef)
        drop_last(b);
    for (;;) {
        const struct beam_block *last = b->block[b->blocks - 1];
        if (last->n == 0 || !(last->item[last->n - 1] & BEAM_REFUSED))
            return;
        drop_last(b);
    }
}

void beam_add(struct beam *b, float distance, uint32_t id, bool counts)
{
    uint32_t bits;
    distance = distance > 0 ? distance : 0;
    memcpy(&bits, &distance, sizeof bits);
    uint64_t item = (uint64_t)bits << 32 | id | (counts ? 0 : BEAM_REFUSED);
    size_t i = block_for(b, item);
    if (b->block[i]->n == BEAM_BLOCK) {
        split(b, i);
        i = block_for(b, item);
    }
    struct beam_block *at = b->block[i];
    size_t place = place_in(at, item);
    memmove(at->item + place + 1, at->item + place, (at->n - place) * sizeof item);
    at->item[place] = item;
    at->n++;
    b->counted += counts;
    if (i < b->at_block || (i == b->at_block && place < b->at)) {
        b->at_block = i;
        b->at = place;
    }
    if (b->counted > b->ef)
        trim(b);
}

/* ---- reading --------------------------------------------------------------------------------- */

bool beam_open(struct beam *b, uint32_t *id)
{
    for (; b->at_block < b->blocks; b->at_block++, b->at = 0) {
        struct beam_block *at = b->block[b->at_block];
        for (; b->at < at->n; b->at++) {
            if (at->item[b->at] & BEAM_OPENED)
                continue;
            *id = beam_id(at->item[b->at]);
            at->item[b->at++] |= BEAM_OPENED;
            return true;
        }
    }
    b->at_block = b->blocks - 1; /* items may be added behind */
    b->at = b->block[b->at_block]->n;
    return false;
}

void beam_each(const struct beam *b, bool (*visit)(void *ctx, float distance, uint32_t id),
               void *ctx)
{
    for (size_t i = 0; i < b->blocks; i++) {
        for (size_t j = 0; j < b->block[i]->n; j++) {
            uint64_t item = b->block[i]->item[j];
            if (!(item & BEAM_REFUSED) && !visit(ctx, beam_distance(item), beam_id(item)))
                return;
        }
    }
}

static void fail(const char *what)
{
    fprintf(stderr, "beam_check: %s\n", what);
    abort();
}

void beam_check(const struct beam *b)
{
    uint64_t before = 0;
    size_t counted = 0;
    for (size_t i = 0; i < b->blocks; i++) {
        const struct beam_block *at = b->block[i];
        if (at->n == 0 && b->blocks > 1)
            fail("an empty block");
        for (size_t j = 0; j < at->n; j++) {
            bool waits = !(at->item[j] & BEAM_OPENED);
            if (at->item[j] >> 32 < before >> 32)
                fail("out of order");
            if (waits && (i < b->at_block || (i == b->at_block && j < b->at)))
                fail("one that waits was passed over");
            counted += !(at->item[j] & BEAM_REFUSED);
            before = at->item[j];
        }
    }
    if (counted != b->counted || counted > b->ef)
        fail("a wrong count");
}
