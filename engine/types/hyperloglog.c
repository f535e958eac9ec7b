#include "types/hyperloglog.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#define INDEX_BITS 14
#define RANK_MAX   (64 - INDEX_BITS) /* a register's values: 0..RANK_MAX + 1 */
#define SEED       0xadc83b19ULL
#define ZERO_MAX   64
#define VALUE_MAX  32
#define VALUES_MAX 4                       /* registers of a run of values */
#define ALPHA      0.721347520444481703680 /* 1 / (2 ln 2) */
#define NOT_VALID  0x80

/* ---- the head ---------------------------------------------------------------------------------- */

bool hll_valid(struct bytes s)
{
    if (s.n < HLL_HEAD || memcmp(s.p, "HYLL", 4) != 0 || (uint8_t)s.p[4] > HLL_SPARSE)
        return false;
    return s.p[4] != HLL_DENSE || s.n == HLL_DENSE_BYTES;
}

bool hll_cached(struct bytes s, uint64_t *count)
{
    if ((uint8_t)s.p[15] & NOT_VALID)
        return false;
    memcpy(count, s.p + 8, sizeof *count);
    *count = le64toh(*count);
    return true;
}

void hll_cache(char *data, uint64_t count)
{
    count = htole64(count);
    memcpy(data + 8, &count, sizeof count);
}

void hll_forget_count(char *data)
{
    data[15] = (char)((uint8_t)data[15] | NOT_VALID);
}

static void set_zeros(struct buf *b, unsigned n)
{
    if (n > ZERO_MAX) {
        buf_add_char(b, (char)(0x40 | (n - 1) >> 8));
        buf_add_char(b, (char)((n - 1) & 0xff));
    } else {
        buf_add_char(b, (char)(n - 1));
    }
}

void hll_new(struct buf *b)
{
    buf_clear(b);
    buf_add_str(b, "HYLL");
    buf_add_char(b, HLL_SPARSE);
    for (int i = 5; i < HLL_HEAD; i++)
        buf_add_char(b, 0);
    set_zeros(b, HLL_REGISTERS);
}

/* ---- hashing ----------------------------------------------------------------------------------- */

static uint64_t murmur64a(struct bytes s)
{
    const uint64_t m = 0xc6a4a7935bd1e995ULL;
    uint64_t h = SEED ^ (s.n * m), k;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        memcpy(&k, s.p + i, sizeof k);
        k = le64toh(k) * m;
        h = (h ^ ((k ^ k >> 47) * m)) * m;
    }
    if (i < s.n) {
        k = 0;
        memcpy(&k, s.p + i, s.n - i);
        h = (h ^ le64toh(k)) * m;
    }
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

/* The element's register, and the value that it asks for. */
static unsigned register_of(struct bytes element, uint8_t *value)
{
    uint64_t h = murmur64a(element);
    uint64_t rest = h >> INDEX_BITS | (uint64_t)1 << RANK_MAX;
    *value = (uint8_t)(__builtin_ctzll(rest) + 1);
    return (unsigned)(h & (HLL_REGISTERS - 1));
}

/* ---- dense ------------------------------------------------------------------------------------- */

static uint8_t dense_get(const char *registers, unsigned i)
{
    const uint8_t *p = (const uint8_t *)registers + i * 6 / 8;
    unsigned shift = i * 6 % 8, v = p[0] >> shift;
    if (shift > 2)
        v |= (unsigned)p[1] << (8 - shift);
    return v & 63;
}

static void dense_set(char *registers, unsigned i, uint8_t value)
{
    uint8_t *p = (uint8_t *)registers + i * 6 / 8;
    unsigned shift = i * 6 % 8;
    p[0] = (uint8_t)((p[0] & ~(63u << shift)) | (unsigned)value << shift);
    if (shift > 2)
        p[1] = (uint8_t)((p[1] & ~(63u >> (8 - shift))) | value >> (8 - shift));
}

static bool dense_raise(char *data, unsigned i, uint8_t value)
{
    if (dense_get(data + HLL_HEAD, i) >= value)
        return false;
    dense_set(data + HLL_HEAD, i, value);
    return true;
}

bool hll_add_dense(char *data, struct bytes element)
{
    uint8_t value;
    unsigned i = register_of(element, &value);
    return dense_raise(data, i, value);
}

/* ---- sparse ------------------------------------------------------------------------------------ */

struct run {
    unsigned value, n; /* value 0: zeros */
    size_t bytes;
};

/* The run at p; false at the end. */
static bool run_at(const char *p, const char *end, struct run *r)
{
    if (p >= end)
        return false;
    uint8_t b = (uint8_t)p[0];
    if (b & 0x80) {
        *r = (struct run){(b >> 2 & 31u) + 1, (b & 3u) + 1, 1};
    } else if (b & 0x40) {
        if (p + 1 == end)
            return false;
        *r = (struct run){0, ((b & 63u) << 8 | (uint8_t)p[1]) + 1, 2};
    } else {
        *r = (struct run){0, (b & 63u) + 1, 1};
    }
    return true;
}

static void add_run(struct buf *b, unsigned value, unsigned n)
{
    if (n == 0)
        return;
    if (value)
        buf_add_char(b, (char)(0x80 | (value - 1) << 2 | (n - 1)));
    else
        set_zeros(b, n);
}

bool hll_max(uint8_t *registers, struct bytes s)
{
    if (hll_encoding(s) == HLL_DENSE) {
        for (unsigned i = 0; i < HLL_REGISTERS; i++) {
            uint8_t v = dense_get(s.p + HLL_HEAD, i);
            registers[i] = v > registers[i] ? v : registers[i];
        }
        return true;
    }
    struct run r;
    unsigned at = 0;
    const char *end = s.p + s.n;
    for (const char *p = s.p + HLL_HEAD; run_at(p, end, &r); p += r.bytes) {
        if (r.n > HLL_REGISTERS - at)
            return false;
        for (unsigned i = at; r.value && i < at + r.n; i++)
            registers[i] = r.value > registers[i] ? (uint8_t)r.value : registers[i];
        at += r.n;
    }
    return at == HLL_REGISTERS;
}

bool hll_to_dense(struct buf *b)
{
    uint8_t registers[HLL_REGISTERS] = {0};
    if (hll_encoding(buf_bytes(b)) == HLL_DENSE)
        return true;
    if (!hll_max(registers, buf_bytes(b)))
        return false;
    buf_reserve(b, HLL_DENSE_BYTES);
    b->n = HLL_DENSE_BYTES;
    memset(b->p + HLL_HEAD, 0, HLL_DENSE_BYTES - HLL_HEAD);
    b->p[4] = HLL_DENSE;
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        dense_set(b->p + HLL_HEAD, i, registers[i]);
    return true;
}

/* Joins neighbouring runs of one value from `from` on, as far as an edit can have made some. */
static void join_runs(struct buf *b, size_t from)
{
    size_t at = from;
    for (int left = 5; left > 0; left--) {
        struct run r, next;
        const char *end = b->p + b->n;
        if (!run_at(b->p + at, end, &r))
            return;
        bool joins = r.value && run_at(b->p + at + 1, end, &next) && next.value == r.value &&
                     r.n + next.n <= VALUES_MAX;
        if (!joins) {
            at += r.bytes;
            continue;
        }
        memmove(b->p + at, b->p + at + 1, b->n - at - 1);
        b->n--;
        b->p[at] = (char)(0x80 | (r.value - 1) << 2 | (r.n + next.n - 1));
    }
}

static int become_dense(struct buf *b, unsigned index, uint8_t value)
{
    if (!hll_to_dense(b))
        return -1;
    return dense_raise(b->p, index, value);
}

/* The run of the register is cut in up to three. */
static int sparse_raise(struct buf *b, unsigned index, uint8_t value, size_t sparse_max)
{
    size_t at = HLL_HEAD, before = HLL_HEAD;
    unsigned first = 0;
    struct run r;
    if (value > VALUE_MAX)
        return become_dense(b, index, value);
    for (;;) {
        if (!run_at(b->p + at, b->p + b->n, &r))
            return -1;
        if (index < first + r.n)
            break;
        before = at;
        at += r.bytes;
        first += r.n;
    }
    if (r.value >= value)
        return 0;
    char room[8];
    struct buf cut = {.p = room, .cap = sizeof room};
    add_run(&cut, r.value, index - first);
    add_run(&cut, value, 1);
    add_run(&cut, r.value, first + r.n - 1 - index);
    if (cut.n > r.bytes && b->n + cut.n - r.bytes > sparse_max)
        return become_dense(b, index, value);
    buf_reserve(b, cut.n);
    memmove(b->p + at + cut.n, b->p + at + r.bytes, b->n - at - r.bytes);
    memcpy(b->p + at, room, cut.n);
    b->n = b->n + cut.n - r.bytes;
    join_runs(b, before);
    return 1;
}

int hll_raise(struct buf *b, unsigned index, uint8_t value, size_t sparse_max)
{
    if (hll_encoding(buf_bytes(b)) == HLL_DENSE)
        return dense_raise(b->p, index, value);
    return sparse_raise(b, index, value, sparse_max);
}

int hll_add(struct buf *b, struct bytes element, size_t sparse_max)
{
    uint8_t value;
    unsigned index = register_of(element, &value);
    return hll_raise(b, index, value, sparse_max);
}

bool hll_describe(struct bytes s, struct buf *out)
{
    struct run r;
    unsigned at = 0;
    const char *end = s.p + s.n;
    for (const char *p = s.p + HLL_HEAD; run_at(p, end, &r); p += r.bytes, at += r.n) {
        if (r.value)
            buf_printf(out, "%sv:%u,%u", at ? " " : "", r.value, r.n);
        else
            buf_printf(out, "%s%c:%u", at ? " " : "", r.bytes == 2 ? 'Z' : 'z', r.n);
    }
    return at == HLL_REGISTERS;
}

/* ---- the estimate ------------------------------------------------------------------------------ */

static double sigma(double x)
{
    double y = 1, z = x, before;
    if (x == 1)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, before;
    if (x == 0 || x == 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (before != z);
    return z / 3;
}

uint64_t hll_estimate(const uint8_t *registers)
{
    unsigned histogram[64] = {0};
    const double m = HLL_REGISTERS;
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        histogram[registers[i] & 63]++;
    double z = m * tau((m - histogram[RANK_MAX + 1]) / m);
    for (int k = RANK_MAX; k >= 1; k--) {
        z += histogram[k];
        z *= 0.5;
    }
    z += m * sigma(histogram[0] / m);
    return (uint64_t)llroundl((long double)(ALPHA * m * m / z));
}
