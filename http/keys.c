/* Keys: read, write and delete one; its time to live. Lists and groups of keys are in keys_many.c.
 */
#include <stdio.h>

#include "http/accept.h"
#include "http/call.h"
#include "http/etag.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"

static void not_found(struct request *r)
{
    problem(r, "not-found", "there is no such key");
}

/* ---- GET ------------------------------------------------------------------------------------- */

static void put_field(struct request *r, struct json_writer *w, const char *name)
{
    const struct reply_node *node = call_field(r, name);
    json_key(w, name);
    if (!node)
        json_put_null(w);
    else if (node->kind == NODE_INT)
        json_put_count(w, (uint64_t)node->integer);
    else
        json_put_bytes(w, call_text(r, node));
}

/* Where a value that is no string is read and changed. */
static void put_href(struct request *r, struct json_writer *w, struct bytes type)
{
    const char *collection = bytes_eq(type, BYTES("hash"))     ? "/v1/hashes/"
                             : bytes_eq(type, BYTES("set"))    ? "/v1/sets/"
                             : bytes_eq(type, BYTES("zset"))   ? "/v1/leaderboards/"
                             : bytes_eq(type, BYTES("stream")) ? "/v1/streams/"
                                                               : NULL;
    json_key(w, "href");
    if (collection)
        json_put_text(w, target_join(&r->arena, collection, r->params[0]));
    else
        json_put_null(w);
}

static void say_key(struct request *r, bool is_string, struct bytes type)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    json_key(w, "type");
    json_put_plain(w, type);
    if (is_string)
        put_field(r, w, "value");
    put_field(r, w, "size");
    put_field(r, w, "ttl_ms");
    if (!is_string) {
        put_href(r, w, type);
    } else {
        json_key(w, "etag");
        json_put_plain(w, call_text(r, call_field(r, "etag")));
    }
    json_close_object(w);
}

/* "bytes=first-last", "bytes=first-", "bytes=-count" in a value of n bytes. 0: no range that we
 * serve, so the whole is due; 1: *first and *length are set; -1: it begins behind the end. */
static int parse_range(struct bytes text, size_t n, size_t *first, size_t *length)
{
    uint64_t from, to = UINT64_MAX;
    if (text.n < 7 || memcmp(text.p, "bytes=", 6) != 0)
        return 0;
    text = bytes_of(text.p + 6, text.n - 6);
    const char *dash = memchr(text.p, '-', text.n);
    if (!dash)
        return 0;
    struct bytes left = bytes_of(text.p, (size_t)(dash - text.p));
    struct bytes right = bytes_of(dash + 1, text.n - left.n - 1);
    if (right.n && !num_parse_uint(right, &to))
        return 0;
    if (left.n == 0) {
        if (right.n == 0)
            return 0;
        *length = to < n ? (size_t)to : n;
        *first = n - *length;
        return *length ? 1 : -1;
    }
    if (!num_parse_uint(left, &from) || to < from)
        return 0;
    if (from >= n)
        return -1;
    *first = (size_t)from;
    *length = to - from < n - from ? (size_t)(to - from) + 1 : n - (size_t)from;
    return 1;
}

static void say_raw(struct request *r, struct bytes value)
{
    struct bytes range;
    size_t first, length;
    answer_header(r, "Accept-Ranges", "bytes");
    int ranged = r->method == METHOD_GET && request_header(r, "Range", &range)
                     ? parse_range(range, value.n, &first, &length)
                     : 0;
    char *place = arena_alloc(&r->arena, 80);
    if (ranged < 0) {
        snprintf(place, 80, "bytes */%zu", value.n);
        answer_header(r, "Content-Range", place);
        problem(r, "range-not-satisfiable", "the value has %zu bytes", value.n);
    } else if (ranged) {
        snprintf(place, 80, "bytes %zu-%zu/%zu", first, first + length - 1, value.n);
        answer_header(r, "Content-Range", place);
        answer_bytes(r, 206, "application/octet-stream", bytes_of(value.p + first, length));
    } else {
        answer_bytes(r, 200, "application/octet-stream", value);
    }
}

static void get_key(struct request *r)
{
    enum accepted form = accept_choose(r);
    if (form == ACCEPTED_NEITHER) {
        problem(r, "not-acceptable", "keys are application/json or application/octet-stream");
        return;
    }
    call_start(r, "ATR.KEYINFO");
    call_arg(r, r->params[0]);
    call_word(r, "VALUE");
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    if (node->kind == NODE_NULL) {
        not_found(r);
        return;
    }
    const struct reply_node *etag = call_field(r, "etag"), *value = call_field(r, "value");
    struct bytes type = call_text(r, call_field(r, "type"));
    answer_header(r, "Vary", "Accept");
    if (etag)
        answer_etag(r, call_text(r, etag));
    if (etag && etag_unchanged(r, call_text(r, etag)))
        answer_empty(r, 304);
    else if (form == ACCEPTED_JSON)
        say_key(r, value != NULL, type);
    else if (value)
        say_raw(r, call_text(r, value));
    else
        problem(r, "wrong-type", "a %.*s has no raw form", (int)type.n, type.p);
}

/* ---- PUT ------------------------------------------------------------------------------------- */

static bool body_value(struct request *r, struct bytes *value)
{
    if (!request_is_json(r)) {
        *value = buf_bytes(&r->body);
        return true;
    }
    return request_json(r, false) && request_member_bytes(r, r->json, "value", value);
}

/* What SET's answer tells: with GET, whether the key was there; with a condition, whether it held.
 */
enum put_mode { PUT_ALWAYS, PUT_IF_NEW, PUT_IF_CHANGED };

/* The headers as SET's words. False: answered. */
static bool put_conditions(struct request *r, enum put_mode *mode)
{
    struct condition match, none;
    if (!etag_condition(r, "If-Match", &match) || !etag_condition(r, "If-None-Match", &none))
        return false;
    bool two = match.kind != CONDITION_NONE && none.kind != CONDITION_NONE;
    if (two || match.kind == CONDITION_NEVER) {
        problem(r, "precondition-failed",
                two ? "If-Match and If-None-Match do not go together" : "If-Match did not hold");
        return false;
    }
    *mode = none.kind == CONDITION_ANY ? PUT_IF_NEW : PUT_IF_CHANGED;
    if (match.kind == CONDITION_ANY || none.kind == CONDITION_ANY) {
        call_word(r, match.kind == CONDITION_ANY ? "XX" : "NX");
    } else if (match.kind == CONDITION_ETAG || none.kind == CONDITION_ETAG) {
        call_word(r, match.kind == CONDITION_ETAG ? "IFDEQ" : "IFDNE");
        call_arg(r, match.kind == CONDITION_ETAG ? match.digest : none.digest);
    } else {
        *mode = PUT_ALWAYS;
        call_word(r, "GET");
    }
    return true;
}

static bool put_expiry(struct request *r)
{
    int64_t ttl_ms = 0, at_ms = 0;
    bool keep = false;
    if (!request_query_int(r, "ttl_ms", 1, INT64_MAX, &ttl_ms) ||
        !request_query_int(r, "expires_at_ms", 1, INT64_MAX, &at_ms) ||
        !request_query_bool(r, "keep_ttl", &keep))
        return false;
    if ((ttl_ms != 0) + (at_ms != 0) + keep > 1) {
        problem(r, "bad-arguments", "of ttl_ms, expires_at_ms and keep_ttl only one can be given");
        return false;
    }
    if (keep)
        call_word(r, "KEEPTTL");
    if (ttl_ms || at_ms) {
        call_word(r, ttl_ms ? "PX" : "PXAT");
        call_int(r, ttl_ms ? ttl_ms : at_ms);
    }
    return true;
}

static void put_key(struct request *r)
{
    struct bytes value;
    enum put_mode mode;
    if (!body_value(r, &value))
        return;
    call_start(r, "SET");
    call_arg(r, r->params[0]);
    call_arg(r, value);
    if (!put_conditions(r, &mode) || !put_expiry(r))
        return;
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    bool null = node->kind == NODE_NULL;
    if (null && mode != PUT_ALWAYS) {
        problem(r, "precondition-failed", "the key is not as the condition wants it");
        return;
    }
    answer_etag(r, etag_of(r, value));
    answer_empty(r, mode == PUT_IF_NEW || null ? 201 : 204);
}

/* ---- PATCH ----------------------------------------------------------------------------------- */

/* ttl_ms of the body: -1 for null. */
static bool body_ttl(struct request *r, int64_t *ttl_ms)
{
    const cJSON *item = request_json(r, false) ? json_get(r->json, "ttl_ms") : NULL;
    *ttl_ms = -1;
    if (r->status || cJSON_IsNull(item))
        return !r->status;
    if (item)
        return request_member_int(r, r->json, "ttl_ms", 1, INT64_MAX, ttl_ms);
    problem(r, "bad-arguments", "\"ttl_ms\" must be there: milliseconds, or null for no end");
    return false;
}

static void say_ttl(struct request *r, int64_t ttl_ms)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "key");
    json_put_bytes(w, r->params[0]);
    answer_ttl(w, ttl_ms);
    json_close_object(w);
}

static void patch_key(struct request *r)
{
    struct condition match;
    int64_t ttl_ms;
    if (!body_ttl(r, &ttl_ms) || !etag_condition(r, "If-Match", &match))
        return;
    if (match.kind == CONDITION_NEVER) {
        problem(r, "precondition-failed", "If-Match did not hold");
        return;
    }
    call_start(r, "ATR.EXPIRE");
    call_arg(r, r->params[0]);
    call_int(r, ttl_ms);
    if (match.kind == CONDITION_ETAG) {
        call_word(r, "IFDEQ");
        call_arg(r, match.digest);
    }
    const struct reply_node *node = call_run(r);
    if (node && node->integer)
        say_ttl(r, ttl_ms);
    else if (node && match.kind == CONDITION_NONE)
        not_found(r);
    else if (node)
        problem(r, "precondition-failed", "If-Match did not hold");
}

/* ---- DELETE ---------------------------------------------------------------------------------- */

static void delete_key(struct request *r)
{
    struct condition match;
    if (!etag_condition(r, "If-Match", &match))
        return;
    if (match.kind == CONDITION_NEVER) {
        problem(r, "precondition-failed", "If-Match did not hold");
        return;
    }
    call_start(r, match.kind == CONDITION_ETAG ? "DELEX" : "DEL");
    call_arg(r, r->params[0]);
    if (match.kind == CONDITION_ETAG) {
        call_word(r, "IFDEQ");
        call_arg(r, match.digest);
    }
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    if (node->integer)
        answer_empty(r, 204);
    else if (match.kind == CONDITION_NONE)
        not_found(r);
    else
        problem(r, "precondition-failed", "If-Match did not hold");
}

const struct route keys_routes[] = {
    {METHOD_GET, "/v1/keys/{key}", get_key, "getKey", ROUTE_RAW},
    {METHOD_PUT, "/v1/keys/{key}", put_key, "putKey", 0},
    {METHOD_PATCH, "/v1/keys/{key}", patch_key, "patchKey", 0},
    {METHOD_DELETE, "/v1/keys/{key}", delete_key, "deleteKey", 0},
    {0},
};
