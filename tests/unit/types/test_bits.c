/* Bits by words against bits one by one. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/bits.h"

#define BYTES_MAX 400

/* Mostly runs of equal bytes, so that words are skipped. */
static struct bytes random_string(char *room)
{
    size_t n = rng_below(BYTES_MAX);
    char fill = rng_below(2) ? 0 : (char)0xff;
    for (size_t i = 0; i < n; i++)
        room[i] = rng_below(30) ? fill : (char)rng_below(256);
    return bytes_of(room, n);
}

START_TEST(counting_and_finding)
{
    char room[BYTES_MAX];
    for (size_t i = 0; i < UNIT_STEPS(20000); i++) {
        struct bytes s = random_string(room);
        uint64_t to = rng_below(s.n * 8 + 1), from = rng_below(to + 1), n = 0, first[2] = {to, to};
        for (uint64_t k = to; k > from; k--) {
            bool on = bits_get(s, k - 1);
            n += on;
            first[on] = k - 1;
        }
        if (bits_count(s, from, to) != n)
            ck_abort_msg("count of [%llu, %llu)", (unsigned long long)from, (unsigned long long)to);
        for (int on = 0; on < 2; on++) {
            if (bits_find(s, on, from, to) != first[on])
                ck_abort_msg("find %d in [%llu, %llu)", on, (unsigned long long)from,
                             (unsigned long long)to);
        }
    }
}
END_TEST

static bool expected(enum bits_op op, const struct bytes *s, size_t n, uint64_t at)
{
    size_t set = 0, others = 0;
    bool first = bits_get(s[0], at);
    for (size_t i = 0; i < n; i++) {
        set += bits_get(s[i], at);
        others += i > 0 && bits_get(s[i], at);
    }
    switch (op) {
    case BITS_AND:
        return set == n;
    case BITS_OR:
        return set > 0;
    case BITS_XOR:
        return set % 2;
    case BITS_NOT:
        return !first;
    case BITS_DIFF:
        return first && !others;
    case BITS_DIFF1:
        return !first && others;
    case BITS_ANDOR:
        return first && others;
    default:
        return set == 1;
    }
}

START_TEST(combining)
{
    static char rooms[5][BYTES_MAX];
    char to[BYTES_MAX];
    for (size_t step = 0; step < UNIT_STEPS(4000); step++) {
        struct bytes s[5];
        enum bits_op op = (enum bits_op)rng_below(8);
        size_t n = op == BITS_NOT ? 1 : 2 + rng_below(4), len = 0;
        for (size_t i = 0; i < n; i++) {
            s[i] = random_string(rooms[i]);
            len = s[i].n > len ? s[i].n : len;
        }
        bits_combine(op, s, n, to, len);
        for (uint64_t at = 0; at < len * 8; at++) {
            if (bits_get(bytes_of(to, len), at) != expected(op, s, n, at))
                ck_abort_msg("operation %d at bit %llu", (int)op, (unsigned long long)at);
        }
    }
}
END_TEST

START_TEST(integers_of_any_width)
{
    char room[BYTES_MAX];
    for (size_t step = 0; step < UNIT_STEPS(20000); step++) {
        struct bytes s = random_string(room);
        unsigned width = 1 + (unsigned)rng_below(64);
        uint64_t at = rng_below(s.n * 8 + 40), v = 0, fresh;
        for (unsigned i = 0; i < width; i++)
            v = v << 1 | bits_get(s, at + i);
        ck_assert_uint_eq(bits_read(s, at, width), v);
        if (at + width > s.n * 8)
            continue;
        fresh = rng_below(UINT64_MAX) >> (64 - width);
        uint64_t before = bits_count(s, 0, at), behind = bits_count(s, at + width, s.n * 8);
        bits_write(room, at, width, fresh);
        ck_assert_uint_eq(bits_read(s, at, width), fresh);
        ck_assert_uint_eq(bits_count(s, 0, at), before);
        ck_assert_uint_eq(bits_count(s, at + width, s.n * 8), behind);
    }
}
END_TEST

Suite *suite_bits(void)
{
    Suite *s = suite_create("types/bits");
    TCase *t = tcase_create("bits");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, counting_and_finding);
    tcase_add_test(t, combining);
    tcase_add_test(t, integers_of_any_width);
    suite_add_tcase(s, t);
    return s;
}
