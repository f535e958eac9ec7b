#include "persist/rdb_read.h"

#include <endian.h>
#include <liblzf/lzf.h>
#include <math.h>

#include "base/mem.h"

/* Three bytes of LZF stand for 264 at most. */
#define LZF_RATIO_MAX 88

bool rdb_read_raw(struct rdb_reader *r, size_t n, struct bytes *s)
{
    if (n > rdb_left(r))
        return false;
    *s = bytes_of(r->at, n);
    r->at += n;
    return true;
}

bool rdb_read_byte(struct rdb_reader *r, unsigned *byte)
{
    if (r->at == r->end)
        return false;
    *byte = *r->at++;
    return true;
}

static bool read_fixed(struct rdb_reader *r, void *to, size_t n)
{
    struct bytes s;
    if (!rdb_read_raw(r, n, &s))
        return false;
    memcpy(to, s.p, n);
    return true;
}

/* A length, or with *special the code of a string form. */
static bool read_length(struct rdb_reader *r, uint64_t *n, bool *special)
{
    unsigned first, second;
    uint32_t n32;
    *special = false;
    if (!rdb_read_byte(r, &first))
        return false;
    *n = first & 0x3f;
    switch (first >> 6) {
    case 0:
        return true;
    case 1:
        if (!rdb_read_byte(r, &second))
            return false;
        *n = *n << 8 | second;
        return true;
    case 3:
        *special = true;
        return true;
    default:
        break;
    }
    if (first == 0x80 && read_fixed(r, &n32, sizeof n32)) {
        *n = be32toh(n32);
        return true;
    }
    if (first != 0x81 || !read_fixed(r, n, sizeof *n))
        return false;
    *n = be64toh(*n);
    return true;
}

bool rdb_read_length(struct rdb_reader *r, uint64_t *n)
{
    bool special;
    return read_length(r, n, &special) && !special;
}

bool rdb_read_count(struct rdb_reader *r, size_t each, size_t *n)
{
    uint64_t v;
    if (!rdb_read_length(r, &v) || v > rdb_left(r) / each)
        return false;
    *n = (size_t)v;
    return true;
}

bool rdb_read_u64(struct rdb_reader *r, uint64_t *v)
{
    if (!read_fixed(r, v, sizeof *v))
        return false;
    *v = le64toh(*v);
    return true;
}

bool rdb_read_double(struct rdb_reader *r, double *v)
{
    uint64_t word;
    if (!rdb_read_u64(r, &word))
        return false;
    memcpy(v, &word, sizeof *v);
    return true;
}

bool rdb_read_text_double(struct rdb_reader *r, double *v)
{
    unsigned n;
    struct bytes s;
    if (!rdb_read_byte(r, &n))
        return false;
    if (n == 255 || n == 254) {
        *v = n == 255 ? -INFINITY : INFINITY;
        return true;
    }
    /* 253 is NaN, which no value may be. */
    return n < 253 && rdb_read_raw(r, n, &s) && num_parse_double(s, v);
}

/* ---- strings --------------------------------------------------------------------------------- */

static bool read_int_text(struct rdb_reader *r, unsigned bytes, struct rdb_text *t)
{
    uint8_t v8;
    uint16_t v16;
    uint32_t v32;
    int64_t v;
    if (bytes == 1 && read_fixed(r, &v8, 1))
        v = v8 < 128 ? v8 : v8 - 256;
    else if (bytes == 2 && read_fixed(r, &v16, 2))
        v = (int16_t)le16toh(v16);
    else if (bytes == 4 && read_fixed(r, &v32, 4))
        v = (int32_t)le32toh(v32);
    else
        return false;
    t->s = bytes_of(t->scratch, num_format_int(t->scratch, v));
    return true;
}

static bool read_compressed(struct rdb_reader *r, struct rdb_text *t)
{
    uint64_t packed_n, n;
    struct bytes packed;
    if (!rdb_read_length(r, &packed_n) || !rdb_read_length(r, &n) || packed_n > rdb_left(r) ||
        packed_n > UINT32_MAX || n == 0 || n > UINT32_MAX || n > r->string_max ||
        n / LZF_RATIO_MAX > packed_n || !rdb_read_raw(r, (size_t)packed_n, &packed))
        return false;
    t->own = mem_try_alloc((size_t)n);
    if (!t->own)
        return false;
    if (lzf_decompress(packed.p, (unsigned)packed.n, t->own, (unsigned)n) == n) {
        t->s = bytes_of(t->own, (size_t)n);
        return true;
    }
    rdb_text_release(t);
    return false;
}

bool rdb_read_text(struct rdb_reader *r, struct rdb_text *t)
{
    uint64_t n;
    bool special;
    t->own = NULL;
    t->s = (struct bytes){0};
    if (!read_length(r, &n, &special))
        return false;
    if (!special)
        return n <= r->string_max && n <= rdb_left(r) && rdb_read_raw(r, (size_t)n, &t->s);
    return n < 3 ? read_int_text(r, 1u << n, t) : n == 3 && read_compressed(r, t);
}

void rdb_text_release(struct rdb_text *t)
{
    if (t->own)
        mem_free(t->own);
    t->own = NULL;
}

uint8_t *rdb_text_take(struct rdb_text *t)
{
    uint8_t *block = (uint8_t *)t->own;
    if (!block) {
        block = mem_alloc(t->s.n);
        if (t->s.n)
            memcpy(block, t->s.p, t->s.n);
    }
    t->own = NULL;
    return block;
}
