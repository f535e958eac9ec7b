#include "http/head.h"

#include <microhttpd.h>

#include "http/problem.h"

/* What one pass over the headers counts. */
struct head {
    size_t bytes;
    unsigned lengths, chunked, codings, hosts;
    bool malformed;
};

/* Names are tokens: of all that is none a blank before the colon is what proxies disagree about. */
static bool is_malformed(struct bytes name, struct bytes value)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] == 127)
            return true;
    return name.n == 0 || (value.n && memchr(value.p, '\r', value.n));
}

static enum MHD_Result count(void *context, enum MHD_ValueKind kind, const char *name_p,
                             size_t name_n, const char *value_p, size_t value_n)
{
    struct head *h = context;
    struct bytes name = bytes_of(name_p, name_n), value = bytes_of(value_p, value_n);
    (void)kind;
    h->bytes += name_n + value_n + 4; /* ": " and the line's end */
    h->malformed |= is_malformed(name, value);
    h->hosts += bytes_is(name, MHD_HTTP_HEADER_HOST);
    h->lengths += bytes_is(name, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (bytes_is(name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        h->codings++;
        h->chunked += bytes_is(value, "chunked");
    }
    return MHD_YES;
}

static bool refuse(struct request *r, const char *detail)
{
    problem(r, "bad-request", "%s", detail);
    return false;
}

static bool check_size(struct request *r, const struct head *h)
{
    if (r->raw_target.n + h->bytes <= HEAD_MAX)
        return true;
    problem(r, r->raw_target.n > HEAD_MAX ? "uri-too-long" : "headers-too-large",
            "a request's line and headers have at most %d bytes", HEAD_MAX);
    return false;
}

bool head_check(struct request *r, const char *version)
{
    struct head h = {0};
    bool first = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
    MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, count, &h);
    if (!check_size(r, &h))
        return false;
    if (h.malformed || (r->raw_target.n && memchr(r->raw_target.p, ' ', r->raw_target.n)))
        return refuse(r, "a header's name, a value or the target has a byte that may not be there");
    if (h.hosts > 1 || (h.hosts == 0 && !first))
        return refuse(r, "a request has one Host");
    if (h.lengths + h.codings > 1 || h.codings != h.chunked || (h.codings && first))
        return refuse(r, "a body has one Content-Length, or Transfer-Encoding: chunked");
    return true;
}
