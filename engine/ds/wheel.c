#include "ds/wheel.h"

#include <assert.h>

#include "base/mem.h"
#include "base/rng.h"

#define DIGIT_BITS 6
#define CLOCK_BITS (DIGIT_BITS * WHEEL_LEVELS)
#define WHEN_MAX   (((uint64_t)1 << CLOCK_BITS) - 1)

void wheel_init(struct wheel *w, uint64_t now_ms)
{
    *w = (struct wheel){.clock_ms = now_ms};
}

static void slot_release(struct wheel_slot *s)
{
    mem_free(s->nodes);
    *s = (struct wheel_slot){0};
}

void wheel_release(struct wheel *w)
{
    for (int l = 0; l < WHEEL_LEVELS; l++) {
        for (int i = 0; w->levels[l] && i < WHEEL_SLOTS; i++)
            slot_release(&w->levels[l][i]);
        mem_free(w->levels[l]);
    }
    slot_release(&w->due);
    wheel_init(w, w->clock_ms);
}

/* Deadlines past the year 10889 share the last tick; they never come due in practice. */
static uint64_t tick(uint64_t when_ms)
{
    return when_ms < WHEN_MAX ? when_ms : WHEN_MAX;
}

static int level_of(uint64_t when, uint64_t clock)
{
    int high = 63 - __builtin_clzll(when ^ clock);
    return high / DIGIT_BITS;
}

static int digit(uint64_t when, int level)
{
    return (int)(when >> (DIGIT_BITS * level)) & (WHEEL_SLOTS - 1);
}

static void slot_push(struct wheel_slot *s, struct wheel_node *node)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->nodes = mem_realloc(s->nodes, s->cap * sizeof *s->nodes);
    }
    node->at = s->n;
    s->nodes[s->n++] = node;
}

static void place(struct wheel *w, struct wheel_node *node)
{
    uint64_t when = tick(node->when_ms);
    if (when <= w->clock_ms) {
        node->due = 1;
        slot_push(&w->due, node);
        return;
    }
    int level = level_of(when, w->clock_ms), d = digit(when, level);
    if (!w->levels[level])
        w->levels[level] = mem_calloc(WHEEL_SLOTS * sizeof(struct wheel_slot));
    node->due = 0;
    slot_push(&w->levels[level][d], node);
    w->occupied[level] |= (uint64_t)1 << d;
}

void wheel_add(struct wheel *w, struct wheel_node *node, uint64_t when_ms)
{
    node->when_ms = when_ms;
    place(w, node);
    w->count++;
}

static struct wheel_slot *slot_of(const struct wheel *w, const struct wheel_node *node)
{
    if (node->due)
        return (struct wheel_slot *)&w->due;
    uint64_t when = tick(node->when_ms);
    int level = level_of(when, w->clock_ms);
    return &w->levels[level][digit(when, level)];
}

static void slot_take(struct wheel_slot *s, uint32_t at)
{
    s->nodes[at] = s->nodes[--s->n];
    s->nodes[at]->at = at;
    if (s->n == 0)
        slot_release(s);
}

void wheel_remove(struct wheel *w, struct wheel_node *node)
{
    struct wheel_slot *s = slot_of(w, node);
    assert(node->at < s->n && s->nodes[node->at] == node);
    slot_take(s, node->at);
    if (s->n == 0 && !node->due) {
        int level = level_of(tick(node->when_ms), w->clock_ms);
        w->occupied[level] &= ~((uint64_t)1 << digit(tick(node->when_ms), level));
    }
    w->count--;
    node->when_ms = 0;
}

void wheel_moved(struct wheel *w, struct wheel_node *node)
{
    slot_of(w, node)->nodes[node->at] = node;
}

/* Empties a slot and places its nodes afresh, now that the clock stands at the slot's first tick. */
static void cascade(struct wheel *w, int level, int d)
{
    struct wheel_slot taken = w->levels[level][d];
    w->levels[level][d] = (struct wheel_slot){0};
    w->occupied[level] &= ~((uint64_t)1 << d);
    for (uint32_t i = 0; i < taken.n; i++)
        place(w, taken.nodes[i]);
    slot_release(&taken);
}

/* The first tick after the clock at which some slot must be opened, or UINT64_MAX. */
static uint64_t next_event(const struct wheel *w)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        int d = digit(w->clock_ms, level);
        uint64_t later = d == WHEEL_SLOTS - 1 ? 0 : w->occupied[level] & (~(uint64_t)0 << (d + 1));
        if (later) {
            int first = __builtin_ctzll(later);
            uint64_t above = w->clock_ms >> (DIGIT_BITS * (level + 1));
            return (above << DIGIT_BITS | (uint64_t)first) << (DIGIT_BITS * level);
        }
    }
    return UINT64_MAX;
}

/* Opens the slot that starts at `at`: the clock moves there, all digits below are 0. */
static void open_slot(struct wheel *w, uint64_t at)
{
    int level = level_of(at, w->clock_ms);
    w->clock_ms = at;
    cascade(w, level, digit(at, level));
}

struct wheel_node *wheel_pop_due(struct wheel *w, uint64_t now_ms)
{
    while (w->due.n == 0) {
        uint64_t at = next_event(w);
        if (at > now_ms || at == UINT64_MAX) {
            /* Nothing stands between the clock and now, so that moving it keeps every place only
             * where no digit above changes: otherwise stay; places are relative to the clock. */
            if (w->count == 0 && now_ms > w->clock_ms)
                w->clock_ms = now_ms;
            return NULL;
        }
        open_slot(w, at);
    }
    struct wheel_node *node = w->due.nodes[w->due.n - 1];
    slot_take(&w->due, w->due.n - 1);
    w->count--;
    node->when_ms = 0;
    node->due = 0;
    return node;
}

uint64_t wheel_next_ms(const struct wheel *w)
{
    if (w->due.n)
        return w->clock_ms;
    uint64_t at = next_event(w);
    return at == UINT64_MAX ? 0 : at;
}

static void check_slot(const struct wheel *w, const struct wheel_slot *s, int level, int d)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct wheel_node *node = s->nodes[i];
        uint64_t when = tick(node->when_ms);
        assert(node->at == i && node->when_ms);
        assert(level < 0 ? node->due == 1 : node->due == 0);
        if (level >= 0) {
            assert(when > w->clock_ms);
            assert(level_of(when, w->clock_ms) == level && digit(when, level) == d);
        }
    }
}

/* ---- picking --------------------------------------------------------------------------------- */

static struct wheel_node *earliest(const struct wheel_slot *s)
{
    struct wheel_node *best = s->nodes[0];
    for (uint32_t i = 1; i < s->n; i++) {
        if (s->nodes[i]->when_ms < best->when_ms)
            best = s->nodes[i];
    }
    return best;
}

/* Lower levels come before higher ones, and in a level lower slots before higher ones. */
struct wheel_node *wheel_nearest(const struct wheel *w)
{
    if (w->due.n)
        return earliest(&w->due);
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        if (w->occupied[level])
            return earliest(&w->levels[level][__builtin_ctzll(w->occupied[level])]);
    }
    return NULL;
}

struct wheel_node *wheel_random(const struct wheel *w)
{
    if (w->count == 0)
        return NULL;
    uint64_t at = rng_below(w->count);
    if (at < w->due.n)
        return w->due.nodes[at];
    at -= w->due.n;
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (uint64_t bits = w->occupied[level]; bits; bits &= bits - 1) {
            const struct wheel_slot *s = &w->levels[level][__builtin_ctzll(bits)];
            if (at < s->n)
                return s->nodes[at];
            at -= s->n;
        }
    }
    return NULL;
}

void wheel_check(const struct wheel *w)
{
    size_t count = w->due.n;
    check_slot(w, &w->due, -1, 0);
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int d = 0; w->levels[level] && d < WHEEL_SLOTS; d++) {
            const struct wheel_slot *s = &w->levels[level][d];
            assert(!!s->n == !!(w->occupied[level] >> d & 1));
            check_slot(w, s, level, d);
            count += s->n;
        }
    }
    assert(count == w->count);
}
