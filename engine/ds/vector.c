#include "ds/vector.h"

#include <string.h>

static void dot_f32(const float *q, const void *const v[], size_t k, size_t dim, float *out)
{
    for (size_t i = 0; i < k; i++) {
        const float *at = v[i];
        float sum = 0;
        for (size_t d = 0; d < dim; d++)
            sum += q[d] * at[d];
        out[i] = sum;
    }
}

static void dot_int8(const int8_t *q, const void *const v[], size_t k, size_t dim, int32_t *out)
{
    for (size_t i = 0; i < k; i++) {
        const uint8_t *at = v[i];
        int32_t sum = 0;
        for (size_t d = 0; d < dim; d++)
            sum += q[d] * at[d];
        out[i] = sum;
    }
}

static void hamming(const uint8_t *q, const void *const v[], size_t k, size_t bytes, uint32_t *out)
{
    for (size_t i = 0; i < k; i++) {
        const uint8_t *at = v[i];
        uint32_t sum = 0;
        size_t d = 0;
        for (; d + 8 <= bytes; d += 8) {
            uint64_t a, b;
            memcpy(&a, q + d, 8);
            memcpy(&b, at + d, 8);
            sum += (uint32_t)__builtin_popcountll(a ^ b);
        }
        for (; d < bytes; d++)
            sum += (uint32_t)__builtin_popcount(q[d] ^ at[d]);
        out[i] = sum;
    }
}

const struct vector_kernels vector_portable = {"portable", dot_f32, dot_int8, hamming};
const struct vector_kernels *vector_kernels = &vector_portable;

static const struct vector_kernels *all[5];

#ifdef __x86_64__
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

void vector_init(void)
{
    size_t n = 0;
    all[n++] = &vector_portable;
#ifdef __x86_64__
    __builtin_cpu_init();
    if (has_avx2())
        all[n++] = vector_avx2;
    if (has_avx2() && has_avx512())
        all[n++] = vector_avx512;
#endif
    if (vector_neon)
        all[n++] = vector_neon;
    all[n] = NULL;
    vector_kernels = all[n - 1];
}

const struct vector_kernels *const *vector_all(void)
{
    vector_init();
    return all;
}
