/* The answering half of request.h. */
#include <assert.h>

#include "http/request.h"

#define TYPE_JSON "application/json"

static void start(struct request *r, int status, const char *type)
{
    r->status = status;
    r->content_type = type;
    buf_clear(&r->out);
}

struct json_writer *answer_json(struct request *r, int status)
{
    struct bytes word;
    start(r, status, TYPE_JSON);
    json_writer_init(&r->writer, &r->out);
    if (r->target.nquery) {
        r->writer.int64_strings =
            request_query(r, "int64", &word) && bytes_eq(word, BYTES("string"));
        r->writer.base64 = request_query(r, "encoding", &word) && bytes_eq(word, BYTES("base64"));
    }
    return &r->writer;
}

void answer_bytes(struct request *r, int status, const char *type, struct bytes body)
{
    start(r, status, type);
    buf_add_bytes(&r->out, body);
}

void answer_empty(struct request *r, int status)
{
    start(r, status, NULL);
}

void answer_header(struct request *r, const char *name, const char *value)
{
    assert(r->nheaders < ANSWER_HEADERS_MAX);
    r->headers[r->nheaders++] = (struct answer_header){name, value};
}

void answer_etag(struct request *r, struct bytes digest)
{
    char *value = arena_alloc(&r->arena, digest.n + 3);
    value[0] = '"';
    memcpy(value + 1, digest.p, digest.n);
    value[digest.n + 1] = '"';
    value[digest.n + 2] = 0;
    answer_header(r, "ETag", value);
}

void answer_ttl(struct json_writer *w, int64_t ttl_ms)
{
    json_key(w, "ttl_ms");
    if (ttl_ms < 0)
        json_put_null(w);
    else
        json_put_count(w, (uint64_t)ttl_ms);
}
