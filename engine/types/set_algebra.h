/* The algebra of several sets: what is in all of them, in any, in the first alone.
 *
 * Sources are NULL where a key is missing: an empty set. One set may stand there more than once. Members go to
 * a callback as they are found, each once, in no order; they are valid until it returns. The callback may not write to the sources.
 *
 * An intersection walks the smallest set and asks the others, O(N K); of intsets alone it goes through all in
 * step. A union gathers what it has seen, O(N) in all members. A difference walks the first set and asks
 * the others, or takes the others' members out of a copy, whichever is less work, as Redis does. A listpack that
 * is asked about many members is indexed first, so that no pair of small sets costs the product of their lengths.
 *
 * Thread rule: one owner. */
#ifndef ATRIUM_TYPES_SET_ALGEBRA_H
#define ATRIUM_TYPES_SET_ALGEBRA_H

#include "types/set.h"

/* False: that was enough. */
typedef bool set_take(struct bytes member, void *ctx);

/* The order of the sources may be changed. n > 0. */
typedef void set_algebra(const struct set **sources, size_t n, set_take *take, void *ctx);

set_algebra set_intersect;
set_algebra set_unite;
set_algebra set_subtract;

/* About how many members any of the sets has, in fixed memory: standard error 0.8%, exact for a
 * few. Stops at the first source after which it is `limit` or more (0: no limit). O(N). */
size_t set_estimate_union(const struct set *const *sources, size_t n, size_t limit);

#endif
