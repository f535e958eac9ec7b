#include "persist/rdb_write.h"

#include <endian.h>
#include <liblzf/lzf.h>

#include "base/mem.h"
#include "base/num.h"

#define INT_TEXT_MAX   11 /* a string that may be an int32 */
#define COMPRESS_ABOVE 20
#define COMPRESS_MAX   UINT32_MAX /* liblzf counts in 32 bits */

static void wrote(struct rdb_writer *w)
{
    if (w->flush && w->out.n >= RDB_FLUSH_BYTES)
        w->flush(w);
}

void rdb_write_raw(struct rdb_writer *w, struct bytes s)
{
    buf_add_bytes(&w->out, s);
    wrote(w);
}

void rdb_write_byte(struct rdb_writer *w, unsigned byte)
{
    buf_add_char(&w->out, (char)byte);
}

void rdb_write_length(struct rdb_writer *w, uint64_t n)
{
    if (n < 64) {
        rdb_write_byte(w, (unsigned)n);
    } else if (n < 1 << 14) {
        rdb_write_byte(w, 0x40 | (unsigned)(n >> 8));
        rdb_write_byte(w, (unsigned)n & 0xff);
    } else if (n <= UINT32_MAX) {
        uint32_t be = htobe32((uint32_t)n);
        rdb_write_byte(w, 0x80);
        buf_add(&w->out, &be, sizeof be);
    } else {
        uint64_t be = htobe64(n);
        rdb_write_byte(w, 0x81);
        buf_add(&w->out, &be, sizeof be);
    }
}

void rdb_write_u64(struct rdb_writer *w, uint64_t v)
{
    v = htole64(v);
    buf_add(&w->out, &v, sizeof v);
    wrote(w);
}

void rdb_write_double(struct rdb_writer *w, double v)
{
    uint64_t word;
    memcpy(&word, &v, sizeof word);
    rdb_write_u64(w, word);
}

/* False where it does not fit 32 bits. */
static bool write_short_int(struct rdb_writer *w, int64_t v)
{
    unsigned code = v >= INT8_MIN && v <= INT8_MAX ? 0 : v >= INT16_MIN && v <= INT16_MAX ? 1 : 2;
    if (v < INT32_MIN || v > INT32_MAX)
        return false;
    uint32_t le = htole32((uint32_t)(int32_t)v);
    rdb_write_byte(w, 0xC0 | code);
    buf_add(&w->out, &le, (size_t)1 << code);
    wrote(w);
    return true;
}

void rdb_write_int(struct rdb_writer *w, int64_t v)
{
    char text[NUM_INT_MAX];
    if (write_short_int(w, v))
        return;
    unsigned n = num_format_int(text, v);
    rdb_write_length(w, n);
    rdb_write_raw(w, bytes_of(text, n));
}

static bool write_compressed(struct rdb_writer *w, struct bytes s)
{
    /* It has to save 4 bytes at least, or reading it is not worth the while. */
    size_t room = s.n - 4;
    char *packed = mem_try_alloc(room + 1);
    if (!packed)
        return false;
    unsigned n = lzf_compress(s.p, (unsigned)s.n, packed, (unsigned)room);
    if (n > 0) {
        rdb_write_byte(w, 0xC3);
        rdb_write_length(w, n);
        rdb_write_length(w, s.n);
        rdb_write_raw(w, bytes_of(packed, n));
    }
    mem_free(packed);
    return n > 0;
}

void rdb_write_string(struct rdb_writer *w, struct bytes s)
{
    int64_t v;
    if (s.n <= INT_TEXT_MAX && num_parse_int(s, &v) && write_short_int(w, v))
        return;
    if (!w->plain && s.n > COMPRESS_ABOVE && s.n <= COMPRESS_MAX && write_compressed(w, s))
        return;
    rdb_write_length(w, s.n);
    rdb_write_raw(w, s);
}
