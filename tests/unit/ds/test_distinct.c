/* Estimates of distinct values: exact for a few, within four standard errors for many. */
#include "ds/distinct.h"

#include <stdbool.h>

#include "base/rng.h"
#include "tests/unit/suites.h"

static void check_estimate(size_t n, double error)
{
    struct distinct *d = distinct_new();
    uint64_t seen[64] = {0};
    for (size_t i = 0; i < n; i++) {
        seen[i % 64] = rng_u64();
        distinct_add(d, seen[i % 64]);
        distinct_add(d, seen[rng_below(64)]); /* mostly for the second time */
    }
    bool zero = n < 64 && n > 0; /* which was drawn then, as one more value */
    double off = (double)distinct_estimate(d) - (double)n;
    distinct_free(d);
    ck_assert_double_le(off, (double)n * error + (zero ? 1.5 : 0.5));
    ck_assert_double_ge(off, -(double)n * error - 0.5);
}

START_TEST(estimates_are_close)
{
    rng_seed(1); /* four standard errors are passed once in a few thousand runs */
    static const size_t counts[] = {0,    1,    2,     10,    50,     100,
                                    1000, 5000, 16384, 40000, 100000, 1000000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        check_estimate(counts[i], counts[i] < 100 ? 0.02 : 0.033);
}
END_TEST

Suite *suite_distinct(void)
{
    Suite *s = suite_create("ds/distinct");
    TCase *t = tcase_create("distinct");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, estimates_are_close);
    suite_add_tcase(s, t);
    return s;
}
