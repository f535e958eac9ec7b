/* The keyspace's table against an array of what should be there. */
#include "keyspace/table.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/rng.h"
#include "tests/unit/suites.h"

#define KEYS 3000

static struct bytes key_of(unsigned i, char *to, size_t room)
{
    return bytes_of(to, (size_t)snprintf(to, room, "key:%u", i));
}

static void toggle(struct table *t, unsigned i, bool *there)
{
    char text[32];
    struct bytes key = key_of(i, text, sizeof text);
    uint64_t hash = hash_bytes(key);
    struct table_pos p = table_find(t, hash, key);
    ck_assert_int_eq(p.array != NULL, there[i]);
    if (p.array) {
        struct entry *e = table_at(&p);
        table_erase(t, &p, hash);
        entry_free(e);
    } else {
        table_insert(t, hash, entry_new_string(key, BYTES("v"), 0));
    }
    there[i] = !there[i];
}

static void empty(struct table *t, bool *there)
{
    for (unsigned i = 0; i < KEYS; i++) {
        if (there[i])
            toggle(t, i, there);
    }
    table_check(t);
    ck_assert_uint_eq(t->count, 0);
    table_release(t);
}

START_TEST(random_operations_agree_with_a_model)
{
    struct table t;
    static bool there[KEYS];
    memset(there, 0, sizeof there);
    table_init(&t);
    rng_seed(7);
    for (int step = 0; step < 60000; step++) {
        unsigned range = step % 20000 < 10000 ? KEYS : 40; /* grows, then shrinks */
        unsigned i = (unsigned)rng_below(range);
        if (step % 20000 >= 10000 && !there[i])
            i = (unsigned)rng_below(KEYS);
        toggle(&t, i, there);
        if (step % 997 == 0)
            table_check(&t);
    }
    empty(&t, there);
}
END_TEST

static void mark(struct entry *e, void *ctx)
{
    unsigned i;
    char text[32] = {0};
    struct bytes key = entry_key(e);
    memcpy(text, key.p, key.n);
    ck_assert_int_eq(sscanf(text, "key:%u", &i), 1);
    ((unsigned char *)ctx)[i]++;
}

START_TEST(a_scan_misses_nothing_while_the_table_grows_and_shrinks)
{
    struct table t;
    static bool there[KEYS];
    static unsigned char seen[KEYS];
    memset(there, 0, sizeof there);
    memset(seen, 0, sizeof seen);
    table_init(&t);
    rng_seed(11);
    for (unsigned i = 0; i < 500; i++) /* these stay */
        toggle(&t, i, there);
    uint64_t at = 0;
    do {
        at = table_scan(&t, at, mark, seen);
        for (int k = 0; k < 12; k++) /* the others come and go */
            toggle(&t, 500 + (unsigned)rng_below(KEYS - 500), there);
    } while (at);
    for (unsigned i = 0; i < 500; i++)
        ck_assert_uint_ge(seen[i], 1);
    empty(&t, there);
}
END_TEST

START_TEST(every_entry_is_drawn_about_as_often)
{
    struct table t;
    static bool there[KEYS];
    static unsigned char seen[KEYS];
    unsigned hits[64] = {0};
    memset(there, 0, sizeof there);
    memset(seen, 0, sizeof seen);
    table_init(&t);
    rng_seed(3);
    for (unsigned i = 0; i < 64; i++)
        toggle(&t, i, there);
    for (int n = 0; n < 64000; n++) {
        unsigned char one[KEYS] = {0};
        unsigned i = 0;
        mark(table_random(&t), one);
        while (!one[i])
            i++;
        hits[i]++;
    }
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_gt(hits[i], 800);
        ck_assert_uint_lt(hits[i], 1200);
    }
    empty(&t, there);
}
END_TEST

Suite *suite_table(void)
{
    Suite *s = suite_create("keyspace/table");
    TCase *t = tcase_create("table");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, random_operations_agree_with_a_model);
    tcase_add_test(t, a_scan_misses_nothing_while_the_table_grows_and_shrinks);
    tcase_add_test(t, every_entry_is_drawn_about_as_often);
    suite_add_tcase(s, t);
    return s;
}
