#include "http/cors.h"

#include <strings.h>

#include "http/problem.h"
#include "http/worker.h"

#define METHODS "GET, HEAD, POST, PUT, PATCH, DELETE"
#define REQUEST_HEADERS                                                                            \
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "              \
    "Last-Event-ID, Range, Upstash-Encoding, X-Request-Id"
#define ANSWER_HEADERS                                                                             \
    "Allow, Accept-Ranges, Content-Range, ETag, Idempotency-Replayed, Location, RateLimit, "       \
    "RateLimit-Policy, Retry-After, Server-Timing, X-Request-Id"
#define PREFLIGHT_SECONDS "600"

/* "http://host:port" against Host, which libmicrohttpd ends by a NUL. */
static bool is_own(struct bytes origin, struct bytes host)
{
    const char *slashes = memmem(origin.p, origin.n, "://", 3);
    if (!slashes)
        return false;
    size_t skip = (size_t)(slashes - origin.p) + 3;
    return bytes_is(bytes_of(origin.p + skip, origin.n - skip), host.p);
}

static bool is_listed(struct request *r, struct bytes origin)
{
    const struct config *c = engine_config(r->worker->engine);
    struct buf list;
    bool found = false;
    if (config_is_empty(c, CONFIG_HTTP_ORIGINS))
        return false;
    buf_init(&list);
    config_string(c, CONFIG_HTTP_ORIGINS, &list);
    for (size_t i = 0; i < list.n && !found;) {
        size_t from = i;
        while (i < list.n && list.p[i] != ' ')
            i++;
        struct bytes one = bytes_of(list.p + from, i - from);
        found = bytes_eq(one, BYTES("*")) ||
                (one.n == origin.n && strncasecmp(one.p, origin.p, one.n) == 0);
        i++;
    }
    buf_release(&list);
    return found;
}

enum origin cors_enter(struct request *r)
{
    struct bytes origin, host;
    r->origin = ORIGIN_OWN;
    if (!request_header(r, "Origin", &origin))
        return r->origin;
    if (request_header(r, "Host", &host) && is_own(origin, host))
        return r->origin;
    r->origin = ORIGIN_OTHER;
    answer_header(r, "Vary", "Origin");
    if (!is_listed(r, origin))
        return r->origin;
    r->origin = ORIGIN_LISTED;
    answer_header(r, "Access-Control-Allow-Origin", arena_copy(&r->arena, origin).p);
    answer_header(r, "Access-Control-Expose-Headers", ANSWER_HEADERS);
    return r->origin;
}

bool cors_check(struct request *r)
{
    if (r->origin != ORIGIN_OTHER)
        return true;
    problem(r, "origin-not-allowed", "pages of this origin may not use this server (http-origins)");
    return false;
}

bool cors_preflight(struct request *r)
{
    struct bytes ignored;
    if (!r->is_options || !request_header(r, "Origin", &ignored) ||
        !request_header(r, "Access-Control-Request-Method", &ignored))
        return false;
    if (!cors_check(r))
        return true;
    answer_header(r, "Access-Control-Allow-Methods", METHODS);
    answer_header(r, "Access-Control-Allow-Headers", REQUEST_HEADERS);
    answer_header(r, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
    answer_empty(r, 204);
    return true;
}
