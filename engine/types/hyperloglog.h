/* HyperLogLog: how many different elements were seen, within 0.81% (one standard error), in at most 12 KiB.
 *
 * A value is a string, byte for byte in Redis's layout, so that values can be exchanged:
 *
 *   "HYLL" | encoding | 3 zero bytes | cached count, 8 bytes LE, top bit set: not valid | registers
 *
 *   dense   16384 registers of 6 bits, the least significant bits first
 *   sparse  runs: 00xxxxxx                  x + 1 registers of 0
 *                 01xxxxxx yyyyyyyy         (x << 8 | y) + 1 registers of 0
 *                 1vvvvvxx                  x + 1 registers of v + 1
 *
 * An element's hash is MurmurHash64A (Austin Appleby) under a fixed seed: 14 bits choose the register, the zeros that
 * follow are its value. The estimate is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017:
 * sigma and tau), without bias correction by tables.
 *
 * Complexity: dense add O(1), sparse add O(bytes), count O(registers). Pure functions on the caller's bytes. */
#ifndef ATRIUM_TYPES_HYPERLOGLOG_H
#define ATRIUM_TYPES_HYPERLOGLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define HLL_REGISTERS   16384
#define HLL_HEAD        16
#define HLL_DENSE_BYTES (HLL_HEAD + HLL_REGISTERS * 6 / 8)

enum hll_encoding { HLL_DENSE, HLL_SPARSE };

/* Has it the head of one, and the length where it is dense? Runs are checked as they are read. */
bool hll_valid(struct bytes s);
static inline enum hll_encoding hll_encoding(struct bytes s)
{
    return (enum hll_encoding)s.p[4];
}

/* An empty sparse one. */
void hll_new(struct buf *b);
/* Raises the register of the element; a sparse one that would grow beyond sparse_max bytes, or hold a value above 32,
 * becomes dense. 1: changed, 0: not, -1: the runs are corrupt. */
int hll_add(struct buf *b, struct bytes element, size_t sparse_max);
/* The same for a dense one in place; true where it changed. */
bool hll_add_dense(char *data, struct bytes element);
/* Raises one register. */
int hll_raise(struct buf *b, unsigned index, uint8_t value, size_t sparse_max);
/* False: the runs are corrupt. */
bool hll_to_dense(struct buf *b);

/* Raises registers to those of s where these are higher. False: the runs are corrupt. */
bool hll_max(uint8_t *registers, struct bytes s);
uint64_t hll_estimate(const uint8_t *registers);

/* The count in the head; false where it is not valid. */
bool hll_cached(struct bytes s, uint64_t *count);
void hll_cache(char *data, uint64_t count);
void hll_forget_count(char *data);

/* The runs of a sparse one as text: "Z:12 v:3,1". False: they are corrupt. */
bool hll_describe(struct bytes s, struct buf *out);

#endif
