/* What the fuzz targets share: taking a fuzzer's bytes apart, and one exit for what must not be.
 *
 * A target is a file fuzz_NAME.c with libFuzzer's entry, LLVMFuzzerTestOneInput; run.py finds and
 * runs it. It may read beside its bytes only what follows from them (rng_seed(input_seed(...))), so
 * that a finding can be played again. */
#ifndef ATRIUM_TESTS_FUZZ_INPUT_H
#define ATRIUM_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts with the place where `that` does not hold; unlike assert() it never is compiled away. */
#define MUST(that)                                                                                 \
    do {                                                                                           \
        if (!(that)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #that);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes that are left; an empty one gives zeros. */
struct input {
    const uint8_t *p;
    size_t n;
};

static inline uint8_t input_byte(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static inline uint32_t input_u16(struct input *in)
{
    uint32_t high = input_byte(in);
    return high << 8 | input_byte(in);
}

/* Up to n bytes as they stand there. */
static inline struct bytes input_bytes(struct input *in, size_t n)
{
    struct bytes s = bytes_of(in->p, n < in->n ? n : in->n);
    in->p += s.n;
    in->n -= s.n;
    return s;
}

/* Seeds the generator by the input, so that what is drawn from it follows from the input. */
static inline void input_seed(const uint8_t *data, size_t size)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        h = (h ^ data[i]) * 1099511628211u;
    rng_seed(h);
}

/* A copy in a block of exactly its length, so that the sanitizer sees a read past its end. */
static inline char *input_exact(const void *p, size_t n)
{
    char *copy = malloc(n ? n : 1);
    MUST(copy);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

#endif
