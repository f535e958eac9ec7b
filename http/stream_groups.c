/* Groups of streams: made and removed, read by consumers, acknowledged. Every request is one command. */
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/streams.h"
#include "http/waiting.h"

#define COUNT_MAX 1000
#define IDS_MAX   10000
#define BLOCK_MS  30000

/* ---- PUT, GET, DELETE ------------------------------------------------------------------------ */

/* {"start": an id, or "$" for what comes from now on; "create": the stream too}; no body: "$". */
static void put_group(struct request *r)
{
    struct bytes start = BYTES("$");
    bool create = true;
    if (r->body.n &&
        (!request_json(r, false) || !request_member_bool(r, r->json, "create", &create)))
        return;
    const cJSON *item = r->body.n ? json_get(r->json, "start") : NULL;
    if (item && !json_argument(&r->arena, item, &start)) {
        problem(r, "bad-arguments", "\"start\" must be an id, or \"$\"");
        return;
    }
    call_start(r, "XGROUP");
    call_word(r, "CREATE");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    call_arg(r, start);
    if (create)
        call_word(r, "MKSTREAM");
    if (call_run(r))
        answer_empty(r, 201);
}

static void delete_group(struct request *r)
{
    call_start(r, "XGROUP");
    call_word(r, "DESTROY");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (node && node->integer == 0)
        problem(r, "no-group", "there is no such group");
    else if (node)
        answer_empty(r, 204);
}

/* The node of `field` in the map at node `at`, 0: missing. */
static size_t field_at(const struct request *r, size_t at, const char *field)
{
    size_t n = r->reply.nodes[at].count / 2;
    size_t k = at + 1;
    for (size_t i = 0; i < n; i++) {
        size_t value = capture_skip(&r->reply, k);
        if (bytes_is(call_text(r, &r->reply.nodes[k]), field))
            return value;
        k = capture_skip(&r->reply, value);
    }
    return 0;
}

/* A member of the group's map; null where the engine cannot tell it. */
static void put_member(struct request *r, struct json_writer *w, size_t group, const char *name,
                       const char *field)
{
    size_t at = field_at(r, group, field);
    const struct reply_node *node = &r->reply.nodes[at];
    json_key(w, name);
    if (node->kind == NODE_INT)
        json_put_count(w, (uint64_t)node->integer);
    else
        json_put_reply(w, &r->reply, at);
}

/* One of XINFO GROUPS. */
static void put_group_info(struct request *r, struct json_writer *w, size_t at)
{
    json_open_object(w);
    put_member(r, w, at, "group", "name");
    put_member(r, w, at, "consumers", "consumers");
    put_member(r, w, at, "pending", "pending");
    json_key(w, "last_id");
    json_put_plain(w, call_text(r, &r->reply.nodes[field_at(r, at, "last-delivered-id")]));
    put_member(r, w, at, "lag", "lag");
    json_close_object(w);
}

static void get_groups(struct request *r)
{
    call_start(r, "XINFO");
    call_word(r, "GROUPS");
    call_arg(r, r->params[0]);
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0, at = 1; i < node->count; i++, at = capture_skip(&r->reply, at))
        put_group_info(r, w, at);
    json_close_array(w);
    json_close_object(w);
}

/* ---- POST read ------------------------------------------------------------------------------- */

struct reading {
    struct bytes consumer, after;
    int64_t count, claim_idle_ms, block_ms;
    bool no_ack;
};

static bool parse_reading(struct request *r, struct reading *a)
{
    *a = (struct reading){.after = BYTES(">"), .count = 10, .claim_idle_ms = -1};
    if (!request_json(r, false) || !request_member_bytes(r, r->json, "consumer", &a->consumer) ||
        !request_member_int(r, r->json, "count", 1, COUNT_MAX, &a->count) ||
        !request_member_int(r, r->json, "claim_idle_ms", 0, INT64_MAX, &a->claim_idle_ms) ||
        !request_member_int(r, r->json, "block_ms", 0, BLOCK_MS, &a->block_ms) ||
        !request_member_bool(r, r->json, "no_ack", &a->no_ack))
        return false;
    const cJSON *item = json_get(r->json, "pending_after");
    if (item && !json_argument(&r->arena, item, &a->after)) {
        problem(r, "bad-arguments", "\"pending_after\" must be an id");
        return false;
    }
    return true;
}

static void start_reading(struct request *r, const struct reading *a, bool block)
{
    call_start(r, "XREADGROUP");
    call_word(r, "GROUP");
    call_arg(r, r->params[1]);
    call_arg(r, a->consumer);
    call_word(r, "COUNT");
    call_int(r, a->count);
    if (a->claim_idle_ms >= 0) {
        call_word(r, "CLAIM");
        call_int(r, a->claim_idle_ms);
    }
    if (block) {
        call_word(r, "BLOCK");
        call_int(r, a->block_ms);
    }
    if (a->no_ack)
        call_word(r, "NOACK");
    call_word(r, "STREAMS");
    call_arg(r, r->params[0]);
    call_arg(r, a->after);
}

/* The entries of the one stream: nodes 0 the map, 1 its key, 2 the array. */
static void say_read(struct request *r)
{
    size_t n = r->reply.nodes[2].count, at = 3;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < n; i++, at = capture_skip(&r->reply, at)) {
        json_open_object(w);
        stream_put_entry(r, w, at);
        if (r->reply.nodes[at].count == 4) {
            size_t idle = capture_skip(&r->reply, at + 2);
            json_key(w, "idle_ms");
            json_put_count(w, (uint64_t)r->reply.nodes[idle].integer);
            json_key(w, "deliveries");
            json_put_count(w, (uint64_t)r->reply.nodes[idle + 1].integer);
        }
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static bool has_entries(const struct request *r)
{
    const struct reply_node *nodes = r->reply.nodes;
    return nodes[0].kind != NODE_NULL && nodes[2].count > 0;
}

static void say_read_or_nothing(struct request *r)
{
    if (has_entries(r))
        say_read(r);
    else
        answer_empty(r, 204);
}

static void read_group(struct request *r)
{
    struct reading a;
    if (!parse_reading(r, &a))
        return;
    start_reading(r, &a, false);
    if (!call_run(r))
        return;
    if (a.block_ms == 0 || has_entries(r) || !bytes_eq(a.after, BYTES(">"))) {
        say_read_or_nothing(r);
        return;
    }
    start_reading(r, &a, true);
    waiting_call(r, say_read_or_nothing);
}

/* ---- POST ack -------------------------------------------------------------------------------- */

static void ack(struct request *r)
{
    const cJSON *ids;
    struct bytes id;
    if (!request_json(r, false) || !request_member_array(r, "ids", IDS_MAX, &ids))
        return;
    call_start(r, "XACK");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    for (const cJSON *item = ids->child; item; item = item->next) {
        if (!json_argument(&r->arena, item, &id)) {
            problem(r, "bad-arguments", "\"ids\" must hold ids");
            return;
        }
        call_arg(r, id);
    }
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    int64_t n = node->integer;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "acknowledged");
    json_put_count(w, (uint64_t)n);
    json_close_object(w);
}

const struct route stream_groups_routes[] = {
    {METHOD_GET, "/v1/streams/{key}/groups", get_groups, "getStreamGroups", 0},
    {METHOD_PUT, "/v1/streams/{key}/groups/{group}", put_group, "putStreamGroup", 0},
    {METHOD_DELETE, "/v1/streams/{key}/groups/{group}", delete_group, "deleteStreamGroup", 0},
    {METHOD_POST, "/v1/streams/{key}/groups/{group}/read", read_group, "readStreamGroup", 0},
    {METHOD_POST, "/v1/streams/{key}/groups/{group}/ack", ack, "acknowledge", 0},
    {0},
};
