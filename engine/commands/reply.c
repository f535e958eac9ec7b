/* Errors, and the RESP sink. */
#include "commands/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"

void reply_error(struct reply *r, enum error_code code)
{
    const struct error_info *info = error_info(code);
    r->erred = 1;
    r->ops->error(r, code, info->prefix, bytes_str(info->text));
}

void reply_errorf(struct reply *r, enum error_code code, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) {
        if (*p == '\r' || *p == '\n')
            *p = ' ';
    }
    r->erred = 1;
    r->ops->error(r, code, error_info(code)->prefix, bytes_str(text));
}

void reply_lines(struct reply *r, const char *const *lines, size_t n)
{
    reply_array(r, n);
    for (size_t i = 0; i < n; i++)
        reply_simple(r, lines[i]);
}

/* ---- RESP ------------------------------------------------------------------------------------ */

static struct buf *out_of(struct reply *r)
{
    return ((struct resp_reply *)r)->out;
}

#define HEAD_MAX (NUM_INT_MAX + 3)

/* "<type><number>\r\n" */
static void add_head(struct buf *out, char type, int64_t v)
{
    char *to = buf_reserve(out, HEAD_MAX);
    unsigned n = 0;
    to[n++] = type;
    if (v >= 0 && v < 10)
        to[n++] = (char)('0' + v);
    else
        n += num_format_int(to + n, v);
    to[n++] = '\r';
    to[n++] = '\n';
    out->n += n;
}

static void resp_integer(struct reply *r, int64_t v)
{
    add_head(out_of(r), ':', v);
}

static void resp_bulk(struct reply *r, struct bytes s)
{
    struct buf *out = out_of(r);
    buf_reserve(out, s.n + HEAD_MAX + 2);
    add_head(out, '$', (int64_t)s.n);
    if (s.n)
        memcpy(out->p + out->n, s.p, s.n);
    memcpy(out->p + out->n + s.n, "\r\n", 2);
    out->n += s.n + 2;
}

static void resp_simple(struct reply *r, const char *s)
{
    struct buf *out = out_of(r);
    size_t n = strlen(s);
    char *to = buf_reserve(out, n + 3);
    to[0] = '+';
    memcpy(to + 1, s, n);
    memcpy(to + 1 + n, "\r\n", 2);
    out->n += n + 3;
}

static void resp_error(struct reply *r, enum error_code code, const char *prefix, struct bytes text)
{
    struct buf *out = out_of(r);
    (void)code;
    buf_add_char(out, '-');
    buf_add_str(out, prefix);
    buf_add_char(out, ' ');
    buf_add_bytes(out, text);
    buf_add(out, "\r\n", 2);
}

static void resp_null(struct reply *r)
{
    if (r->resp >= 3)
        buf_add(out_of(r), "_\r\n", 3);
    else
        buf_add(out_of(r), "$-1\r\n", 5);
}

static void resp_null_array(struct reply *r)
{
    if (r->resp >= 3)
        buf_add(out_of(r), "_\r\n", 3);
    else
        buf_add(out_of(r), "*-1\r\n", 5);
}

static void resp_real(struct reply *r, double v)
{
    char text[NUM_DOUBLE_MAX];
    unsigned n = num_format_double(text, v);
    if (r->resp < 3) {
        resp_bulk(r, bytes_of(text, n));
        return;
    }
    struct buf *out = out_of(r);
    buf_add_char(out, ',');
    buf_add(out, text, n);
    buf_add(out, "\r\n", 2);
}

static void resp_boolean(struct reply *r, bool v)
{
    if (r->resp >= 3)
        buf_add(out_of(r), v ? "#t\r\n" : "#f\r\n", 4);
    else
        resp_integer(r, v);
}

static void resp_verbatim(struct reply *r, const char *format, struct bytes s)
{
    if (r->resp < 3) {
        resp_bulk(r, s);
        return;
    }
    struct buf *out = out_of(r);
    add_head(out, '=', (int64_t)s.n + 4);
    buf_add(out, format, 3);
    buf_add_char(out, ':');
    buf_add_bytes(out, s);
    buf_add(out, "\r\n", 2);
}

static unsigned container_head(const struct reply *r, char *to, enum reply_kind kind, size_t count)
{
    static const char resp3_types[] = {'*', '%', '~', '>'};
    bool v3 = r->resp >= 3;
    unsigned n = 0;
    to[n++] = v3 ? resp3_types[kind] : '*';
    n += num_format_uint(to + n, !v3 && kind == REPLY_MAP ? count * 2 : count);
    to[n++] = '\r';
    to[n++] = '\n';
    return n;
}

static void resp_open(struct reply *r, enum reply_kind kind, size_t count)
{
    struct resp_reply *resp = (struct resp_reply *)r;
    if (kind == REPLY_PUSH && resp->pushes && !resp->aside) {
        resp->aside = resp->out;
        resp->out = resp->pushes;
    }
    struct buf *out = out_of(r);
    char *to = buf_reserve(out, HEAD_MAX);
    out->n += container_head(r, to, kind, count);
}

static void resp_push_end(struct reply *r)
{
    struct resp_reply *resp = (struct resp_reply *)r;
    if (resp->aside)
        resp->out = resp->aside;
    resp->aside = NULL;
}

static size_t resp_begin(struct reply *r)
{
    return out_of(r)->n;
}

/* The head goes in front of the parts: they move up by its length. */
static void resp_end(struct reply *r, size_t mark, enum reply_kind kind, size_t count)
{
    struct buf *out = out_of(r);
    char head[HEAD_MAX];
    unsigned n = container_head(r, head, kind, count);
    buf_reserve(out, n);
    memmove(out->p + mark + n, out->p + mark, out->n - mark);
    memcpy(out->p + mark, head, n);
    out->n += n;
}

static const struct reply_ops resp_ops = {
    .integer = resp_integer,
    .bulk = resp_bulk,
    .simple = resp_simple,
    .error = resp_error,
    .null = resp_null,
    .null_array = resp_null_array,
    .real = resp_real,
    .boolean = resp_boolean,
    .verbatim = resp_verbatim,
    .open = resp_open,
    .push_end = resp_push_end,
    .begin = resp_begin,
    .end = resp_end,
};

void resp_reply_init(struct resp_reply *r, struct buf *out, uint8_t resp)
{
    *r = (struct resp_reply){.base = {.ops = &resp_ops, .resp = resp}, .out = out};
}
