/* Streams: adding entries, reading them by their ids. Groups are in stream_groups.c. Every request is one command. */
#include "http/streams.h"

#include <stdio.h>

#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define LIMIT_MAX  1000
#define FIELDS_MAX 10000

/* ---- entries as JSON ------------------------------------------------------------------------- */

static struct bytes text_at(const struct request *r, size_t at)
{
    return call_text(r, &r->reply.nodes[at]);
}

/* Can the fields be an object: do all names differ, and are they text? */
static bool are_members(const struct request *r, size_t fields)
{
    size_t n = r->reply.nodes[fields].count / 2;
    if (n > STREAM_FIELDS_OBJECT || r->writer.base64)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct bytes name = text_at(r, fields + 1 + 2 * i);
        if (bytes_utf8_check(name) != name.n)
            return false;
        for (size_t k = 0; k < i; k++)
            if (bytes_eq(name, text_at(r, fields + 1 + 2 * k)))
                return false;
    }
    return true;
}

static void put_fields(struct request *r, struct json_writer *w, size_t fields)
{
    size_t n = r->reply.nodes[fields].count / 2;
    bool members = are_members(r, fields);
    members ? json_open_object(w) : json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        size_t at = fields + 1 + 2 * i;
        if (members) {
            json_put_name(w, text_at(r, at));
            json_put_bytes(w, text_at(r, at + 1));
            continue;
        }
        json_open_array(w);
        json_put_bytes(w, text_at(r, at));
        json_put_bytes(w, text_at(r, at + 1));
        json_close_array(w);
    }
    members ? json_close_object(w) : json_close_array(w);
}

void stream_put_entry(struct request *r, struct json_writer *w, size_t at)
{
    json_key(w, "id");
    json_put_plain(w, text_at(r, at + 1));
    json_key(w, "fields");
    if (r->reply.nodes[at + 2].kind == NODE_NULL)
        json_put_null(w);
    else
        put_fields(r, w, at + 2);
}

static void put_object(struct request *r, struct json_writer *w, size_t at)
{
    json_open_object(w);
    stream_put_entry(r, w, at);
    json_close_object(w);
}

/* ---- POST entries ---------------------------------------------------------------------------- */

/* A field, by its name or as [name, value]. */
static bool add_field(struct request *r, const cJSON *item, bool pair)
{
    const cJSON *value =
        pair ? (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2 ? item->child->next : NULL)
             : item;
    struct bytes name, text;
    if (!value || !json_argument(&r->arena, value, &text) ||
        (pair && !json_argument(&r->arena, item->child, &name)))
        return false;
    call_arg(r, pair ? name : json_name(item));
    call_arg(r, text);
    return true;
}

static bool add_fields(struct request *r)
{
    const cJSON *fields = json_get(r->json, "fields");
    bool pairs = cJSON_IsArray(fields);
    int n = 0;
    if ((!pairs && !cJSON_IsObject(fields)) || !fields->child) {
        problem(r, "bad-arguments",
                "\"fields\" must be an object, or an array of [name, value], that is not empty");
        return false;
    }
    for (const cJSON *item = fields->child; item; item = item->next) {
        if (++n > FIELDS_MAX) {
            problem(r, "too-large", "an entry takes %d fields here", FIELDS_MAX);
            return false;
        }
        if (!add_field(r, item, pairs)) {
            problem(r, "bad-arguments", "fields must be strings, numbers or {\"b64\":\"...\"}");
            return false;
        }
    }
    return true;
}

/* The id that the body gives, "*" without one. */
static bool add_id(struct request *r)
{
    const cJSON *item = json_get(r->json, "id");
    struct bytes id = BYTES("*");
    if (item && !json_bytes(&r->arena, item, &id)) {
        problem(r, "bad-arguments", "\"id\" must be a string");
        return false;
    }
    /* What is no id would be taken for an option. */
    if (id.n == 0 || !(id.p[0] == '*' || (id.p[0] >= '0' && id.p[0] <= '9'))) {
        problem(r, "bad-arguments", "\"id\" must be an entry's id, or \"*\"");
        return false;
    }
    call_arg(r, id);
    return true;
}

static bool add_options(struct request *r)
{
    int64_t max_len = -1;
    bool exact = false, create = true;
    if (!request_member_int(r, r->json, "max_len", 0, INT64_MAX, &max_len) ||
        !request_member_bool(r, r->json, "exact", &exact) ||
        !request_member_bool(r, r->json, "create", &create))
        return false;
    if (!create)
        call_word(r, "NOMKSTREAM");
    if (max_len >= 0) {
        call_word(r, "MAXLEN");
        call_word(r, exact ? "=" : "~");
        call_int(r, max_len);
    }
    return true;
}

/* 201 with the entry's place. */
static void say_added(struct request *r, struct bytes id)
{
    const char *stream = target_join(&r->arena, "/v1/streams/", r->params[0]);
    size_t n = strlen(stream) + sizeof "/entries/";
    char *entries = arena_alloc(&r->arena, n);
    snprintf(entries, n, "%s/entries/", stream);
    answer_header(r, "Location", target_join(&r->arena, entries, id));
    struct json_writer *w = answer_json(r, 201);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "id");
    json_put_plain(w, id);
    json_close_object(w);
}

static void add_entry(struct request *r)
{
    if (!request_json(r, false))
        return;
    call_start(r, "XADD");
    call_arg(r, r->params[0]);
    if (!add_options(r) || !add_id(r) || !add_fields(r))
        return;
    const struct reply_node *node = call_run(r);
    if (node && node->kind == NODE_NULL)
        problem(r, "not-found", "there is no such stream");
    else if (node)
        say_added(r, call_text(r, node));
}

/* ---- GET and DELETE -------------------------------------------------------------------------- */

/* XRANGE's answer of up to limit + 1 entries: the one too many is where to go on. */
static void say_entries(struct request *r, size_t limit)
{
    size_t n = r->reply.nodes[0].count, at = 1;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < n && i < limit; i++, at = capture_skip(&r->reply, at))
        put_object(r, w, at);
    json_close_array(w);
    json_key(w, "cursor");
    if (n > limit)
        json_put_plain(w, text_at(r, at + 1));
    else
        json_put_null(w);
    json_close_object(w);
}

/* ?start, end: ids, "(" before one leaves it out; cursor: what an answer before gave, in place of the bound that the
 * walk begins at. */
static void get_entries(struct request *r)
{
    struct bytes start = BYTES("-"), end = BYTES("+");
    int64_t limit = 100;
    bool reverse = false;
    request_query(r, "start", &start);
    request_query(r, "end", &end);
    if (!request_query_int(r, "limit", 1, LIMIT_MAX, &limit) ||
        !request_query_bool(r, "reverse", &reverse))
        return;
    request_query(r, "cursor", reverse ? &end : &start);
    call_start(r, reverse ? "XREVRANGE" : "XRANGE");
    call_arg(r, r->params[0]);
    call_arg(r, reverse ? end : start);
    call_arg(r, reverse ? start : end);
    call_word(r, "COUNT");
    call_int(r, limit + 1);
    if (call_run(r))
        say_entries(r, (size_t)limit);
}

static void get_entry(struct request *r)
{
    call_start(r, "XRANGE");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (node && node->count != 1)
        problem(r, "not-found", "there is no such entry");
    else if (node)
        put_object(r, answer_json(r, 200), 1);
}

static void delete_entry(struct request *r)
{
    call_start(r, "XDEL");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (node && node->integer == 0)
        problem(r, "not-found", "there is no such entry");
    else if (node)
        answer_empty(r, 204);
}

static void put_id_field(struct request *r, struct json_writer *w, const char *name,
                         const char *field)
{
    json_key(w, name);
    json_put_plain(w, call_text(r, call_field(r, field)));
}

/* XINFO STREAM's answer, what of it is worth showing. */
static void get_stream(struct request *r)
{
    call_start(r, "XINFO");
    call_word(r, "STREAM");
    call_arg(r, r->params[0]);
    if (!call_run(r))
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "length");
    json_put_count(w, (uint64_t)call_field(r, "length")->integer);
    json_key(w, "added");
    json_put_count(w, (uint64_t)call_field(r, "entries-added")->integer);
    put_id_field(r, w, "first_id", "recorded-first-entry-id");
    put_id_field(r, w, "last_id", "last-generated-id");
    json_key(w, "groups");
    json_put_count(w, (uint64_t)call_field(r, "groups")->integer);
    json_close_object(w);
}

const struct route streams_routes[] = {
    {METHOD_GET, "/v1/streams/{key}", get_stream, "getStream", 0},
    {METHOD_POST, "/v1/streams/{key}/entries", add_entry, "addToStream", 0},
    {METHOD_GET, "/v1/streams/{key}/entries", get_entries, "getStreamEntries", 0},
    {METHOD_GET, "/v1/streams/{key}/entries/{id}", get_entry, "getStreamEntry", 0},
    {METHOD_DELETE, "/v1/streams/{key}/entries/{id}", delete_entry, "deleteStreamEntry", 0},
    {0},
};
