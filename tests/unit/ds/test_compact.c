#include "ds/compact.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/suites.h"

/* A record: a byte that is not SLAB_FREE, its length in 2, its number in 4, then bytes that follow from both. The owner keeps the handle of
 * each number, 0 where it has none. */
#define HEAD    7
#define NUMBERS 8000
#define STEPS   100000

struct owner {
    struct compact records;
    uint32_t handles[NUMBERS];
    size_t n, moves;
};

static size_t length_of(const uint8_t *r)
{
    return (size_t)r[1] + ((size_t)r[2] << 8);
}

static uint32_t number_of(const uint8_t *r)
{
    uint32_t number;
    memcpy(&number, r + 3, sizeof number);
    return number;
}

static void write_record(uint8_t *r, size_t length, uint32_t number)
{
    r[0] = 0;
    r[1] = (uint8_t)length;
    r[2] = (uint8_t)(length >> 8);
    memcpy(r + 3, &number, sizeof number);
    for (size_t i = HEAD; i < length; i++)
        r[i] = (uint8_t)(number + i);
}

static bool is_intact(const uint8_t *r)
{
    uint32_t number = number_of(r);
    for (size_t i = HEAD; i < length_of(r); i++) {
        if (r[i] != (uint8_t)(number + i))
            return false;
    }
    return true;
}

static void on_moved(void *context, uint32_t from, uint32_t to)
{
    struct owner *o = context;
    uint32_t number = number_of(compact_at(&o->records, to));
    ck_assert_uint_eq(o->handles[number], from);
    o->handles[number] = to;
    o->moves++;
}

static struct owner *owner_new(void)
{
    struct owner *o = mem_calloc(sizeof *o);
    compact_init(&o->records, length_of, on_moved, o);
    return o;
}

static void owner_free(struct owner *o)
{
    compact_release(&o->records);
    mem_free(o);
}

static void add(struct owner *o, uint32_t number)
{
    size_t length = HEAD + rng_below(rng_below(8) ? 40 : 1200);
    o->handles[number] = compact_alloc(&o->records, length);
    write_record(compact_at(&o->records, o->handles[number]), length, number);
    o->n++;
}

static void drop(struct owner *o, uint32_t number)
{
    compact_free(&o->records, o->handles[number]);
    o->handles[number] = 0;
    o->n--;
}

struct seen {
    const struct owner *owner;
    size_t n;
};

static void see(uint8_t *r, void *context)
{
    struct seen *s = context;
    bool is_the_one = compact_at(&s->owner->records, s->owner->handles[number_of(r)]) == r;
    if (!is_the_one || !is_intact(r))
        ck_abort_msg("record %u is not where its owner has it", number_of(r));
    s->n++;
}

static void check(const struct owner *o)
{
    struct seen s = {.owner = o};
    compact_check(&o->records);
    compact_each(&o->records, see, &s);
    ck_assert_uint_eq(s.n, o->n);
}

/* Grows and shrinks in turns; every record stays what it was, wherever it goes. */
START_TEST(records_survive_moving)
{
    struct owner *o = owner_new();
    rng_seed(3);
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t number = (uint32_t)rng_below(NUMBERS);
        bool growing = step / (STEPS / 8) % 2 == 0;
        if (!o->handles[number] && (growing || rng_below(10) == 0))
            add(o, number);
        else if (o->handles[number] && (!growing || rng_below(10) == 0))
            drop(o, number);
        if (rng_below(3) == 0)
            compact_tidy(&o->records, 1 + rng_below(3));
        if (step % (STEPS / 80) == 0)
            check(o);
    }
    ck_assert_uint_gt(o->moves, 0);
    owner_free(o);
}
END_TEST

START_TEST(memory_follows_the_records_down)
{
    struct owner *o = owner_new();
    rng_seed(4);
    for (uint32_t i = 0; i < NUMBERS; i++)
        add(o, i);
    size_t full = compact_mem_bytes(&o->records);
    for (uint32_t i = 0; i < NUMBERS; i++) {
        if (i % 20)
            drop(o, i);
        compact_tidy(&o->records, 1);
    }
    for (int i = 0; i < 1000; i++)
        compact_tidy(&o->records, 10);
    check(o);
    ck_assert_uint_lt(compact_mem_bytes(&o->records), full / 3);
    owner_free(o);
}
END_TEST

Suite *suite_compact(void)
{
    Suite *s = suite_create("ds/compact");
    TCase *t = tcase_create("compact");
    tcase_add_test(t, records_survive_moving);
    tcase_add_test(t, memory_follows_the_records_down);
    suite_add_tcase(s, t);
    return s;
}
