/* HyperLogLog: sparse and dense agree, estimates are near the truth, hostile runs are refused. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/hyperloglog.h"

static struct bytes element(uint64_t i, char *room)
{
    memcpy(room, &i, sizeof i);
    return bytes_of(room, sizeof i);
}

static uint64_t estimate(const struct buf *b)
{
    uint8_t registers[HLL_REGISTERS] = {0};
    ck_assert(hll_max(registers, buf_bytes(b)));
    return hll_estimate(registers);
}

/* The relative standard error is 1.04/sqrt(16384), 0.81%: four of them pass by chance once in 16,000. */
START_TEST(estimates_are_near_the_truth)
{
    struct buf sparse, dense;
    char room[8];
    buf_init(&sparse);
    buf_init(&dense);
    hll_new(&sparse);
    hll_new(&dense);
    ck_assert(hll_to_dense(&dense));
    for (uint64_t i = 1; i <= 300000; i++) {
        int changed = hll_add(&sparse, element(i * 7919, room), 3000);
        ck_assert(changed == hll_add_dense(dense.p, element(i * 7919, room)));
        if (i != 10 && i != 100 && i != 1000 && i % 50000)
            continue;
        double off = (double)estimate(&dense) / (double)i - 1;
        ck_assert_uint_eq(estimate(&sparse), estimate(&dense));
        ck_assert_double_lt(off < 0 ? -off : off, 4 * 0.0081);
    }
    ck_assert_int_eq(hll_encoding(buf_bytes(&sparse)), HLL_DENSE);
    ck_assert(sparse.n == dense.n && memcmp(sparse.p + HLL_HEAD, dense.p + HLL_HEAD, dense.n - HLL_HEAD) == 0);
    buf_release(&sparse);
    buf_release(&dense);
}
END_TEST

START_TEST(registers_are_those_of_a_plain_array)
{
    for (int round = 0; round < 20; round++) {
        struct buf b;
        uint8_t plain[HLL_REGISTERS] = {0}, read[HLL_REGISTERS] = {0};
        buf_init(&b);
        hll_new(&b);
        for (size_t i = 0; i < UNIT_STEPS(2000); i++) {
            unsigned index = (unsigned)rng_below(round % 2 ? 60 : HLL_REGISTERS);
            uint8_t value = (uint8_t)(1 + rng_below(round % 3 ? 6 : 40));
            ck_assert_int_eq(hll_raise(&b, index, value, 1000), value > plain[index]);
            plain[index] = value > plain[index] ? value : plain[index];
        }
        ck_assert(hll_valid(buf_bytes(&b)) && hll_max(read, buf_bytes(&b)));
        ck_assert(memcmp(plain, read, sizeof plain) == 0);
        buf_release(&b);
    }
}
END_TEST

START_TEST(hostile_runs_are_refused)
{
    struct buf b, text;
    uint8_t registers[HLL_REGISTERS] = {0};
    buf_init(&b);
    buf_init(&text);
    for (size_t i = 0; i < UNIT_STEPS(20000); i++) {
        hll_new(&b);
        b.n = HLL_HEAD;
        for (size_t k = rng_below(30); k; k--)
            buf_add_char(&b, (char)rng_below(256));
        struct buf copy;
        buf_init(&copy);
        buf_add_bytes(&copy, buf_bytes(&b)); /* exactly as long: ASan sees what is read beyond */
        bool good = hll_max(registers, buf_bytes(&copy));
        buf_clear(&text);
        if (good)
            ck_assert(hll_describe(buf_bytes(&copy), &text));
        hll_add(&copy, element(i, (char[8]){0}), 3000);
        buf_release(&copy);
    }
    ck_assert(!hll_valid(BYTES("HYLL")) && !hll_valid(bytes_of("HYLL\0\0\0\0\0\0\0\0\0\0\0\0", 16)));
    ck_assert(!hll_valid(bytes_of("HYLL\2\0\0\0\0\0\0\0\0\0\0\0", 16)));
    buf_release(&b);
    buf_release(&text);
}
END_TEST

Suite *suite_hyperloglog(void)
{
    Suite *s = suite_create("types/hyperloglog");
    TCase *t = tcase_create("hyperloglog");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, estimates_are_near_the_truth);
    tcase_add_test(t, registers_are_those_of_a_plain_array);
    tcase_add_test(t, hostile_runs_are_refused);
    suite_add_tcase(s, t);
    return s;
}
