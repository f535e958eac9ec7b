/* Bits of a string, counted from the most significant one of the first byte, as Redis numbers them.
 *
 * Counting and searching go by words of 64 bits, with the processor's population count where it has one; combining by
 * loops that the compiler turns into vector instructions. Pure functions on the caller's bytes. O(bytes). */
#ifndef ATRIUM_TYPES_BITS_H
#define ATRIUM_TYPES_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

static inline bool bits_get(struct bytes s, uint64_t i)
{
    return i / 8 < s.n && (uint8_t)s.p[i / 8] >> (7 - i % 8) & 1;
}

static inline void bits_put(char *s, uint64_t i, bool on)
{
    uint8_t mask = (uint8_t)(0x80u >> (i % 8));
    s[i / 8] = (char)(on ? (uint8_t)s[i / 8] | mask : (uint8_t)s[i / 8] & (uint8_t)~mask);
}

/* How many of the bits [from, to) are set; to is within the string. */
uint64_t bits_count(struct bytes s, uint64_t from, uint64_t to);
/* The first bit of [from, to) that is `on`; `to` where there is none. */
uint64_t bits_find(struct bytes s, bool on, uint64_t from, uint64_t to);

enum bits_op { BITS_AND, BITS_OR, BITS_XOR, BITS_NOT, BITS_DIFF, BITS_DIFF1, BITS_ANDOR, BITS_ONE };

/* Combines n strings into `to`, which has room for the longest; shorter ones count as continued by zeros.
 *   AND, OR, XOR   of all           NOT    of the only one
 *   DIFF           in the first and in none of the others
 *   DIFF1          in one or more of the others and not in the first
 *   ANDOR          in the first and in one or more of the others
 *   ONE            in exactly one */
void bits_combine(enum bits_op op, const struct bytes *s, size_t n, char *to, size_t len);

/* An integer of 1 to 64 bits at bit `at`; what is beyond the string is zero. */
uint64_t bits_read(struct bytes s, uint64_t at, unsigned width);
/* The string reaches that far. */
void bits_write(char *s, uint64_t at, unsigned width, uint64_t v);

#endif
