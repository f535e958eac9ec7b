#include "http/request.h"

#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>

#include "http/problem.h"
#include "http/worker.h"

/* Buffers that a single large request has blown up are not kept. */
#define KEPT_BYTES 65536u

static const struct json_limits body_limits = {.depth = 64, .values = 1 << 20};

struct request *request_new(struct worker *w)
{
    struct request *r = mem_calloc(sizeof *r);
    r->worker = w;
    arena_init(&r->arena);
    capture_init(&r->reply);
    return r;
}

static void trim(struct buf *b)
{
    if (b->cap > KEPT_BYTES)
        buf_release(b);
    buf_clear(b);
}

void request_clear(struct request *r)
{
    cJSON_Delete(r->json);
    r->json = NULL;
    arena_clear(&r->arena);
    trim(&r->raw_target);
    trim(&r->body);
    trim(&r->out);
    trim(&r->packed);
    if (r->reply.text.cap > KEPT_BYTES || r->reply.cap > KEPT_BYTES / sizeof *r->reply.nodes)
        capture_release(&r->reply);
    if (r->argv_cap > 1024) {
        mem_free(r->argv);
        r->argv = NULL;
        r->argv_cap = 0;
    }
    r->route = NULL;
    r->route_index = 0;
    r->begun = r->body_too_large = r->waited = false;
    r->link = NULL;
    r->kept = NULL;
    r->listener = NULL;
    r->body_bytes = 0;
    r->then = NULL;
    r->log_position = 0;
    r->parked = false;
    r->feed = NULL;
    r->feed_ended = false;
    r->status = 0;
    r->nheaders = 0;
    r->argc = 0;
}

void request_free(struct request *r)
{
    request_clear(r);
    arena_release(&r->arena);
    buf_release(&r->raw_target);
    buf_release(&r->body);
    buf_release(&r->out);
    buf_release(&r->packed);
    capture_release(&r->reply);
    mem_free(r->argv);
    mem_free(r);
}

struct session *request_session(struct request *r)
{
    return r->worker->session;
}

/* ---- header and query ------------------------------------------------------------------------ */

bool request_header(struct request *r, const char *name, struct bytes *out)
{
    const char *value;
    size_t n;
    if (MHD_lookup_connection_value_n(r->connection, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &n) != MHD_YES)
        return false;
    *out = bytes_of(value ? value : "", value ? n : 0);
    return true;
}

bool request_query(const struct request *r, const char *name, struct bytes *out)
{
    size_t n = strlen(name);
    for (unsigned i = 0; i < r->target.nquery; i++) {
        const struct query_item *q = &r->target.query[i];
        if (q->name.n == n && memcmp(q->name.p, name, n) == 0) {
            *out = q->value;
            return true;
        }
    }
    return false;
}

bool request_query_int(struct request *r, const char *name, int64_t min, int64_t max, int64_t *out)
{
    struct bytes text;
    int64_t v;
    if (!request_query(r, name, &text))
        return true;
    if (num_parse_int(text, &v) && v >= min && v <= max) {
        *out = v;
        return true;
    }
    problem(r, "bad-arguments", "%s must be an integer from %lld to %lld", name, (long long)min,
            (long long)max);
    return false;
}

bool request_query_double(struct request *r, const char *name, double *out)
{
    struct bytes text;
    if (!request_query(r, name, &text) || num_parse_double(text, out))
        return true;
    problem(r, "bad-arguments", "%s must be a number, inf or -inf", name);
    return false;
}

bool request_query_bool(struct request *r, const char *name, bool *out)
{
    struct bytes text;
    if (!request_query(r, name, &text))
        return true;
    *out = bytes_eq(text, BYTES("true")) || bytes_eq(text, BYTES("1"));
    if (*out || bytes_eq(text, BYTES("false")) || bytes_eq(text, BYTES("0")))
        return true;
    problem(r, "bad-arguments", "%s must be true or false", name);
    return false;
}

static bool find_word(struct request *r, const char *name, struct bytes text,
                      const char *const *words, int *out)
{
    struct buf all = {0};
    for (int i = 0; words[i]; i++) {
        if (bytes_eq(text, bytes_str(words[i]))) {
            *out = i;
            buf_release(&all);
            return true;
        }
        buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
    }
    problem(r, "bad-arguments", "%s must be one of: %.*s", name, (int)all.n, all.p);
    buf_release(&all);
    return false;
}

bool request_query_word(struct request *r, const char *name, const char *const *words, int *out)
{
    struct bytes text;
    return !request_query(r, name, &text) || find_word(r, name, text, words, out);
}

/* ---- body ------------------------------------------------------------------------------------ */

/* "application/json; charset=utf-8" without what follows the semicolon. */
static bool media_type(struct request *r, struct bytes *type)
{
    if (!request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type))
        return false;
    size_t n = 0;
    while (n < type->n && type->p[n] != ';' && type->p[n] != ' ')
        n++;
    type->n = n;
    return true;
}

static bool is_json_type(struct bytes type)
{
    return bytes_is(type, "application/json") ||
           (type.n > 17 && bytes_is(bytes_of(type.p, 12), "application/") &&
            bytes_is(bytes_of(type.p + type.n - 5, 5), "+json"));
}

bool request_is_json(struct request *r)
{
    struct bytes type;
    return media_type(r, &type) && is_json_type(type);
}

static bool refuse_json(struct request *r, const struct json_error *error)
{
    char text[200];
    const char *slug = error->too_large ? "too-large" : "bad-json";
    int n = snprintf(text, sizeof text, "the body is no acceptable JSON: %s, at byte %zu",
                     error->reason, error->offset);
    struct json_writer *w = problem_open(r, slug, bytes_of(text, (size_t)n));
    json_key(w, "offset");
    json_put_count(w, error->offset);
    problem_close(r);
    return false;
}

bool request_json(struct request *r, bool array)
{
    struct bytes type;
    struct json_error error;
    if (media_type(r, &type) && !is_json_type(type)) {
        problem(r, "unsupported-media-type",
                "the body must be sent with Content-Type: application/json");
        return false;
    }
    r->json = json_read(&r->arena, buf_bytes(&r->body), body_limits, &error);
    if (!r->json)
        return refuse_json(r, &error);
    if (array ? cJSON_IsArray(r->json) : cJSON_IsObject(r->json))
        return true;
    problem(r, "bad-arguments", "the body must be a JSON %s", array ? "array" : "object");
    return false;
}

bool request_member_int(struct request *r, const cJSON *object, const char *name, int64_t min,
                        int64_t max, int64_t *out)
{
    const cJSON *item = json_get(object, name);
    int64_t v;
    if (!item)
        return true;
    if (json_int(item, &v) && v >= min && v <= max) {
        *out = v;
        return true;
    }
    problem(r, "bad-arguments", "\"%s\" must be an integer from %lld to %lld", name, (long long)min,
            (long long)max);
    return false;
}

bool request_member_double(struct request *r, const cJSON *object, const char *name, double *out)
{
    const cJSON *item = json_get(object, name);
    if (!item || json_double(item, out))
        return true;
    problem(r, "bad-arguments", "\"%s\" must be a number, \"inf\" or \"-inf\"", name);
    return false;
}

bool request_member_bool(struct request *r, const cJSON *object, const char *name, bool *out)
{
    const cJSON *item = json_get(object, name);
    if (!item || json_bool(item, out))
        return true;
    problem(r, "bad-arguments", "\"%s\" must be true or false", name);
    return false;
}

bool request_member_word(struct request *r, const cJSON *object, const char *name,
                         const char *const *words, int *out)
{
    const cJSON *item = json_get(object, name);
    if (!item)
        return true;
    return find_word(r, name, cJSON_IsString(item) ? json_string(item) : BYTES(""), words, out);
}

bool request_member_bytes(struct request *r, const cJSON *object, const char *name,
                          struct bytes *out)
{
    if (json_argument(&r->arena, json_get(object, name), out))
        return true;
    problem(r, "bad-arguments", "\"%s\" must be a string, a number or {\"b64\":\"...\"}", name);
    return false;
}

bool request_member_array(struct request *r, const char *name, int max, const cJSON **out)
{
    *out = json_get(r->json, name);
    int n = cJSON_IsArray(*out) ? cJSON_GetArraySize(*out) : 0;
    if (n > 0 && n <= max)
        return true;
    if (n > max)
        problem(r, "too-large", "\"%s\" takes at most %d items", name, max);
    else
        problem(r, "bad-arguments", "\"%s\" must be an array that is not empty", name);
    return false;
}
