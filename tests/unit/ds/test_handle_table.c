#include "ds/handle_table.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "ds/slab.h"
#include "tests/unit/suites.h"

/* Records are numbers in an array: the handle is the index, the key the number. */
#define HANDLES 40000

struct model {
    uint64_t key[HANDLES + 1];
    bool there[HANDLES + 1];
    unsigned seen[HANDLES + 1];
    size_t n;
};

static uint64_t key_hash(uint64_t key)
{
    return hash_bytes(bytes_of(&key, sizeof key));
}

static uint64_t hash_of(const void *owner, uint32_t handle)
{
    return key_hash(((const struct model *)owner)->key[handle]);
}

static bool same(const void *owner, uint32_t handle, const void *key)
{
    return ((const struct model *)owner)->key[handle] == *(const uint64_t *)key;
}

static void count_visit(uint32_t handle, void *ctx)
{
    ((struct model *)ctx)->seen[handle]++;
}

static void scan_all(const struct handle_table *t, struct model *m, uint64_t cursor)
{
    do {
        cursor = handle_table_scan(t, cursor, count_visit, m);
    } while (cursor != 0);
}

static void compare(const struct handle_table *t, struct model *m)
{
    handle_table_check(t);
    ck_assert_uint_eq(handle_table_count(t), m->n);
    memset(m->seen, 0, sizeof m->seen);
    scan_all(t, m, 0);
    for (uint32_t i = 1; i <= HANDLES; i++) {
        ck_assert_uint_eq(m->seen[i], m->there[i]);
        ck_assert_uint_eq(handle_table_find(t, key_hash(m->key[i]), &m->key[i]),
                          m->there[i] ? i : 0);
    }
}

static void flip(struct handle_table *t, struct model *m, uint32_t i)
{
    if (m->there[i])
        handle_table_erase(t, key_hash(m->key[i]), i);
    else
        handle_table_insert(t, key_hash(m->key[i]), i);
    m->there[i] = !m->there[i];
    m->n += m->there[i] ? 1 : (size_t)-1;
}

static struct model *new_model(void)
{
    struct model *m = mem_calloc(sizeof *m);
    for (uint32_t i = 1; i <= HANDLES; i++)
        m->key[i] = i * 7919u;
    return m;
}

START_TEST(random_flips_match_the_model)
{
    struct model *m = new_model();
    struct handle_table t;
    handle_table_init(&t, 0, hash_of, same, m);
    for (int round = 0; round < 30; round++) {
        uint32_t range = 1 + (uint32_t)rng_below(round % 7 == 0 ? 30 : HANDLES);
        bool grow = rng_below(2);
        for (int step = 0; step < UNIT_STEPS(3000); step++) {
            uint32_t i = 1 + (uint32_t)rng_below(range);
            if (m->there[i] != grow || rng_below(8) == 0)
                flip(&t, m, i);
        }
        compare(&t, m);
    }
    for (uint32_t i = 1; i <= HANDLES; i++)
        if (m->there[i])
            flip(&t, m, i);
    compare(&t, m);
    ck_assert_uint_le(handle_table_mem_bytes(&t), 64 * 64);
    handle_table_release(&t);
    mem_free(m);
}
END_TEST

START_TEST(a_scan_sees_what_stays_exactly_once)
{
    struct model *m = new_model();
    struct handle_table t;
    handle_table_init(&t, 0, hash_of, same, m);
    for (uint32_t i = 1; i <= HANDLES / 2; i++)
        flip(&t, m, i);
    uint64_t cursor = 0;
    do { /* the upper half comes and goes meanwhile: the table grows and shrinks */
        cursor = handle_table_scan(&t, cursor, count_visit, m);
        for (int k = 0; k < 60; k++)
            flip(&t, m, HANDLES / 2 + 1 + (uint32_t)rng_below(HANDLES / 2));
    } while (cursor != 0);
    for (uint32_t i = 1; i <= HANDLES / 2; i++)
        ck_assert_uint_eq(m->seen[i], 1);
    handle_table_release(&t);
    mem_free(m);
}
END_TEST

START_TEST(samples_are_fair)
{
    struct model *m = new_model();
    struct handle_table t;
    handle_table_init(&t, 0, hash_of, same, m);
    ck_assert_uint_eq(handle_table_random(&t), 0);
    for (uint32_t i = 1; i <= 50; i++)
        flip(&t, m, i);
    for (int i = 0; i < 50000; i++)
        m->seen[handle_table_random(&t)]++;
    for (uint32_t i = 1; i <= 50; i++)
        ck_assert(m->seen[i] > 750 && m->seen[i] < 1250);
    handle_table_release(&t);
    mem_free(m);
}
END_TEST

/* ---- slab -------------------------------------------------------------------------------------
 */

#define RECORDS 3000

START_TEST(slab_records_do_not_overlap)
{
    static struct {
        uint32_t handle;
        size_t n;
        uint8_t fill;
    } r[RECORDS];
    struct slab s;
    slab_init(&s);
    for (int step = 0; step < UNIT_STEPS(60000); step++) {
        size_t i = rng_below(RECORDS);
        if (r[i].handle != 0) {
            uint8_t *p = slab_at(&s, r[i].handle);
            for (size_t k = 0; k < r[i].n; k++)
                ck_assert_uint_eq(p[k], r[i].fill);
            slab_free(&s, r[i].handle, r[i].n);
            r[i].handle = 0;
        } else {
            r[i].n = 1 + rng_below(rng_below(4) ? 60 : SLAB_BYTES_MAX);
            r[i].fill = (uint8_t)rng_u64();
            r[i].handle = slab_alloc(&s, r[i].n);
            memset(slab_at(&s, r[i].handle), r[i].fill, r[i].n);
        }
        if (step % 500 == 0)
            slab_check(&s);
    }
    slab_check(&s);
    slab_release(&s);
}
END_TEST

Suite *suite_handle_table(void)
{
    Suite *s = suite_create("ds/handle_table, ds/slab");
    TCase *t = tcase_create("handle_table");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, random_flips_match_the_model);
    tcase_add_test(t, a_scan_sees_what_stays_exactly_once);
    tcase_add_test(t, samples_are_fair);
    tcase_add_test(t, slab_records_do_not_overlap);
    suite_add_tcase(s, t);
    return s;
}
