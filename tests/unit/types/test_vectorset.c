/* Vector sets against a plain list of names, and the lock of theirs under threads. */
#include "types/vectorset.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "ds/vector.h"
#include "tests/unit/suites.h"

#define NAMES 200

static struct bytes name_of(char *to, size_t i)
{
    return bytes_of(to, (size_t)sprintf(to, "%03zu", i));
}

static bool add(struct vectorset *v, struct bytes name)
{
    float values[12];
    struct hnsw_query q;
    struct hnsw_plan plan;
    for (size_t i = 0; i < 12; i++)
        values[i] = (float)rng_unit() - 0.5f;
    vectorset_query(&q, v, values);
    hnsw_plan_begin(&plan, v->graph);
    bool added = vectorset_add(v, name, &q, 20, &plan);
    hnsw_query_release(&q);
    return added;
}

static void compare(const struct vectorset *v, const int *there)
{
    size_t n = 0;
    char text[24];
    for (size_t i = 0; i < NAMES; i++) {
        uint32_t id = vectorset_find(v, name_of(text, i));
        ck_assert_int_eq(id != HNSW_NONE, there[i] != 0);
        if (!there[i])
            continue;
        ck_assert_uint_eq(vectorset_at(v, n), id);
        ck_assert_uint_eq(vectorset_rank(v, name_of(text, i), false), n);
        ck_assert_uint_eq(vectorset_rank(v, name_of(text, i), true), ++n);
        ck_assert_uint_eq(vectorset_element(v, id)->attributes_n, (uint32_t)there[i] - 1);
    }
    ck_assert_uint_eq(n, vectorset_count(v));
}

START_TEST(as_the_list)
{
    vector_init();
    rng_seed(4);
    for (uint32_t reduce = 0; reduce <= 12; reduce += 12) {
        struct vectorset *v = vectorset_new(reduce ? 5 : 12, 6, HNSW_INT8, reduce);
        static int there[NAMES]; /* 0: no; else one more than the bytes of its attributes */
        memset(there, 0, sizeof there);
        for (size_t step = 0; step < UNIT_STEPS(4000); step++) {
            char text[24];
            size_t i = rng_below(NAMES), what = rng_below(10);
            struct bytes name = name_of(text, i);
            if (what < 5) {
                ck_assert_int_eq(add(v, name), !there[i]);
                there[i] = there[i] ? there[i] : 1;
            } else if (what < 8) {
                ck_assert_int_eq(vectorset_remove(v, name), there[i] != 0);
                there[i] = 0;
            } else if (there[i]) {
                size_t n = rng_below(20);
                vectorset_set_attributes(v, vectorset_find(v, name),
                                         bytes_of("{\"attribute\":12345}", n));
                there[i] = (int)n + 1;
            }
            if (step % 50 == 0) {
                vectorset_check(v);
                compare(v, there);
            }
        }
        struct vectorset *copy = vectorset_dup(v);
        vectorset_check(copy);
        compare(copy, there);
        vectorset_unpin(v);
        compare(copy, there);
        vectorset_unpin(copy);
    }
}
END_TEST

/* ---- the lock -------------------------------------------------------------------------------- */

static struct reserve_lock lock;
static pthread_mutex_t shard = PTHREAD_MUTEX_INITIALIZER;
static size_t datum, twin; /* always equal but within a write */

static void *read_and_write(void *arg)
{
    rng_seed((uint64_t)(size_t)arg);
    for (size_t i = 0; i < UNIT_STEPS(20000); i++) {
        size_t what = rng_below(8);
        if (what < 5) {
            reserve_lock_shared(&lock);
            ck_assert_uint_eq(datum, twin);
            reserve_lock_unshared(&lock);
        } else if (what < 7) {
            reserve_lock_reserve(&lock);
            pthread_mutex_lock(&shard);
            datum++;
            twin++;
            pthread_mutex_unlock(&shard);
            reserve_lock_unreserve(&lock);
        } else {
            pthread_mutex_lock(&shard);
            ck_assert_uint_eq(datum, twin);
            reserve_lock_exclude(&lock);
            datum++;
            twin++;
            reserve_lock_include(&lock);
            pthread_mutex_unlock(&shard);
        }
    }
    return NULL;
}

START_TEST(lock_keeps_reads_from_writes)
{
    pthread_t t[6];
    reserve_lock_init(&lock);
    for (size_t i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, read_and_write, (void *)(i + 1));
    for (size_t i = 0; i < 6; i++)
        pthread_join(t[i], NULL);
    ck_assert_uint_eq(datum, twin);
    reserve_lock_release(&lock);
}
END_TEST

Suite *suite_vectorset(void)
{
    Suite *s = suite_create("types/vectorset");
    TCase *t = tcase_create("vectorset");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, as_the_list);
    tcase_add_test(t, lock_keeps_reads_from_writes);
    suite_add_tcase(s, t);
    return s;
}
