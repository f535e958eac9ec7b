/* Filters over the attributes of vector elements: `.year >= 1980 and .genre in ["drama", "noir"]`.
 *
 * Loosest first: or, ||; and, &&; == != < <= > >= in; + -; * / %; ** (from the right); not, !; ( ).
 *
 * Literals are numbers, 'text' or "text" with backslashes, [lists] of these, true, false and null; `.name` is a member at
 * the top level of the element's JSON object. An expression is parsed once, into a program in postfix order (Dijkstra's
 * shunting yard), and then run for each element without allocation: values are slices of the expression or of the JSON.
 *
 * A member that is missing, is an object, or is a list with lists or objects in it, makes the whole expression false, as
 * does JSON that cannot be read. true and false are 1 and 0. Two texts are equal by their bytes; all other comparisons
 * and arithmetic are of numbers, for which a text stands that is one, any other for 0. `in` asks whether a list has an
 * equal item, or a text contains the other (of at most 2 KiB, where one of them has backslashes in its JSON).
 *
 * Limits: FILTER_BYTES_MAX of expression, FILTER_DEPTH_MAX values on the stack. Complexity: compile O(n), match
 * O(program * JSON). Thread rule: a compiled filter is only read. */
#ifndef ATRIUM_TYPES_VECTOR_FILTER_H
#define ATRIUM_TYPES_VECTOR_FILTER_H

#include <stdbool.h>

#include "base/bytes.h"

#define FILTER_BYTES_MAX 65536
#define FILTER_DEPTH_MAX 64

struct vector_filter;

/* NULL: it is wrong, from *near on. The expression is copied. */
struct vector_filter *vector_filter_compile(struct bytes expression, struct bytes *near);
void vector_filter_free(struct vector_filter *f);
/* Does an element with these attributes match? */
bool vector_filter_match(const struct vector_filter *f, struct bytes attributes);

#endif
