#include "types/ratelimit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"

#define PRODUCT_MAX ((uint64_t)1 << 61)

bool ratelimit_rule_valid(const struct ratelimit_rule *r)
{
    return r->limit >= 1 && r->limit <= RATELIMIT_LIMIT_MAX && r->window_ms >= 1 &&
           r->window_ms <= RATELIMIT_WINDOW_MS_MAX && r->window_ms < PRODUCT_MAX / r->limit;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* Amounts below are in parts: a unit of cost is window_ms parts, the whole limit limit * window_ms,
 * and a millisecond is worth `limit` parts. So neither rate nor interval is ever rounded. */

static uint64_t capacity_of(const struct ratelimit_rule *r)
{
    return r->limit * r->window_ms;
}

/* ---- GCRA ----------------------------------------------------------------------------------- */

/* Parts in the bucket now. Numerators over another limit are rounded up. */
static uint64_t gcra_level(const struct ratelimit_rule *r, const struct ratelimit_state *s,
                           uint64_t now_ms)
{
    if (!s->limit || s->at_ms < now_ms)
        return 0;
    if (s->at_ms - now_ms >= r->window_ms)
        return capacity_of(r);
    return (s->at_ms - now_ms) * r->limit + divide_up(s->numerator * r->limit, s->limit);
}

static struct ratelimit_verdict gcra_take(const struct ratelimit_rule *r, struct ratelimit_state *s,
                                          uint64_t now_ms, uint64_t cost, bool peek)
{
    struct ratelimit_verdict v = {0};
    uint64_t capacity = capacity_of(r), add = cost * r->window_ms;
    uint64_t level = least(gcra_level(r, s, now_ms), capacity);
    v.allowed = level + add <= capacity;
    if (!v.allowed)
        v.retry_after_ms = divide_up(level + add - capacity, r->limit);
    if (v.allowed && !peek) {
        level += add;
        *s = (struct ratelimit_state){.algorithm = RATELIMIT_GCRA,
                                      .at_ms = now_ms + level / r->limit,
                                      .numerator = level % r->limit,
                                      .limit = r->limit};
    }
    v.remaining = (capacity - level) / r->window_ms;
    v.reset_ms = divide_up(level, r->limit);
    v.expires_at_ms = now_ms + v.reset_ms;
    return v;
}

/* ---- windows -------------------------------------------------------------------------------- */

/* The state as it is in the window that begins at `start`. */
static void roll(const struct ratelimit_rule *r, struct ratelimit_state *s, uint64_t start)
{
    uint64_t count = 0, previous = 0;
    if (s->at_ms == start) {
        count = s->count;
        previous = s->previous;
    } else if (s->at_ms + r->window_ms == start) {
        previous = s->count;
    }
    *s = (struct ratelimit_state){.algorithm = r->algorithm,
                                  .at_ms = start,
                                  .count = least(count, r->limit),
                                  .previous = least(previous, r->limit)};
}

static struct ratelimit_verdict fixed_take(const struct ratelimit_rule *r,
                                           struct ratelimit_state *s, uint64_t now_ms,
                                           uint64_t cost, bool peek)
{
    struct ratelimit_verdict v = {0};
    uint64_t start = now_ms - now_ms % r->window_ms;
    roll(r, s, start);
    s->previous = 0;
    v.expires_at_ms = start + r->window_ms;
    v.reset_ms = v.expires_at_ms - now_ms;
    v.allowed = s->count + cost <= r->limit;
    if (!v.allowed)
        v.retry_after_ms = v.reset_ms;
    else if (!peek)
        s->count += cost;
    v.remaining = r->limit - s->count;
    return v;
}

/* Parts that count `after_ms` (below window_ms) after the beginning of the state's window. */
static uint64_t sliding_level(const struct ratelimit_rule *r, const struct ratelimit_state *s,
                              uint64_t after_ms)
{
    return s->previous * (r->window_ms - after_ms) + s->count * r->window_ms;
}

/* Milliseconds until `count`, which was counted in a window that ended before, leaves `room` parts:
 * its part that overlaps falls by `count` a millisecond from count * window_ms on. */
static uint64_t fade_ms(const struct ratelimit_rule *r, uint64_t count, uint64_t room)
{
    return count * r->window_ms <= room ? 0 : r->window_ms - room / count;
}

/* The wait of a request that does not fit now, after_ms into the window. */
static uint64_t sliding_wait_ms(const struct ratelimit_rule *r, const struct ratelimit_state *s,
                                uint64_t after_ms, uint64_t cost)
{
    uint64_t capacity = capacity_of(r), fixed = (s->count + cost) * r->window_ms;
    if (fixed <= capacity) /* it fits before this window ends, or just then */
        return fade_ms(r, s->previous, capacity - fixed) - after_ms;
    return r->window_ms - after_ms + fade_ms(r, s->count, capacity - cost * r->window_ms);
}

static struct ratelimit_verdict sliding_take(const struct ratelimit_rule *r,
                                             struct ratelimit_state *s, uint64_t now_ms,
                                             uint64_t cost, bool peek)
{
    struct ratelimit_verdict v = {0};
    uint64_t start = now_ms - now_ms % r->window_ms, after_ms = now_ms - start;
    uint64_t capacity = capacity_of(r);
    roll(r, s, start);
    v.allowed = sliding_level(r, s, after_ms) + cost * r->window_ms <= capacity;
    if (!v.allowed)
        v.retry_after_ms = sliding_wait_ms(r, s, after_ms, cost);
    else if (!peek)
        s->count += cost;
    uint64_t level = sliding_level(r, s, after_ms);
    v.remaining = level < capacity ? (capacity - level) / r->window_ms : 0;
    v.expires_at_ms = start + 2 * r->window_ms;
    if (s->count)
        v.reset_ms = v.expires_at_ms - now_ms;
    else if (s->previous)
        v.reset_ms = r->window_ms - after_ms;
    return v;
}

/* ---- the call ------------------------------------------------------------------------------- */

struct ratelimit_verdict ratelimit_take(const struct ratelimit_rule *rule,
                                        struct ratelimit_state *state, uint64_t now_ms,
                                        uint64_t cost, bool peek)
{
    typedef struct ratelimit_verdict take(const struct ratelimit_rule *, struct ratelimit_state *,
                                          uint64_t, uint64_t, bool);
    static take *const takes[] = {
        [RATELIMIT_GCRA] = gcra_take,
        [RATELIMIT_SLIDING] = sliding_take,
        [RATELIMIT_FIXED] = fixed_take,
    };
    if (state->algorithm != rule->algorithm)
        *state = (struct ratelimit_state){.algorithm = rule->algorithm};
    bool never = cost > rule->limit;
    if (!never)
        return takes[rule->algorithm](rule, state, now_ms, cost, peek);
    struct ratelimit_verdict v = takes[rule->algorithm](rule, state, now_ms, rule->limit, true);
    v.allowed = false;
    v.never = true;
    return v;
}

/* ---- text ----------------------------------------------------------------------------------- */

size_t ratelimit_format(const struct ratelimit_state *s, char *to)
{
    int n;
    if (s->algorithm == RATELIMIT_GCRA)
        n = snprintf(to, RATELIMIT_TEXT_MAX, "gcra %" PRIu64 " %" PRIu64 "/%" PRIu64, s->at_ms,
                     s->numerator, s->limit);
    else if (s->algorithm == RATELIMIT_SLIDING)
        n = snprintf(to, RATELIMIT_TEXT_MAX, "sliding %" PRIu64 " %" PRIu64 " %" PRIu64, s->at_ms,
                     s->count, s->previous);
    else
        n = snprintf(to, RATELIMIT_TEXT_MAX, "fixed %" PRIu64 " %" PRIu64, s->at_ms, s->count);
    return (size_t)n;
}

/* Takes the word before the next `end` off the text, and `end` with it; empty where there is none.
 */
static struct bytes next_word(struct bytes *text, char end)
{
    const char *p = text->n ? memchr(text->p, end, text->n) : NULL;
    size_t n = p ? (size_t)(p - text->p) : 0;
    struct bytes word = bytes_of(text->p, n);
    if (p)
        *text = bytes_of(p + 1, text->n - n - 1);
    return word;
}

static bool number(struct bytes text, uint64_t max, uint64_t *out)
{
    return num_parse_uint(text, out) && *out <= max;
}

/* Every form is a word, two numbers and, but for FIXED, a third. */
bool ratelimit_parse(struct bytes text, struct ratelimit_state *s)
{
    const uint64_t max = RATELIMIT_LIMIT_MAX;
    *s = (struct ratelimit_state){0};
    struct bytes word = next_word(&text, ' ');
    if (!number(next_word(&text, ' '), INT64_MAX, &s->at_ms))
        return false;
    if (bytes_eq(word, BYTES("gcra"))) {
        s->algorithm = RATELIMIT_GCRA;
        return number(next_word(&text, '/'), max, &s->numerator) && number(text, max, &s->limit) &&
               s->numerator < s->limit;
    }
    if (bytes_eq(word, BYTES("sliding"))) {
        s->algorithm = RATELIMIT_SLIDING;
        return number(next_word(&text, ' '), max, &s->count) && number(text, max, &s->previous);
    }
    s->algorithm = RATELIMIT_FIXED;
    return bytes_eq(word, BYTES("fixed")) && number(text, max, &s->count);
}
