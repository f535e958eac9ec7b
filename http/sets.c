/* Sets: their members in pages, one by one, several at once, and the algebra of several sets.
 *
 * Every request is one command, so what it answers was true at one moment. */
#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define LIMIT_MAX   1000
#define MEMBERS_MAX 10000
#define KEYS_MAX    1000

static void not_found(struct request *r)
{
    problem(r, "not-found", "there is no such set");
}

/* "items": the members from node `at` on, as many as `n`. */
static void put_items(struct request *r, struct json_writer *w, const struct reply_node *at,
                      size_t n)
{
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_bytes(w, call_text(r, &at[i]));
    json_close_array(w);
}

static void say_items(struct request *r, const struct reply_node *array)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    put_items(r, w, array + 1, array->count);
    json_close_object(w);
}

/* ---- GET /v1/sets/{key} ---------------------------------------------------------------------- */

/* The members that the query names. */
static void add_named(struct request *r)
{
    call_word(r, "MEMBERS");
    for (unsigned i = 0; i < r->target.nquery; i++)
        if (bytes_eq(r->target.query[i].name, BYTES("member")))
            call_arg(r, r->target.query[i].value);
}

static void add_scan(struct request *r, int64_t limit)
{
    struct bytes cursor = BYTES("0"), match;
    request_query(r, "cursor", &cursor);
    call_word(r, "SCAN");
    call_arg(r, cursor);
    call_word(r, "COUNT");
    call_int(r, limit);
    if (request_query(r, "match", &match)) {
        call_word(r, "MATCH");
        call_arg(r, match);
    }
}

/* ATR.SPAGE's answer. */
static void say_page(struct request *r)
{
    const struct reply_node *members = call_field(r, "members");
    struct bytes cursor = call_text(r, call_field(r, "cursor"));
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "total");
    json_put_count(w, (uint64_t)call_field(r, "total")->integer);
    put_items(r, w, members + 1, members->count);
    json_key(w, "cursor");
    if (bytes_eq(cursor, BYTES("0")))
        json_put_null(w);
    else
        json_put_plain(w, cursor);
    json_close_object(w);
}

/* ?random=n: n different members, or all there are. */
static void say_random(struct request *r, int64_t n)
{
    call_start(r, "SRANDMEMBER");
    call_arg(r, r->params[0]);
    call_int(r, n);
    const struct reply_node *node = call_run(r);
    if (node && node->count == 0)
        not_found(r);
    else if (node)
        say_items(r, node);
}

static void get_set(struct request *r)
{
    struct bytes named;
    int64_t random = 0, limit = 100;
    if (!request_query_int(r, "random", 1, MEMBERS_MAX, &random) ||
        !request_query_int(r, "limit", 1, LIMIT_MAX, &limit))
        return;
    if (random) {
        say_random(r, random);
        return;
    }
    call_start(r, "ATR.SPAGE");
    call_arg(r, r->params[0]);
    if (request_query(r, "member", &named))
        add_named(r);
    else
        add_scan(r, limit);
    const struct reply_node *node = call_run(r);
    if (node && node->kind == NODE_NULL)
        not_found(r);
    else if (node)
        say_page(r);
}

/* ---- several members ------------------------------------------------------------------------- */

static void say_count(struct request *r, struct bytes key, const char *name, int64_t n)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, key);
    json_key(w, name);
    json_put_count(w, (uint64_t)n);
    json_close_object(w);
}

/* The items of the array `name` as arguments. False: answered. */
static bool add_array(struct request *r, const char *name, const cJSON *array)
{
    struct bytes arg;
    for (const cJSON *item = array->child; item; item = item->next) {
        if (!json_argument(&r->arena, item, &arg)) {
            problem(r, "bad-arguments", "\"%s\" must hold strings, numbers or {\"b64\":\"...\"}",
                    name);
            return false;
        }
        call_arg(r, arg);
    }
    return true;
}

static void patch_set(struct request *r)
{
    const cJSON *members;
    if (!request_json(r, false))
        return;
    bool add = json_get(r->json, "add") != NULL, gone = json_get(r->json, "remove") != NULL;
    if (add == gone) {
        problem(r, "bad-arguments", "give one of \"add\" and \"remove\"");
        return;
    }
    const char *name = add ? "add" : "remove";
    if (!request_member_array(r, name, MEMBERS_MAX, &members))
        return;
    call_start(r, add ? "SADD" : "SREM");
    call_arg(r, r->params[0]);
    const struct reply_node *node = add_array(r, name, members) ? call_run(r) : NULL;
    if (node)
        say_count(r, r->params[0], add ? "added" : "removed", node->integer);
}

/* POST .../pop: members at random, which leave the set; 204 where there are none. */
static void pop_members(struct request *r)
{
    int64_t count = 1;
    if (!request_json(r, false) || !request_member_int(r, r->json, "count", 1, MEMBERS_MAX, &count))
        return;
    call_start(r, "SPOP");
    call_arg(r, r->params[0]);
    call_int(r, count);
    const struct reply_node *node = call_run(r);
    if (node && node->count == 0)
        answer_empty(r, 204);
    else if (node)
        say_items(r, node);
}

/* ---- one member ------------------------------------------------------------------------------ */

/* A command on a key and a member that answers 1 or 0; -1: answered. */
static int call_member(struct request *r, const char *command)
{
    call_start(r, command);
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    return node ? node->integer != 0 : -1;
}

static void no_member(struct request *r)
{
    problem(r, "not-found", "there is no such member");
}

static void get_member(struct request *r)
{
    int there = call_member(r, "SISMEMBER");
    if (there == 0)
        no_member(r);
    if (there <= 0)
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "member");
    json_put_bytes(w, r->params[1]);
    json_close_object(w);
}

static void put_member(struct request *r)
{
    int added = call_member(r, "SADD");
    if (added >= 0)
        answer_empty(r, added ? 201 : 204);
}

static void delete_member(struct request *r)
{
    int removed = call_member(r, "SREM");
    if (removed == 0)
        no_member(r);
    else if (removed > 0)
        answer_empty(r, 204);
}

/* ---- POST /v1/sets/query --------------------------------------------------------------------- */

struct query {
    int op;
    const cJSON *keys;
    struct bytes store;
    bool stores, counts;
    int64_t limit; /* of a count; 0: none */
};

static bool parse_query(struct request *r, struct query *q)
{
    static const char *const ops[] = {"inter", "union", "diff", NULL};
    *q = (struct query){.op = -1};
    if (!request_json(r, false) || !request_member_word(r, r->json, "op", ops, &q->op) ||
        !request_member_array(r, "keys", KEYS_MAX, &q->keys) ||
        !request_member_bool(r, r->json, "count", &q->counts) ||
        !request_member_int(r, r->json, "limit", 1, INT64_MAX, &q->limit))
        return false;
    q->stores = json_get(r->json, "store") != NULL;
    if (q->stores && !request_member_bytes(r, r->json, "store", &q->store))
        return false;
    if (q->op < 0)
        problem(r, "bad-arguments", "\"op\" must be inter, union or diff");
    else if (q->stores && q->counts)
        problem(r, "bad-arguments", "give one of \"store\" and \"count\"");
    else if (q->limit && !q->counts)
        problem(r, "bad-arguments", "\"limit\" goes with \"count\"");
    else
        return true;
    return false;
}

static const struct reply_node *call_query(struct request *r, const struct query *q)
{
    static const char *const commands[][3] = {
        {"SINTER", "SINTERSTORE", "SINTERCARD"},
        {"SUNION", "SUNIONSTORE", "SUNIONCARD"},
        {"SDIFF", "SDIFFSTORE", "SDIFFCARD"},
    };
    call_start(r, commands[q->op][q->stores ? 1 : q->counts ? 2 : 0]);
    if (q->stores)
        call_arg(r, q->store);
    if (q->counts)
        call_int(r, cJSON_GetArraySize(q->keys));
    if (!add_array(r, "keys", q->keys))
        return NULL;
    if (q->limit) {
        call_word(r, "LIMIT");
        call_int(r, q->limit);
    }
    return call_run(r);
}

static void query_sets(struct request *r)
{
    struct query q;
    if (!parse_query(r, &q))
        return;
    const struct reply_node *node = call_query(r, &q);
    if (!node)
        return;
    if (q.stores) {
        say_count(r, q.store, "total", node->integer);
        return;
    }
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "total");
    json_put_count(w, q.counts ? (uint64_t)node->integer : node->count);
    if (!q.counts)
        put_items(r, w, node + 1, node->count);
    json_close_object(w);
}

const struct route sets_routes[] = {
    {METHOD_POST, "/v1/sets/query", query_sets, "querySets", 0},
    {METHOD_GET, "/v1/sets/{key}", get_set, "getSet", 0},
    {METHOD_PATCH, "/v1/sets/{key}", patch_set, "patchSet", 0},
    {METHOD_POST, "/v1/sets/{key}/pop", pop_members, "popMembers", 0},
    {METHOD_GET, "/v1/sets/{key}/members/{member}", get_member, "getSetMember", 0},
    {METHOD_PUT, "/v1/sets/{key}/members/{member}", put_member, "putSetMember", 0},
    {METHOD_DELETE, "/v1/sets/{key}/members/{member}", delete_member, "deleteSetMember", 0},
    {0},
};
