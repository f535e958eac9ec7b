#include "ds/listpack.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/suites.h"

/* ---- the format -------------------------------------------------------------------------------
 */

static void expect_bytes(uint8_t *lp, const char *want, size_t n)
{
    ck_assert_uint_eq(lp_bytes(lp), n);
    ck_assert_mem_eq(lp, want, n);
    lp_check(lp);
}

#define EXPECT(lp, lit) expect_bytes(lp, lit, sizeof(lit) - 1)

START_TEST(bytes_are_the_formats)
{
    uint8_t *lp = lp_new(0);
    EXPECT(lp, "\x07\0\0\0\0\0\xff");
    lp = lp_append(lp, BYTES("1"));
    lp = lp_append(lp, BYTES("hi"));
    EXPECT(lp, "\x0d\0\0\0\x02\0\x01\x01\x82hi\x03\xff");
    lp_free(lp);
    lp = lp_new(0);
    lp = lp_append_int(lp, -1);        /* 13 bits */
    lp = lp_append_int(lp, 4095);      /* 13 bits */
    lp = lp_append_int(lp, 4096);      /* 16 */
    lp = lp_append_int(lp, -40000);    /* 24 */
    lp = lp_append_int(lp, 1 << 30);   /* 32 */
    lp = lp_append_int(lp, INT64_MIN); /* 64 */
    EXPECT(lp, "\x26\0\0\0\x06\0"
               "\xdf\xff\x02"
               "\xcf\xff\x02"
               "\xf1\x00\x10\x03"
               "\xf2\xc0\x63\xff\x04"
               "\xf3\0\0\0\x40\x05"
               "\xf4\0\0\0\0\0\0\0\x80\x09\xff");
    lp_free(lp);
}
END_TEST

START_TEST(long_strings_have_long_backlens)
{
    static const size_t lengths[] = {63,    64,    125,   126,     4095,    4096,
                                     16377, 16378, 16379, 2097144, 2097146, 2097147};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char *s = mem_alloc(lengths[i]);
        memset(s, 'x', lengths[i]);
        uint8_t *lp = lp_append(lp_new(0), bytes_of(s, lengths[i]));
        lp = lp_append(lp, BYTES("tail"));
        lp_check(lp);
        ck_assert(lp_equal(lp_first(lp), bytes_of(s, lengths[i])));
        ck_assert_ptr_eq(lp_prev(lp, lp_last(lp)), lp_first(lp));
        lp_free(lp);
        mem_free(s);
    }
}
END_TEST

START_TEST(canonical_numbers_only_are_integers)
{
    static const char *texts[] = {"0",  "127", "128", "-4096", "-4097", "9223372036854775807",
                                  "-0", "007", "+1",  " 1",    "1.5",   "9223372036854775808",
                                  ""};
    uint8_t *lp = lp_new(64);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char scratch[NUM_INT_MAX];
        lp = lp_append(lp, bytes_str(texts[i]));
        ck_assert_int_eq(lp_get(lp_last(lp)).p == NULL, i < 6);
        ck_assert(bytes_eq(lp_get_bytes(lp_last(lp), scratch), bytes_str(texts[i])));
        ck_assert_ptr_eq(lp_find(lp, lp_first(lp), bytes_str(texts[i]), 0), lp_last(lp));
    }
    lp_free(lp);
}
END_TEST

START_TEST(an_empty_slice_may_have_no_address)
{
    uint8_t *lp = lp_append(lp_new(0), (struct bytes){0});
    ck_assert(lp_equal(lp_first(lp), (struct bytes){0}));
    ck_assert_ptr_eq(lp_find(lp, lp_first(lp), (struct bytes){0}, 0), lp_first(lp));
    lp_free(lp);
}
END_TEST

START_TEST(counts_beyond_16_bits)
{
    uint8_t *lp = lp_new(0);
    for (int i = 0; i < 70000; i++)
        lp = lp_append_int(lp, i % 100);
    ck_assert_uint_eq(lp_length(lp), 70000);
    ck_assert_ptr_null(lp_seek(lp, 70000));
    ck_assert(lp_equal(lp_seek(lp, 69999), BYTES("99")));
    ck_assert(lp_equal(lp_seek(lp, -1), BYTES("99")));
    lp = lp_delete_range(lp, 10, 69900);
    ck_assert_uint_eq(lp_length(lp), 100);
    lp_check(lp);
    lp_free(lp);
}
END_TEST

START_TEST(damage_is_seen)
{
    uint8_t *lp = lp_new(0);
    for (int i = 0; i < 20; i++) {
        lp = lp_append(lp, BYTES("some text"));
        lp = lp_append_int(lp, (int64_t)i << (3 * i));
    }
    size_t n = lp_bytes(lp);
    for (size_t cut = 0; cut < n; cut++)
        ck_assert(!lp_validate(lp, cut, NULL, NULL));
    for (size_t i = 0; i < UNIT_STEPS(20000); i++) {
        uint8_t *bad = lp_dup(lp);
        for (unsigned k = 0; k < 3; k++)
            bad[4 + rng_below(n - 4)] = (uint8_t)rng_u64();
        if (lp_validate(bad, n, NULL, NULL)) { /* then a walk must stay inside */
            size_t count = 0;
            for (uint8_t *at = lp_first(bad); at != NULL; at = lp_next(bad, at))
                count += lp_get(at).n + 1;
            ck_assert_uint_le(count, n + 1000);
        }
        lp_free(bad);
    }
    lp_free(lp);
}
END_TEST

/* ---- random operations against an array of strings ---------------------------------------------
 */

#define MODEL_MAX 300

struct model {
    struct bytes v[MODEL_MAX];
    size_t n;
};

static struct bytes random_value(char *room)
{
    uint64_t kind = rng_below(4);
    if (kind == 0)
        return bytes_of(room, num_format_int(room, (int64_t)(rng_u64() >> rng_below(64))));
    if (kind == 1)
        return bytes_of(room, num_format_int(room, (int64_t)rng_below(10)));
    size_t n = rng_below(kind == 2 ? 6 : 200);
    for (size_t i = 0; i < n; i++)
        room[i] = (char)('a' + rng_below(3));
    return bytes_of(room, n);
}

static void model_insert(struct model *m, size_t i, struct bytes s)
{
    memmove(m->v + i + 1, m->v + i, (m->n - i) * sizeof *m->v);
    char *p = mem_alloc(s.n + 1);
    memcpy(p, s.p, s.n);
    m->v[i] = bytes_of(p, s.n);
    m->n++;
}

static void model_delete(struct model *m, size_t i)
{
    mem_free((void *)m->v[i].p);
    memmove(m->v + i, m->v + i + 1, (m->n - i - 1) * sizeof *m->v);
    m->n--;
}

static void compare(const uint8_t *lp, const struct model *m)
{
    size_t i = 0;
    lp_check(lp);
    ck_assert_uint_eq(lp_length(lp), m->n);
    for (uint8_t *at = lp_first(lp); at != NULL; at = lp_next(lp, at))
        ck_assert(lp_equal(at, m->v[i++]));
    for (uint8_t *at = lp_last(lp); at != NULL; at = lp_prev(lp, at))
        ck_assert(lp_equal(at, m->v[--i]));
    ck_assert_uint_eq(i, 0);
}

static uint8_t *random_add(uint8_t *lp, struct model *m, struct bytes s)
{
    size_t i = rng_below(m->n + 1);
    uint8_t *at = m->n > 0 ? lp_seek(lp, (int64_t)(i == m->n ? i - 1 : i)) : NULL;
    model_insert(m, i, s);
    if (at == NULL || (i == m->n - 1 && rng_below(2)))
        return lp_append(lp, s);
    if (i == 0 && rng_below(2))
        return lp_prepend(lp, s);
    lp = lp_insert(lp, &at, i == m->n - 1 ? LP_AFTER : LP_BEFORE, s);
    ck_assert(lp_equal(at, s));
    return lp;
}

static uint8_t *random_range_delete(uint8_t *lp, struct model *m)
{
    size_t i = rng_below(m->n), count = rng_below(6);
    lp = lp_delete_range(lp, rng_below(2) ? (int64_t)i : (int64_t)i - (int64_t)m->n, count);
    for (size_t k = 0; k < count && i < m->n; k++)
        model_delete(m, i);
    return lp;
}

static uint8_t *random_batch_delete(uint8_t *lp, struct model *m)
{
    uint8_t *at[MODEL_MAX];
    size_t n = 0, kept = 0;
    struct model after = {.n = 0};
    for (uint8_t *p = lp_first(lp); p != NULL; p = lp_next(lp, p), kept++) {
        if (rng_below(8) == 0) {
            at[n++] = p;
            mem_free((void *)m->v[kept].p);
        } else {
            after.v[after.n++] = m->v[kept];
        }
    }
    *m = after;
    return lp_batch_delete(lp, at, n);
}

START_TEST(random_edits_match_the_model)
{
    struct model m = {.n = 0};
    uint8_t *lp = lp_new(0);
    char room[256];
    for (int step = 0; step < UNIT_STEPS(6000); step++) {
        uint64_t what = rng_below(16);
        struct bytes s = random_value(room);
        if (m.n == 0 || (what < 9 && m.n < MODEL_MAX - 1)) {
            lp = random_add(lp, &m, s);
        } else if (what < 11) {
            size_t i = rng_below(m.n);
            uint8_t *at = lp_seek(lp, (int64_t)i);
            lp = lp_replace(lp, &at, s);
            ck_assert(lp_equal(at, s));
            model_delete(&m, i);
            model_insert(&m, i, s);
        } else if (what < 14) {
            size_t i = rng_below(m.n);
            uint8_t *at = lp_seek(lp, (int64_t)i);
            lp = lp_delete(lp, &at);
            model_delete(&m, i);
            ck_assert(at == NULL ? i == m.n : lp_equal(at, m.v[i]));
        } else if (what == 14) {
            lp = random_range_delete(lp, &m);
        } else if (rng_below(8) == 0) {
            lp = random_batch_delete(lp, &m);
        }
        compare(lp, &m);
    }
    while (m.n > 0)
        model_delete(&m, 0);
    lp_free(lp);
}
END_TEST

START_TEST(find_passes_over_values)
{
    uint8_t *lp = lp_new(0);
    lp = lp_append(lp, BYTES("a"));
    lp = lp_append(lp, BYTES("b"));
    lp = lp_append(lp, BYTES("b"));
    lp = lp_append(lp, BYTES("7"));
    ck_assert_ptr_eq(lp_find(lp, lp_first(lp), BYTES("b"), 1), lp_seek(lp, 2));
    ck_assert_ptr_eq(lp_find(lp, lp_first(lp), BYTES("b"), 0), lp_seek(lp, 1));
    ck_assert_ptr_null(lp_find(lp, lp_first(lp), BYTES("7"), 1));
    lp_free(lp);
}
END_TEST

Suite *suite_listpack(void)
{
    Suite *s = suite_create("ds/listpack");
    TCase *t = tcase_create("listpack");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, bytes_are_the_formats);
    tcase_add_test(t, long_strings_have_long_backlens);
    tcase_add_test(t, canonical_numbers_only_are_integers);
    tcase_add_test(t, an_empty_slice_may_have_no_address);
    tcase_add_test(t, counts_beyond_16_bits);
    tcase_add_test(t, damage_is_seen);
    tcase_add_test(t, random_edits_match_the_model);
    tcase_add_test(t, find_passes_over_values);
    suite_add_tcase(s, t);
    return s;
}
