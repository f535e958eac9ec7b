/* An intset: distinct int64 in ascending order in one allocation, byte for byte in Redis's format,
 * so that snapshots carry it as it is.
 *
 *   +-----------------+--------------+-----------+-----------+- - -
 *   | bytes a number  | numbers      | number    | number    |
 *   | u32 LE: 2, 4, 8 | u32 LE       | LE        | LE        |
 *   +-----------------+--------------+-----------+-----------+- - -
 *
 * All numbers have the width of the widest one that was ever added. Edits may move the intset: they
 * return its new address. Complexity: look-up O(log n), edits O(n). Thread rule: one owner. */
#ifndef ATRIUM_DS_INTSET_H
#define ATRIUM_DS_INTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint8_t *intset_new(void);
void intset_free(uint8_t *is);
uint8_t *intset_dup(const uint8_t *is);

size_t intset_length(const uint8_t *is);
/* The serialised length. */
size_t intset_bytes(const uint8_t *is);
/* Number i from 0, which is there. */
int64_t intset_get(const uint8_t *is, size_t i);
/* True where v is there; *at is its place, or where it would be. */
bool intset_find(const uint8_t *is, int64_t v, size_t *at);
/* The first place from `from` on with a number of v or more; the length where there is none. O(log
 * of the places passed). */
size_t intset_seek(const uint8_t *is, size_t from, int64_t v);

uint8_t *intset_add(uint8_t *is, int64_t v, bool *added);
uint8_t *intset_remove(uint8_t *is, int64_t v, bool *removed);

/* Is this a well-formed intset of exactly `bytes` bytes? For input from outside. */
bool intset_validate(const uint8_t *is, size_t bytes);
/* Aborts where it is not well formed (tests). */
void intset_check(const uint8_t *is);

#endif
