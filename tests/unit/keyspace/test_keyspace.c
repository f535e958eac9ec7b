/* Keys with values, deadlines and client flags against a model; several threads under the gate. */
#include "keyspace/keyspace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/registry.h"

#define KEYS 200

struct model {
    bool there;
    char value[700];
    size_t n;
    uint64_t deadline_ms;
    uint32_t flags;
};

static void random_value(struct model *m)
{
    static const size_t sizes[] = {0, 5, 40, 64, 200, 512, 513, 700};
    m->n = rng_below(sizes[rng_below(8)] + 1);
    for (size_t i = 0; i < m->n; i++)
        m->value[i] = (char)rng_below(256);
    if (rng_below(4) == 0)
        m->n = (size_t)snprintf(m->value, sizeof m->value, "%lld",
                                (long long)rng_u64() >> rng_below(60));
}

static void agree(struct keyspace *ks, const struct keyref *k, const struct model *m, uint64_t now)
{
    char scratch[NUM_INT_MAX];
    struct entry *e = keyspace_find_locked(ks, 0, k, now);
    ck_assert_int_eq(e != NULL, m->there);
    if (!e)
        return;
    ck_assert(bytes_eq(entry_string(e, scratch), bytes_of(m->value, m->n)));
    ck_assert(bytes_eq(entry_key(e), k->name));
    ck_assert_uint_eq(entry_deadline_ms(e), m->deadline_ms);
    ck_assert_uint_eq(entry_client_flags(e), m->flags);
}

static void step(struct keyspace *ks, const struct keyref *k, struct model *m, uint64_t now)
{
    struct entry *e = keyspace_find_locked(ks, 0, k, now);
    char *data;
    switch (rng_below(6)) {
    case 0:
        random_value(m);
        m->there = true;
        m->flags = 0;
        m->deadline_ms = rng_below(2) ? now + 1 + rng_below(1000) : 0;
        keyspace_set_string_locked(ks, 0, k, bytes_of(m->value, m->n), m->deadline_ms, false);
        break;
    case 1:
        ck_assert_int_eq(keyspace_delete_locked(ks, 0, k), m->there);
        m->there = false;
        break;
    case 2:
        if (!e)
            break;
        m->deadline_ms = rng_below(3) ? now + 1 + rng_below(100000) : 0;
        keyspace_set_deadline_locked(ks, 0, k, e, m->deadline_ms);
        break;
    case 3:
        if (!e)
            break;
        m->flags = (uint32_t)rng_u64();
        keyspace_set_client_flags_locked(ks, 0, k, e, m->flags);
        break;
    case 4:
        if (!e || m->n == sizeof m->value)
            break;
        keyspace_edit_locked(ks, 0, k, e, m->n + 1, &data);
        data[m->n] = m->value[m->n] = 'x';
        m->n++;
        break;
    default:
        if (!e)
            break;
        int64_t v = (int64_t)rng_u64();
        m->n = (size_t)snprintf(m->value, sizeof m->value, "%lld", (long long)v);
        keyspace_set_int_locked(ks, 0, k, e, v);
    }
}

START_TEST(values_deadlines_and_flags_agree_with_a_model)
{
    static struct model models[KEYS];
    struct keyspace *ks;
    uint64_t now = clock_wall_ms();
    memset(models, 0, sizeof models);
    types_register();
    ks = keyspace_new();
    rng_seed(19);
    for (int n = 0; n < 40000; n++) {
        char text[16];
        unsigned i = (unsigned)rng_below(KEYS);
        struct keyref k =
            keyspace_ref(ks, bytes_of(text, (size_t)snprintf(text, sizeof text, "k%u", i)));
        struct model *m = &models[i];
        now += rng_below(3);
        if (m->there && m->deadline_ms && m->deadline_ms <= now)
            m->there = false;
        agree(ks, &k, m, now);
        step(ks, &k, m, now);
        agree(ks, &k, m, now);
        keyspace_reclaim(ks);
        if (n % 4001 == 0)
            keyspace_check(ks);
    }
    keyspace_check(ks);
    keyspace_free(ks);
}
END_TEST

/* ---- the gate ---------------------------------------------------------------------------------------- */

struct work {
    struct keyspace *ks;
    int rounds;
    uint64_t *plain; /* changed by passers under a lock, by closers alone: torn if the gate leaks */
};

static void *pass(void *arg)
{
    struct work *w = arg;
    struct gate *g = keyspace_gate(w->ks);
    struct gate_word *word = gate_join(g);
    struct keyref k = keyspace_ref(w->ks, BYTES("shared"));
    for (int i = 0; i < w->rounds; i++) {
        gate_pass(g, word);
        pthread_mutex_lock(&k.shard->lock);
        (*w->plain)++;
        pthread_mutex_unlock(&k.shard->lock);
        gate_exit(word);
    }
    gate_leave(word);
    return NULL;
}

static void *close_and_open(void *arg)
{
    struct work *w = arg;
    for (int i = 0; i < w->rounds / 50; i++) {
        gate_close(keyspace_gate(w->ks));
        (*w->plain)++;
        gate_open(keyspace_gate(w->ks));
    }
    return NULL;
}

START_TEST(a_closed_gate_keeps_everyone_out)
{
    uint64_t plain = 0;
    struct work w = {.rounds = 5000, .plain = &plain};
    pthread_t threads[6];
    types_register();
    w.ks = keyspace_new();
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, i < 4 ? pass : close_and_open, &w), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(plain, 4 * 5000 + 2 * 100);
    keyspace_free(w.ks);
}
END_TEST

Suite *suite_keyspace(void)
{
    Suite *s = suite_create("keyspace/keyspace");
    TCase *t = tcase_create("keyspace");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, values_deadlines_and_flags_agree_with_a_model);
    tcase_add_test(t, a_closed_gate_keeps_everyone_out);
    suite_add_tcase(s, t);
    return s;
}
