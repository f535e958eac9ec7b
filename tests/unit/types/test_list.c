/* The list against a plain array of strings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/listpack.h"
#include "tests/unit/suites.h"
#include "types/list.h"

#define MODEL_MAX 4000

struct model {
    char *at[MODEL_MAX];
    size_t len[MODEL_MAX];
    size_t n;
};

/* Short ones, integers, now and then one that fills a block. */
static size_t random_value(char *to)
{
    switch (rng_below(12)) {
    case 0:
        return (size_t)sprintf(to, "%d", (int)rng_below(1000000) - 500000);
    case 1:
        memset(to, 'l', 1000);
        return 200 + rng_below(800);
    case 2:
        if (rng_below(20) == 0) {
            memset(to, 'h', 9000);
            return 9000;
        } /* fall through */
    default:
        return (size_t)sprintf(to, "e%d", (int)rng_below(20));
    }
}

static void model_insert(struct model *m, size_t i, const char *s, size_t n)
{
    memmove(&m->at[i + 1], &m->at[i], (m->n - i) * sizeof *m->at);
    memmove(&m->len[i + 1], &m->len[i], (m->n - i) * sizeof *m->len);
    m->at[i] = mem_alloc(n + 1);
    memcpy(m->at[i], s, n);
    m->len[i] = n;
    m->n++;
}

static void model_delete(struct model *m, size_t i, size_t n)
{
    for (size_t k = i; k < i + n; k++)
        mem_free(m->at[k]);
    memmove(&m->at[i], &m->at[i + n], (m->n - i - n) * sizeof *m->at);
    memmove(&m->len[i], &m->len[i + n], (m->n - i - n) * sizeof *m->len);
    m->n -= n;
}

static struct bytes model_at(const struct model *m, size_t i)
{
    return bytes_of(m->at[i], m->len[i]);
}

static void compare(struct list *l, const struct model *m)
{
    struct list_item item;
    struct list_iter it;
    bool reverse = rng_below(2);
    list_check(l);
    if (list_length(l) != m->n)
        ck_abort_msg("%zu elements, not %zu", list_length(l), m->n);
    list_iter_init(&it, l, reverse ? m->n - 1 : 0, reverse);
    for (size_t i = 0; i < m->n; i++) {
        size_t at = reverse ? m->n - 1 - i : i;
        if (!list_iter_step(&it))
            ck_abort_msg("the walk ends at %zu of %zu", i, m->n);
        list_iter_value(&it, &item);
        if (!bytes_eq(item.value, model_at(m, at)) || !list_iter_equal(&it, model_at(m, at)))
            ck_abort_msg("element %zu differs", at);
    }
    ck_assert(!list_iter_step(&it));
    if (m->n) {
        size_t i = rng_below(m->n);
        ck_assert(list_get(l, i, &item) && bytes_eq(item.value, model_at(m, i)));
    }
    ck_assert(!list_get(l, m->n, &item));
}

/* LREM: every k-th match is deleted while walking. */
static void delete_matches(struct list *l, struct model *m, int limit)
{
    struct list_iter it;
    bool reverse = rng_below(2);
    size_t i = reverse ? m->n : 0, every = 1 + rng_below(3), seen = 0;
    list_iter_init(&it, l, reverse ? m->n - 1 : 0, reverse);
    while (list_iter_step(&it)) {
        i -= reverse;
        if (m->at[i][0] == 'e' && seen++ % every == 0) {
            list_iter_delete(&it);
            model_delete(m, i, 1);
        } else {
            i += !reverse;
        }
    }
    list_settle(l, limit);
}

static void edit_one(struct list *l, struct model *m, const char *s, size_t n, int limit)
{
    struct list_iter it;
    size_t i = rng_below(m->n);
    bool after = rng_below(2);
    list_iter_init(&it, l, i, rng_below(2));
    ck_assert(list_iter_step(&it));
    if (rng_below(2)) {
        list_iter_insert(&it, after, bytes_of(s, n), limit);
        model_insert(m, i + after, s, n);
    } else {
        list_iter_replace(&it, bytes_of(s, n), limit);
        model_delete(m, i, 1);
        model_insert(m, i, s, n);
    }
}

static void step(struct list *l, struct model *m, int limit)
{
    static char s[9001];
    size_t n = random_value(s);
    enum list_end end = rng_below(2) ? LIST_HEAD : LIST_TAIL;
    size_t kind = rng_below(20);
    if (m->n == 0 || (kind < 9 && m->n < MODEL_MAX - 2)) {
        list_push(l, end, bytes_of(s, n), limit);
        model_insert(m, end == LIST_HEAD ? 0 : m->n, s, n);
    } else if (kind < 12) {
        size_t drop = rng_below(3) ? 1 : rng_below(m->n + 2);
        drop = drop < m->n ? drop : m->n;
        list_drop(l, end, drop, limit);
        model_delete(m, end == LIST_HEAD ? 0 : m->n - drop, drop);
    } else if (kind == 12) {
        size_t i = rng_below(m->n), many = rng_below(m->n - i + 1);
        list_delete(l, i, many, limit);
        model_delete(m, i, many);
    } else if (kind == 13) {
        delete_matches(l, m, limit);
    } else if (m->n < MODEL_MAX - 2) {
        edit_one(l, m, s, n, limit);
    }
}

static void run(int limit)
{
    struct list *l = list_new();
    struct model *m = mem_calloc(sizeof *m);
    for (size_t i = 0; i < UNIT_STEPS(6000); i++) {
        step(l, m, limit);
        compare(l, m);
        if (rng_below(500) == 0) {
            struct list *copy = list_dup(l);
            list_free(l);
            l = copy;
        }
    }
    model_delete(m, 0, m->n);
    mem_free(m);
    list_free(l);
}

START_TEST(against_an_array)
{
    static const int limits[] = {-2, -1, 3, 64, -5, 1};
    run(limits[_i]);
}
END_TEST

START_TEST(the_encoding_follows_the_size)
{
    struct list *l = list_new();
    char s[100];
    memset(s, 'x', sizeof s);
    ck_assert_str_eq(list_encoding(l), "listpack");
    while (list_length(l) < 79)
        list_push(l, LIST_TAIL, bytes_of(s, sizeof s), -2);
    ck_assert_str_eq(list_encoding(l), "listpack");
    list_push(l, LIST_TAIL, bytes_of(s, sizeof s), -2);
    list_push(l, LIST_TAIL, bytes_of(s, sizeof s), -2);
    ck_assert_str_eq(list_encoding(l), "quicklist");
    list_drop(l, LIST_HEAD, 30, -2);
    ck_assert_str_eq(list_encoding(l), "quicklist"); /* two blocks */
    list_drop(l, LIST_TAIL, 30, -2);
    ck_assert_str_eq(list_encoding(l), "listpack");
    ck_assert(list_takes(1 << 29) && !list_takes((size_t)1 << 30) && !list_takes(SIZE_MAX));
    list_free(l);
}
END_TEST

Suite *suite_list(void)
{
    Suite *s = suite_create("types/list");
    TCase *t = tcase_create("list");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, against_an_array, 0, 6);
    tcase_add_test(t, the_encoding_follows_the_size);
    suite_add_tcase(s, t);
    return s;
}
