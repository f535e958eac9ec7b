/* The sorted set: members with scores, ordered by score, then by the members' bytes.
 *
 * Encodings, by the names that OBJECT ENCODING answers:
 *   listpack  member, score, member, score ... in order: up to limits.entries members of up to limits.value
 *             bytes each
 *   skiplist  (the name that clients know) records in a slab under 32-bit handles, a table of the handles by
 *             member (O(1) score), and an order-statistics B+tree (O(log n) rank, range and select). Record:
 *             length or a mark (1 byte), score (8), a long length (4), the member; one too long for the slab holds a
 *             pointer to its own block.
 * A set goes from listpack to skiplist and never back.
 *
 * Every range is a span of ranks: zset_score_span and zset_lex_span turn bounds into [from, to), and reading,
 * counting and removing work on spans. Ranks count from 0 in ascending order.
 *
 * Invariants (zset_check): table and tree hold the same records; both agree with the records' scores.
 * Complexity: O(log n) where nothing else is said; O(limits.entries) in the listpack. Items handed out are
 * valid until the next write. Slices handed in must not point into the set. Thread rule: one owner. */
#ifndef ATRIUM_TYPES_ZSET_H
#define ATRIUM_TYPES_ZSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"
#include "ds/btree.h"

struct zset;

/* When a sorted set leaves the listpack. */
struct zset_limits {
    size_t entries, value;
};

struct zset_item {
    struct bytes member; /* may point into scratch */
    double score;
    char scratch[NUM_INT_MAX];
};

struct zset *zset_new(void);
void zset_free(struct zset *z);
/* O(n). */
struct zset *zset_dup(const struct zset *z);

size_t zset_length(const struct zset *z);
const char *zset_encoding(const struct zset *z);
size_t zset_mem_bytes(const struct zset *z);

/* ---- writing ------------------------------------------------------------------------------------------ */

enum zset_flag { ZSET_NX = 1, ZSET_XX = 2, ZSET_GT = 4, ZSET_LT = 8, ZSET_INCR = 16 };

enum zset_result {
    ZSET_NOTHING, /* a condition forbade it */
    ZSET_ADDED,
    ZSET_UPDATED,
    ZSET_SAME, /* it had that score */
    ZSET_NAN,  /* the increment would give no number; nothing changed */
};

/* Adds the member or changes its score by the flags. *score is the score or, with ZSET_INCR, the increment;
 * afterwards it is the member's score (for ADDED, UPDATED, SAME). */
enum zset_result zset_add(struct zset *z, struct zset_limits limits, struct bytes member,
                          double *score, unsigned flags);
bool zset_remove(struct zset *z, struct bytes member);
/* Removes the members of ranks [from, to). O((to - from) log n). */
void zset_remove_span(struct zset *z, size_t from, size_t to);

/* ---- reading ------------------------------------------------------------------------------------------ */

/* O(1). */
bool zset_score(const struct zset *z, struct bytes member, double *score);
/* rank in ascending order. */
bool zset_rank(const struct zset *z, struct bytes member, size_t *rank, double *score);

struct zset_score_range {
    double min, max;
    bool min_open, max_open; /* without the bound itself */
};

struct zset_lex_bound {
    enum { LEX_LOWEST, LEX_MEMBER, LEX_HIGHEST } kind;
    struct bytes member;
    bool open;
};

/* The ranks [*from, *to) in the range; *from == *to where it is empty. */
void zset_score_span(const struct zset *z, const struct zset_score_range *range, size_t *from,
                     size_t *to);
/* Where all scores are equal; else what comes out is unspecified. */
void zset_lex_span(const struct zset *z, const struct zset_lex_bound *min,
                   const struct zset_lex_bound *max, size_t *from, size_t *to);

/* Walks members in order from a rank on. */
struct zset_iter {
    const struct zset *z;
    struct btree_pos pos;
    const uint8_t *at; /* in the listpack */
    bool reverse;
};

/* The first item is the one of rank `rank`. */
void zset_iter_init(struct zset_iter *it, const struct zset *z, size_t rank, bool reverse);
/* False at the end. */
bool zset_iter_next(struct zset_iter *it, struct zset_item *item);

/* Visits some members from `cursor` (0 to begin); the next cursor, 0 at the end: a member that is there for
 * the whole scan is visited at least once. visit may not write. */
typedef void zset_visit(const struct zset_item *item, void *ctx);
uint64_t zset_scan(const struct zset *z, uint64_t cursor, zset_visit *visit, void *ctx);

/* Aborts where an invariant is broken (tests). O(n log n). */
void zset_check(const struct zset *z);

#endif
