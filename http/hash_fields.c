/* One field of a hash: its value and its own time to live. */
#include "http/accept.h"
#include "http/call.h"
#include "http/etag.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

static void not_found(struct request *r)
{
    problem(r, "not-found", "there is no such field");
}

/* "... FIELDS 1 field" */
static void call_field_arg(struct request *r)
{
    call_word(r, "FIELDS");
    call_int(r, 1);
    call_arg(r, r->params[1]);
}

static void open_field(struct request *r, struct json_writer *w)
{
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "field");
    json_put_bytes(w, r->params[1]);
}

/* ---- GET ------------------------------------------------------------------------------------- */

static bool read_ttl(struct request *r, int64_t *ttl_ms)
{
    call_start(r, "HPTTL");
    call_arg(r, r->params[0]);
    call_field_arg(r);
    const struct reply_node *node = call_run(r);
    if (node)
        *ttl_ms = node->count ? node[1].integer : -1;
    return node != NULL;
}

static void say_field(struct request *r, struct bytes value, struct bytes digest)
{
    int64_t ttl_ms;
    if (!read_ttl(r, &ttl_ms))
        return;
    struct json_writer *w = answer_json(r, 200);
    open_field(r, w);
    json_key(w, "value");
    json_put_bytes(w, value);
    answer_ttl(w, ttl_ms);
    json_key(w, "etag");
    json_put_plain(w, digest);
    json_close_object(w);
}

static void get_field(struct request *r)
{
    enum accepted form = accept_choose(r);
    if (form == ACCEPTED_NEITHER) {
        problem(r, "not-acceptable", "fields are application/json or application/octet-stream");
        return;
    }
    call_start(r, "HGET");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    if (node->kind == NODE_NULL) {
        not_found(r);
        return;
    }
    struct bytes value = arena_copy(&r->arena, call_text(r, node)), digest = etag_of(r, value);
    answer_header(r, "Vary", "Accept");
    answer_etag(r, digest);
    if (etag_unchanged(r, digest))
        answer_empty(r, 304);
    else if (form == ACCEPTED_RAW)
        answer_bytes(r, 200, "application/octet-stream", value);
    else
        say_field(r, value, digest);
}

/* ---- PUT ------------------------------------------------------------------------------------- */

/* HSETEX with a condition ("FNX", "FXX", or none): 1 where it was set, 0 where not, -1: answered.
 */
static int set_field(struct request *r, const char *condition, int64_t ttl_ms, struct bytes value)
{
    call_start(r, "HSETEX");
    call_arg(r, r->params[0]);
    if (condition)
        call_word(r, condition);
    if (ttl_ms) {
        call_word(r, "PX");
        call_int(r, ttl_ms);
    }
    call_field_arg(r);
    call_arg(r, value);
    const struct reply_node *node = call_run(r);
    return node ? node->integer != 0 : -1;
}

/* Without a condition the field is first set as a new one: so the status tells whether it was. */
static void put_field(struct request *r)
{
    static const char *const conditions[] = {"nx", "xx", NULL};
    struct bytes value = buf_bytes(&r->body);
    int64_t ttl_ms = 0;
    int condition = -1;
    if (request_is_json(r) &&
        (!request_json(r, false) || !request_member_bytes(r, r->json, "value", &value)))
        return;
    if (!request_query_int(r, "ttl_ms", 1, INT64_MAX, &ttl_ms) ||
        !request_query_word(r, "if", conditions, &condition))
        return;
    int created = condition == 1 ? 0 : set_field(r, "FNX", ttl_ms, value);
    int done = created;
    if (created == 0 && condition != 0)
        done = set_field(r, condition == 1 ? "FXX" : NULL, ttl_ms, value);
    if (done < 0)
        return;
    if (done == 0) {
        problem(r, "precondition-failed",
                condition == 0 ? "the field is there" : "there is no such field");
        return;
    }
    answer_etag(r, etag_of(r, value));
    answer_empty(r, created ? 201 : 204);
}

/* ---- PATCH and DELETE ------------------------------------------------------------------------ */

static void say_ttl(struct request *r, int64_t ttl_ms)
{
    struct json_writer *w = answer_json(r, 200);
    open_field(r, w);
    answer_ttl(w, ttl_ms);
    json_close_object(w);
}

/* The codes of HPEXPIRE and HPERSIST for a field. */
static void say_code(struct request *r, const struct reply_node *node, int64_t ttl_ms)
{
    int64_t code = node->count ? node[1].integer : -2;
    if (code == -2)
        not_found(r);
    else if (code == 0)
        problem(r, "precondition-failed", "the field's deadline is not as the condition wants it");
    else
        say_ttl(r, ttl_ms);
}

static void patch_field(struct request *r)
{
    static const char *const names[] = {"nx", "xx", "gt", "lt", NULL};
    static const char *const words[] = {"NX", "XX", "GT", "LT"};
    int64_t ttl_ms = -1;
    int condition = -1;
    if (!request_json(r, false))
        return;
    const cJSON *item = json_get(r->json, "ttl_ms");
    if (!item) {
        problem(r, "bad-arguments", "\"ttl_ms\" must be there: milliseconds, or null for no end");
        return;
    }
    if ((!cJSON_IsNull(item) && !request_member_int(r, r->json, "ttl_ms", 1, INT64_MAX, &ttl_ms)) ||
        !request_member_word(r, r->json, "if", names, &condition))
        return;
    call_start(r, ttl_ms < 0 ? "HPERSIST" : "HPEXPIRE");
    call_arg(r, r->params[0]);
    if (ttl_ms >= 0)
        call_int(r, ttl_ms);
    if (ttl_ms >= 0 && condition >= 0)
        call_word(r, words[condition]);
    call_field_arg(r);
    const struct reply_node *node = call_run(r);
    if (node)
        say_code(r, node, ttl_ms);
}

static void delete_field(struct request *r)
{
    call_start(r, "HDEL");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (node && node->integer)
        answer_empty(r, 204);
    else if (node)
        not_found(r);
}

const struct route hash_fields_routes[] = {
    {METHOD_GET, "/v1/hashes/{key}/fields/{field}", get_field, "getField", ROUTE_RAW},
    {METHOD_PUT, "/v1/hashes/{key}/fields/{field}", put_field, "putField", 0},
    {METHOD_PATCH, "/v1/hashes/{key}/fields/{field}", patch_field, "patchField", 0},
    {METHOD_DELETE, "/v1/hashes/{key}/fields/{field}", delete_field, "deleteField", 0},
    {0},
};
