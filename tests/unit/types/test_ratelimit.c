/* Rate limits against models that keep every request they let through, or a level in exact parts,
 * and find each wait by trying the milliseconds one after the other. */
#include <string.h>

#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/ratelimit.h"

#define EVENTS_MAX 4096

struct event {
    uint64_t at_ms, cost;
};

struct model {
    struct ratelimit_rule rule;
    struct event events[EVENTS_MAX];
    size_t n;
    uint64_t level, level_at_ms; /* GCRA: parts of 1/limit ms */
};

static uint64_t counted(const struct model *m, uint64_t window)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < m->n; i++)
        sum += m->events[i].at_ms / m->rule.window_ms == window ? m->events[i].cost : 0;
    return sum;
}

/* Parts in use at t: a unit of cost is window_ms of them. */
static uint64_t model_level(const struct model *m, uint64_t t)
{
    uint64_t w = m->rule.window_ms, window = t / w;
    if (m->rule.algorithm == RATELIMIT_FIXED)
        return counted(m, window) * w;
    if (m->rule.algorithm == RATELIMIT_SLIDING)
        return counted(m, window) * w + counted(m, window - 1) * (w - t % w);
    uint64_t gone = (t - m->level_at_ms) * m->rule.limit;
    return m->level > gone ? m->level - gone : 0;
}

static bool model_fits(const struct model *m, uint64_t t, uint64_t cost)
{
    return model_level(m, t) + cost * m->rule.window_ms <= m->rule.limit * m->rule.window_ms;
}

static void model_take(struct model *m, uint64_t t, uint64_t cost)
{
    m->level = model_level(m, t) + cost * m->rule.window_ms;
    m->level_at_ms = t;
    ck_assert_uint_lt(m->n, EVENTS_MAX);
    m->events[m->n++] = (struct event){t, cost};
}

static uint64_t model_wait(const struct model *m, uint64_t t, uint64_t cost)
{
    uint64_t d = 0;
    while (!model_fits(m, t + d, cost))
        d++;
    return d;
}

static uint64_t model_reset(const struct model *m, uint64_t t)
{
    uint64_t d = 0;
    if (m->rule.algorithm == RATELIMIT_FIXED)
        return m->rule.window_ms - t % m->rule.window_ms;
    while (model_level(m, t + d) > 0)
        d++;
    return d;
}

static void through_text(struct ratelimit_state *s)
{
    char text[RATELIMIT_TEXT_MAX];
    struct ratelimit_state again;
    size_t n = ratelimit_format(s, text);
    ck_assert_uint_lt(n, RATELIMIT_TEXT_MAX);
    ck_assert(ratelimit_parse(bytes_of(text, n), &again));
    ck_assert_int_eq(memcmp(&again, s, sizeof again), 0);
}

static void step(struct model *m, struct ratelimit_state *s, uint64_t *expires_at_ms, uint64_t t)
{
    uint64_t limit = m->rule.limit, cost = 1 + rng_below(rng_below(4) ? 2 : limit + 2);
    bool peek = rng_below(5) == 0, never = cost > limit, fits = !never && model_fits(m, t, cost);
    if (t >= *expires_at_ms) /* as the keyspace does, and nothing may depend on it */
        *s = (struct ratelimit_state){0};
    struct ratelimit_verdict v = ratelimit_take(&m->rule, s, t, cost, peek);
    ck_assert_int_eq(v.allowed, fits);
    ck_assert_int_eq(v.never, never);
    if (!never)
        ck_assert_uint_eq(v.retry_after_ms, model_wait(m, t, cost));
    if (fits && !peek) {
        model_take(m, t, cost);
        *expires_at_ms = v.expires_at_ms;
        through_text(s);
    }
    uint64_t capacity = limit * m->rule.window_ms, level = model_level(m, t);
    ck_assert_uint_eq(v.remaining, (capacity - level) / m->rule.window_ms);
    ck_assert_uint_eq(v.reset_ms, model_reset(m, t));
}

START_TEST(follows_the_model)
{
    rng_seed((uint64_t)_i + 1);
    for (int round = 0; round < 25; round++) {
        static struct model m;
        struct ratelimit_state s = {0};
        m = (struct model){.rule = {.algorithm = (enum ratelimit_algorithm)_i,
                                    .limit = 1 + rng_below(20),
                                    .window_ms = 1 + rng_below(200)}};
        uint64_t t = 1000000 + rng_below(1000), expires_at_ms = 0;
        for (int i = 0; i < 200; i++) {
            step(&m, &s, &expires_at_ms, t);
            t += rng_below(rng_below(8) ? 2 + m.rule.window_ms / m.rule.limit
                                        : 3 * m.rule.window_ms);
        }
    }
}
END_TEST

/* 3 in 1000 ms is one each 333 1/3 ms: after a hundred thousand of them not a millisecond is lost
 * or won. */
START_TEST(gcra_does_not_drift)
{
    struct ratelimit_rule rule = {RATELIMIT_GCRA, 3, 1000};
    struct ratelimit_state s = {0};
    uint64_t t0 = 1795410550123, t = t0;
    for (int i = 0; i < 3; i++)
        ck_assert(ratelimit_take(&rule, &s, t0, 1, false).allowed);
    for (uint64_t i = 1; i <= 100000; i++) {
        t += ratelimit_take(&rule, &s, t, 1, true).retry_after_ms;
        ck_assert_uint_eq(t, t0 + (i * 1000 + 2) / 3);
        ck_assert(ratelimit_take(&rule, &s, t, 1, false).allowed);
    }
}
END_TEST

START_TEST(bounds_are_checked)
{
    struct ratelimit_rule rule = {RATELIMIT_GCRA, 0, 1000};
    ck_assert(!ratelimit_rule_valid(&rule));
    rule = (struct ratelimit_rule){RATELIMIT_GCRA, 1, 0};
    ck_assert(!ratelimit_rule_valid(&rule));
    rule = (struct ratelimit_rule){RATELIMIT_GCRA, RATELIMIT_LIMIT_MAX, RATELIMIT_WINDOW_MS_MAX};
    ck_assert(!ratelimit_rule_valid(&rule));
    rule = (struct ratelimit_rule){RATELIMIT_GCRA, RATELIMIT_LIMIT_MAX, 2000000000};
    ck_assert(ratelimit_rule_valid(&rule));
    for (int a = RATELIMIT_GCRA; a <= RATELIMIT_FIXED; a++) {
        struct ratelimit_state s = {0};
        rule.algorithm = (enum ratelimit_algorithm)a;
        ck_assert(ratelimit_take(&rule, &s, 1795410550123, RATELIMIT_LIMIT_MAX, false).allowed);
        struct ratelimit_verdict v =
            ratelimit_take(&rule, &s, 1795410550123, RATELIMIT_LIMIT_MAX, false);
        ck_assert(!v.allowed && !v.never && v.remaining == 0 && v.retry_after_ms > 0);
        v = ratelimit_take(&rule, &s, 1795410550123, UINT64_MAX, false);
        ck_assert(!v.allowed && v.never);
    }
}
END_TEST

/* A rule that changed, a clock that went back, and another algorithm's state never let more than
 * the limit through at once, and never fail. */
START_TEST(foreign_state_is_harmless)
{
    rng_seed(99);
    struct ratelimit_state s = {0};
    for (int i = 0; i < 50000; i++) {
        struct ratelimit_rule rule = {(enum ratelimit_algorithm)rng_below(3), 1 + rng_below(50),
                                      1 + rng_below(100000)};
        uint64_t t = 1000000 + rng_below(300000), cost = 1 + rng_below(rule.limit);
        struct ratelimit_verdict v = ratelimit_take(&rule, &s, t, cost, false);
        ck_assert_uint_le(v.remaining, rule.limit);
        ck_assert_uint_le(v.retry_after_ms, 2 * rule.window_ms);
        ck_assert(v.allowed || v.retry_after_ms > 0);
        through_text(&s);
    }
}
END_TEST

START_TEST(other_text_is_refused)
{
    static const char *const wrong[] = {"",
                                        "5",
                                        "gcra",
                                        "gcra 1",
                                        "gcra 1 2",
                                        "gcra 1 2/2",
                                        "gcra 1 2/3 ",
                                        "gcra 1 2/3 4",
                                        "gcra 1 2/0",
                                        "gcra -1 2/3",
                                        "gcra  1 2/3",
                                        "fixed 1",
                                        "fixed 1 2 3",
                                        "sliding 1 2",
                                        "sliding 1 2 x",
                                        "other 1 2",
                                        "fixed 18446744073709551615 1",
                                        "fixed 1 1000000001"};
    struct ratelimit_state s;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!ratelimit_parse(bytes_str(wrong[i]), &s), "%s", wrong[i]);
    ck_assert(ratelimit_parse(BYTES("gcra 1 2/3"), &s));
    ck_assert(ratelimit_parse(BYTES("sliding 1 2 3"), &s));
    ck_assert(ratelimit_parse(BYTES("fixed 1 2"), &s));
}
END_TEST

Suite *suite_ratelimit(void)
{
    Suite *s = suite_create("ratelimit");
    TCase *t = tcase_create("ratelimit");
    tcase_add_loop_test(t, follows_the_model, RATELIMIT_GCRA, RATELIMIT_FIXED + 1);
    tcase_add_test(t, gcra_does_not_drift);
    tcase_add_test(t, bounds_are_checked);
    tcase_add_test(t, foreign_state_is_harmless);
    tcase_add_test(t, other_text_is_refused);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
