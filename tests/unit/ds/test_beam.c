/* The beam against a plain list that is sorted anew after each step. */
#include "ds/beam.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/suites.h"

struct item {
    float distance;
    uint32_t id;
    bool counts, opened;
};

struct model {
    struct item at[20000];
    size_t n, ef;
};

static int by_distance(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->distance > y->distance) - (x->distance < y->distance);
}

static size_t counted(const struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->at[i].counts;
    return n;
}

static void model_add(struct model *m, struct item item)
{
    m->at[m->n++] = item;
    qsort(m->at, m->n, sizeof *m->at, by_distance);
    if (counted(m) <= m->ef)
        return;
    while (counted(m) > m->ef || !m->at[m->n - 1].counts)
        m->n--;
}

/* The nearest that waits: of equal ones any will do, so distances are made different. */
static const struct item *model_open(struct model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (!m->at[i].opened) {
            m->at[i].opened = true;
            return &m->at[i];
        }
    }
    return NULL;
}

struct reading {
    const struct model *m;
    size_t i, n;
};

static bool same_as_model(void *ctx, float distance, uint32_t id)
{
    struct reading *r = ctx;
    while (!r->m->at[r->i].counts)
        r->i++;
    ck_assert_uint_lt(r->i, r->m->n);
    ck_assert_float_eq(distance, r->m->at[r->i].distance);
    ck_assert_uint_eq(id, r->m->at[r->i].id);
    r->i++;
    r->n++;
    return true;
}

static void check(const struct beam *b, const struct model *m)
{
    struct reading r = {m, 0, 0};
    beam_check(b);
    ck_assert_uint_eq(b->counted, counted(m));
    beam_each(b, same_as_model, &r);
    ck_assert_uint_eq(r.n, counted(m));
}

static void run(size_t ef, size_t steps, unsigned refused_percent)
{
    static struct model m;
    struct beam b = {0};
    m.n = 0;
    m.ef = ef;
    beam_begin(&b, ef);
    for (size_t i = 0; i < steps; i++) {
        struct item item = {(float)rng_below(1000) / 500 + (float)i * 0x1p-21f, (uint32_t)i,
                            rng_below(100) >= refused_percent, false};
        if (item.distance < beam_worst(&b)) {
            beam_add(&b, item.distance, item.id, item.counts);
            model_add(&m, item);
        }
        if (rng_below(3) == 0) {
            uint32_t id;
            const struct item *next = model_open(&m);
            ck_assert_int_eq(beam_open(&b, &id), next != NULL);
            if (next)
                ck_assert_uint_eq(id, next->id);
        }
        if (i % 64 == 0)
            check(&b, &m);
    }
    check(&b, &m);
    beam_release(&b);
}

START_TEST(as_the_model)
{
    rng_seed(7);
    static const size_t efs[] = {1, 2, 10, 100, 511, 512, 513, 1500};
    for (size_t i = 0; i < sizeof efs / sizeof *efs; i++) {
        run(efs[i], UNIT_STEPS(2000), 0);
        run(efs[i], UNIT_STEPS(2000), 60);
    }
}
END_TEST

Suite *suite_beam(void)
{
    Suite *s = suite_create("ds/beam");
    TCase *t = tcase_create("beam");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, as_the_model);
    suite_add_tcase(s, t);
    return s;
}
