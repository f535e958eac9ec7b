#include "http/upstash.h"

static void put_string(struct json_writer *w, struct bytes s, bool base64)
{
    if (base64)
        json_put_base64(w, s);
    else
        json_put_lossy(w, s);
}

static void put_double(struct json_writer *w, double v, bool base64)
{
    char text[NUM_DOUBLE_MAX];
    put_string(w, bytes_of(text, num_format_double(text, v)), base64);
}

static void put_value(struct json_writer *w, const struct capture *c, size_t at, bool base64);

/* A map's names and values in turns, as RESP2 has them. */
static void put_parts(struct json_writer *w, const struct capture *c, size_t at, bool base64)
{
    size_t part = at + 1;
    json_open_array(w);
    for (size_t i = 0; i < c->nodes[at].count; i++) {
        put_value(w, c, part, base64);
        part = capture_skip(c, part);
    }
    json_close_array(w);
}

static void put_value(struct json_writer *w, const struct capture *c, size_t at, bool base64)
{
    const struct reply_node *node = &c->nodes[at];
    switch (node->kind) {
    case NODE_INT:
    case NODE_BOOL:
        json_put_int(w, node->integer);
        break;
    case NODE_BULK:
    case NODE_SIMPLE:
        put_string(w, capture_text(c, node), base64);
        break;
    case NODE_DOUBLE:
        put_double(w, node->real, base64);
        break;
    case NODE_NULL:
        json_put_null(w);
        break;
    case NODE_ERROR:
        upstash_put_error(w, capture_text(c, node));
        break;
    case NODE_ARRAY:
    case NODE_SET:
    case NODE_PUSH:
    case NODE_MAP:
        put_parts(w, c, at, base64);
        break;
    }
}

void upstash_put_error(struct json_writer *w, struct bytes line)
{
    json_open_object(w);
    json_key(w, "error");
    json_put_lossy(w, line);
    json_close_object(w);
}

/* The status OK is never encoded: clients look for it before they decode. */
void upstash_put_outcome(struct json_writer *w, const struct capture *c, size_t at, bool base64)
{
    const struct reply_node *node = &c->nodes[at];
    w->int64_numbers = true;
    if (node->kind == NODE_ERROR) {
        upstash_put_error(w, capture_text(c, node));
        return;
    }
    bool ok = node->kind == NODE_SIMPLE && bytes_eq(capture_text(c, node), BYTES("OK"));
    json_open_object(w);
    json_key(w, "result");
    put_value(w, c, at, base64 && !ok);
    json_close_object(w);
}
