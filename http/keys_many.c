/* Many keys: the listing, and reading, writing and deleting a group. Each item of a group has its
 * own result, and a group is no transaction: other clients may come in between (mget is one step).
 */
#include <stdio.h>

#include "http/call.h"
#include "http/etag.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/worker.h"

#define GROUP_MAX 10000
#define LIMIT_MAX 1000
/* A sparse match may need many steps for one page: then the page ends early, with a cursor. */
#define SCAN_STEPS_MAX 100

/* ---- GET /v1/keys ---------------------------------------------------------------------------- */

struct listing {
    struct bytes cursor, match, type;
    int64_t limit;
    struct bytes *keys; /* copies in the arena */
    size_t n, cap;
};

static void add_key(struct request *r, struct listing *l, struct bytes key)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 128;
        struct bytes *more = arena_alloc(&r->arena, cap * sizeof *more);
        if (l->n)
            memcpy(more, l->keys, l->n * sizeof *more);
        l->keys = more;
        l->cap = cap;
    }
    l->keys[l->n++] = arena_copy(&r->arena, key);
}

/* One SCAN; false: answered. */
static bool scan_step(struct request *r, struct listing *l)
{
    call_start(r, "SCAN");
    call_arg(r, l->cursor);
    call_word(r, "COUNT");
    call_int(r, l->limit - (int64_t)l->n);
    if (l->match.p) {
        call_word(r, "MATCH");
        call_arg(r, l->match);
    }
    if (l->type.p) {
        call_word(r, "TYPE");
        call_arg(r, l->type);
    }
    if (!call_run(r))
        return false;
    const struct reply_node *nodes = r->reply.nodes;
    l->cursor = arena_copy(&r->arena, call_text(r, &nodes[1]));
    for (size_t i = 0; i < nodes[2].count; i++)
        add_key(r, l, call_text(r, &nodes[3 + i]));
    return true;
}

/* {"key","type","ttl_ms"}; nothing where the key has gone since. */
static bool put_listed(struct request *r, struct json_writer *w, struct bytes key)
{
    int64_t ttl_ms = -1;
    call_start(r, "ATR.KEYINFO");
    call_arg(r, key);
    const struct reply_node *node = call_run(r);
    if (!node || node->kind == NODE_NULL)
        return node != NULL;
    const struct reply_node *type = call_field(r, "type"), *ttl = call_field(r, "ttl_ms");
    if (ttl)
        call_int_of(r, ttl, &ttl_ms);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, key);
    json_key(w, "type");
    json_put_plain(w, call_text(r, type));
    answer_ttl(w, ttl_ms);
    json_close_object(w);
    return true;
}

static void say_listing(struct request *r, const struct listing *l)
{
    bool end = bytes_eq(l->cursor, BYTES("0"));
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < l->n; i++)
        if (!put_listed(r, w, l->keys[i]))
            return;
    json_close_array(w);
    json_key(w, "cursor");
    if (end)
        json_put_null(w);
    else
        json_put_plain(w, l->cursor);
    json_close_object(w);
}

static void list_keys(struct request *r)
{
    struct listing l = {.cursor = BYTES("0"), .limit = 100};
    request_query(r, "cursor", &l.cursor);
    request_query(r, "match", &l.match);
    request_query(r, "type", &l.type);
    if (!request_query_int(r, "limit", 1, LIMIT_MAX, &l.limit))
        return;
    for (int step = 0; step < SCAN_STEPS_MAX && (int64_t)l.n < l.limit; step++) {
        if (!scan_step(r, &l))
            return;
        if (bytes_eq(l.cursor, BYTES("0")))
            break;
    }
    say_listing(r, &l);
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* The array `name` of byte strings as arguments of the command under way. False: answered. */
static bool add_keys(struct request *r, const cJSON *keys)
{
    struct bytes key;
    for (const cJSON *item = keys->child; item; item = item->next) {
        if (!json_argument(&r->arena, item, &key)) {
            problem(r, "bad-arguments", "\"keys\" must hold strings or {\"b64\":\"...\"}");
            return false;
        }
        call_arg(r, key);
    }
    return true;
}

static void mget_keys(struct request *r)
{
    const cJSON *keys;
    if (!request_json(r, false) || !request_member_array(r, "keys", GROUP_MAX, &keys))
        return;
    call_start(r, "MGET");
    if (!add_keys(r, keys) || !call_run(r))
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (int i = 1; i < r->argc; i++) {
        const struct reply_node *value = &r->reply.nodes[i];
        json_open_object(w);
        json_key(w, "key");
        json_put_bytes(w, r->argv[i]);
        json_key(w, "value");
        json_put_reply(w, &r->reply, (size_t)i);
        json_key(w, "etag");
        if (value->kind == NODE_NULL)
            json_put_null(w);
        else
            json_put_plain(w, etag_of(r, call_text(r, value)));
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

struct written {
    struct bytes key, value;
    int64_t ttl_ms;
    bool if_none_exist;
};

static bool parse_written(struct request *r, const cJSON *item, struct written *to)
{
    *to = (struct written){0};
    return request_member_bytes(r, item, "key", &to->key) &&
           request_member_bytes(r, item, "value", &to->value) &&
           request_member_int(r, item, "ttl_ms", 1, INT64_MAX, &to->ttl_ms) &&
           request_member_bool(r, item, "if_none_exist", &to->if_none_exist);
}

/* Runs the command that was put together and writes an item of its result: `member` tells whether
 * it did something. False: answered. */
static bool put_result(struct request *r, struct json_writer *w, struct bytes key,
                       const char *member)
{
    const struct reply_node *node = call_try(r);
    if (!node)
        return false;
    bool done = node->kind == NODE_SIMPLE || (node->kind == NODE_INT && node->integer > 0);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, key);
    json_key(w, member);
    json_put_bool(w, done);
    if (node->kind == NODE_ERROR) {
        json_key(w, "error");
        problem_item(w, node->code, call_text(r, node));
    }
    json_close_object(w);
    return true;
}

static bool write_one(struct request *r, struct json_writer *w, const struct written *item)
{
    call_start(r, "SET");
    call_arg(r, item->key);
    call_arg(r, item->value);
    if (item->if_none_exist)
        call_word(r, "NX");
    if (item->ttl_ms) {
        call_word(r, "PX");
        call_int(r, item->ttl_ms);
    }
    return put_result(r, w, item->key, "set");
}

static struct json_writer *open_items(struct request *r)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    return w;
}

static void close_items(struct json_writer *w)
{
    json_close_array(w);
    json_close_object(w);
}

static void mset_keys(struct request *r)
{
    const cJSON *items;
    if (!request_json(r, false) || !request_member_array(r, "items", GROUP_MAX, &items))
        return;
    size_t n = 0;
    struct written *all = arena_alloc(&r->arena, (size_t)cJSON_GetArraySize(items) * sizeof *all);
    for (const cJSON *item = items->child; item; item = item->next)
        if (!parse_written(r, item, &all[n++]))
            return;
    struct json_writer *w = open_items(r);
    for (size_t i = 0; i < n; i++)
        if (!write_one(r, w, &all[i]))
            return;
    close_items(w);
}

static void delete_keys(struct request *r)
{
    const cJSON *keys;
    if (!request_json(r, false) || !request_member_array(r, "keys", GROUP_MAX, &keys))
        return;
    r->argc = 0;
    if (!add_keys(r, keys))
        return;
    size_t n = (size_t)r->argc;
    struct bytes *all = arena_alloc(&r->arena, n * sizeof *all);
    memcpy(all, r->argv, n * sizeof *all);
    struct json_writer *w = open_items(r);
    for (size_t i = 0; i < n; i++) {
        call_start(r, "DEL");
        call_arg(r, all[i]);
        if (!put_result(r, w, all[i], "deleted"))
            return;
    }
    close_items(w);
}

const struct route keys_many_routes[] = {
    {METHOD_GET, "/v1/keys", list_keys, "listKeys", 0},
    {METHOD_POST, "/v1/keys/mget", mget_keys, "mgetKeys", 0},
    {METHOD_POST, "/v1/keys/mset", mset_keys, "msetKeys", 0},
    {METHOD_POST, "/v1/keys/delete", delete_keys, "deleteKeys", 0},
    {0},
};
