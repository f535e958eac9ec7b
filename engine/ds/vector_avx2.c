/* vector.h with AVX2 and FMA (Haswell, Zen). */
#include "ds/vector.h"

#ifdef __x86_64__

#include <immintrin.h>

#define WIDE __attribute__((target("avx2,fma,popcnt")))

WIDE static float sum_f32(__m256 s)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}

WIDE static float dot_f32_1(const float *q, const float *a, size_t dim)
{
    __m256 s = _mm256_setzero_ps(), t = s;
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        s = _mm256_fmadd_ps(_mm256_loadu_ps(q + i), _mm256_loadu_ps(a + i), s);
        t = _mm256_fmadd_ps(_mm256_loadu_ps(q + i + 8), _mm256_loadu_ps(a + i + 8), t);
    }
    float sum = sum_f32(_mm256_add_ps(s, t));
    for (; i < dim; i++)
        sum += q[i] * a[i];
    return sum;
}

WIDE static void dot_f32(const float *q, const void *const v[], size_t k, size_t dim, float *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = dot_f32_1(q, v[i], dim);
}

/* Products of bytes as 16 bits are summed in pairs to 32: maddubs would saturate. */
WIDE static int32_t dot_int8_1(const int8_t *q, const uint8_t *a, size_t dim)
{
    __m256i s = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(q + i)));
        __m256i y = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(a + i)));
        s = _mm256_add_epi32(s, _mm256_madd_epi16(x, y));
    }
    __m128i x = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4E));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xB1));
    int32_t sum = _mm_cvtsi128_si32(x);
    for (; i < dim; i++)
        sum += q[i] * a[i];
    return sum;
}

WIDE static void dot_int8(const int8_t *q, const void *const v[], size_t k, size_t dim,
                          int32_t *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = dot_int8_1(q, v[i], dim);
}

WIDE static uint32_t hamming_1(const uint8_t *q, const uint8_t *a, size_t bytes)
{
    uint32_t sum = 0;
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t x, y;
        __builtin_memcpy(&x, q + i, 8);
        __builtin_memcpy(&y, a + i, 8);
        sum += (uint32_t)_mm_popcnt_u64(x ^ y);
    }
    for (; i < bytes; i++)
        sum += (uint32_t)_mm_popcnt_u32(q[i] ^ a[i]);
    return sum;
}

WIDE static void hamming(const uint8_t *q, const void *const v[], size_t k, size_t bytes,
                         uint32_t *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = hamming_1(q, v[i], bytes);
}

static const struct vector_kernels kernels = {"avx2", dot_f32, dot_int8, hamming};
const struct vector_kernels *const vector_avx2 = &kernels;

#else
const struct vector_kernels *const vector_avx2;
#endif
