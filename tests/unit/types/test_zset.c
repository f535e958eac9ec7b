/* The sorted set, in both encodings, against an array. */
#include "types/zset.h"

#include <stdio.h>

#include "base/rng.h"
#include "tests/unit/suites.h"

#define NAMES 400

struct model {
    bool there[NAMES];
    double score[NAMES];
    size_t n;
};

static struct bytes name_of(unsigned i, char *to, size_t room)
{
    size_t n = (size_t)snprintf(to, room, "member:%u", i * 31 % NAMES);
    if (i % 97 == 3 && room > 3000) { /* some that the slab keeps outside */
        memset(to + n, 'x', 3000 - n);
        n = 3000;
    }
    return bytes_of(to, n);
}

/* Members before (score, name) in the model. */
static size_t rank_in(const struct model *m, unsigned i)
{
    char a[4096], b[4096];
    size_t rank = 0;
    for (unsigned k = 0; k < NAMES; k++) {
        if (!m->there[k] || k == i)
            continue;
        int c = m->score[k] < m->score[i] ? -1
                : m->score[k] > m->score[i]
                    ? 1
                    : bytes_cmp(name_of(k, a, sizeof a), name_of(i, b, sizeof b));
        rank += c < 0;
    }
    return rank;
}

static void step(struct zset *z, struct model *m, struct zset_limits limits, unsigned names)
{
    char text[4096];
    unsigned i = (unsigned)rng_below(names);
    struct bytes name = name_of(i, text, sizeof text);
    double score = (double)rng_below(40) / 4 - 5, old = m->score[i];
    if (rng_below(3) == 0) {
        ck_assert_int_eq(zset_remove(z, name), m->there[i]);
        m->n -= m->there[i];
        m->there[i] = false;
        return;
    }
    unsigned flags = (unsigned)(rng_below(4) == 0 ? ZSET_INCR : rng_below(4) == 0 ? ZSET_GT : 0);
    enum zset_result r = zset_add(z, limits, name, &score, flags);
    if (!m->there[i]) {
        ck_assert_int_eq(r, ZSET_ADDED);
        m->n++;
    } else if (r == ZSET_NOTHING) {
        ck_assert(flags == ZSET_GT);
        return;
    } else if (flags & ZSET_INCR) {
        ck_assert(r == ZSET_SAME ? score == old : score != old);
    }
    m->there[i] = true;
    m->score[i] = score;
}

static void agree(const struct zset *z, const struct model *m, unsigned names)
{
    char text[4096];
    zset_check(z);
    ck_assert_uint_eq(zset_length(z), m->n);
    for (unsigned i = 0; i < names; i += 7) {
        double score;
        size_t rank;
        struct bytes name = name_of(i, text, sizeof text);
        ck_assert_int_eq(zset_score(z, name, &score), m->there[i]);
        if (!m->there[i])
            continue;
        ck_assert(score == m->score[i]);
        ck_assert(zset_rank(z, name, &rank, &score));
        ck_assert_uint_eq(rank, rank_in(m, i));
    }
    struct zset_score_range r = {.min = -2, .max = 2, .min_open = true};
    size_t from, to, in = 0;
    for (unsigned i = 0; i < names; i++)
        in += m->there[i] && m->score[i] > -2 && m->score[i] <= 2;
    zset_score_span(z, &r, &from, &to);
    ck_assert_uint_eq(to - from, in);
}

static void run(struct zset_limits limits, unsigned names, int steps)
{
    static struct model m;
    struct zset *z = zset_new();
    memset(&m, 0, sizeof m);
    for (int n = 0; n < steps; n++) {
        step(z, &m, limits, names);
        if (n % 211 == 0)
            agree(z, &m, names);
    }
    struct zset *copy = zset_dup(z);
    agree(copy, &m, names);
    zset_remove_span(copy, 0, zset_length(copy) / 2);
    zset_check(copy);
    ck_assert_uint_eq(zset_length(copy), m.n - m.n / 2);
    zset_free(copy);
    zset_free(z);
}

START_TEST(listpack_agrees_with_a_model)
{
    rng_seed(41);
    run((struct zset_limits){128, 64}, 60, 6000);
}
END_TEST

START_TEST(tree_agrees_with_a_model)
{
    rng_seed(42);
    run((struct zset_limits){8, 64}, NAMES, 12000);
}
END_TEST

Suite *suite_zset(void)
{
    Suite *s = suite_create("types/zset");
    TCase *t = tcase_create("zset");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, listpack_agrees_with_a_model);
    tcase_add_test(t, tree_agrees_with_a_model);
    suite_add_tcase(s, t);
    return s;
}
