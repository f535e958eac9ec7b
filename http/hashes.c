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

struct field {
    struct bytes name, value; /* value.p NULL: missing */
    int64_t ttl_ms;           /* negative: no deadline */
};

struct page {
    struct field *fields;
    size_t n;
    struct bytes cursor; /* p NULL: the last page */
};

static void not_found(struct request *r)
{
    problem(r, "not-found", "there is no such hash");
}

/* Fills the times to live: one HPTTL for the page. False: answered. */
static bool read_ttls(struct request *r, struct page *p)
{
    if (p->n == 0)
        return true;
    call_start(r, "HPTTL");
    call_arg(r, r->params[0]);
    call_word(r, "FIELDS");
    call_int(r, (int64_t)p->n);
    for (size_t i = 0; i < p->n; i++)
        call_arg(r, p->fields[i].name);
    const struct reply_node *node = call_run(r);
    if (!node)
        return false;
    for (size_t i = 0; i < p->n; i++)
        p->fields[i].ttl_ms = i < node->count ? node[1 + i].integer : -1;
    return true;
}

/* The fields that the query names. */
static bool read_named(struct request *r, struct page *p)
{
    call_start(r, "HMGET");
    call_arg(r, r->params[0]);
    for (unsigned i = 0; i < r->target.nquery; i++)
        if (bytes_eq(r->target.query[i].name, BYTES("field")))
            call_arg(r, r->target.query[i].value);
    const struct reply_node *node = call_run(r);
    if (!node)
        return false;
    p->fields = arena_alloc(&r->arena, node->count * sizeof *p->fields);
    for (size_t i = 0; i < node->count; i++) {
        if (node[1 + i].kind == NODE_NULL)
            continue;
        p->fields[p->n].name = r->argv[2 + i];
        p->fields[p->n++].value = arena_copy(&r->arena, call_text(r, &node[1 + i]));
    }
    return true;
}

static bool read_scanned(struct request *r, struct page *p)
{
    struct bytes cursor = BYTES("0"), match;
    int64_t limit = 100;
    request_query(r, "cursor", &cursor);
    if (!request_query_int(r, "limit", 1, LIMIT_MAX, &limit))
        return false;
    call_start(r, "HSCAN");
    call_arg(r, r->params[0]);
    call_arg(r, cursor);
    call_word(r, "COUNT");
    call_int(r, limit);
    if (request_query(r, "match", &match)) {
        call_word(r, "MATCH");
        call_arg(r, match);
    }
    const struct reply_node *node = call_run(r);
    if (!node)
        return false;
    struct bytes next = call_text(r, &node[1]);
    if (!bytes_eq(next, BYTES("0")))
        p->cursor = arena_copy(&r->arena, next);
    p->n = node[2].count / 2;
    p->fields = arena_alloc(&r->arena, p->n * sizeof *p->fields);
    for (size_t i = 0; i < p->n; i++) {
        p->fields[i].name = arena_copy(&r->arena, call_text(r, &node[3 + 2 * i]));
        p->fields[i].value = arena_copy(&r->arena, call_text(r, &node[4 + 2 * i]));
    }
    return true;
}

static void say_page(struct request *r, const struct page *p)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < p->n; i++) {
        json_open_object(w);
        json_key(w, "field");
        json_put_bytes(w, p->fields[i].name);
        json_key(w, "value");
        json_put_bytes(w, p->fields[i].value);
        answer_ttl(w, p->fields[i].ttl_ms);
        json_close_object(w);
    }
    json_close_array(w);
    json_key(w, "cursor");
    if (p->cursor.p)
        json_put_plain(w, p->cursor);
    else
        json_put_null(w);
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

/* An empty page of a hash that is there is fine. */
static bool exists(struct request *r)
{
    call_start(r, "EXISTS");
    call_arg(r, r->params[0]);
    const struct reply_node *node = call_run(r);
    if (node && node->integer == 0)
        not_found(r);
    return node && node->integer;
}

static void get_hash(struct request *r)
{
    static const char *const shapes[] = {"items", "object", NULL};
    struct bytes named;
    struct page p = {0};
    int shape = 0;
    if (!request_query_word(r, "shape", shapes, &shape))
        return;
    if (shape == 1) {
        say_object(r);
        return;
    }
    bool ok = request_query(r, "field", &named) ? read_named(r, &p) : read_scanned(r, &p);
    if (ok && (p.n ? read_ttls(r, &p) : exists(r)))
        say_page(r, &p);
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
