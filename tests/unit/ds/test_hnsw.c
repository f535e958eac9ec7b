/* The graph: sound after random inserts and removals, and near enough to the exact answer. */
#include "ds/hnsw.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/vector.h"
#include "tests/unit/suites.h"

#define DIM_MAX 64
#define K       10

static void random_vector(float *v, uint32_t dim)
{
    double angle = (double)rng_below(20); /* clusters */
    for (uint32_t i = 0; i < dim; i++)
        v[i] = (float)(sin(angle * (i + 1)) + rng_unit() - 0.5);
}

static uint32_t insert(struct hnsw *h, const float *v, void *item)
{
    struct hnsw_query q;
    struct hnsw_plan p;
    hnsw_query_init(&q, h, v);
    hnsw_plan_begin(&p, h);
    if (rng_below(2))
        hnsw_plan(&p, h, &q, 50);
    uint32_t id = hnsw_insert(h, &q, item, 50, &p);
    hnsw_query_release(&q);
    return id;
}

static uint32_t random_node(const struct hnsw *h)
{
    uint32_t id = hnsw_next(h, (uint32_t)rng_below(h->used));
    return id == HNSW_NONE ? hnsw_next(h, 0) : id;
}

/* Recall@10 of random queries, against the exact search of the same graph. */
static double recall(const struct hnsw *h, size_t queries, size_t ef)
{
    size_t hits = 0, wanted = 0;
    for (size_t i = 0; i < queries; i++) {
        float v[DIM_MAX];
        struct hnsw_query q;
        struct hnsw_near near[K], exact[K];
        struct hnsw_params p = {.ef = ef, .limit = K, .farthest = 3};
        random_vector(v, h->dim);
        hnsw_query_init(&q, h, v);
        size_t n = hnsw_search(h, &q, &p, near), all = hnsw_search_exact(h, &q, &p, exact);
        for (size_t a = 0; a < n; a++)
            hits += near[a].distance <= exact[all - 1].distance; /* ties count */
        wanted += all;
        hnsw_query_release(&q);
    }
    return (double)hits / (double)wanted;
}

static void stays_sound(enum hnsw_form form, uint32_t dim, uint32_t m, size_t steps)
{
    struct hnsw *h = hnsw_new(dim, m, form);
    for (size_t i = 0; i < steps; i++) {
        float v[DIM_MAX];
        bool grow = i < steps / 2 ? rng_below(4) != 0 : rng_below(4) == 0;
        random_vector(v, dim);
        if (grow || h->count == 0)
            insert(h, v, (void *)i);
        else
            hnsw_remove(h, random_node(h));
        if (i % 16 == 0 || h->count < 8)
            hnsw_check(h);
    }
    hnsw_check(h);
    while (h->count) {
        hnsw_remove(h, random_node(h));
        if (h->count % 8 == 0)
            hnsw_check(h);
    }
    hnsw_free(h);
}

START_TEST(sound_after_random_edits)
{
    static const uint32_t ms[] = {4, 5, 8, 16};
    rng_seed(3);
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++) {
        stays_sound(HNSW_F32, 8, ms[i], UNIT_STEPS(1500));
        stays_sound(HNSW_INT8, 33, ms[i], UNIT_STEPS(1500));
        stays_sound(HNSW_BITS, 64, ms[i], UNIT_STEPS(1500));
        stays_sound(HNSW_F32, 1, ms[i], UNIT_STEPS(800)); /* all at distance 0 or 2 */
    }
}
END_TEST

START_TEST(equal_vectors)
{
    struct hnsw *h = hnsw_new(4, 4, HNSW_INT8);
    static const float v[4] = {1, 2, 3, 4}, zero[4];
    for (size_t i = 0; i < 300; i++)
        insert(h, i % 10 == 9 ? zero : v, NULL);
    hnsw_check(h);
    for (size_t i = 0; i < 250; i++)
        hnsw_remove(h, random_node(h));
    hnsw_check(h);
    hnsw_free(h);
}
END_TEST

static void keeps_recall(enum hnsw_form form)
{
    size_t n = UNIT_STEPS(4000);
    struct hnsw *h = hnsw_new(24, 16, form);
    float v[DIM_MAX];
    for (size_t i = 0; i < n; i++) {
        random_vector(v, h->dim);
        insert(h, v, NULL);
    }
    ck_assert_double_ge(recall(h, 200, 100), 0.95);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < n / 2; i++)
            hnsw_remove(h, random_node(h));
        ck_assert_double_ge(recall(h, 200, 100), 0.95);
        for (size_t i = 0; i < n / 2; i++) {
            random_vector(v, h->dim);
            insert(h, v, NULL);
        }
        ck_assert_double_ge(recall(h, 200, 100), 0.95);
        hnsw_check(h);
    }
    hnsw_free(h);
}

START_TEST(recall_survives_deletion)
{
    rng_seed(5);
    keeps_recall(HNSW_F32);
    keeps_recall(HNSW_INT8);
}
END_TEST

static bool is_odd(void *ctx, void *item)
{
    ++*(size_t *)ctx;
    return (size_t)item % 2;
}

START_TEST(filters_and_bounds)
{
    rng_seed(11);
    struct hnsw *h = hnsw_new(16, 8, HNSW_F32);
    float v[DIM_MAX];
    for (size_t i = 0; i < 1000; i++) {
        random_vector(v, h->dim);
        insert(h, v, (void *)i);
    }
    size_t asked = 0;
    struct hnsw_query q;
    struct hnsw_near near[1000];
    struct hnsw_params p = {.ef = 200,
                            .limit = 20,
                            .farthest = 3,
                            .accept = is_odd,
                            .ctx = &asked,
                            .accept_max = SIZE_MAX};
    hnsw_query_init(&q, h, v);
    ck_assert_uint_eq(hnsw_search(h, &q, &p, near), 20);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_uint_eq((size_t)hnsw_item(h, near[i].id) % 2, 1);
        ck_assert(i == 0 || near[i - 1].distance <= near[i].distance);
    }
    asked = 0;
    p.accept_max = 30;
    ck_assert_uint_le(hnsw_search(h, &q, &p, near), 20);
    ck_assert_uint_le(asked, 30);
    p = (struct hnsw_params){.ef = 10, .limit = 1000, .farthest = 0.01f};
    size_t n = hnsw_search_exact(h, &q, &p, near);
    ck_assert_uint_ge(n, 1);
    for (size_t i = 0; i < n; i++)
        ck_assert_float_le(near[i].distance, 0.01f);
    p.farthest = 3;
    ck_assert_uint_eq(hnsw_search(h, &q, &p, near), 1000);
    hnsw_query_release(&q);
    hnsw_free(h);
}
END_TEST

/* Values come back as they went in, as far as the form can tell. */
START_TEST(values_come_back)
{
    float v[DIM_MAX], back[DIM_MAX];
    rng_seed(13);
    for (enum hnsw_form form = HNSW_F32; form <= HNSW_BITS; form++) {
        struct hnsw *h = hnsw_new(37, 4, form);
        for (size_t i = 0; i < 50; i++) {
            random_vector(v, h->dim);
            uint32_t id = insert(h, v, NULL);
            hnsw_values(h, id, back);
            for (uint32_t d = 0; d < h->dim; d++) {
                if (form == HNSW_BITS)
                    ck_assert_float_eq(back[d], v[d] > 0 ? 1 : -1);
                else
                    ck_assert_float_le(fabsf(back[d] - v[d]), form == HNSW_F32 ? 1e-5f : 0.02f);
            }
        }
        hnsw_free(h);
    }
}
END_TEST

static void restore_links(struct hnsw *to, const struct hnsw *from, uint32_t id)
{
    for (unsigned level = 0; level <= hnsw_level(from, id); level++) {
        const uint32_t *ids;
        size_t n = hnsw_links(from, id, level, &ids);
        for (size_t i = 0; i < n; i++)
            ck_assert(hnsw_restore_link(to, id, level, ids[i]));
    }
}

START_TEST(copies_and_restores)
{
    rng_seed(17);
    struct hnsw *h = hnsw_new(20, 6, HNSW_INT8), *again = hnsw_new(20, 6, HNSW_INT8);
    float v[DIM_MAX];
    for (size_t i = 0; i < 500; i++) {
        random_vector(v, h->dim);
        insert(h, v, (void *)i);
    }
    struct hnsw *copy = hnsw_dup(h);
    hnsw_check(copy);
    ck_assert_uint_eq(hnsw_mem_bytes(copy), hnsw_mem_bytes(h));
    for (uint32_t id = 0; id < 500; id++) {
        struct hnsw_query q;
        hnsw_query_of_stored(&q, h, hnsw_stored(h, id), hnsw_scale(h, id), hnsw_norm(h, id));
        ck_assert_uint_eq(hnsw_restore(again, &q, hnsw_item(h, id), hnsw_level(h, id)), id);
        ck_assert_int_eq(memcmp(hnsw_stored(again, id), hnsw_stored(h, id), hnsw_stored_bytes(h)),
                         0);
        hnsw_query_release(&q);
        ck_assert_ptr_eq(hnsw_item(copy, id), hnsw_item(h, id));
    }
    for (uint32_t id = 0; id < 500; id++)
        restore_links(again, h, id);
    ck_assert(hnsw_restore_end(again));
    ck_assert(!hnsw_restore_link(again, 3, 0, 3));
    hnsw_free(copy);
    hnsw_free(again);
    hnsw_free(h);
}
END_TEST

/* ---- threads --------------------------------------------------------------------------------- */

static struct hnsw *shared;
static pthread_rwlock_t shared_lock = PTHREAD_RWLOCK_INITIALIZER;

/* Plans are made beside searches, inserts and removals come alone: as vector sets do it. */
static void *work(void *arg)
{
    rng_seed((uint64_t)(size_t)arg);
    for (size_t i = 0; i < UNIT_STEPS(600); i++) {
        float v[DIM_MAX];
        struct hnsw_query q;
        struct hnsw_plan plan;
        struct hnsw_near near[K];
        struct hnsw_params p = {.ef = 20, .limit = K, .farthest = 3};
        random_vector(v, shared->dim);
        hnsw_query_init(&q, shared, v);
        pthread_rwlock_rdlock(&shared_lock);
        hnsw_search(shared, &q, &p, near);
        hnsw_plan_begin(&plan, shared);
        hnsw_plan(&plan, shared, &q, 30);
        pthread_rwlock_unlock(&shared_lock);
        pthread_rwlock_wrlock(&shared_lock);
        hnsw_insert(shared, &q, NULL, 30, &plan);
        if (shared->count > 200)
            hnsw_remove(shared, random_node(shared));
        pthread_rwlock_unlock(&shared_lock);
        hnsw_query_release(&q);
    }
    return NULL;
}

START_TEST(old_plans_fit_new_graphs)
{
    pthread_t t[4];
    shared = hnsw_new(12, 5, HNSW_INT8);
    for (size_t i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, work, (void *)(i + 1));
    for (size_t i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    hnsw_check(shared);
    hnsw_free(shared);
}
END_TEST

Suite *suite_hnsw(void)
{
    Suite *s = suite_create("ds/hnsw");
    TCase *t = tcase_create("hnsw");
    vector_init();
    tcase_set_timeout(t, 120);
    tcase_add_test(t, sound_after_random_edits);
    tcase_add_test(t, equal_vectors);
    tcase_add_test(t, recall_survives_deletion);
    tcase_add_test(t, filters_and_bounds);
    tcase_add_test(t, values_come_back);
    tcase_add_test(t, copies_and_restores);
    tcase_add_test(t, old_plans_fit_new_graphs);
    suite_add_tcase(s, t);
    return s;
}
