/* Intersection, union and difference of random sets in all forms, against counting by name. */
#include "types/set_algebra.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/suites.h"

#define NAMES 800
#define SETS  10

/* Names of even number are integers, so that a set of them alone is an intset. */
static struct bytes name_of(unsigned i, char *room)
{
    const char *form = i % 2 == 0 ? "%d" : "name:%d";
    return bytes_of(room, (size_t)sprintf(room, form, ((int)i - 400) * (i % 16 == 2 ? 100003 : 1)));
}

struct group {
    struct set *set[SETS]; /* NULL: none */
    bool has[SETS][NAMES];
    const struct set *sources[2 * SETS];
    unsigned which[2 * SETS]; /* of the sets, or SETS for a missing one */
    size_t n;
};

/* A set of about n of the names; `step` 2: of integers alone. */
static void fill(struct group *g, unsigned at, size_t n, unsigned step)
{
    static const struct set_limits limits = {512, 128, 64};
    char room[32];
    g->set[at] = set_new();
    for (size_t i = 0; i < n; i++) {
        unsigned k = (unsigned)rng_below(NAMES / step) * step;
        set_add(g->set[at], name_of(k, room), &limits);
        g->has[at][k] = true;
    }
}

static void make(struct group *g)
{
    static const size_t sizes[] = {3, 20, 120, 400, 2000};
    bool ints = rng_below(3) == 0;
    memset(g, 0, sizeof *g);
    for (unsigned i = 0; i < SETS; i++)
        fill(g, i, 1 + rng_below(sizes[rng_below(5)]), ints || rng_below(2) ? 2 : 1);
    g->n = 1 + rng_below(rng_below(4) ? 4 : 2 * SETS);
    for (size_t i = 0; i < g->n; i++) {
        g->which[i] = (unsigned)rng_below(rng_below(3) ? SETS : SETS + 1);
        g->sources[i] = g->which[i] < SETS ? g->set[g->which[i]] : NULL;
    }
}

static void drop(struct group *g)
{
    for (unsigned i = 0; i < SETS; i++)
        set_free(g->set[i]);
}

static bool expected(const struct group *g, set_algebra *compute, unsigned name)
{
    size_t in = 0;
    for (size_t i = 0; i < g->n; i++)
        in += g->which[i] < SETS && g->has[g->which[i]][name];
    if (compute == set_intersect)
        return in == g->n;
    if (compute == set_unite)
        return in > 0;
    return in == 1 && g->which[0] < SETS && g->has[g->which[0]][name];
}

struct found {
    struct set *members;
    size_t n, most;
};

static bool take(struct bytes member, void *ctx)
{
    static const struct set_limits limits = {0, 0, 0};
    struct found *f = ctx;
    if (!set_add(f->members, member, &limits))
        ck_abort_msg("a member came twice");
    return ++f->n != f->most;
}

static void run(struct group *g, set_algebra *compute)
{
    struct found f = {.members = set_new()};
    const struct set *sources[2 * SETS];
    char room[32];
    size_t n = 0;
    memcpy(sources, g->sources, sizeof sources);
    compute(sources, g->n, take, &f);
    for (unsigned i = 0; i < NAMES; i++) {
        bool wanted = expected(g, compute, i);
        n += wanted;
        if (wanted && !set_has(f.members, name_of(i, room)))
            ck_abort_msg("name %u is missing", i);
    }
    ck_assert_uint_eq(f.n, n);
    set_free(f.members);
    if (n == 0)
        return;
    f = (struct found){.members = set_new(), .most = 1 + rng_below(n)};
    memcpy(sources, g->sources, sizeof sources);
    compute(sources, g->n, take, &f);
    ck_assert_uint_eq(f.n, f.most);
    set_free(f.members);
}

static void run_estimate(const struct group *g)
{
    size_t n = 0;
    for (unsigned i = 0; i < NAMES; i++)
        n += expected(g, set_unite, i);
    size_t estimate = set_estimate_union(g->sources, g->n, 0);
    ck_assert_uint_ge(estimate + 3, n - n / 20);
    ck_assert_uint_le(estimate, n + n / 20 + 3);
    ck_assert_uint_le(set_estimate_union(g->sources, g->n, 10), 10);
}

START_TEST(against_counting)
{
    struct group *g = mem_alloc(sizeof *g);
    for (size_t i = 0; i < UNIT_STEPS(600); i++) {
        make(g);
        run(g, set_intersect);
        run(g, set_unite);
        run(g, set_subtract);
        run_estimate(g);
        drop(g);
    }
    mem_free(g);
}
END_TEST

Suite *suite_set_algebra(void)
{
    Suite *s = suite_create("types/set_algebra");
    TCase *t = tcase_create("set_algebra");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, against_counting);
    suite_add_tcase(s, t);
    return s;
}
