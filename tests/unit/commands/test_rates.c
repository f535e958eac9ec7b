#include "commands/rates.h"

#include "tests/unit/suites.h"

static void sample(struct rates *r, uint64_t now_ms, uint64_t n)
{
    const uint64_t counts[RATE_COUNT] = {n, 2 * n, 0};
    rates_sample(r, now_ms, counts);
}

START_TEST(a_steady_rate_is_told)
{
    struct rates r = {0};
    for (uint64_t i = 0; i <= RATE_SAMPLES; i++)
        sample(&r, 1000 + 100 * i, 50 * i);
    ck_assert_uint_eq(rates_mean(&r, RATE_COMMANDS), 500);
    ck_assert_uint_eq(rates_mean(&r, RATE_BYTES_IN), 1000);
    ck_assert_uint_eq(rates_mean(&r, RATE_BYTES_OUT), 0);
}
END_TEST

START_TEST(what_was_before_the_first_sample_does_not_count)
{
    struct rates r = {0};
    sample(&r, 1000, 1000000);
    sample(&r, 1100, 1000016);
    ck_assert_uint_eq(rates_mean(&r, RATE_COMMANDS), 160 / RATE_SAMPLES);
}
END_TEST

START_TEST(samples_that_come_too_soon_are_left_out)
{
    struct rates r = {0};
    sample(&r, 1000, 0);
    sample(&r, 1000, 5000);
    sample(&r, 1099, 5000);
    ck_assert_uint_eq(rates_mean(&r, RATE_COMMANDS), 0);
    sample(&r, 1200, 5000); /* 25,000 a second in it */
    ck_assert_uint_eq(rates_mean(&r, RATE_COMMANDS), 25000 / RATE_SAMPLES);
}
END_TEST

START_TEST(the_past_is_forgotten)
{
    struct rates r = {0};
    sample(&r, 1000, 0);
    sample(&r, 1100, 100000);
    for (uint64_t i = 2; i < 2 + RATE_SAMPLES; i++)
        sample(&r, 1000 + 100 * i, 100000);
    ck_assert_uint_eq(rates_mean(&r, RATE_COMMANDS), 0);
    sample(&r, 900, 200000); /* the clock went back */
    ck_assert_uint_eq(rates_mean(&r, RATE_COMMANDS), 0);
}
END_TEST

Suite *suite_rates(void)
{
    Suite *s = suite_create("commands/rates");
    TCase *t = tcase_create("rates");
    tcase_add_test(t, a_steady_rate_is_told);
    tcase_add_test(t, what_was_before_the_first_sample_does_not_count);
    tcase_add_test(t, samples_that_come_too_soon_are_left_out);
    tcase_add_test(t, the_past_is_forgotten);
    suite_add_tcase(s, t);
    return s;
}
