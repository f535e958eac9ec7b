/* The B+tree against a sorted array. */
#include "ds/btree.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "tests/unit/suites.h"

#define ITEMS 5000

static char names[ITEMS][16];

static struct bytes name_of(const void *owner, uint32_t handle)
{
    (void)owner;
    return bytes_str(names[handle]);
}

struct item {
    double score;
    uint32_t handle;
};

struct model {
    struct item at[ITEMS];
    size_t n;
    bool there[ITEMS];
    double score[ITEMS];
};

static size_t model_place(const struct model *m, double score, uint32_t handle)
{
    size_t i = 0;
    while (i < m->n &&
           (m->at[i].score < score ||
            (m->at[i].score == score && strcmp(names[m->at[i].handle], names[handle]) < 0)))
        i++;
    return i;
}

static void toggle(struct btree *t, struct model *m, uint32_t h, double score)
{
    if (m->there[h]) {
        size_t i = model_place(m, m->score[h], h);
        btree_erase(t, m->score[h], h);
        memmove(&m->at[i], &m->at[i + 1], (m->n - i - 1) * sizeof *m->at);
        m->n--;
    } else {
        size_t i = model_place(m, score, h);
        btree_insert(t, score, h);
        memmove(&m->at[i + 1], &m->at[i], (m->n - i) * sizeof *m->at);
        m->at[i] = (struct item){score, h};
        m->score[h] = score;
        m->n++;
    }
    m->there[h] = !m->there[h];
}

static void agree(const struct btree *t, const struct model *m)
{
    btree_check(t);
    ck_assert_uint_eq(t->count, m->n);
    for (size_t i = 0; i < m->n; i += 1 + m->n / 50) {
        struct btree_pos p = btree_select(t, i), q;
        ck_assert_uint_eq(btree_handle(&p), m->at[i].handle);
        struct btree_key key = {.score = m->at[i].score,
                                .kind = BTREE_MEMBER,
                                .member = name_of(NULL, m->at[i].handle)};
        ck_assert_uint_eq(btree_lower(t, &key, &q), i);
        ck_assert(q.leaf == p.leaf && q.i == p.i);
        key.after = true;
        ck_assert_uint_eq(btree_lower(t, &key, NULL), i + 1);
        size_t first = i, last = i;
        while (first > 0 && m->at[first - 1].score == m->at[i].score)
            first--;
        while (last < m->n && m->at[last].score == m->at[i].score)
            last++;
        key.kind = BTREE_BELOW_ALL;
        ck_assert_uint_eq(btree_lower(t, &key, NULL), first);
        key.kind = BTREE_ABOVE_ALL;
        ck_assert_uint_eq(btree_lower(t, &key, NULL), last);
        if (i > 0) {
            btree_prev(&p);
            ck_assert_uint_eq(btree_handle(&p), m->at[i - 1].handle);
        }
    }
}

static void run(unsigned scores, int steps)
{
    static struct model m;
    struct btree t;
    memset(&m, 0, sizeof m);
    btree_init(&t, name_of, NULL);
    for (uint32_t i = 0; i < ITEMS; i++)
        snprintf(names[i], sizeof names[i], "%u", i * 7919u % ITEMS);
    for (int step = 0; step < steps; step++) {
        bool shrinking = step / 8000 % 2;
        uint32_t h = (uint32_t)rng_below(ITEMS);
        if (shrinking && m.n && rng_below(3))
            h = m.at[rng_below(m.n)].handle;
        toggle(&t, &m, h, (double)rng_below(scores));
        if (step % 1009 == 0)
            agree(&t, &m);
    }
    while (m.n)
        toggle(&t, &m, m.at[rng_below(m.n)].handle, 0);
    btree_check(&t);
    ck_assert_uint_eq(t.nodes_bytes, 0);
    btree_release(&t);
}

START_TEST(random_operations_agree_with_a_sorted_array)
{
    rng_seed(31);
    run(1000000, 40000);
}
END_TEST

START_TEST(ties_are_ordered_by_bytes)
{
    rng_seed(32);
    run(3, 30000);
}
END_TEST

START_TEST(ascending_inserts_fill_the_leaves)
{
    struct btree t;
    btree_init(&t, name_of, NULL);
    for (uint32_t i = 0; i < ITEMS; i++) {
        snprintf(names[i], sizeof names[i], "%u", i);
        btree_insert(&t, (double)i, i);
    }
    btree_check(&t);
    ck_assert_uint_lt(t.nodes_bytes / ITEMS, 15);
    btree_release(&t);
}
END_TEST

Suite *suite_btree(void)
{
    Suite *s = suite_create("ds/btree");
    TCase *t = tcase_create("btree");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, random_operations_agree_with_a_sorted_array);
    tcase_add_test(t, ties_are_ordered_by_bytes);
    tcase_add_test(t, ascending_inserts_fill_the_leaves);
    suite_add_tcase(s, t);
    return s;
}
