/* Counters of use, and which keys a policy takes. */
#include "keyspace/evict.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/registry.h"

#define KEYS 400

static const struct access_rule lfu = {true, 10, 1};

START_TEST(counter_of_uses)
{
    struct entry *e = entry_new_string(BYTES("k"), BYTES("v"), 0);
    uint64_t now_ms = 1700000000000u;
    rng_seed(1);
    e->freq = ACCESS_NEW;
    e->access = (uint32_t)(now_ms / 1000);
    for (int i = 0; i < 1000; i++)
        access_touch(e, now_ms, &lfu);
    ck_assert_uint_ge(e->freq, 10);
    ck_assert_uint_le(e->freq, 30);
    uint8_t freq = e->freq;
    ck_assert_uint_eq(access_frequency(e, now_ms + 3 * 60000, &lfu), freq - 3);
    ck_assert_uint_eq(access_frequency(e, now_ms + 300 * 60000, &lfu), 0);
    const struct access_rule never = {true, 10, 0}, quick = {true, 0, 1};
    ck_assert_uint_eq(access_frequency(e, now_ms + 300 * 60000, &never), freq);
    for (int i = 0; i < 400; i++)
        access_touch(e, now_ms, &quick);
    ck_assert_uint_eq(e->freq, 255);
    const struct access_rule lru = {0};
    access_touch(e, now_ms + 500, &lru);
    ck_assert_uint_le(access_idle_ms(e, now_ms + 1500) - 1000, 4);
    entry_free(e);
}
END_TEST

static struct keyspace *ks;
static unsigned gone_in[DB_COUNT];
static size_t gone, gone_low; /* of them with a number below KEYS / 2 */

static void on_gone(void *ctx, unsigned db, struct bytes key, const char *event)
{
    (void)ctx;
    ck_assert_str_eq(event, "evicted");
    gone_in[db]++;
    gone++;
    gone_low += (size_t)((key.p[2] - '0') * 100 < KEYS / 2); /* three digits, then zeros */
}

static void on_part(void *ctx, unsigned db, struct bytes key, struct bytes part)
{
    (void)ctx, (void)db, (void)key, (void)part;
}

/* Keys 0 and on; those below KEYS / 2 are the ones to go by each policy. Long names, short ones, several databases. */
static void fill(unsigned dbs, bool timed)
{
    uint64_t now_ms = clock_wall_ms();
    ks = keyspace_new();
    keyspace_on_expired(ks, on_gone, on_part, NULL);
    memset(gone_in, 0, sizeof gone_in);
    gone = gone_low = 0;
    for (int i = 0; i < KEYS; i++) {
        char name[400];
        int n = snprintf(name, sizeof name, "k:%03d%0*d", i, i % 3 == 0 ? 300 : 1, 0);
        struct keyref k = keyspace_ref(ks, bytes_of(name, (size_t)n));
        uint64_t deadline_ms = timed ? now_ms + 1000000 + (uint64_t)i * 1000 : 0;
        pthread_mutex_lock(&k.shard->lock);
        struct entry *e =
            keyspace_set_string_locked(ks, (unsigned)i % dbs, &k, BYTES("v"), deadline_ms, false);
        e->access = (uint32_t)(now_ms / 1000) - (i < KEYS / 2 ? 5000 : 10);
        e->freq = i < KEYS / 2 ? 1 : 100;
        pthread_mutex_unlock(&k.shard->lock);
    }
}

static void evict(enum evict_policy policy, size_t n)
{
    struct evict_rule rule = {policy, 10, {evict_by_frequency(policy), 10, 0}};
    for (size_t i = 0; i < n; i++)
        ck_assert(keyspace_evict(ks, &rule, clock_wall_ms()));
    ck_assert_uint_eq(gone, n);
    keyspace_reclaim(ks);
    keyspace_check(ks);
}

START_TEST(policies_take_the_right_keys)
{
    static const enum evict_policy ordered[] = {EVICT_ALL_LRU, EVICT_ALL_LFU, EVICT_VOLATILE_LRU,
                                                EVICT_VOLATILE_LFU, EVICT_VOLATILE_TTL};
    types_register();
    rng_seed(2);
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++) {
        fill(1, true);
        evict(ordered[i], KEYS / 4);
        ck_assert_uint_ge(gone_low, gone * 8 / 10);
        keyspace_free(ks);
    }
}
END_TEST

START_TEST(chance_is_fair_to_databases)
{
    types_register();
    rng_seed(3);
    fill(2, false);
    evict(EVICT_ALL_RANDOM, KEYS / 2);
    ck_assert_uint_ge(gone_in[0], KEYS / 8);
    ck_assert_uint_ge(gone_in[1], KEYS / 8);
    ck_assert_uint_le(gone_low, gone * 7 / 10);
    struct evict_rule rule = {EVICT_ALL_RANDOM, 5, {0}};
    while (keyspace_evict(ks, &rule, clock_wall_ms()))
        ;
    ck_assert_uint_eq(gone, KEYS);
    keyspace_free(ks);
}
END_TEST

START_TEST(those_without_a_deadline_stay)
{
    types_register();
    fill(1, false);
    for (enum evict_policy p = EVICT_VOLATILE_LRU; p <= EVICT_VOLATILE_TTL; p++) {
        struct evict_rule rule = {p, 5, {evict_by_frequency(p), 10, 1}};
        ck_assert(!keyspace_evict(ks, &rule, clock_wall_ms()));
    }
    ck_assert_uint_eq(gone, 0);
    keyspace_free(ks);
}
END_TEST

Suite *suite_evict(void)
{
    Suite *s = suite_create("keyspace/evict");
    TCase *t = tcase_create("evict");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, counter_of_uses);
    tcase_add_test(t, policies_take_the_right_keys);
    tcase_add_test(t, chance_is_fair_to_databases);
    tcase_add_test(t, those_without_a_deadline_stay);
    suite_add_tcase(s, t);
    return s;
}
