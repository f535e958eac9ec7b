/* vector.h with NEON, which every 64-bit ARM has. */
#include "ds/vector.h"

#ifdef __aarch64__

#include <arm_neon.h>

static float dot_f32_1(const float *q, const float *a, size_t dim)
{
    float32x4_t s = vdupq_n_f32(0), t = s;
    size_t i = 0;
    for (; i + 8 <= dim; i += 8) {
        s = vfmaq_f32(s, vld1q_f32(q + i), vld1q_f32(a + i));
        t = vfmaq_f32(t, vld1q_f32(q + i + 4), vld1q_f32(a + i + 4));
    }
    float sum = vaddvq_f32(vaddq_f32(s, t));
    for (; i < dim; i++)
        sum += q[i] * a[i];
    return sum;
}

static void dot_f32(const float *q, const void *const v[], size_t k, size_t dim, float *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = dot_f32_1(q, v[i], dim);
}

static int32_t dot_int8_1(const int8_t *q, const uint8_t *a, size_t dim)
{
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 8 <= dim; i += 8) {
        int16x8_t x = vmovl_s8(vld1_s8(q + i));
        int16x8_t y = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(a + i)));
        s = vmlal_s16(s, vget_low_s16(x), vget_low_s16(y));
        s = vmlal_s16(s, vget_high_s16(x), vget_high_s16(y));
    }
    int32_t sum = vaddvq_s32(s);
    for (; i < dim; i++)
        sum += q[i] * a[i];
    return sum;
}

static void dot_int8(const int8_t *q, const void *const v[], size_t k, size_t dim, int32_t *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = dot_int8_1(q, v[i], dim);
}

static uint32_t hamming_1(const uint8_t *q, const uint8_t *a, size_t bytes)
{
    uint32_t sum = 0;
    size_t i = 0;
    for (; i + 16 <= bytes; i += 16)
        sum += vaddlvq_u8(vcntq_u8(veorq_u8(vld1q_u8(q + i), vld1q_u8(a + i))));
    for (; i < bytes; i++)
        sum += (uint32_t)__builtin_popcount(q[i] ^ a[i]);
    return sum;
}

static void hamming(const uint8_t *q, const void *const v[], size_t k, size_t bytes, uint32_t *out)
{
    for (size_t i = 0; i < k; i++)
        out[i] = hamming_1(q, v[i], bytes);
}

static const struct vector_kernels kernels = {"neon", dot_f32, dot_int8, hamming};
const struct vector_kernels *const vector_neon = &kernels;

#else
const struct vector_kernels *const vector_neon;
#endif
