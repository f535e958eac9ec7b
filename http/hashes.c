/* Hashes as a whole: their fields in pages or as one object, and changes to several fields.
 *
 * A PATCH takes exactly one of "set", "incr" (one field) and "delete", because each of them is one
 * command, and so happens as a whole or not at all. Single fields are in hash_fields.c. */
#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

#define LIMIT_MAX  1000
#define FIELDS_MAX 10000

/* ---- GET ------------------------------------------------------------------------------------- */

static void not_found(struct request *r)
{
    problem(r, "not-found", "there is no such hash");
}

/* The fields that the query names. */
static void add_named(struct request *r)
{
    int64_t n = 0;
    for (unsigned i = 0; i < r->target.nquery; i++)
        n += bytes_eq(r->target.query[i].name, BYTES("field"));
    call_word(r, "FIELDS");
    call_int(r, n);
    for (unsigned i = 0; i < r->target.nquery; i++)
        if (bytes_eq(r->target.query[i].name, BYTES("field")))
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

/* ATR.HPAGE's answer: triples of field, value and time to live, then the cursor. */
static void say_page(struct request *r)
{
    const struct reply_node *fields = call_field(r, "fields");
    struct bytes cursor = call_text(r, call_field(r, "cursor"));
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 1; i < 1 + fields->count; i += 3) {
        json_open_object(w);
        json_key(w, "field");
        json_put_bytes(w, call_text(r, &fields[i]));
        json_key(w, "value");
        json_put_bytes(w, call_text(r, &fields[i + 1]));
        answer_ttl(w, fields[i + 2].kind == NODE_NULL ? -1 : fields[i + 2].integer);
        json_close_object(w);
    }
    json_close_array(w);
    json_key(w, "cursor");
    if (bytes_eq(cursor, BYTES("0")))
        json_put_null(w);
    else
        json_put_plain(w, cursor);
    json_close_object(w);
}

static void say_object(struct request *r)
{
    call_start(r, "HGETALL");
    call_arg(r, r->params[0]);
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    if (node->count == 0) {
        not_found(r);
        return;
    }
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "fields");
    json_put_reply(w, &r->reply, 0);
    json_close_object(w);
}

static void get_hash(struct request *r)
{
    static const char *const shapes[] = {"items", "object", NULL};
    struct bytes named;
    int shape = 0;
    int64_t limit = 100;
    if (!request_query_word(r, "shape", shapes, &shape) ||
        !request_query_int(r, "limit", 1, LIMIT_MAX, &limit))
        return;
    if (shape == 1) {
        say_object(r);
        return;
    }
    call_start(r, "ATR.HPAGE");
    call_arg(r, r->params[0]);
    if (request_query(r, "field", &named))
        add_named(r);
    else
        add_scan(r, limit);
    const struct reply_node *node = call_run(r);
    if (node && node->kind == NODE_NULL)
        not_found(r);
    else if (node)
        say_page(r);
}

/* ---- PATCH ----------------------------------------------------------------------------------- */

static void say_count(struct request *r, const char *name, uint64_t n)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, name);
    json_put_count(w, n);
    json_close_object(w);
}

/* An object's members as arguments: field, value, ... False: answered. */
static bool add_members(struct request *r, const cJSON *object)
{
    struct bytes value;
    for (const cJSON *item = object->child; item; item = item->next) {
        if (!json_argument(&r->arena, item, &value)) {
            problem(r, "bad-arguments",
                    "values in \"set\" must be strings, numbers or {\"b64\":\"...\"}");
            return false;
        }
        call_arg(r, json_name(item));
        call_arg(r, value);
    }
    return true;
}

static void set_fields(struct request *r, const cJSON *set)
{
    static const char *const conditions[] = {"nx", "xx", NULL};
    int64_t ttl_ms = 0;
    int condition = -1, n = cJSON_IsObject(set) ? cJSON_GetArraySize(set) : 0;
    if (!request_member_int(r, r->json, "ttl_ms", 1, INT64_MAX, &ttl_ms) ||
        !request_member_word(r, r->json, "if", conditions, &condition))
        return;
    if (n == 0 || n > FIELDS_MAX) {
        problem(r, "bad-arguments", "\"set\" must be an object with 1 to %d members", FIELDS_MAX);
        return;
    }
    call_start(r, "HSETEX");
    call_arg(r, r->params[0]);
    if (condition >= 0)
        call_word(r, condition == 0 ? "FNX" : "FXX");
    if (ttl_ms) {
        call_word(r, "PX");
        call_int(r, ttl_ms);
    }
    call_word(r, "FIELDS");
    call_int(r, n);
    const struct reply_node *node = add_members(r, set) ? call_run(r) : NULL;
    if (node && node->integer)
        say_count(r, "set", (uint64_t)n);
    else if (node)
        problem(r, "precondition-failed",
                condition == 0 ? "a field is there" : "a field is missing");
}

static void say_sum(struct request *r, struct bytes field, const struct reply_node *node)
{
    double sum = 0;
    bool whole = node->kind == NODE_INT;
    int64_t integer = node->integer;
    if (!whole)
        call_double_of(r, node, &sum);
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "field");
    json_put_bytes(w, field);
    json_key(w, "value");
    if (whole)
        json_put_int(w, integer);
    else
        json_put_double(w, sum);
    json_close_object(w);
}

static void add_to_field(struct request *r, const cJSON *incr)
{
    const cJSON *item = cJSON_IsObject(incr) ? incr->child : NULL;
    int64_t whole;
    double real;
    if (!item || item->next || !json_double(item, &real)) {
        problem(r, "bad-arguments", "\"incr\" must be an object with one number");
        return;
    }
    bool is_whole = json_int(item, &whole);
    call_start(r, is_whole ? "HINCRBY" : "HINCRBYFLOAT");
    call_arg(r, r->params[0]);
    call_arg(r, json_name(item));
    call_arg(r, json_string(item));
    const struct reply_node *node = call_run(r);
    if (node)
        say_sum(r, json_name(item), node);
}

static void remove_fields(struct request *r)
{
    const cJSON *names;
    struct bytes name;
    if (!request_member_array(r, "delete", FIELDS_MAX, &names))
        return;
    call_start(r, "HDEL");
    call_arg(r, r->params[0]);
    for (const cJSON *item = names->child; item; item = item->next) {
        if (!json_argument(&r->arena, item, &name)) {
            problem(r, "bad-arguments", "\"delete\" must hold strings or {\"b64\":\"...\"}");
            return;
        }
        call_arg(r, name);
    }
    const struct reply_node *node = call_run(r);
    if (node)
        say_count(r, "deleted", (uint64_t)node->integer);
}

static void patch_hash(struct request *r)
{
    if (!request_json(r, false))
        return;
    const cJSON *set = json_get(r->json, "set"), *incr = json_get(r->json, "incr");
    const cJSON *gone = json_get(r->json, "delete");
    if ((set != NULL) + (incr != NULL) + (gone != NULL) != 1)
        problem(r, "bad-arguments", "give one of \"set\", \"incr\" and \"delete\"");
    else if (set)
        set_fields(r, set);
    else if (incr)
        add_to_field(r, incr);
    else
        remove_fields(r);
}

const struct route hashes_routes[] = {
    {METHOD_GET, "/v1/hashes/{key}", get_hash, "getHash", 0},
    {METHOD_PATCH, "/v1/hashes/{key}", patch_hash, "patchHash", 0},
    {0},
};
