/* The set against a naive model, in all its forms; its random picks against the expected spread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/intset.h"
#include "tests/unit/suites.h"
#include "types/set.h"

#define NAMES 700

/* Name i: an integer, a short word, a long one, or one that the slab does not take. */
static struct bytes name_of(unsigned i, char *room)
{
    switch (i % 10) {
    case 0:
        return bytes_of(room, (size_t)sprintf(room, "%d", (int)i * 1000003));
    case 1:
        return bytes_of(room, (size_t)sprintf(room, "-%u", i));
    case 2:
        memset(room, 'a', 1000);
        return bytes_of(room, 230 + i);
    case 3:
        if (i % 100 == 3) {
            memset(room, 'b', 3000);
            return bytes_of(room, 2200 + i);
        } /* fall through */
    default:
        return bytes_of(room, (size_t)sprintf(room, "member:%u", i));
    }
}

static struct bytes integer_of(unsigned i, char *room)
{
    return bytes_of(room, (size_t)sprintf(room, "%lld",
                                          (long long)((int64_t)i - 100) * (i % 7 ? 1 : 1LL << 33)));
}

typedef struct bytes naming(unsigned i, char *room);

struct model {
    bool has[NAMES];
    size_t n;
};

static size_t visited;

static void count_visit(const struct set_item *item, void *ctx)
{
    (void)item;
    (void)ctx;
    visited++;
}

static void compare(const struct set *s, const struct model *m, naming *name)
{
    char room[4000];
    struct set_iter it;
    struct set_item item;
    size_t n = 0;
    set_check(s);
    if (set_length(s) != m->n)
        ck_abort_msg("%zu members, not %zu", set_length(s), m->n);
    for (unsigned i = 0; i < NAMES; i += 7) {
        if (set_has(s, name(i, room)) != m->has[i])
            ck_abort_msg("member %u", i);
    }
    set_iter_init(&it, s);
    while (set_iter_next(&it, &item))
        n += set_has(s, item.member);
    ck_assert_uint_eq(n, m->n);
    visited = 0;
    for (uint64_t cursor = set_scan(s, 0, 10, count_visit, NULL); cursor;)
        cursor = set_scan(s, cursor, 10, count_visit, NULL);
    ck_assert_uint_ge(visited, m->n);
    if (m->n) {
        size_t want = rng_below(m->n + 1);
        set_random(s, &item);
        ck_assert(set_has(s, item.member));
        visited = 0;
        set_random_distinct(s, want, count_visit, NULL);
        ck_assert_uint_eq(visited, want);
    }
}

static void run(naming *name, const struct set_limits *limits, size_t steps, unsigned names)
{
    struct set *s = set_new();
    struct model *m = mem_calloc(sizeof *m);
    char room[4000];
    for (size_t i = 0; i < steps; i++) {
        bool grow = (i / 1500) % 2 == 0; /* fills, then empties */
        unsigned k = (unsigned)rng_below(names);
        if (rng_below(4) ? grow : !grow) {
            ck_assert(set_add(s, name(k, room), limits) == !m->has[k]);
            m->n += !m->has[k];
            m->has[k] = true;
        } else {
            ck_assert(set_remove(s, name(k, room)) == m->has[k]);
            m->n -= m->has[k];
            m->has[k] = false;
        }
        if (i % 20 == 0)
            compare(s, m, name);
        if (i % 3000 == 1000) {
            struct set *copy = set_dup(s);
            set_free(s);
            s = copy;
        }
    }
    compare(s, m, name);
    set_free(s);
    mem_free(m);
}

START_TEST(against_a_model)
{
    struct set_limits limits = {512, 128, 64};
    run(name_of, &limits, UNIT_STEPS(20000), NAMES);
    run(integer_of, &limits, UNIT_STEPS(20000), NAMES);
    run(integer_of, &limits, UNIT_STEPS(10000), 300); /* stays an intset */
    run(name_of, &limits, UNIT_STEPS(10000), 40);     /* mostly a listpack */
}
END_TEST

START_TEST(the_form_follows_the_members)
{
    struct set_limits limits = {4, 3, 8};
    struct set *s = set_new();
    ck_assert_str_eq(set_encoding(s), "intset");
    set_add(s, BYTES("1"), &limits);
    set_add(s, BYTES("-70000"), &limits);
    ck_assert_str_eq(set_encoding(s), "intset");
    set_add(s, BYTES("007"), &limits);
    ck_assert_str_eq(set_encoding(s), "listpack");
    ck_assert(set_has(s, BYTES("1")) && set_has(s, BYTES("007")) && !set_has(s, BYTES("7")));
    set_add(s, BYTES("123456789"), &limits);
    ck_assert_str_eq(set_encoding(s), "hashtable");
    ck_assert_uint_eq(set_length(s), 4);
    set_free(s);
    s = set_new();
    for (int i = 0; i < 5; i++) {
        char text[16];
        ck_assert_str_eq(set_encoding(s), "intset");
        set_add(s, bytes_of(text, (size_t)sprintf(text, "%d", i)), &limits);
    }
    ck_assert_str_eq(set_encoding(s), "hashtable");
    set_free(s);
}
END_TEST

/* The number behind a name's letter. */
static size_t number_of(struct bytes name)
{
    int64_t v = -1;
    ck_assert(num_parse_int(bytes_of(name.p + 1, name.n - 1), &v) && v >= 0);
    return (size_t)v;
}

#define STAYING 3000

static void mark_staying(const struct set_item *item, void *ctx)
{
    bool *seen = ctx;
    if (item->member.p[0] == 's')
        seen[number_of(item->member)] = true;
}

/* Members that are there from the first step of a scan to the last are visited, while others come
 * and go by the thousand and the table grows and shrinks under it. */
START_TEST(a_scan_misses_nobody_who_stays)
{
    static const struct set_limits limits = {0, 0, 0};
    bool *seen = mem_calloc(STAYING);
    struct set *s = set_new();
    char text[16];
    uint64_t cursor = 0;
    for (int i = 0; i < STAYING; i++)
        set_add(s, bytes_of(text, (size_t)sprintf(text, "s%d", i)), &limits);
    for (int step = 0, others = 0; step == 0 || cursor != 0; step++) {
        bool grow = (step / 20 + _i) % 2 == 0;
        for (int i = 0; i < 500 && (grow || others > 0); i++) {
            size_t n = (size_t)sprintf(text, "o%d", grow ? others++ : --others);
            ck_assert(grow ? set_add(s, bytes_of(text, n), &limits)
                           : set_remove(s, bytes_of(text, n)));
        }
        cursor = set_scan(s, cursor, 40, mark_staying, seen);
    }
    set_check(s);
    for (int i = 0; i < STAYING; i++)
        ck_assert(seen[i]);
    set_free(s);
    mem_free(seen);
}
END_TEST

static void tally(const struct set_item *item, void *ctx)
{
    unsigned *hits = ctx;
    hits[number_of(item->member)]++;
}

/* Of 50 members in every form each comes up about as often: chi-squared with 49 degrees of freedom stays below 110, which
 * chance passes once in a million. */
START_TEST(picks_are_fair)
{
    static const struct set_limits limits[] = {{0, 128, 64}, {0, 0, 64}};
    unsigned draws = 50000, hits[100], distinct[100];
    char text[16];
    struct set *s = set_new();
    for (int i = 10; i < 60; i++)
        set_add(s, bytes_of(text, (size_t)sprintf(text, "m%d", i)), &limits[_i]);
    memset(hits, 0, sizeof hits);
    memset(distinct, 0, sizeof distinct);
    for (unsigned i = 0; i < draws; i++) {
        struct set_item item;
        set_random(s, &item);
        tally(&item, hits);
        if (i % 5 == 0)
            set_random_distinct(s, 5, tally, distinct);
    }
    double chi = 0, chi_distinct = 0, expected = draws / 50.0;
    for (int i = 10; i < 60; i++) {
        chi += (hits[i] - expected) * (hits[i] - expected) / expected;
        chi_distinct += (distinct[i] - expected) * (distinct[i] - expected) / expected;
    }
    ck_assert_double_lt(chi, 110);
    ck_assert_double_lt(chi_distinct, 110);
    set_free(s);
}
END_TEST

START_TEST(intsets_from_outside_are_checked)
{
    bool added;
    uint8_t *is = intset_new();
    for (int i = 0; i < 100; i++)
        is = intset_add(is, (int64_t)(i * 37 % 100) << (i % 40), &added);
    size_t n = intset_bytes(is);
    ck_assert(intset_validate(is, n) && !intset_validate(is, n - 1) &&
              !intset_validate(is, n + 1) && !intset_validate(is, 7));
    uint8_t *bad = intset_dup(is);
    memcpy(bad + 8, bad + 16, 8); /* not ascending */
    ck_assert(!intset_validate(bad, n));
    memcpy(bad, is, n);
    bad[0] = 3;
    ck_assert(!intset_validate(bad, n));
    memcpy(bad, is, n);
    bad[7] = 0xff;
    ck_assert(!intset_validate(bad, n));
    intset_free(bad);
    intset_free(is);
}
END_TEST

Suite *suite_set(void)
{
    Suite *s = suite_create("types/set");
    TCase *t = tcase_create("set");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, against_a_model);
    tcase_add_test(t, the_form_follows_the_members);
    tcase_add_loop_test(t, a_scan_misses_nobody_who_stays, 0, 2);
    tcase_add_loop_test(t, picks_are_fair, 0, 2);
    tcase_add_test(t, intsets_from_outside_are_checked);
    suite_add_tcase(s, t);
    return s;
}
