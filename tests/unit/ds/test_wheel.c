/* The timing wheel against a sorted look through an array of deadlines. */
#include "ds/wheel.h"

#include "base/rng.h"
#include "tests/unit/suites.h"

#define NODES 400

static uint64_t random_delay(void)
{
    static const uint64_t spans[] = {
        10, 1000, 100000, 100000000, (uint64_t)1 << 44, (uint64_t)1 << 52};
    return rng_below(spans[rng_below(6)]) + 1;
}

/* Takes out all that is due and checks that it is just what the model says. */
static void advance(struct wheel *w, struct wheel_node *nodes, uint64_t *model, uint64_t now)
{
    struct wheel_node *node;
    while ((node = wheel_pop_due(w, now)) != NULL) {
        size_t i = (size_t)(node - nodes);
        ck_assert_uint_ne(model[i], 0);
        ck_assert_uint_le(model[i], now);
        model[i] = 0;
    }
    bool ok = true; /* one assertion for all: each costs a write to Check's pipe */
    for (size_t i = 0; i < NODES; i++)
        ok &= model[i] == 0 || model[i] > now;
    ck_assert(ok);
}

START_TEST(deadlines_come_due_exactly)
{
    struct wheel w;
    static struct wheel_node nodes[NODES];
    static uint64_t model[NODES];
    uint64_t now = 1700000000000u;
    memset(nodes, 0, sizeof nodes);
    memset(model, 0, sizeof model);
    rng_seed(5);
    wheel_init(&w, now);
    for (int step = 0; step < 30000; step++) {
        size_t i = rng_below(NODES);
        if (model[i]) {
            wheel_remove(&w, &nodes[i]);
            model[i] = 0;
        } else {
            model[i] = now + random_delay();
            wheel_add(&w, &nodes[i], model[i]);
        }
        if (step % 3 == 0) {
            now += rng_below(step % 100 ? 50 : 5000000);
            advance(&w, nodes, model, now);
        }
        if (step % 101 == 0)
            wheel_check(&w);
    }
    wheel_release(&w);
}
END_TEST

START_TEST(the_next_deadline_is_a_lower_bound)
{
    struct wheel w;
    struct wheel_node a = {0}, b = {0};
    wheel_init(&w, 1000);
    ck_assert_uint_eq(wheel_next_ms(&w), 0);
    wheel_add(&w, &a, 5000);
    wheel_add(&w, &b, 1001);
    ck_assert_uint_eq(wheel_next_ms(&w), 1001);
    ck_assert_ptr_eq(wheel_pop_due(&w, 1001), &b);
    ck_assert_uint_le(wheel_next_ms(&w), 5000);
    ck_assert_ptr_null(wheel_pop_due(&w, 4999));
    ck_assert_ptr_eq(wheel_pop_due(&w, 5000), &a);
    wheel_release(&w);
}
END_TEST

Suite *suite_wheel(void)
{
    Suite *s = suite_create("ds/wheel");
    TCase *t = tcase_create("wheel");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, deadlines_come_due_exactly);
    tcase_add_test(t, the_next_deadline_is_a_lower_bound);
    suite_add_tcase(s, t);
    return s;
}
