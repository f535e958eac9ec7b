/* Rate limits as arithmetic: what a request of a cost may do under a rule, given the state that
 * earlier ones left. Pure functions in integers, so nothing drifts; the command stores the state as
 * a string.
 *
 * A rule allows `limit` units of cost in `window_ms`. Three algorithms:
 *
 *   GCRA     The generic cell rate algorithm (ITU-T I.371; a leaky bucket as a meter): units leave
 * evenly, one each window/limit, and a burst of `limit` may come at once. Its state is one point in
 * time, when the bucket is empty again. window/limit is seldom whole, so that time is kept exactly,
 * as whole milliseconds and a numerator over the limit. SLIDING  Two counters, of the present
 * window and of the one before, of which the part that still overlaps the last window_ms counts. An
 * approximation of a sliding log: it takes the requests of the window before as evenly spread.
 * Never more than `limit` by its own account. FIXED    One counter, from zero in each window. Twice
 * the limit may pass around a window's edge.
 *
 * The windows of SLIDING and FIXED begin at multiples of window_ms since the epoch. A request that
 * is refused costs nothing. State of another algorithm, another window or from after a clock that
 * went back is taken as none; a rule whose limit was lowered sees state above it as full.
 *
 * Bounds (ratelimit_rule_valid): limit up to 1e9, window up to 1e12 ms, and limit * window_ms below
 * 2^61, so that sums of four products stay in 64 bits. */
#ifndef ATRIUM_TYPES_RATELIMIT_H
#define ATRIUM_TYPES_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum ratelimit_algorithm { RATELIMIT_GCRA, RATELIMIT_SLIDING, RATELIMIT_FIXED };

#define RATELIMIT_LIMIT_MAX     1000000000
#define RATELIMIT_WINDOW_MS_MAX 1000000000000

struct ratelimit_rule {
    enum ratelimit_algorithm algorithm;
    uint64_t limit, window_ms;
};

/* What is kept between requests. All zero: nothing yet. */
struct ratelimit_state {
    enum ratelimit_algorithm algorithm;
    uint64_t at_ms; /* GCRA: empty again, rounded down; else the beginning of the window */
    uint64_t numerator, limit; /* GCRA: at_ms + numerator/limit; numerator < limit */
    uint64_t count, previous; /* SLIDING, FIXED: units of this window; SLIDING: of the one before */
};

struct ratelimit_verdict {
    bool allowed;
    bool never;              /* the cost is above the limit: waiting does not help */
    uint64_t remaining;      /* units that would be allowed now, after this request */
    uint64_t reset_ms;       /* until the full limit is there, if nothing more comes */
    uint64_t retry_after_ms; /* until this request would be allowed; 0 where it is */
    uint64_t expires_at_ms;  /* when the state may be forgotten, where allowed */
};

bool ratelimit_rule_valid(const struct ratelimit_rule *rule);

/* Judges a request of `cost` (at least 1) at now_ms and, where it is allowed and not a peek, notes
 * it in the state. A peek tells what would be, with `remaining` as it is before the request. */
struct ratelimit_verdict ratelimit_take(const struct ratelimit_rule *rule,
                                        struct ratelimit_state *state, uint64_t now_ms,
                                        uint64_t cost, bool peek);

/* The state as text, "gcra 1795410550123 2/3", "sliding 1795410550000 7 4", "fixed 1795410550000
 * 7". */
#define RATELIMIT_TEXT_MAX 80
size_t ratelimit_format(const struct ratelimit_state *state, char *to);
/* False where the text is no such state. */
bool ratelimit_parse(struct bytes text, struct ratelimit_state *state);

#endif
