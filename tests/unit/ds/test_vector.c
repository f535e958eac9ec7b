/* Every kernel against the portable one, on every dimension from 1 to 130 and some long ones. */
#include "ds/vector.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/suites.h"

#define VECTORS 9     /* groups of four and a rest */
#define LONGEST 65536 /* dimensions of a vector, at most */

/* Each vector ends where its memory ends, so that a sanitizer sees a read beyond. */
struct set {
    void *v[VECTORS], *q;
};

static void set_make(struct set *s, size_t bytes)
{
    s->q = mem_alloc(bytes);
    for (size_t i = 0; i < VECTORS; i++)
        s->v[i] = mem_alloc(bytes);
}

static void set_free(struct set *s)
{
    mem_free(s->q);
    for (size_t i = 0; i < VECTORS; i++)
        mem_free(s->v[i]);
}

static void fill_bytes(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)rng_u64();
}

static void fill_floats(float *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(rng_unit() * 2 - 1);
}

static const void *const *pointers(const struct set *s)
{
    return (const void *const *)s->v;
}

static void check_f32(const struct vector_kernels *k, size_t dim)
{
    struct set s;
    set_make(&s, dim * sizeof(float));
    fill_floats(s.q, dim);
    for (size_t i = 0; i < VECTORS; i++)
        fill_floats(s.v[i], dim);
    float want[VECTORS], got[VECTORS];
    for (size_t n = 0; n <= VECTORS; n++) {
        vector_portable.dot_f32(s.q, pointers(&s), n, dim, want);
        k->dot_f32(s.q, pointers(&s), n, dim, got);
        for (size_t i = 0; i < n; i++) {
            float sizes = 0;
            for (size_t d = 0; d < dim; d++)
                sizes += fabsf(((float *)s.q)[d] * ((float *)s.v[i])[d]);
            ck_assert_float_le(fabsf(got[i] - want[i]), sizes * (float)dim * 0x1p-22f);
        }
    }
    set_free(&s);
}

static void check_whole(const struct vector_kernels *k, size_t dim)
{
    struct set s;
    set_make(&s, dim);
    fill_bytes(s.q, dim);
    for (size_t i = 0; i < VECTORS; i++)
        fill_bytes(s.v[i], dim);
    int32_t want[VECTORS], got[VECTORS];
    uint32_t bits_want[VECTORS], bits_got[VECTORS];
    for (size_t n = 0; n <= VECTORS; n++) {
        vector_portable.dot_int8(s.q, pointers(&s), n, dim, want);
        k->dot_int8(s.q, pointers(&s), n, dim, got);
        vector_portable.hamming(s.q, pointers(&s), n, dim, bits_want);
        k->hamming(s.q, pointers(&s), n, dim, bits_got);
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(got[i], want[i]);
            ck_assert_uint_eq(bits_got[i], bits_want[i]);
        }
    }
    set_free(&s);
}

START_TEST(kernels_agree)
{
    static const size_t lengths[] = {191, 300, 768, 1000, 1536, 4097};
    for (const struct vector_kernels *const *k = vector_all(); *k; k++) {
        for (size_t dim = 1; dim <= 130; dim++) {
            check_f32(*k, dim);
            check_whole(*k, dim);
        }
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            check_f32(*k, lengths[i]);
            check_whole(*k, lengths[i]);
        }
    }
}
END_TEST

/* The largest products do not saturate. */
START_TEST(int8_extremes)
{
    static int8_t q[LONGEST];
    static uint8_t v[LONGEST];
    const void *at = v;
    for (size_t i = 0; i < LONGEST; i++) {
        q[i] = -128;
        v[i] = 255;
    }
    for (const struct vector_kernels *const *k = vector_all(); *k; k++) {
        int32_t dot;
        (*k)->dot_int8(q, &at, 1, LONGEST, &dot);
        ck_assert_int_eq(dot, -128 * 255 * LONGEST);
    }
}
END_TEST

Suite *suite_vector(void)
{
    Suite *s = suite_create("ds/vector");
    TCase *t = tcase_create("vector");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, kernels_agree);
    tcase_add_test(t, int8_extremes);
    suite_add_tcase(s, t);
    return s;
}
