/* The writer. */
#include <math.h>

#include "http/json.h"

/* The largest integer that a double, so a JavaScript number, tells from its neighbours. */
#define SAFE_INTEGER ((INT64_C(1) << 53) - 1)

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static void start_value(struct json_writer *w)
{
    if (w->comma)
        buf_add_char(w->out, ',');
    w->comma = true;
}

static void open_with(struct json_writer *w, char c)
{
    start_value(w);
    buf_add_char(w->out, c);
    w->comma = false;
}

static void close_with(struct json_writer *w, char c)
{
    buf_add_char(w->out, c);
    w->comma = true;
}

void json_open_object(struct json_writer *w)
{
    open_with(w, '{');
}

void json_close_object(struct json_writer *w)
{
    close_with(w, '}');
}

void json_open_array(struct json_writer *w)
{
    open_with(w, '[');
}

void json_close_array(struct json_writer *w)
{
    close_with(w, ']');
}

/* ---- strings --------------------------------------------------------------------------------- */

static char *put_escape(char *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    *to++ = '\\';
    if (c == '"' || c == '\\') {
        *to++ = (char)c;
    } else if (c < 0x20 && shorts[c]) {
        *to++ = shorts[c];
    } else {
        *to++ = 'u';
        *to++ = '0';
        *to++ = '0';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    return to;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

/* s is well-formed UTF-8. Plain runs are copied whole. */
static void put_chars(struct json_writer *w, struct bytes s)
{
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        while (i < s.n && is_plain((unsigned char)s.p[i]))
            i++;
        buf_add(w->out, s.p + from, i - from);
        if (i < s.n) {
            char *to = buf_reserve(w->out, 6);
            w->out->n += (size_t)(put_escape(to, (unsigned char)s.p[i++]) - to);
        }
    }
}

static void put_quoted(struct json_writer *w, struct bytes s)
{
    buf_add_char(w->out, '"');
    put_chars(w, s);
    buf_add_char(w->out, '"');
}

void json_key(struct json_writer *w, const char *name)
{
    start_value(w);
    buf_add_char(w->out, '"');
    buf_add_str(w->out, name);
    buf_add(w->out, "\":", 2);
    w->comma = false;
}

void json_put_name(struct json_writer *w, struct bytes name)
{
    start_value(w);
    put_quoted(w, name);
    buf_add_char(w->out, ':');
    w->comma = false;
}

void json_put_bytes(struct json_writer *w, struct bytes s)
{
    start_value(w);
    if (!w->base64 && bytes_utf8_check(s) == s.n) {
        put_quoted(w, s);
        return;
    }
    buf_add_str(w->out, "{\"b64\":\"");
    base64_encode(s, w->out);
    buf_add(w->out, "\"}", 2);
}

void json_put_text(struct json_writer *w, const char *s)
{
    start_value(w);
    put_quoted(w, bytes_str(s));
}

void json_put_plain(struct json_writer *w, struct bytes s)
{
    start_value(w);
    put_quoted(w, s);
}

void json_put_base64(struct json_writer *w, struct bytes s)
{
    start_value(w);
    buf_add_char(w->out, '"');
    base64_encode(s, w->out);
    buf_add_char(w->out, '"');
}

void json_put_lossy(struct json_writer *w, struct bytes s)
{
    start_value(w);
    buf_add_char(w->out, '"');
    while (s.n) {
        size_t good = bytes_utf8_check(s), skip = good < s.n ? good + 1 : good;
        put_chars(w, bytes_of(s.p, good));
        if (good < s.n)
            buf_add_str(w->out, "\xef\xbf\xbd");
        s = bytes_of(s.p + skip, s.n - skip);
    }
    buf_add_char(w->out, '"');
}

/* ---- numbers and the rest -------------------------------------------------------------------- */

void json_put_int(struct json_writer *w, int64_t v)
{
    bool quoted =
        w->int64_strings || (!w->int64_numbers && (v > SAFE_INTEGER || v < -SAFE_INTEGER));
    start_value(w);
    if (quoted)
        buf_add_char(w->out, '"');
    buf_add_int(w->out, v);
    if (quoted)
        buf_add_char(w->out, '"');
}

void json_put_count(struct json_writer *w, uint64_t v)
{
    start_value(w);
    char *to = buf_reserve(w->out, NUM_INT_MAX);
    w->out->n += num_format_uint(to, v);
}

void json_put_double(struct json_writer *w, double v)
{
    char text[NUM_DOUBLE_MAX + 1];
    unsigned n = num_format_double(text, v);
    if (!isfinite(v)) {
        text[n] = 0;
        json_put_text(w, text);
        return;
    }
    start_value(w);
    buf_add(w->out, text, n);
}

void json_put_bool(struct json_writer *w, bool v)
{
    start_value(w);
    buf_add_str(w->out, v ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
    start_value(w);
    buf_add(w->out, "null", 4);
}

/* The reader's limit of depth is this one's, too. */
void json_put_tree(struct json_writer *w, const cJSON *item)
{
    if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        bool object = cJSON_IsObject(item);
        open_with(w, object ? '{' : '[');
        for (const cJSON *part = item->child; part; part = part->next) {
            if (object)
                json_put_name(w, json_name(part));
            json_put_tree(w, part);
        }
        close_with(w, object ? '}' : ']');
    } else if (cJSON_IsString(item)) {
        json_put_plain(w, json_string(item));
    } else if (cJSON_IsNumber(item)) {
        start_value(w);
        buf_add_bytes(w->out, json_number(item));
    } else if (cJSON_IsBool(item)) {
        json_put_bool(w, cJSON_IsTrue(item));
    } else {
        json_put_null(w);
    }
}

/* ---- captured replies ------------------------------------------------------------------------ */

static void put_error(struct json_writer *w, const struct capture *c, const struct reply_node *node)
{
    json_open_object(w);
    json_key(w, "error");
    json_open_object(w);
    json_key(w, "code");
    json_put_text(w, error_info(node->code)->slug);
    json_key(w, "message");
    json_put_bytes(w, capture_text(c, node));
    json_close_object(w);
    json_close_object(w);
}

static bool is_text(const struct capture *c, const struct reply_node *node)
{
    if (node->kind != NODE_BULK && node->kind != NODE_SIMPLE)
        return false;
    struct bytes s = capture_text(c, node);
    return bytes_utf8_check(s) == s.n;
}

static bool all_names_are_text(const struct capture *c, size_t at)
{
    size_t part = at + 1;
    for (size_t i = 0; i < c->nodes[at].count; i += 2) {
        if (!is_text(c, &c->nodes[part]))
            return false;
        part = capture_skip(c, part + 1);
    }
    return true;
}

static void put_array(struct json_writer *w, const struct capture *c, size_t at)
{
    size_t part = at + 1;
    json_open_array(w);
    for (size_t i = 0; i < c->nodes[at].count; i++) {
        json_put_reply(w, c, part);
        part = capture_skip(c, part);
    }
    json_close_array(w);
}

static void put_object(struct json_writer *w, const struct capture *c, size_t at)
{
    size_t part = at + 1;
    json_open_object(w);
    for (size_t i = 0; i < c->nodes[at].count; i += 2) {
        json_put_name(w, capture_text(c, &c->nodes[part]));
        json_put_reply(w, c, part + 1);
        part = capture_skip(c, part + 1);
    }
    json_close_object(w);
}

static void put_pairs(struct json_writer *w, const struct capture *c, size_t at)
{
    size_t part = at + 1;
    json_open_array(w);
    for (size_t i = 0; i < c->nodes[at].count; i += 2) {
        size_t value = capture_skip(c, part);
        json_open_array(w);
        json_put_reply(w, c, part);
        json_put_reply(w, c, value);
        json_close_array(w);
        part = capture_skip(c, value);
    }
    json_close_array(w);
}

void json_put_reply(struct json_writer *w, const struct capture *c, size_t at)
{
    const struct reply_node *node = &c->nodes[at];
    switch (node->kind) {
    case NODE_INT:
        json_put_int(w, node->integer);
        break;
    case NODE_BULK:
    case NODE_SIMPLE:
        json_put_bytes(w, capture_text(c, node));
        break;
    case NODE_ERROR:
        put_error(w, c, node);
        break;
    case NODE_NULL:
        json_put_null(w);
        break;
    case NODE_DOUBLE:
        json_put_double(w, node->real);
        break;
    case NODE_BOOL:
        json_put_bool(w, node->integer != 0);
        break;
    case NODE_MAP:
        if (!w->base64 && all_names_are_text(c, at))
            put_object(w, c, at);
        else
            put_pairs(w, c, at);
        break;
    case NODE_ARRAY:
    case NODE_SET:
    case NODE_PUSH:
        put_array(w, c, at);
        break;
    }
}
