/* Dot products and Hamming distances of one vector with several, by the widest instructions that the machine has.
 *
 * The three forms of a vector in memory, none of them aligned or padded:
 *   f32   float[dim]
 *   int8  uint8_t[dim], each a signed value plus 128: vpdpbusd multiplies unsigned by signed bytes, so what is stored is
 *         unsigned and the query signed, and the caller takes 128 times the query's sum off the product
 *   bits  uint8_t[(dim + 7) / 8], bit i at byte i / 8, position i % 8; bits beyond dim are 0
 *
 * All kernels take the query and k pointers, and write k results. They agree with the portable one: int8 and bits
 * exactly, f32 within dim * 2^-22 of the sum of the products' absolute values (the order of the additions differs).
 * Complexity: O(k * dim). Pure functions; vector_kernels is set once, before any other thread. */
#ifndef ATRIUM_DS_VECTOR_H
#define ATRIUM_DS_VECTOR_H

#include <stddef.h>
#include <stdint.h>

struct vector_kernels {
    const char *name;
    void (*dot_f32)(const float *q, const void *const v[], size_t k, size_t dim, float *out);
    void (*dot_int8)(const int8_t *q, const void *const v[], size_t k, size_t dim, int32_t *out);
    void (*hamming)(const uint8_t *q, const void *const v[], size_t k, size_t bytes, uint32_t *out);
};

/* Those in use: vector_init chooses the best that the machine has. */
extern const struct vector_kernels *vector_kernels;

/* Idempotent; before any thread uses a kernel. */
void vector_init(void);

extern const struct vector_kernels vector_portable;
/* All that this machine can run, the portable one first; ends with NULL (tests). */
const struct vector_kernels *const *vector_all(void);

/* By instruction set; NULL pointers where the compiler's target has none. */
extern const struct vector_kernels *const vector_avx2, *const vector_avx512, *const vector_neon;

#endif
