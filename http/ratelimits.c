/* Rate limits: one request against the limit of a policy for a subject (ATR.RATELIMIT).
 *
 * The state's key is "ratelimit:<policy>/<subject>". A policy is a plain word without '/', so that
 * two pairs never share a key. The headers are RateLimit-Policy and RateLimit of the IETF draft, in
 * seconds, and Retry-After. */
#include <stdio.h>

#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define POLICY_MAX 64

struct taking {
    int64_t limit, window_ms, cost;
    int algorithm;
    bool peek, enforce;
};

static bool parse_taking(struct request *r, struct taking *t)
{
    static const char *const algorithms[] = {"gcra", "sliding", "fixed", NULL};
    *t = (struct taking){.cost = 1};
    if (!request_json(r, false) ||
        !request_member_int(r, r->json, "limit", 1, INT64_MAX, &t->limit) ||
        !request_member_int(r, r->json, "window_ms", 1, INT64_MAX, &t->window_ms) ||
        !request_member_int(r, r->json, "cost", 1, INT64_MAX, &t->cost) ||
        !request_member_word(r, r->json, "algorithm", algorithms, &t->algorithm) ||
        !request_member_bool(r, r->json, "peek", &t->peek) ||
        !request_query_bool(r, "enforce", &t->enforce))
        return false;
    if (t->limit && t->window_ms)
        return true;
    problem(r, "bad-arguments", "\"limit\" and \"window_ms\" must be there");
    return false;
}

static bool is_policy(struct bytes policy)
{
    if (policy.n == 0 || policy.n > POLICY_MAX)
        return false;
    for (size_t i = 0; i < policy.n; i++) {
        char c = policy.p[i], lower = (char)(c | 0x20);
        bool fits =
            (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-_.:", c));
        if (!fits)
            return false;
    }
    return true;
}

static struct bytes state_key(struct request *r)
{
    static const char prefix[] = "ratelimit:";
    struct bytes policy = r->params[0], subject = r->params[1];
    size_t n = sizeof prefix - 1;
    char *key = arena_alloc(&r->arena, n + policy.n + 1 + subject.n);
    memcpy(key, prefix, n);
    memcpy(key + n, policy.p, policy.n);
    n += policy.n;
    key[n++] = '/';
    if (subject.n)
        memcpy(key + n, subject.p, subject.n);
    return bytes_of(key, n + subject.n);
}

static void call_take(struct request *r, const struct taking *t)
{
    static const char *const words[] = {"GCRA", "SLIDING", "FIXED"};
    call_start(r, "ATR.RATELIMIT");
    call_arg(r, state_key(r));
    call_int(r, t->limit);
    call_int(r, t->window_ms);
    call_word(r, "COST");
    call_int(r, t->cost);
    call_word(r, words[t->algorithm]);
    if (t->peek)
        call_word(r, "PEEK");
}

static int64_t in_seconds(int64_t ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

static void add_headers(struct request *r, const struct taking *t, int64_t remaining,
                        int64_t reset_ms)
{
    char *policy = arena_alloc(&r->arena, POLICY_MAX + 64);
    char *state = arena_alloc(&r->arena, POLICY_MAX + 64);
    snprintf(policy, POLICY_MAX + 64, "\"%.*s\";q=%lld;w=%lld", (int)r->params[0].n, r->params[0].p,
             (long long)t->limit, (long long)in_seconds(t->window_ms));
    snprintf(state, POLICY_MAX + 64, "\"%.*s\";r=%lld;t=%lld", (int)r->params[0].n, r->params[0].p,
             (long long)remaining, (long long)in_seconds(reset_ms));
    answer_header(r, "RateLimit-Policy", policy);
    answer_header(r, "RateLimit", state);
}

static void add_retry_after(struct request *r, int64_t retry_after_ms)
{
    char *text = arena_alloc(&r->arena, 32);
    snprintf(text, 32, "%lld", (long long)in_seconds(retry_after_ms));
    answer_header(r, "Retry-After", text);
}

static void put_verdict(struct request *r, struct json_writer *w)
{
    static const char *const names[] = {"limit", "remaining", "reset_ms", "retry_after_ms"};
    json_key(w, "allowed");
    json_put_bool(w, call_field(r, "allowed")->integer != 0);
    for (int i = 0; i < 4; i++) {
        const struct reply_node *node = call_field(r, names[i]);
        json_key(w, names[i]);
        if (node)
            json_put_int(w, node->integer);
        else
            json_put_null(w);
    }
}

static void take(struct request *r)
{
    struct taking t;
    if (!is_policy(r->params[0])) {
        problem(r, "bad-arguments",
                "a policy's name has 1 to %d of A-Z a-z 0-9 - _ . :", POLICY_MAX);
        return;
    }
    if (!parse_taking(r, &t))
        return;
    call_take(r, &t);
    if (!call_run(r))
        return;
    const struct reply_node *retry = call_field(r, "retry_after_ms");
    bool allowed = call_field(r, "allowed")->integer != 0;
    add_headers(r, &t, call_field(r, "remaining")->integer, call_field(r, "reset_ms")->integer);
    if (!allowed && retry)
        add_retry_after(r, retry->integer);
    struct json_writer *w;
    if (allowed || !t.enforce) {
        w = answer_json(r, 200);
        json_open_object(w);
    } else {
        w = problem_open(r, "rate-limited", BYTES("the limit is reached"));
    }
    put_verdict(r, w);
    json_close_object(w);
}

const struct route ratelimits_routes[] = {
    {METHOD_POST, "/v1/ratelimits/{policy}/{subject}", take, "takeRateLimit", 0},
    {0},
};
