/* Counters: one increment with bounds and a time to live, in one step of the engine (ATR.COUNTER).
 */
#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

enum ttl_mode { TTL_IF_NEW, TTL_ALWAYS, TTL_KEEP };

struct increment {
    int64_t by, initial, ttl_ms, min, max;
    int mode;
};

static bool parse_increment(struct request *r, struct increment *i)
{
    static const char *const modes[] = {"if_new", "always", "keep", NULL};
    *i = (struct increment){.by = 1, .min = INT64_MIN, .max = INT64_MAX};
    if (r->body.n == 0)
        return true;
    return request_json(r, false) &&
           request_member_int(r, r->json, "by", INT64_MIN, INT64_MAX, &i->by) &&
           request_member_int(r, r->json, "initial", INT64_MIN, INT64_MAX, &i->initial) &&
           request_member_int(r, r->json, "ttl_ms", 1, INT64_MAX, &i->ttl_ms) &&
           request_member_int(r, r->json, "min", INT64_MIN, INT64_MAX, &i->min) &&
           request_member_int(r, r->json, "max", INT64_MIN, INT64_MAX, &i->max) &&
           request_member_word(r, r->json, "ttl_mode", modes, &i->mode);
}

static void call_increment(struct request *r, const struct increment *i)
{
    call_start(r, "ATR.COUNTER");
    call_arg(r, r->params[0]);
    call_int(r, i->by);
    call_word(r, "INITIAL");
    call_int(r, i->initial);
    call_word(r, "MIN");
    call_int(r, i->min);
    call_word(r, "MAX");
    call_int(r, i->max);
    if (i->ttl_ms == 0 || i->mode == TTL_KEEP)
        return;
    call_word(r, "TTL");
    call_int(r, i->ttl_ms);
    if (i->mode == TTL_IF_NEW)
        call_word(r, "NEW");
}

static void put_state(struct request *r, struct json_writer *w)
{
    const struct reply_node *ttl = call_field(r, "ttl_ms");
    json_key(w, "value");
    json_put_int(w, call_field(r, "value")->integer);
    answer_ttl(w, ttl ? ttl->integer : -1);
}

static void increment(struct request *r)
{
    struct increment i;
    if (!parse_increment(r, &i))
        return;
    call_increment(r, &i);
    if (!call_run(r))
        return;
    bool allowed = call_field(r, "allowed")->integer != 0;
    struct json_writer *w;
    if (allowed) {
        w = answer_json(r, 200);
        json_open_object(w);
        json_key(w, "key");
        json_put_bytes(w, r->params[0]);
    } else {
        w = problem_open(r, "out-of-bounds", BYTES("the sum would pass min or max"));
    }
    put_state(r, w);
    if (allowed) {
        json_key(w, "created");
        json_put_bool(w, call_field(r, "created")->integer != 0);
    }
    json_close_object(w);
}

const struct route counters_routes[] = {
    {METHOD_POST, "/v1/counters/{key}/incr", increment, "incrementCounter", 0},
    {0},
};
