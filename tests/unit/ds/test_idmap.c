/* The map of ids against a sorted array. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/idmap.h"
#include "tests/unit/suites.h"

#define MODEL_MAX 20000

struct model {
    struct id ids[MODEL_MAX];
    size_t n;
};

static size_t model_find(const struct model *m, struct id id)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (id_cmp(m->ids[mid], id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool model_has(const struct model *m, size_t i, struct id id)
{
    return i < m->n && id_cmp(m->ids[i], id) == 0;
}

/* What a map of `m` holds for an id: some address that tells it. */
static void *value_of(struct id id)
{
    return (void *)(uintptr_t)((id.ms * 64 + id.seq) * 2 + 1); /* NOLINT */
}

static void put(struct idmap *map, struct model *m, struct id id)
{
    size_t i = model_find(m, id);
    bool there = model_has(m, i, id);
    if (idmap_put(map, id, value_of(id)) == there)
        ck_abort_msg("put tells it wrongly");
    if (there)
        return;
    memmove(&m->ids[i + 1], &m->ids[i], (m->n - i) * sizeof m->ids[0]);
    m->ids[i] = id;
    m->n++;
}

static void take(struct idmap *map, struct model *m, struct id id)
{
    size_t i = model_find(m, id);
    bool there = model_has(m, i, id);
    if (idmap_take(map, id) != (there ? value_of(id) : NULL))
        ck_abort_msg("take gives another value");
    if (!there)
        return;
    m->n--;
    memmove(&m->ids[i], &m->ids[i + 1], (m->n - i) * sizeof m->ids[0]);
}

static void compare_place(const struct model *m, size_t i, bool found, const struct idmap_at *at)
{
    if (found != (i < m->n))
        ck_abort_msg("a place is there or not");
    if (found && (id_cmp(at->id, m->ids[i]) != 0 || at->value != value_of(at->id)))
        ck_abort_msg("another place");
}

static void compare_near(const struct idmap *map, const struct model *m, struct id id)
{
    struct idmap_at at;
    size_t i = model_find(m, id);
    bool there = model_has(m, i, id);
    ck_assert(idmap_get(map, id) == (there ? value_of(id) : NULL));
    compare_place(m, i, idmap_ge(map, id, &at), &at);
    if (i < m->n)
        compare_place(m, i + 1, idmap_next(&at), &at);
    i = there ? i : i - 1; /* wraps to none below 0 */
    compare_place(m, i, idmap_le(map, id, &at), &at);
    if (i < m->n)
        compare_place(m, i - 1, idmap_prev(&at), &at);
}

static struct id random_id(uint64_t span)
{
    return (struct id){rng_below(span), rng_below(3)};
}

static void run(uint64_t span, bool ordered)
{
    struct model *m = mem_calloc(sizeof *m);
    struct idmap map = {0};
    struct id last = ID_MIN;
    for (size_t i = 0; i < UNIT_STEPS(30000); i++) {
        bool filling = i / 3000 % 2 == 0;
        struct id id = random_id(span);
        if (ordered) {
            last.ms += rng_below(3);
            last.seq++;
        }
        if (rng_below(10) < (filling ? 7 : 2) && m->n < MODEL_MAX - 1)
            put(&map, m, ordered ? last : id);
        else
            take(&map, m, ordered && m->n ? m->ids[rng_below(m->n)] : id);
        compare_near(&map, m, random_id(span));
        if (map.n != m->n)
            ck_abort_msg("%zu ids, not %zu", map.n, m->n);
        if (i % 16 == 0)
            idmap_check(&map);
    }
    while (m->n)
        take(&map, m, m->ids[rng_below(m->n)]);
    idmap_check(&map);
    idmap_release(&map);
    mem_free(m);
}

START_TEST(test_random)
{
    run(20, false);
    run(1000, false);
    run(100000, false);
}
END_TEST

START_TEST(test_ordered)
{
    run(8000, true);
}
END_TEST

START_TEST(test_dense)
{
    struct idmap map = {0};
    for (uint64_t i = 1; i <= 100000; i++)
        idmap_put(&map, (struct id){i, 0}, value_of((struct id){i, 0}));
    idmap_check(&map);
    ck_assert_uint_lt(idmap_mem_bytes(&map), 100000 * 32);
    idmap_release(&map);
}
END_TEST

Suite *suite_idmap(void)
{
    Suite *s = suite_create("idmap");
    TCase *t = tcase_create("idmap");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_random);
    tcase_add_test(t, test_ordered);
    tcase_add_test(t, test_dense);
    suite_add_tcase(s, t);
    return s;
}
