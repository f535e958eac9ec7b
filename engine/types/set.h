/* The set: distinct members without order.
 *
 * Encodings, by the names that OBJECT ENCODING answers:
 *   intset     canonical integers alone, up to limits.intset of them (ds/intset.h)
 *   listpack   up to limits.entries members of up to limits.value bytes each
 *   hashtable  records in a slab under a table of their handles (types/set_table.h)
 * A set goes down this list and never up.
 *
 * Complexity: O(1) a member, O(log n) in the intset, O(limits.entries) in the listpack. Items are
 * valid until the next write. Slices handed in must not point into the set. Thread rule: one owner.
 */
#ifndef ATRIUM_TYPES_SET_H
#define ATRIUM_TYPES_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"

struct set;

struct set_limits {
    size_t intset, entries, value;
};

struct set_item {
    struct bytes member; /* may point into scratch */
    char scratch[NUM_INT_MAX];
};

struct set *set_new(void);
void set_free(struct set *s);
/* O(n). */
struct set *set_dup(const struct set *s);

size_t set_length(const struct set *s);
const char *set_encoding(const struct set *s);
size_t set_mem_bytes(const struct set *s);

/* So many members are about to be added to an empty or small set: large ones begin as a table. */
void set_expect(struct set *s, size_t n, const struct set_limits *limits);
/* False where it was there. */
bool set_add(struct set *s, struct bytes member, const struct set_limits *limits);
/* The same for a member that is not there, without looking. */
void set_add_new(struct set *s, struct bytes member, const struct set_limits *limits);
/* False where it was not there. */
bool set_remove(struct set *s, struct bytes member);
bool set_has(const struct set *s, struct bytes member);
/* The same where the member's hash_bytes is known: for one member in many sets. */
bool set_has_hashed(const struct set *s, struct bytes member, uint64_t hash);

/* ---- walking --------------------------------------------------------------------------------- */

#define SET_ITER_BATCH 16

struct set_iter {
    const struct set *s;
    size_t at; /* the next place: of the intset, a bucket of the table */
    const uint8_t *pos;
    uint32_t batch[SET_ITER_BATCH];
    unsigned n, i;
    bool end;
};

void set_iter_init(struct set_iter *it, const struct set *s);
bool set_iter_next(struct set_iter *it, struct set_item *item);

typedef void set_visit(const struct set_item *item, void *ctx);
/* About `count` members from `cursor` on; the next cursor, 0 at the end. A member that is there for
 * the whole scan is visited. */
uint64_t set_scan(const struct set *s, uint64_t cursor, size_t count, set_visit *visit, void *ctx);

/* ---- at random ------------------------------------------------------------------------------- */

/* Any member, all equally likely; there is one. */
void set_random(const struct set *s, struct set_item *item);
/* n different ones, n <= length, all choices equally likely. O(n) for few out of many, else
 * O(length). */
void set_random_distinct(const struct set *s, size_t n, set_visit *visit, void *ctx);

/* ---- for snapshots --------------------------------------------------------------------------- */

enum set_form { SET_INTS, SET_PACK, SET_TABLE };
enum set_form set_form(const struct set *s);
/* The intset or listpack. */
const uint8_t *set_block(const struct set *s);
/* A set of a well-formed block without doubles; owns it. */
struct set *set_of_block(enum set_form form, uint8_t *block);

/* Aborts where an invariant is broken (tests). */
void set_check(const struct set *s);

#endif
