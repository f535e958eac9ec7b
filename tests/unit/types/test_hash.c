#include "types/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/suites.h"

static struct hash_write at(uint64_t now_ms)
{
    return (struct hash_write){.limits = {512, 64}, .now_ms = now_ms};
}

/* ---- a naive model: an array of fields
 * ----------------------------------------------------------- */

#define NAMES 1200

struct model {
    struct {
        struct bytes value;
        uint64_t when;
        bool there;
    } f[NAMES];
    size_t n;
};

static struct bytes name_of(size_t i, char *room)
{
    int n = i % 3 == 0 ? sprintf(room, "%zu", i) : sprintf(room, "field-%zu", i);
    if (i % 101 == 0) /* a few long names */
        n = sprintf(room, "%zu-%0*d", i, i % 202 == 0 ? 300 : 2500, 7);
    return bytes_of(room, (size_t)n);
}

static bool visible(const struct model *m, size_t i, uint64_t now)
{
    return m->f[i].there && (m->f[i].when == 0 || m->f[i].when > now);
}

static void model_set(struct model *m, size_t i, struct bytes value, uint64_t when)
{
    char *p = mem_alloc(value.n + 1);
    if (value.n > 0)
        memcpy(p, value.p, value.n);
    mem_free((void *)m->f[i].value.p);
    m->f[i].value = bytes_of(p, value.n);
    m->f[i].when = when;
    m->f[i].there = true;
}

static void model_del(struct model *m, size_t i)
{
    mem_free((void *)m->f[i].value.p);
    memset(&m->f[i], 0, sizeof m->f[i]);
}

static size_t model_length(const struct model *m, uint64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < NAMES; i++)
        n += visible(m, i, now);
    return n;
}

static void compare(const struct hash *h, const struct model *m, uint64_t now)
{
    struct hash_iter it;
    struct hash_item item, seen;
    char room[4096];
    size_t n = 0;
    hash_check(h);
    ck_assert_uint_eq(hash_length(h, now), model_length(m, now));
    for (size_t i = 0; i < NAMES; i++) {
        bool there = hash_get(h, name_of(i, room), now, &item);
        ck_assert_int_eq(there, visible(m, i, now));
        if (there) {
            ck_assert(bytes_eq(item.value, m->f[i].value));
            ck_assert_uint_eq(item.expire_at_ms, m->f[i].when);
        }
    }
    hash_iter_init(&it, h, now);
    for (; hash_iter_next(&it, &item); n++) {
        ck_assert(hash_get(h, item.field, now, &seen));
        ck_assert(bytes_eq(item.value, seen.value));
    }
    ck_assert_uint_eq(n, model_length(m, now));
}

static struct bytes random_value(char *room)
{
    uint64_t kind = rng_below(20);
    size_t n = kind == 0 ? rng_below(4000) : kind < 3 ? rng_below(400) : rng_below(30);
    if (kind > 15)
        return bytes_of(room, num_format_int(room, (int64_t)rng_below(100000)));
    memset(room, 'a' + (int)rng_below(26), n);
    return bytes_of(room, n);
}

static void random_write(struct hash *h, struct model *m, size_t i, uint64_t now, bool small)
{
    char room[4096], name[4096];
    struct bytes field = name_of(i, name), value = random_value(room);
    struct hash_write w = at(now);
    if (small && value.n > 30)
        value.n = 30;
    w.keep_deadline = rng_below(3) == 0;
    w.expire_at_ms = rng_below(4) == 0 ? now + 1 + rng_below(50) : 0;
    bool was = visible(m, i, now);
    uint64_t when = w.keep_deadline && was ? m->f[i].when : w.expire_at_ms;
    ck_assert_int_eq(hash_set(h, field, value, &w), !was);
    model_set(m, i, value, when);
}

static void random_deadline(struct hash *h, struct model *m, size_t i, uint64_t now)
{
    char name[4096];
    enum hash_expire_if cond = (enum hash_expire_if)rng_below(5);
    uint64_t when = now - 5 + rng_below(60), old = m->f[i].when;
    enum hash_expire_result got = hash_expire(h, name_of(i, name), when, cond, now);
    bool ok = cond == HASH_EXPIRE_ALWAYS || (cond == HASH_EXPIRE_NX && old == 0) ||
              (cond == HASH_EXPIRE_XX && old != 0) ||
              (cond == HASH_EXPIRE_GT && old != 0 && when > old) ||
              (cond == HASH_EXPIRE_LT && (old == 0 || when < old));
    if (!visible(m, i, now)) {
        ck_assert_int_eq(got, HASH_EXPIRE_MISSING);
    } else if (!ok) {
        ck_assert_int_eq(got, HASH_EXPIRE_UNMET);
    } else if (when <= now) {
        ck_assert_int_eq(got, HASH_EXPIRE_DELETED);
        model_del(m, i);
    } else {
        ck_assert_int_eq(got, HASH_EXPIRE_SET);
        m->f[i].when = when;
    }
}

static void random_expiry(struct hash *h, struct model *m, uint64_t now)
{
    size_t due = 0, max = rng_below(20);
    uint64_t next = 0;
    for (size_t i = 0; i < NAMES; i++) {
        due += m->f[i].there && !visible(m, i, now);
        if (m->f[i].there && m->f[i].when != 0 && (next == 0 || m->f[i].when < next))
            next = m->f[i].when;
    }
    ck_assert_uint_eq(hash_next_expiry_ms(h), next);
    ck_assert_uint_eq(hash_expire_some(h, now, max, NULL, NULL), due < max ? due : max);
    if (due > max)
        hash_expire_some(h, now, SIZE_MAX, NULL, NULL);
    for (size_t i = 0; i < NAMES; i++)
        if (m->f[i].there && !visible(m, i, now))
            model_del(m, i);
}

static void random_step(struct hash *h, struct model *m, size_t names, uint64_t now, bool small)
{
    char name[4096];
    size_t i = rng_below(names);
    if (small && i % 101 == 0)
        i++;
    switch (rng_below(10)) {
    case 0:
    case 1:
        ck_assert_int_eq(hash_del(h, name_of(i, name), now), visible(m, i, now));
        if (visible(m, i, now))
            model_del(m, i);
        break;
    case 2:
        random_deadline(h, m, i, now);
        break;
    case 3: {
        enum hash_persist_result want = !visible(m, i, now) ? HASH_PERSIST_MISSING
                                        : m->f[i].when == 0 ? HASH_PERSIST_NONE
                                                            : HASH_PERSIST_DONE;
        ck_assert_int_eq(hash_persist(h, name_of(i, name), now), want);
        if (want == HASH_PERSIST_DONE)
            m->f[i].when = 0;
        break;
    }
    default:
        random_write(h, m, i, now, small);
    }
}

static void run_random(size_t names, bool small, const char *encoding)
{
    struct model m;
    memset(&m, 0, sizeof m);
    struct hash *h = hash_new();
    uint64_t now = 1000000;
    for (int step = 0; step < 5000; step++) {
        random_step(h, &m, names, now, small);
        if (rng_below(20) == 0)
            now += rng_below(20);
        if (rng_below(50) == 0)
            random_expiry(h, &m, now);
        if (step % 100 == 0)
            compare(h, &m, now);
    }
    ck_assert_str_eq(hash_encoding(h), encoding);
    struct hash *copy = hash_dup(h);
    hash_free(h);
    compare(copy, &m, now);
    hash_free(copy);
    for (size_t i = 0; i < NAMES; i++)
        model_del(&m, i);
}

START_TEST(small_hashes_match_the_model)
{
    run_random(60, true, "listpackex");
}
END_TEST

START_TEST(large_hashes_match_the_model)
{
    run_random(NAMES, false, "hashtable");
}
END_TEST

/* ---- by value ---------------------------------------------------------------------------------
 */

START_TEST(encodings_change_at_the_limits)
{
    struct hash *h = hash_new();
    struct hash_write w = at(1);
    char text[100];
    memset(text, 'v', sizeof text);
    for (int i = 0; i < 512; i++)
        hash_set(h, bytes_of(text, (size_t)sprintf(text, "f%d", i)), BYTES("v"), &w);
    ck_assert_str_eq(hash_encoding(h), "listpack");
    ck_assert_int_eq(hash_expire(h, BYTES("f7"), 100, HASH_EXPIRE_ALWAYS, 1), HASH_EXPIRE_SET);
    ck_assert_str_eq(hash_encoding(h), "listpackex");
    hash_set(h, BYTES("one more"), BYTES("v"), &w);
    ck_assert_str_eq(hash_encoding(h), "hashtable");
    ck_assert_uint_eq(hash_next_expiry_ms(h), 100);
    ck_assert_uint_eq(hash_length(h, 99), 513);
    ck_assert_uint_eq(hash_length(h, 100), 512);
    ck_assert_uint_eq(hash_length_all(h), 513);
    hash_free(h);
    h = hash_new();
    hash_set(h, BYTES("f"), bytes_of(text, 64), &w);
    ck_assert_str_eq(hash_encoding(h), "listpack");
    hash_set(h, BYTES("f"), bytes_of(text, 65), &w);
    ck_assert_str_eq(hash_encoding(h), "hashtable");
    hash_free(h);
}
END_TEST

START_TEST(increments_keep_deadlines_and_refuse)
{
    struct hash *h = hash_new();
    struct hash_write w = at(1);
    struct hash_item item;
    char text[NUM_LONG_DOUBLE_MAX];
    size_t n;
    int64_t v;
    ck_assert_int_eq(hash_incr_by(h, BYTES("n"), 5, &w, &v), HASH_INCR_OK);
    hash_expire(h, BYTES("n"), 100, HASH_EXPIRE_ALWAYS, 1);
    ck_assert_int_eq(hash_incr_by(h, BYTES("n"), -7, &w, &v), HASH_INCR_OK);
    ck_assert_int_eq(v, -2);
    ck_assert(hash_get(h, BYTES("n"), 1, &item));
    ck_assert_uint_eq(item.expire_at_ms, 100);
    ck_assert_int_eq(hash_incr_by(h, BYTES("n"), INT64_MIN, &w, &v), HASH_INCR_OVERFLOW);
    ck_assert_int_eq(hash_incr_by_float(h, BYTES("n"), 0.5L, &w, text, &n), HASH_INCR_OK);
    ck_assert(bytes_eq(bytes_of(text, n), BYTES("-1.5")));
    ck_assert_int_eq(hash_incr_by(h, BYTES("n"), 1, &w, &v), HASH_INCR_NOT_NUMBER);
    ck_assert_int_eq(hash_incr_by_float(h, BYTES("n"), (long double)INFINITY, &w, text, &n),
                     HASH_INCR_OVERFLOW);
    w.now_ms = 100; /* past its deadline: a new field from 0 */
    ck_assert_int_eq(hash_incr_by(h, BYTES("n"), 1, &w, &v), HASH_INCR_OK);
    ck_assert_int_eq(v, 1);
    ck_assert(hash_get(h, BYTES("n"), 100, &item));
    ck_assert_uint_eq(item.expire_at_ms, 0);
    hash_free(h);
}
END_TEST

struct sample {
    unsigned seen[2000];
    size_t n;
};

static void note(const struct hash_item *item, void *ctx)
{
    struct sample *s = ctx;
    s->seen[strtoul(item->field.p + 1, NULL, 10)]++;
    s->n++;
}

static struct hash *numbered(size_t n)
{
    struct hash *h = hash_new();
    struct hash_write w = at(1);
    char text[32];
    for (size_t i = 0; i < n; i++)
        hash_set(h, bytes_of(text, (size_t)sprintf(text, "f%zu", i) + 1), BYTES("v"), &w);
    return h;
}

static void check_sampling(size_t n)
{
    struct hash *h = numbered(n);
    for (size_t want = 0; want <= n + 1; want += want < 20 ? 1 : n / 7) {
        struct sample s = {.n = 0};
        ck_assert_uint_eq(hash_random_distinct(h, want, 1, note, &s), want < n ? want : n);
        ck_assert_uint_eq(s.n, want < n ? want : n);
        for (size_t i = 0; i < n; i++)
            ck_assert_uint_le(s.seen[i], 1);
        hash_random_repeating(h, 10, 1, note, &s);
        ck_assert_uint_eq(s.n, (want < n ? want : n) + 10);
    }
    for (size_t i = 0; i < n; i++) { /* all but one past their deadline */
        char text[32];
        struct bytes field = bytes_of(text, (size_t)sprintf(text, "f%zu", i) + 1);
        if (i != n / 2)
            hash_expire(h, field, 50, HASH_EXPIRE_ALWAYS, 1);
    }
    struct sample s = {.n = 0};
    hash_random_repeating(h, 7, 50, note, &s);
    ck_assert_uint_eq(s.seen[n / 2], 7);
    ck_assert_uint_eq(hash_random_distinct(h, 5, 50, note, &s), 1);
    hash_free(h);
}

START_TEST(samples_are_distinct_and_visible)
{
    check_sampling(100);
    check_sampling(2000);
}
END_TEST

/* Half of what comes in gets a deadline, so that records of both kinds move. */
START_TEST(memory_follows_the_fields_down)
{
    struct hash *h = hash_new();
    struct hash_write w = at(1);
    struct hash_item item;
    char name[32], value[100];
    memset(value, 'v', sizeof value);
    for (size_t i = 0; i < 20000; i++) {
        w.expire_at_ms = i % 2 ? 1000 + i : 0;
        hash_set(h, bytes_of(name, (size_t)sprintf(name, "f%zu", i)), bytes_of(value, i % 100), &w);
    }
    size_t full = hash_mem_bytes(h);
    for (size_t i = 0; i < 19000; i++) {
        size_t k = i * 7919 % 20000;
        hash_del(h, bytes_of(name, (size_t)sprintf(name, "f%zu", k)), 1);
        if (i % 1000 == 0)
            hash_check(h);
    }
    hash_check(h);
    ck_assert_uint_eq(hash_length(h, 1), 1000);
    ck_assert_uint_lt(hash_mem_bytes(h), full / 4);
    for (size_t i = 0; i < 20000; i++) {
        size_t k = i * 7919 % 20000;
        bool there = hash_get(h, bytes_of(name, (size_t)sprintf(name, "f%zu", k)), 1, &item);
        ck_assert_int_eq(there, i >= 19000);
        if (there) {
            ck_assert(bytes_eq(item.value, bytes_of(value, k % 100)));
            ck_assert_uint_eq(item.expire_at_ms, k % 2 ? 1000 + k : 0);
        }
    }
    ck_assert_uint_eq(hash_expire_some(h, 100000, SIZE_MAX, NULL, NULL), 500);
    hash_check(h);
    hash_free(h);
}
END_TEST

START_TEST(a_scan_sees_all)
{
    struct hash *h = numbered(2000);
    struct sample s = {.n = 0};
    uint64_t cursor = 0;
    do {
        cursor = hash_scan(h, cursor, 10, 1, note, &s);
    } while (cursor != 0);
    for (size_t i = 0; i < 2000; i++)
        ck_assert_uint_eq(s.seen[i], 1);
    hash_free(h);
}
END_TEST

Suite *suite_hash(void)
{
    Suite *s = suite_create("types/hash");
    TCase *t = tcase_create("hash");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, small_hashes_match_the_model);
    tcase_add_test(t, large_hashes_match_the_model);
    tcase_add_test(t, encodings_change_at_the_limits);
    tcase_add_test(t, increments_keep_deadlines_and_refuse);
    tcase_add_test(t, samples_are_distinct_and_visible);
    tcase_add_test(t, memory_follows_the_fields_down);
    tcase_add_test(t, a_scan_sees_all);
    suite_add_tcase(s, t);
    return s;
}
