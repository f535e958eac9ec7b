#include "types/bits.h"

#include <endian.h>
#include <string.h>

/* ---- counting ---------------------------------------------------------------------------------- */

static uint64_t word_at(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

#define COUNT_WORDS(p, n)                                                                          \
    uint64_t a = 0, b = 0, c = 0, d = 0;                                                           \
    for (; n >= 32; n -= 32, p += 32) {                                                            \
        a += (uint64_t)__builtin_popcountll(word_at(p));                                           \
        b += (uint64_t)__builtin_popcountll(word_at(p + 8));                                       \
        c += (uint64_t)__builtin_popcountll(word_at(p + 16));                                      \
        d += (uint64_t)__builtin_popcountll(word_at(p + 24));                                      \
    }                                                                                              \
    for (; n; n--, p++)                                                                            \
        a += (uint64_t)__builtin_popcount((uint8_t)*p);                                            \
    return a + b + c + d

static uint64_t count_plain(const char *p, size_t n)
{
    COUNT_WORDS(p, n);
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static uint64_t count_popcnt(const char *p, size_t n)
{
    COUNT_WORDS(p, n);
}

static uint64_t count_bytes(const char *p, size_t n)
{
    return __builtin_cpu_supports("popcnt") ? count_popcnt(p, n) : count_plain(p, n);
}
#else
static uint64_t count_bytes(const char *p, size_t n)
{
    return count_plain(p, n);
}
#endif

uint64_t bits_count(struct bytes s, uint64_t from, uint64_t to)
{
    uint64_t n = 0;
    for (; from < to && from % 8; from++)
        n += bits_get(s, from);
    for (; from < to && to % 8; to--)
        n += bits_get(s, to - 1);
    return from < to ? n + count_bytes(s.p + from / 8, (size_t)((to - from) / 8)) : n;
}

uint64_t bits_find(struct bytes s, bool on, uint64_t from, uint64_t to)
{
    uint64_t skip = on ? 0 : UINT64_MAX;
    for (; from < to && from % 8; from++) {
        if (bits_get(s, from) == on)
            return from;
    }
    while (from + 64 <= to && word_at(s.p + from / 8) == skip)
        from += 64;
    for (; from < to; from++) {
        if (bits_get(s, from) == on)
            return from;
    }
    return to;
}

/* ---- combining --------------------------------------------------------------------------------- */

static void negate(char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (char)~from[i];
}

static void and_with(char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] &= from[i];
}

static void or_with(char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] |= from[i];
}

static void xor_with(char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] ^= from[i];
}

/* Bits of the first that are not in `to`, which become `to`. */
static void and_not(char *to, const char *first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(first[i] & ~to[i]);
}

static void clear_bits(char *to, const char *mask, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] &= (char)~mask[i];
}

static void start_with(struct bytes s, char *to, size_t len)
{
    memcpy(to, s.n ? s.p : "", s.n);
    memset(to + s.n, 0, len - s.n);
}

static void union_of(const struct bytes *s, size_t n, char *to, size_t len)
{
    memset(to, 0, len);
    for (size_t i = 0; i < n; i++)
        or_with(to, s[i].p, s[i].n);
}

/* A block at a time: what was seen once is in `to`, what was seen more often in `again`. */
static void exactly_one(const struct bytes *s, size_t n, char *to, size_t len)
{
    char again[4096];
    for (size_t at = 0; at < len; at += sizeof again) {
        size_t room = len - at < sizeof again ? len - at : sizeof again;
        memset(again, 0, sizeof again);
        memset(to + at, 0, room);
        for (size_t i = 0; i < n; i++) {
            size_t left = s[i].n > at ? s[i].n - at : 0;
            left = left < room ? left : room;
            for (size_t k = 0; k < left; k++) {
                again[k] |= (char)(to[at + k] & s[i].p[at + k]);
                to[at + k] |= s[i].p[at + k];
            }
        }
        clear_bits(to + at, again, room);
    }
}

void bits_combine(enum bits_op op, const struct bytes *s, size_t n, char *to, size_t len)
{
    switch (op) {
    case BITS_NOT:
        negate(to, s[0].p, len);
        return;
    case BITS_ONE:
        exactly_one(s, n, to, len);
        return;
    case BITS_DIFF:
        union_of(s + 1, n - 1, to, len);
        and_not(to, s[0].p, s[0].n);
        memset(to + s[0].n, 0, len - s[0].n);
        return;
    case BITS_DIFF1:
        union_of(s + 1, n - 1, to, len);
        clear_bits(to, s[0].p, s[0].n);
        return;
    case BITS_ANDOR:
        union_of(s + 1, n - 1, to, len);
        and_with(to, s[0].p, s[0].n);
        memset(to + s[0].n, 0, len - s[0].n);
        return;
    default:
        break;
    }
    start_with(s[0], to, len);
    for (size_t i = 1; i < n; i++) {
        if (op == BITS_AND) {
            and_with(to, s[i].p, s[i].n);
            memset(to + s[i].n, 0, len - s[i].n);
        } else {
            (op == BITS_OR ? or_with : xor_with)(to, s[i].p, s[i].n);
        }
    }
}

/* ---- integers ---------------------------------------------------------------------------------- */

uint64_t bits_read(struct bytes s, uint64_t at, unsigned width)
{
    uint8_t around[16] = {0};
    uint64_t first = at / 8, high, low;
    unsigned shift = (unsigned)(at % 8);
    if (first < s.n)
        memcpy(around, s.p + first, s.n - first < 9 ? s.n - first : 9);
    memcpy(&high, around, sizeof high);
    memcpy(&low, around + 8, sizeof low);
    high = be64toh(high);
    low = be64toh(low);
    uint64_t v = shift ? high << shift | low >> (64 - shift) : high;
    return v >> (64 - width);
}

void bits_write(char *s, uint64_t at, unsigned width, uint64_t v)
{
    for (unsigned i = 0; i < width; i++)
        bits_put(s, at + i, v >> (width - 1 - i) & 1);
}
