/* A timing wheel: the index of deadlines of one shard and database.
 *
 * Hierarchical wheel after Varghese and Lauck (1987), in its radix form: 8 levels of 64 slots, one
 * tick a millisecond. A deadline d stands at the level of the highest 6-bit digit in which d differs
 * from the wheel's clock, in the slot of that digit, so its place is a function of d and the clock
 * alone and need not be stored. A slot is an unordered array of node pointers; the node remembers
 * its index there, so that removal is a swap with the last.
 *
 * Invariants (wheel_check):
 *  1. every node's when_ms is > clock, or it stands in the list of due nodes;
 *  2. a node stands in level_of(when, clock), slot_of(when, level), at index node->at;
 *  3. count is the number of nodes.
 *
 * Complexity: add and remove O(1); advancing costs O(1) a due node plus at most 7 cascades a node in
 * its life. Memory: 8 to 16 bytes a node here and 16 in its owner; levels are made when first used.
 * Thread rule: the owner holds the shard's lock. The node's memory is the owner's. */
#ifndef ATRIUM_DS_WHEEL_H
#define ATRIUM_DS_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wheel_node {
    uint64_t when_ms; /* 0: in no wheel */
    uint32_t at;      /* index within the slot */
    uint32_t due;     /* 1: in the due list */
};

struct wheel_slot {
    struct wheel_node **nodes;
    uint32_t n, cap;
};

#define WHEEL_LEVELS 8
#define WHEEL_SLOTS  64

struct wheel {
    uint64_t clock_ms;
    size_t count;
    struct wheel_slot due;
    struct wheel_slot *levels[WHEEL_LEVELS]; /* WHEEL_SLOTS each, or NULL */
    uint64_t occupied[WHEEL_LEVELS];         /* a bit a slot */
};

void wheel_init(struct wheel *w, uint64_t now_ms);
/* Forgets every node (does not touch them) and frees the arrays. */
void wheel_release(struct wheel *w);

/* The node is in no wheel before. when_ms > 0; one at or before the clock is due at once. */
void wheel_add(struct wheel *w, struct wheel_node *node, uint64_t when_ms);
/* The node is in this wheel. */
void wheel_remove(struct wheel *w, struct wheel_node *node);
/* The node's memory moved from `old` to `node`, contents and all. */
void wheel_moved(struct wheel *w, struct wheel_node *node);

/* Moves the clock to now_ms and returns one due node, taken out, or NULL where none is due. Calls go
 * on until NULL; the caller stops earlier where its time slice is over. */
struct wheel_node *wheel_pop_due(struct wheel *w, uint64_t now_ms);

/* A lower bound of the earliest deadline, 0 where the wheel is empty. */
uint64_t wheel_next_ms(const struct wheel *w);

/* The node of the earliest deadline, and one by chance (each as likely as another); NULL where the wheel is empty. O(slots)
 * and the nodes of the earliest's slot. */
struct wheel_node *wheel_nearest(const struct wheel *w);
struct wheel_node *wheel_random(const struct wheel *w);

/* Aborts where an invariant is broken. */
void wheel_check(const struct wheel *w);

#endif
