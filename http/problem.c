#include "http/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "http/resources.h"
#include "http/router.h"

#define TYPE_PROBLEM "application/problem+json"

struct kind {
    const char *slug;
    int status;
    bool retryable;
    const char *title, *explanation;
};

/* The first is what an unknown slug would be; keep it first. */
static const struct kind kinds[] = {
    {"internal", 500, true, "Internal error",
     "The server failed; nothing is known to have changed."},
    {"bad-arguments", 400, false, "Bad arguments",
     "A parameter, a member of the body or a command's argument is missing or not of the form it "
     "must have."},
    {"bad-json", 400, false, "Bad JSON",
     "The body is no well-formed JSON (RFC 8259, UTF-8, nothing behind the value). "
     "\"offset\" is the byte at which reading stopped."},
    {"bad-target", 400, false, "Bad request target",
     "The path or query has a % that two hexadecimal digits do not follow, or too many "
     "parameters."},
    {"bad-request", 400, false, "Bad request",
     "The request's head or body is not well-formed HTTP."},
    {"unknown-command", 400, false, "Unknown command", "There is no such command or subcommand."},
    {"command-not-allowed", 400, false, "Command not allowed",
     "The command changes its connection's mode or blocks, so it has no meaning in a single "
     "request."},
    {"tx-rejected", 400, false, "Transaction rejected", "A command of it was wrong; none has run."},
    {"unauthenticated", 401, false, "Unauthenticated",
     "A password is set: send it as a bearer token or by Basic authentication."},
    {"wrong-credentials", 401, false, "Wrong credentials", "No such user, or another password."},
    {"no-permission", 403, false, "No permission", "The user may not do this."},
    {"origin-not-allowed", 403, false, "Origin not allowed",
     "A page of another origin sent the request, and that origin is not on the list of those that "
     "may."},
    {"not-found", 404, false, "Not found", "There is no such key, field, member or path."},
    {"no-group", 404, false, "No such group", "The consumer group does not exist."},
    {"no-script", 404, false, "No such script", "The script is not loaded."},
    {"method-not-allowed", 405, false, "Method not allowed",
     "The header Allow lists what the path takes."},
    {"not-acceptable", 406, false, "Not acceptable",
     "The header Accept names none of the media types that this path can answer with."},
    {"wrong-type", 409, false, "Wrong type", "The key holds a value of another type."},
    {"overflow", 409, false, "Overflow", "The result would not fit into 64 bits."},
    {"out-of-bounds", 409, false, "Out of bounds",
     "The result would pass a bound of the request; nothing has changed."},
    {"idempotency-in-progress", 409, true, "Request in progress",
     "The request that had this Idempotency-Key first still runs; its answer can be had later."},
    {"idempotency-answer-lost", 409, false, "Answer not kept",
     "The request that had this Idempotency-Key has run; its answer was too long to be kept."},
    {"key-exists", 409, false, "Key exists", "The target key exists already."},
    {"group-exists", 409, false, "Group exists", "The consumer group exists already."},
    {"precondition-failed", 412, false, "Precondition failed",
     "If-Match, If-None-Match or a condition in the body did not hold; nothing has changed."},
    {"watch-failed", 412, false, "Watched key changed",
     "A watched key has changed; nothing has run."},
    {"too-large", 413, false, "Too large",
     "The body, a value or the number of items is beyond a limit."},
    {"uri-too-long", 414, false, "URI too long",
     "The request's target is longer than the server takes."},
    {"unsupported-media-type", 415, false, "Unsupported media type",
     "The path takes another Content-Type or Content-Encoding."},
    {"range-not-satisfiable", 416, false, "Range not satisfiable",
     "The range begins behind the value's end."},
    {"not-a-number", 422, false, "Not a number",
     "The value there, or an argument, is no number of the kind."},
    {"vector-dimension", 422, false, "Vector dimension",
     "The vector has \"got\" values, the set's have \"expected\"."},
    {"idempotency-key-reused", 422, false, "Idempotency-Key reused",
     "The key was sent before with another method, target, media type or body."},
    {"upgrade-required", 426, false, "Upgrade required", "This path speaks WebSocket."},
    {"headers-too-large", 431, false, "Request header fields too large",
     "The request's line and headers together are longer than the server takes."},
    {"rate-limited", 429, true, "Rate limited",
     "The limit is reached; Retry-After says when to come again."},
    {"paused", 503, true, "Paused", "An administrator has paused commands; try again shortly."},
    {"unblocked", 503, true, "Unblocked",
     "An administrator has ended the wait; nothing was taken."},
    {"loading", 503, true, "Loading", "The data is being loaded."},
    {"busy", 503, true, "Busy", "The server cannot take this now."},
    {"persistence-failing", 503, true, "Persistence is failing",
     "Writes are refused until it is mended."},
    {"read-only", 503, true, "Read only", "This server takes no writes."},
    {"timeout", 504, true, "Timeout", "The request took too long."},
    {"out-of-memory", 507, true, "Out of memory",
     "The memory limit is reached; writes are refused."},
};

static const struct kind *find_kind(struct bytes slug)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_eq(slug, bytes_str(kinds[i].slug)))
            return &kinds[i];
    return NULL;
}

/* Engine lines may hold any byte of a client's argument; a detail is text, whatever form data has. */
static void put_text(struct json_writer *w, struct bytes s)
{
    bool base64 = w->base64;
    w->base64 = false;
    json_put_bytes(w, bytes_of(s.p, bytes_utf8_check(s)));
    w->base64 = base64;
}

static void put_type(struct json_writer *w, const struct kind *k)
{
    char type[64];
    snprintf(type, sizeof type, "/problems/%s", k->slug);
    json_put_text(w, type);
}

static void put_kind(struct json_writer *w, const struct kind *k, int status, struct bytes detail)
{
    json_open_object(w);
    json_key(w, "type");
    put_type(w, k);
    json_key(w, "title");
    json_put_text(w, k->title);
    json_key(w, "status");
    json_put_count(w, (uint64_t)status);
    json_key(w, "detail");
    put_text(w, detail);
    json_key(w, "code");
    json_put_text(w, k->slug);
    json_key(w, "retryable");
    json_put_bool(w, k->retryable);
}

static struct json_writer *open_kind(struct request *r, const struct kind *k, int status,
                                     struct bytes detail)
{
    struct json_writer *w = answer_json(r, status);
    r->content_type = TYPE_PROBLEM;
    w->base64 = w->int64_strings = false;
    if (status == 503 || status == 507)
        answer_header(r, "Retry-After", "1");
    put_kind(w, k, status, detail);
    if (r->route && r->route->flags & ROUTE_UPSTASH) {
        json_key(w, "error");
        json_put_lossy(w, detail);
    }
    json_key(w, "instance");
    put_text(w, r->target.path);
    json_key(w, "request_id");
    json_put_text(w, r->id);
    return w;
}

struct json_writer *problem_open(struct request *r, const char *slug, struct bytes detail)
{
    const struct kind *k = find_kind(bytes_str(slug));
    return open_kind(r, k ? k : kinds, k ? k->status : kinds->status, detail);
}

void problem_close(struct request *r)
{
    json_close_object(&r->writer);
}

void problem(struct request *r, const char *slug, const char *fmt, ...)
{
    char detail[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof detail ? (size_t)n : sizeof detail - 1;
    problem_open(r, slug, bytes_of(detail, length));
    problem_close(r);
}

void problem_whole_answer(struct buf *out, const char *slug, const char *detail)
{
    const struct kind *k = find_kind(bytes_str(slug));
    struct json_writer w;
    struct buf body;
    buf_init(&body);
    json_writer_init(&w, &body);
    put_kind(&w, k, k->status, bytes_str(detail));
    json_close_object(&w);
    buf_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: " TYPE_PROBLEM "\r\nContent-Length: %zu\r\n",
               k->status, k->title, body.n);
    buf_printf(
        out,
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: close\r\n\r\n",
        k->status == 503 ? "Retry-After: 1\r\n" : "");
    buf_add_bytes(out, buf_bytes(&body));
    buf_release(&body);
}

/* What stands behind the line's first word. */
static struct bytes after_prefix(struct bytes line)
{
    const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
    size_t skip = blank ? (size_t)(blank - line.p) + 1 : 0;
    return bytes_of(line.p + skip, line.n - skip);
}

void problem_engine(struct request *r, enum error_code code, struct bytes line)
{
    const struct error_info *info = error_info(code);
    const struct kind *k = find_kind(bytes_str(info->slug));
    struct json_writer *w = open_kind(r, k ? k : kinds, info->http_status, after_prefix(line));
    if (info->http_status == 401)
        answer_header(r, "WWW-Authenticate", "Bearer realm=\"atrium\"");
    json_key(w, "engine");
    put_text(w, line);
    problem_close(r);
}

void problem_item(struct json_writer *w, enum error_code code, struct bytes line)
{
    const struct error_info *info = error_info(code);
    json_open_object(w);
    json_key(w, "code");
    json_put_text(w, info->slug);
    json_key(w, "status");
    json_put_count(w, (uint64_t)info->http_status);
    json_key(w, "detail");
    put_text(w, after_prefix(line));
    json_close_object(w);
}

/* ---- the pages ------------------------------------------------------------------------------- */

static void get_problem(struct request *r)
{
    const struct kind *k = find_kind(r->params[0]);
    if (!k) {
        problem(r, "not-found", "there is no such problem");
        return;
    }
    answer_bytes(r, 200, "text/html; charset=utf-8",
                 BYTES("<!doctype html><meta charset=\"utf-8\">"));
    buf_printf(&r->out,
               "<title>%s</title><h1>%s</h1><p>Status %d, code <code>%s</code>, %s.</p><p>%s</p>\n",
               k->title, k->title, k->status, k->slug,
               k->retryable ? "worth another try" : "the same request will fail again",
               k->explanation);
}

const struct route problem_routes[] = {
    {METHOD_GET, "/problems/{code}", get_problem, "getProblem", ROUTE_OPEN | ROUTE_RAW},
    {0},
};
