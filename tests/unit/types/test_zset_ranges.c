/* Sorted sets: walks, spans, scans and the flags of zset_add, in both encodings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/zset.h"

#define MEMBERS 300

static const struct zset_limits small = {512, 64}, none = {0, 64};

struct row {
    char name[8];
    double score;
};

static struct row rows[MEMBERS]; /* in order */

static int row_cmp(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Members of `scores` different scores. */
static struct zset *make(struct zset_limits limits, unsigned scores)
{
    struct zset *z = zset_new();
    for (int i = 0; i < MEMBERS; i++) {
        sprintf(rows[i].name, "%c%03d", 'a' + i % 7, i);
        rows[i].score = (double)rng_below(scores) - scores / 2;
        double score = rows[i].score;
        ck_assert_int_eq(zset_add(z, limits, bytes_str(rows[i].name), &score, 0), ZSET_ADDED);
    }
    qsort(rows, MEMBERS, sizeof *rows, row_cmp);
    ck_assert_str_eq(zset_encoding(z), limits.entries ? "listpack" : "skiplist");
    return z;
}

static void walk(const struct zset *z, size_t rank, bool reverse)
{
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, z, rank, reverse);
    for (size_t i = rank; i < MEMBERS; i += reverse ? (size_t)-1 : 1) {
        ck_assert(zset_iter_next(&it, &item));
        ck_assert(bytes_eq(item.member, bytes_str(rows[i].name)) && item.score == rows[i].score);
    }
    ck_assert(!zset_iter_next(&it, &item));
}

static void check_score_span(const struct zset *z)
{
    struct zset_score_range r = {.min = (double)rng_below(24) - 12,
                                 .max = (double)rng_below(24) - 12,
                                 .min_open = rng_below(2),
                                 .max_open = rng_below(2)};
    size_t from, to, below = 0, in = 0;
    if (rng_below(10) == 0)
        r.min = -INFINITY;
    if (rng_below(10) == 0)
        r.max = INFINITY;
    for (int i = 0; i < MEMBERS; i++) {
        double s = rows[i].score;
        bool low = s < r.min || (r.min_open && s == r.min),
             high = s > r.max || (r.max_open && s == r.max);
        below += low;
        in += !low && !high;
    }
    zset_score_span(z, &r, &from, &to);
    ck_assert_uint_eq(to - from, in);
    ck_assert(in == 0 || from == below);
}

static struct zset_lex_bound random_bound(char *text)
{
    struct zset_lex_bound b = {.kind = LEX_MEMBER, .open = rng_below(2)};
    if (rng_below(8) == 0)
        b.kind = rng_below(2) ? LEX_LOWEST : LEX_HIGHEST;
    strcpy(text, rows[rng_below(MEMBERS)].name);
    text[rng_below(5)] = 0; /* a whole name, a part of one, or nothing */
    b.member = bytes_str(text);
    return b;
}

/* Is the name on the side of the bound that a range keeps? */
static bool beyond(const char *name, const struct zset_lex_bound *b, int side)
{
    if (b->kind != LEX_MEMBER)
        return (b->kind == LEX_LOWEST) == (side > 0);
    int c = bytes_cmp(bytes_str(name), b->member) * side;
    return c > 0 || (c == 0 && !b->open);
}

static void check_lex_span(const struct zset *z)
{
    char low[8], high[8];
    struct zset_lex_bound min = random_bound(low), max = random_bound(high);
    size_t from, to, in = 0, before = 0;
    for (int i = 0; i < MEMBERS; i++) {
        in += beyond(rows[i].name, &min, 1) && beyond(rows[i].name, &max, -1);
        before += !beyond(rows[i].name, &min, 1);
    }
    zset_lex_span(z, &min, &max, &from, &to);
    ck_assert_uint_eq(to - from, in);
    ck_assert(in == 0 || from == before);
}

START_TEST(walks_and_spans_agree_with_a_sorted_array)
{
    rng_seed(71);
    for (int encoding = 0; encoding < 2; encoding++) {
        struct zset *z = make(encoding ? none : small, 20);
        for (int n = 0; n < UNIT_STEPS(2000); n++)
            check_score_span(z);
        for (size_t rank = 0; rank < MEMBERS; rank += 13) {
            walk(z, rank, false);
            walk(z, rank, true);
        }
        walk(z, MEMBERS, false);
        zset_free(z);
        z = make(encoding ? none : small, 1);
        for (int n = 0; n < UNIT_STEPS(2000); n++)
            check_lex_span(z);
        zset_free(z);
    }
}
END_TEST

static void count_visit(const struct zset_item *item, void *ctx)
{
    (void)item;
    ++*(size_t *)ctx;
}

START_TEST(a_scan_visits_all)
{
    for (int encoding = 0; encoding < 2; encoding++) {
        size_t seen = 0;
        struct zset *z = make(encoding ? none : small, 1000);
        for (uint64_t cursor = zset_scan(z, 0, count_visit, &seen); cursor;)
            cursor = zset_scan(z, cursor, count_visit, &seen);
        ck_assert_uint_eq(seen, MEMBERS);
        zset_free(z);
    }
}
END_TEST

/* One call of zset_add: from which score, with what, to what. The member is there where `from` is a
 * number. */
static const struct {
    double from, given;
    unsigned flags;
    enum zset_result result;
    double to;
} calls[] = {
    {NAN, 5, 0, ZSET_ADDED, 5},
    {NAN, 5, ZSET_NX, ZSET_ADDED, 5},
    {NAN, 5, ZSET_XX, ZSET_NOTHING, NAN},
    {NAN, 5, ZSET_GT, ZSET_ADDED, 5},
    {NAN, 5, ZSET_XX | ZSET_INCR, ZSET_NOTHING, NAN},
    {NAN, -INFINITY, ZSET_INCR, ZSET_ADDED, -INFINITY},
    {3, 5, 0, ZSET_UPDATED, 5},
    {3, 3, 0, ZSET_SAME, 3},
    {0.0, -0.0, 0, ZSET_SAME, 0},
    {3, 5, ZSET_NX, ZSET_NOTHING, 3},
    {3, 5, ZSET_XX, ZSET_UPDATED, 5},
    {3, 5, ZSET_GT, ZSET_UPDATED, 5},
    {3, 2, ZSET_GT, ZSET_NOTHING, 3},
    {3, 3, ZSET_GT, ZSET_NOTHING, 3},
    {3, 2, ZSET_LT, ZSET_UPDATED, 2},
    {3, 5, ZSET_LT, ZSET_NOTHING, 3},
    {3, 5, ZSET_INCR, ZSET_UPDATED, 8},
    {3, 0, ZSET_INCR, ZSET_SAME, 3},
    {3, -1, ZSET_INCR | ZSET_GT, ZSET_NOTHING, 3},
    {3, -1, ZSET_INCR | ZSET_LT, ZSET_UPDATED, 2},
    {INFINITY, -INFINITY, ZSET_INCR, ZSET_NAN, INFINITY},
    {INFINITY, 1, ZSET_INCR, ZSET_SAME, INFINITY},
};

static void check_call(struct zset_limits limits, size_t i)
{
    struct zset *z = zset_new();
    double score = calls[i].from, given = calls[i].given;
    if (!isnan(score))
        zset_add(z, limits, BYTES("m"), &score, 0);
    ck_assert_msg(zset_add(z, limits, BYTES("m"), &given, calls[i].flags) == calls[i].result,
                  "call %zu", i);
    if (isnan(calls[i].to))
        ck_assert(!zset_score(z, BYTES("m"), &score));
    else
        ck_assert_msg(zset_score(z, BYTES("m"), &score) && score == calls[i].to, "call %zu", i);
    zset_check(z);
    zset_free(z);
}

START_TEST(flags_decide)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        check_call(small, i);
        check_call(none, i);
    }
}
END_TEST

START_TEST(members_are_binary_and_may_be_empty)
{
    for (int encoding = 0; encoding < 2; encoding++) {
        struct bytes names[] = {bytes_of("", 0), bytes_of("\0", 1), bytes_of("a\0b", 3),
                                bytes_of("12", 2), bytes_of("\377\377", 2)};
        struct zset *z = zset_new();
        struct zset_iter it;
        struct zset_item item;
        for (int i = 4; i >= 0; i--) {
            double score = 1;
            zset_add(z, encoding ? none : small, names[i], &score, 0);
        }
        int order[] = {0, 1, 3, 2, 4};
        zset_iter_init(&it, z, 0, false);
        for (int i = 0; i < 5; i++)
            ck_assert(zset_iter_next(&it, &item) && bytes_eq(item.member, names[order[i]]));
        zset_check(z);
        zset_free(z);
    }
}
END_TEST

Suite *suite_zset_ranges(void)
{
    Suite *s = suite_create("types/zset_ranges");
    TCase *t = tcase_create("zset_ranges");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, walks_and_spans_agree_with_a_sorted_array);
    tcase_add_test(t, a_scan_visits_all);
    tcase_add_test(t, flags_decide);
    tcase_add_test(t, members_are_binary_and_may_be_empty);
    suite_add_tcase(s, t);
    return s;
}
