/* A beam: the nearest nodes that a search has met, in order, and which of them it has looked into.
 *
 * One sorted list does what two heaps do elsewhere: of what is in it, the nearest ones that count are the results, the
 * nearest one that is not open yet is where to go on, and the last one says what is too far. Items are words, the
 * distance's bits above the id's, so that they compare as integers (distances are not below 0; equal ones stand in any
 * order); they lie in blocks of 4 KiB, and a new one is put into its place by a move within its block.
 *
 * An item may be there to be looked into only (a filter refused it): it does not count, and `ef` is how many that count
 * are kept. What is beyond the last of these goes.
 *
 * Complexity: an add moves half a block at most; the lists of usual searches are one block. Thread rule: one owner. */
#ifndef ATRIUM_DS_BEAM_H
#define ATRIUM_DS_BEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BEAM_BLOCK 512
#define BEAM_IDS   (1u << 30) /* ids are below it */

struct beam_block {
    size_t n;
    uint64_t item[BEAM_BLOCK];
};

struct beam {
    struct beam_block **block; /* blocks in use, then spare ones */
    size_t blocks, cap;
    size_t counted, ef;  /* items that count; how many are kept */
    size_t at_block, at; /* no item before it waits to be looked into */
};

#define BEAM_OPENED  (1u << 31)
#define BEAM_REFUSED (1u << 30)

static inline uint32_t beam_id(uint64_t item)
{
    return (uint32_t)item & (BEAM_IDS - 1);
}

static inline float beam_distance(uint64_t item)
{
    uint32_t bits = (uint32_t)(item >> 32);
    float distance;
    memcpy(&distance, &bits, sizeof distance);
    return distance;
}

void beam_begin(struct beam *b, size_t ef);
void beam_release(struct beam *b);

/* The distance that an item must be below to get in. */
static inline float beam_worst(const struct beam *b)
{
    const struct beam_block *last = b->block[b->blocks - 1];
    return b->counted < b->ef ? 4 : beam_distance(last->item[last->n - 1]);
}

/* Adds a node below beam_worst. */
void beam_add(struct beam *b, float distance, uint32_t id, bool counts);
/* The nearest one that was not opened, which is marked so; false where all are. */
bool beam_open(struct beam *b, uint32_t *id);
/* Which one beam_open will likely give next; BEAM_IDS where that is not known. A hint. */
static inline uint32_t beam_next(const struct beam *b)
{
    const struct beam_block *at = b->block[b->at_block < b->blocks ? b->at_block : 0];
    return b->at < at->n ? beam_id(at->item[b->at]) : BEAM_IDS;
}

/* Calls visit for those that count, nearest first, while it returns true. */
void beam_each(const struct beam *b, bool (*visit)(void *ctx, float distance, uint32_t id),
               void *ctx);
/* Aborts where the order or the numbers are wrong (tests). */
void beam_check(const struct beam *b);

#endif
