#include "types/set_algebra.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ds/distinct.h"
#include "ds/intset.h"
#include "types/set_probe.h"

static size_t length_of(const struct set *s)
{
    return s ? set_length(s) : 0;
}

static int by_length(const void *a, const void *b)
{
    size_t x = length_of(*(const struct set *const *)a);
    size_t y = length_of(*(const struct set *const *)b);
    return (x > y) - (x < y);
}

static int by_length_down(const void *a, const void *b)
{
    return by_length(b, a);
}

/* All sources but the first, to be asked about its members, in their order. */
struct panel {
    struct set_probe *probe;
    size_t n;
};

static void panel_init(struct panel *p, const struct set *const *sources, size_t n)
{
    p->probe = mem_alloc(n * sizeof *p->probe);
    p->n = 0;
    for (size_t i = 1; i < n; i++)
        set_probe_init(&p->probe[p->n++], sources[i], set_length(sources[0]));
}

static void panel_release(struct panel *p)
{
    for (size_t i = 0; i < p->n; i++)
        set_probe_release(&p->probe[i]);
    mem_free(p->probe);
}

/* The first that has the member (`wanted` true) or lacks it; n: none. */
static size_t panel_find(const struct panel *p, struct bytes member, bool wanted)
{
    uint64_t hash = hash_bytes(member);
    size_t i = 0;
    while (i < p->n && set_probe_has(&p->probe[i], member, hash) != wanted)
        i++;
    return i;
}

/* Visits the members of s of which no set of the panel says `unwanted`. */
static void walk_and_ask(const struct set *s, const struct panel *p, bool unwanted, set_take *take,
                         void *ctx)
{
    struct set_iter it;
    struct set_item item;
    set_iter_init(&it, s);
    while (set_iter_next(&it, &item)) {
        if (p->n && panel_find(p, item.member, unwanted) < p->n)
            continue;
        if (!take(item.member, ctx))
            return;
    }
}

/* ---- intersection ------------------------------------------------------------------------------
 */

static bool all_ints(const struct set *const *sources, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (set_form(sources[i]) != SET_INTS)
            return false;
    }
    return true;
}

/* Is v in each of sources 1 to n - 1? Their places only go up, as v does. */
static bool each_has_int(const struct set *const *sources, size_t n, size_t *place, int64_t v)
{
    for (size_t i = 1; i < n; i++) {
        const uint8_t *is = set_block(sources[i]);
        place[i] = intset_seek(is, place[i], v);
        if (place[i] == intset_length(is) || intset_get(is, place[i]) != v)
            return false;
    }
    return true;
}

static void intersect_ints(const struct set *const *sources, size_t n, set_take *take, void *ctx)
{
    const uint8_t *first = set_block(sources[0]);
    size_t *place = mem_calloc(n * sizeof *place), length = intset_length(first);
    char text[NUM_INT_MAX];
    for (size_t i = 0; i < length; i++) {
        int64_t v = intset_get(first, i);
        if (each_has_int(sources, n, place, v) &&
            !take(bytes_of(text, num_format_int(text, v)), ctx))
            break;
    }
    mem_free(place);
}

/* Drops repetitions of a set that follow one another; returns how many are left. */
static size_t drop_repeated(const struct set **sources, size_t n)
{
    size_t kept = 1;
    for (size_t i = 1; i < n; i++) {
        if (sources[i] != sources[kept - 1])
            sources[kept++] = sources[i];
    }
    return kept;
}

void set_intersect(const struct set **sources, size_t n, set_take *take, void *ctx)
{
    struct panel p;
    qsort(sources, n, sizeof *sources, by_length);
    if (length_of(sources[0]) == 0)
        return;
    n = drop_repeated(sources, n);
    if (all_ints(sources, n)) {
        intersect_ints(sources, n, take, ctx);
        return;
    }
    panel_init(&p, sources, n);
    walk_and_ask(sources[0], &p, false, take, ctx);
    panel_release(&p);
}

/* ---- union -------------------------------------------------------------------------------------
 */

/* Only look-ups count for what was seen: a table early on. */
static const struct set_limits seen_limits = {.intset = 512, .entries = 8, .value = 64};

/* Beyond so many sets, going through them in step costs more than gathering. */
#define STEP_MAX 8

/* The least number at the sets' places, all of which step over it; false at the end. */
static bool next_int(const struct set *const *sources, size_t n, size_t *place, int64_t *least)
{
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *is = set_block(sources[i]);
        if (place[i] == intset_length(is))
            continue;
        int64_t v = intset_get(is, place[i]);
        if (!found || v < *least)
            *least = v;
        found = true;
    }
    for (size_t i = 0; found && i < n; i++) {
        const uint8_t *is = set_block(sources[i]);
        if (place[i] < intset_length(is) && intset_get(is, place[i]) == *least)
            place[i]++;
    }
    return found;
}

static void unite_ints(const struct set *const *sources, size_t n, set_take *take, void *ctx)
{
    size_t place[STEP_MAX] = {0};
    char text[NUM_INT_MAX];
    int64_t v = 0;
    while (next_int(sources, n, place, &v))
        if (!take(bytes_of(text, num_format_int(text, v)), ctx))
            return;
}

static void unite_any(const struct set *const *sources, size_t n, set_take *take, void *ctx)
{
    struct set *seen = set_new();
    struct set_iter it;
    struct set_item item;
    bool more = true;
    for (size_t i = 0; more && i < n; i++) {
        set_expect(seen, set_length(sources[i]), &seen_limits);
        set_iter_init(&it, sources[i]);
        while (more && set_iter_next(&it, &item)) {
            if (set_add(seen, item.member, &seen_limits))
                more = take(item.member, ctx);
        }
    }
    set_free(seen);
}

void set_unite(const struct set **sources, size_t n, set_take *take, void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (sources[i])
            sources[kept++] = sources[i];
    }
    if (kept <= STEP_MAX && all_ints(sources, kept))
        unite_ints(sources, kept, take, ctx);
    else
        unite_any(sources, kept, take, ctx);
}

size_t set_estimate_union(const struct set *const *sources, size_t n, size_t limit)
{
    struct distinct *d = distinct_new();
    struct set_iter it;
    struct set_item item;
    size_t estimate = 0;
    for (size_t i = 0; i < n && (!limit || estimate < limit); i++) {
        if (!sources[i])
            continue;
        set_iter_init(&it, sources[i]);
        while (set_iter_next(&it, &item))
            distinct_add(d, hash_bytes(item.member));
        estimate = distinct_estimate(d);
    }
    distinct_free(d);
    return limit && estimate > limit ? limit : estimate;
}

/* ---- difference --------------------------------------------------------------------------------
 */

static void subtract_by_removing(const struct set *const *sources, size_t n, set_take *take,
                                 void *ctx)
{
    struct panel nobody = {0};
    struct set *left = set_dup(sources[0]);
    struct set_iter it;
    struct set_item item;
    for (size_t i = 1; i < n && set_length(left); i++) {
        if (!sources[i])
            continue;
        set_iter_init(&it, sources[i]);
        while (set_iter_next(&it, &item))
            set_remove(left, item.member);
    }
    walk_and_ask(left, &nobody, true, take, ctx);
    set_free(left);
}

/* Asking costs a look-up for each member of the first set and each other set, but ends at the first
 * that has it: half of that is counted. */
static bool asking_is_cheaper(const struct set *const *sources, size_t n)
{
    size_t removing = 0;
    for (size_t i = 0; i < n; i++)
        removing += length_of(sources[i]);
    return length_of(sources[0]) * n / 2 <= removing;
}

void set_subtract(const struct set **sources, size_t n, set_take *take, void *ctx)
{
    struct panel p;
    if (!sources[0])
        return;
    for (size_t i = 1; i < n; i++) {
        if (sources[i] == sources[0])
            return;
    }
    if (!asking_is_cheaper(sources, n)) {
        subtract_by_removing(sources, n, take, ctx);
        return;
    }
    qsort(sources + 1, n - 1, sizeof *sources, by_length_down); /* the likeliest first */
    panel_init(&p, sources, n);
    walk_and_ask(sources[0], &p, true, take, ctx);
    panel_release(&p);
}
