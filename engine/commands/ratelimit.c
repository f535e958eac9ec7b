/* ATR.RATELIMIT key limit window_ms [COST n] [GCRA | SLIDING | FIXED] [PEEK]
 *
 * One request against a rate limit, in one atomic step: a map of
 *   allowed         boolean
 *   limit
 *   remaining       units that would be allowed now, after this request
 *   reset_ms        until the full limit is there again, if nothing more comes
 *   retry_after_ms  0 where allowed, null where the cost is above the limit, else how long to wait
 *
 * GCRA is the default. PEEK looks and takes nothing. The state is a string under the key
 * (types/ratelimit.h says how it reads), with a deadline after which it means nothing, so that its
 * memory comes back. A key that holds something else is refused; the state of another algorithm is
 * started over. */
#include "types/ratelimit.h"

#include "commands/exec.h"

#define GROUP_ALGORITHM 1

enum { OPTION_GCRA, OPTION_SLIDING, OPTION_FIXED, OPTION_COST, OPTION_PEEK };

struct request {
    struct ratelimit_rule rule;
    uint64_t cost;
    bool peek;
};

static bool positive(struct exec *x, int i, const char *error, uint64_t *out)
{
    int64_t v;
    if (!exec_int_in(x, i, 1, INT64_MAX, error, &v))
        return false;
    *out = (uint64_t)v;
    return true;
}

static bool parse_request(struct exec *x, struct request *q)
{
    struct option options[] = {
        [OPTION_GCRA] = {.word = "GCRA", .group = GROUP_ALGORITHM},
        [OPTION_SLIDING] = {.word = "SLIDING", .group = GROUP_ALGORITHM},
        [OPTION_FIXED] = {.word = "FIXED", .group = GROUP_ALGORITHM},
        [OPTION_COST] = {.word = "COST", .takes = 1},
        [OPTION_PEEK] = {.word = "PEEK"},
        {0},
    };
    *q = (struct request){.cost = 1};
    if (!positive(x, 2, "limit must be positive", &q->rule.limit) ||
        !positive(x, 3, "window_ms must be positive", &q->rule.window_ms) ||
        !exec_options(x, 4, options))
        return false;
    int cost_at = options[OPTION_COST].at;
    if (cost_at && !positive(x, cost_at + 1, "cost must be positive", &q->cost))
        return false;
    q->peek = options[OPTION_PEEK].at != 0;
    q->rule.algorithm = options[OPTION_SLIDING].at ? RATELIMIT_SLIDING
                        : options[OPTION_FIXED].at ? RATELIMIT_FIXED
                                                   : RATELIMIT_GCRA;
    if (ratelimit_rule_valid(&q->rule))
        return true;
    reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "limit and window_ms are too large together");
    return false;
}

/* The state under key 0, all zero where there is none; false: the error has been answered. */
static bool read_state(struct exec *x, struct ratelimit_state *state)
{
    char scratch[NUM_INT_MAX];
    struct entry *e;
    *state = (struct ratelimit_state){0};
    if (!exec_peek_typed(x, 0, TYPE_STRING, &e))
        return false;
    if (!e || ratelimit_parse(entry_string(e, scratch), state))
        return true;
    reply_errorf(x->reply, ERROR_WRONGTYPE, "The key holds a string that is no rate limit's state");
    return false;
}

static void reply_field(struct reply *r, const char *name, uint64_t v)
{
    reply_text(r, name);
    reply_int(r, (int64_t)v);
}

static void reply_verdict(struct reply *r, const struct ratelimit_rule *rule,
                          const struct ratelimit_verdict *v)
{
    reply_map(r, 5);
    reply_text(r, "allowed");
    reply_bool(r, v->allowed);
    reply_field(r, "limit", rule->limit);
    reply_field(r, "remaining", v->remaining);
    reply_field(r, "reset_ms", v->reset_ms);
    reply_text(r, "retry_after_ms");
    if (v->never)
        reply_null(r);
    else
        reply_int(r, (int64_t)v->retry_after_ms);
}

static void cmd_atr_ratelimit(struct exec *x)
{
    struct request q;
    struct ratelimit_state state;
    if (!parse_request(x, &q) || !read_state(x, &state))
        return;
    struct ratelimit_verdict v = ratelimit_take(&q.rule, &state, x->now_ms, q.cost, q.peek);
    if (v.allowed && !q.peek) {
        char text[RATELIMIT_TEXT_MAX];
        struct bytes value = bytes_of(text, ratelimit_format(&state, text));
        exec_set_string(x, 0, value, v.expires_at_ms, false);
        exec_changed(x, 0, EVENT_STRING, "set");
    }
    reply_verdict(x->reply, &q.rule, &v);
}

const struct command_row ratelimit_commands[] = {
    {"atr.ratelimit", cmd_atr_ratelimit, -4, "write,denyoom,fast", "string",
     "@1:0/1:RW+ACCESS+UPDATE", "0.1.0", "string",
     "key limit window_ms [COST cost] [(GCRA | SLIDING | FIXED)] [PEEK]",
     "Takes from a rate limit and tells whether the request is allowed."},
    {0},
};
