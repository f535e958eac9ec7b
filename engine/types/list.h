/* The list: a deque of listpack blocks.
 *
 *   nodes  [ 8 KiB ][ 8 KiB ] ... [ 8 KiB ]      a ring of (block, elements), so both ends are O(1)
 *
 * Encodings, by the names that OBJECT ENCODING answers: listpack while there is one block within
 * the limit, quicklist (the name that clients know) beyond it; back when one block at most half
 * full is left. An element above the limit has a block of its own.
 *
 * The limit is list-max-listpack-size: above 0 elements a block (and 8 KiB), from -1 to -5 the
 * bytes: 4 KiB to 64 KiB. It is given with each write, so that a new setting holds from then on.
 *
 * Invariants (list_check): no block is empty; the blocks' elements add up to the length.
 * Complexity: push and pop O(1); get O(blocks to the nearer end); insert and remove within
 * O(blocks). Items and iterators hold until the next write that is not by that iterator. Slices
 * handed in must not point into the list. Thread rule: one owner. */
#ifndef ATRIUM_TYPES_LIST_H
#define ATRIUM_TYPES_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"

struct list;

enum list_end { LIST_HEAD, LIST_TAIL };

struct list_item {
    struct bytes value; /* may point into scratch */
    char scratch[NUM_INT_MAX];
};

struct list *list_new(void);
void list_free(struct list *l);
/* O(bytes). */
struct list *list_dup(const struct list *l);

size_t list_length(const struct list *l);
const char *list_encoding(const struct list *l);
size_t list_mem_bytes(const struct list *l);
/* Can a value of n bytes be an element? */
bool list_takes(size_t n);

void list_push(struct list *l, enum list_end end, struct bytes value, int limit);
/* The element at that end; the list is not empty. */
void list_peek(const struct list *l, enum list_end end, struct list_item *item);
/* Removes up to n elements from that end. */
void list_drop(struct list *l, enum list_end end, size_t n, int limit);
/* Element i from 0; false where there is none. */
bool list_get(const struct list *l, size_t i, struct list_item *item);
/* Removes n elements from i on; the range is within the list. */
void list_delete(struct list *l, size_t i, size_t n, int limit);

/* ---- walking --------------------------------------------------------------------------------- */

struct list_iter {
    struct list *l;
    bool reverse;
    size_t node;
    uint8_t *next; /* in that node; NULL: at the end */
    size_t at_node;
    uint8_t *at; /* what list_iter_next returned last */
};

/* Begins at element i, which may be the length (forwards) or SIZE_MAX (backwards): then there is
 * nothing. */
void list_iter_init(struct list_iter *it, struct list *l, size_t i, bool reverse);
/* Moves on; false at the end. */
bool list_iter_step(struct list_iter *it);
/* Of the element that the last step came to. */
void list_iter_value(const struct list_iter *it, struct list_item *item);
bool list_iter_equal(const struct list_iter *it, struct bytes value);

/* Edits at that element. After a delete the walk goes on behind it; after a replace or insert it is
 * over. */
void list_iter_delete(struct list_iter *it);
void list_iter_replace(struct list_iter *it, struct bytes value, int limit);
void list_iter_insert(struct list_iter *it, bool after, struct bytes value, int limit);
/* After deletes by an iterator: the encoding. */
void list_settle(struct list *l, int limit);

/* ---- blocks, for snapshots ---------------------------------------------------------------------
 */

size_t list_blocks(const struct list *l);
const uint8_t *list_block(const struct list *l, size_t i);
/* Appends a block that is well formed and not empty; the list owns it. */
void list_add_block(struct list *l, uint8_t *lp, int limit);

/* Aborts where an invariant is broken. */
void list_check(const struct list *l);

#endif
