/* vector.h with AVX-512: F, BW, VL, VNNI and VPOPCNTDQ (Ice Lake, Zen 4). Four vectors at a time share the loads of the
 * query and hide the latency of the sums; ends are read under a mask. */
#include "ds/vector.h"

#ifdef __x86_64__

#include <immintrin.h>

#define WIDE                                                                                       \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")))

WIDE static inline __m512 f32_step(__m512 sum, __m512 q, const void *at, __mmask16 m)
{
    return _mm512_fmadd_ps(q, _mm512_maskz_loadu_ps(m, at), sum);
}

WIDE static void dot_f32_4(const float *q, const void *const v[], size_t dim, float *out)
{
    const float *a = v[0], *b = v[1], *c = v[2], *d = v[3];
    __m512 sa = _mm512_setzero_ps(), sb = sa, sc = sa, sd = sa;
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m512 x = _mm512_loadu_ps(q + i);
        sa = _mm512_fmadd_ps(x, _mm512_loadu_ps(a + i), sa);
        sb = _mm512_fmadd_ps(x, _mm512_loadu_ps(b + i), sb);
        sc = _mm512_fmadd_ps(x, _mm512_loadu_ps(c + i), sc);
        sd = _mm512_fmadd_ps(x, _mm512_loadu_ps(d + i), sd);
    }
    if (i < dim) {
        __mmask16 m = (__mmask16)((1u << (dim - i)) - 1);
        __m512 x = _mm512_maskz_loadu_ps(m, q + i);
        sa = f32_step(sa, x, a + i, m);
        sb = f32_step(sb, x, b + i, m);
        sc = f32_step(sc, x, c + i, m);
        sd = f32_step(sd, x, d + i, m);
    }
    out[0] = _mm512_reduce_add_ps(sa);
    out[1] = _mm512_reduce_add_ps(sb);
    out[2] = _mm512_reduce_add_ps(sc);
    out[3] = _mm512_reduce_add_ps(sd);
}

WIDE static float dot_f32_1(const float *q, const float *a, size_t dim)
{
    __m512 s = _mm512_setzero_ps(), t = s;
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        s = _mm512_fmadd_ps(_mm512_loadu_ps(q + i), _mm512_loadu_ps(a + i), s);
        t = _mm512_fmadd_ps(_mm512_loadu_ps(q + i + 16), _mm512_loadu_ps(a + i + 16), t);
    }
    for (; i < dim; i += 16) {
        __mmask16 m = (__mmask16)(dim - i >= 16 ? 0xFFFFu : (1u << (dim - i)) - 1);
        s = f32_step(s, _mm512_maskz_loadu_ps(m, q + i), a + i, m);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(s, t));
}

WIDE static void dot_f32(const float *q, const void *const v[], size_t k, size_t dim, float *out)
{
    for (; k >= 4; k -= 4, v += 4, out += 4)
        dot_f32_4(q, v, dim, out);
    for (; k > 0; k--)
        *out++ = dot_f32_1(q, *v++, dim);
}

/* ---- int8 ------------------------------------------------------------------------------------ */

WIDE static inline __mmask64 bytes_mask(size_t n)
{
    return n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
}

WIDE static void dot_int8_4(const int8_t *q, const void *const v[], size_t dim, int32_t *out)
{
    const uint8_t *a = v[0], *b = v[1], *c = v[2], *d = v[3];
    __m512i sa = _mm512_setzero_si512(), sb = sa, sc = sa, sd = sa;
    size_t i = 0;
    for (; i + 64 <= dim; i += 64) {
        __m512i x = _mm512_loadu_si512(q + i);
        sa = _mm512_dpbusd_epi32(sa, _mm512_loadu_si512(a + i), x);
        sb = _mm512_dpbusd_epi32(sb, _mm512_loadu_si512(b + i), x);
        sc = _mm512_dpbusd_epi32(sc, _mm512_loadu_si512(c + i), x);
        sd = _mm512_dpbusd_epi32(sd, _mm512_loadu_si512(d + i), x);
    }
    if (i < dim) {
        __mmask64 m = bytes_mask(dim - i);
        __m512i x = _mm512_maskz_loadu_epi8(m, q + i);
        sa = _mm512_dpbusd_epi32(sa, _mm512_maskz_loadu_epi8(m, a + i), x);
        sb = _mm512_dpbusd_epi32(sb, _mm512_maskz_loadu_epi8(m, b + i), x);
        sc = _mm512_dpbusd_epi32(sc, _mm512_maskz_loadu_epi8(m, c + i), x);
        sd = _mm512_dpbusd_epi32(sd, _mm512_maskz_loadu_epi8(m, d + i), x);
    }
    out[0] = _mm512_reduce_add_epi32(sa);
    out[1] = _mm512_reduce_add_epi32(sb);
    out[2] = _mm512_reduce_add_epi32(sc);
    out[3] = _mm512_reduce_add_epi32(sd);
}

WIDE static int32_t dot_int8_1(const int8_t *q, const uint8_t *a, size_t dim)
{
    __m512i s = _mm512_setzero_si512();
    for (size_t i = 0; i < dim; i += 64) {
        __mmask64 m = bytes_mask(dim - i);
        s = _mm512_dpbusd_epi32(s, _mm512_maskz_loadu_epi8(m, a + i),
                                _mm512_maskz_loadu_epi8(m, q + i));
    }
    return _mm512_reduce_add_epi32(s);
}

WIDE static void dot_int8(const int8_t *q, const void *const v[], size_t k, size_t dim,
                          int32_t *out)
{
    for (; k >= 4; k -= 4, v += 4, out += 4)
        dot_int8_4(q, v, dim, out);
    for (; k > 0; k--)
        *out++ = dot_int8_1(q, *v++, dim);
}

/* ---- bits ------------------------------------------------------------------------------------ */

WIDE static void hamming(const uint8_t *q, const void *const v[], size_t k, size_t bytes,
                         uint32_t *out)
{
    for (size_t j = 0; j < k; j++) {
        const uint8_t *a = v[j];
        __m512i s = _mm512_setzero_si512();
        for (size_t i = 0; i < bytes; i += 64) {
            __mmask64 m = bytes_mask(bytes - i);
            __m512i x = _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, q + i),
                                         _mm512_maskz_loadu_epi8(m, a + i));
            s = _mm512_add_epi64(s, _mm512_popcnt_epi64(x));
        }
        out[j] = (uint32_t)_mm512_reduce_add_epi64(s);
    }
}

static const struct vector_kernels kernels = {"avx512", dot_f32, dot_int8, hamming};
const struct vector_kernels *const vector_avx512 = &kernels;

#else
const struct vector_kernels *const vector_avx512;
#endif
