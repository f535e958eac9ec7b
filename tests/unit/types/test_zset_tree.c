/* The tree form of a sorted set while its records move to a new slab. */
#include "types/zset_tree.h"

#include <stdio.h>

#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/zset.h"

#define NAMES 30000

/* A slab of fewer than four chunks stays where it is. */
#define NOT_MOVED_BYTES (4u * SLAB_CHUNK_UNITS * SLAB_UNIT)

struct model {
    bool there[NAMES];
    double score[NAMES];
    size_t n;
};

static const struct zset_limits limits = {8, 64};

/* Short, longer than a length's byte, and, now and then, in a block of its own. */
static struct bytes name_of(unsigned i, char *to)
{
    size_t n = (size_t)sprintf(to, "member:%u:", i), want = i % 503 == 7  ? 3000
                                                            : i % 97 == 5 ? 300
                                                                          : n;
    memset(to + n, 'x', want - n);
    return bytes_of(to, want);
}

static void put(struct zset *z, struct model *m, unsigned i)
{
    char text[4096];
    double score = (double)rng_below(5000);
    enum zset_result r = zset_add(z, limits, name_of(i, text), &score, 0);
    ck_assert_int_eq(r == ZSET_ADDED, !m->there[i]);
    m->n += !m->there[i];
    m->there[i] = true;
    m->score[i] = score;
}

static void take(struct zset *z, struct model *m, unsigned i)
{
    char text[4096];
    ck_assert_int_eq(zset_remove(z, name_of(i, text)), m->there[i]);
    m->n -= m->there[i];
    m->there[i] = false;
}

static void agree(const struct zset *z, const struct model *m)
{
    char text[4096];
    double score;
    zset_check(z);
    ck_assert_uint_eq(zset_length(z), m->n);
    for (unsigned i = 0; i < NAMES; i++) {
        bool there = zset_score(z, name_of(i, text), &score);
        if (there != m->there[i] || (there && score != m->score[i]))
            ck_abort_msg("member %u", i);
    }
}

static struct zset *fill(struct model *m)
{
    struct zset *z = zset_new();
    memset(m, 0, sizeof *m);
    for (unsigned i = 0; i < NAMES; i++)
        put(z, m, i);
    return z;
}

/* Removes mostly, and adds and changes scores meanwhile, down to `left` members. */
static void shrink(struct zset *z, struct model *m, size_t left)
{
    for (unsigned step = 0; m->n > left; step++) {
        unsigned i = (unsigned)rng_below(NAMES);
        if (rng_below(64) == 0)
            put(z, m, i);
        else
            take(z, m, i);
        if (step % UNIT_STEPS(9000) == 0 && step < 60000)
            agree(z, m);
    }
    agree(z, m);
}

START_TEST(memory_follows_the_members_down)
{
    static struct model m;
    rng_seed(61);
    struct zset *z = fill(&m);
    size_t full = zset_mem_bytes(z);
    shrink(z, &m, NAMES / 3);
    shrink(z, &m, NAMES / 20);
    ck_assert_uint_lt(zset_mem_bytes(z), NOT_MOVED_BYTES + full / 10);
    for (unsigned i = 0; i < NAMES; i++) /* and up again, under handles of either side */
        put(z, &m, i);
    agree(z, &m);
    zset_free(z);
}
END_TEST

START_TEST(a_span_gives_its_memory_back)
{
    static struct model m;
    rng_seed(62);
    struct zset *z = fill(&m);
    size_t full = zset_mem_bytes(z);
    zset_remove_span(z, 100, NAMES);
    zset_check(z);
    ck_assert_uint_eq(zset_length(z), 100);
    ck_assert_uint_lt(zset_mem_bytes(z), NOT_MOVED_BYTES + full / 100);
    zset_remove_span(z, 0, 100);
    zset_check(z);
    ck_assert_uint_eq(zset_length(z), 0);
    zset_free(z);
}
END_TEST

START_TEST(a_set_is_copied_and_freed_while_it_moves)
{
    static struct model m;
    rng_seed(63);
    struct zset *z = fill(&m);
    for (unsigned i = 0; i < NAMES && zset_length(z) > NAMES * 2 / 5; i++)
        take(z, &m, i);
    struct zset *copy = zset_dup(z);
    agree(z, &m);
    zset_free(z);
    agree(copy, &m);
    zset_free(copy);
}
END_TEST

Suite *suite_zset_tree(void)
{
    Suite *s = suite_create("types/zset_tree");
    TCase *t = tcase_create("zset_tree");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, memory_follows_the_members_down);
    tcase_add_test(t, a_span_gives_its_memory_back);
    tcase_add_test(t, a_set_is_copied_and_freed_while_it_moves);
    suite_add_tcase(s, t);
    return s;
}
