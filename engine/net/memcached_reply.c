#include "net/memcached_reply.h"

#include "base/num.h"

static struct memcached_reply *sink(struct reply *r)
{
    return (struct memcached_reply *)r;
}

static void add_end(struct buf *out)
{
    buf_add(out, "\r\n", 2);
}

static void add_uint(struct buf *out, uint64_t v)
{
    char text[NUM_INT_MAX];
    buf_add(out, text, num_format_uint(text, v));
}

void memcached_line(struct buf *out, const char *text)
{
    buf_add_str(out, text);
    add_end(out);
}

/* ---- STAT ----------------------------------------------------------------------------------- */

/* Names and values in turn; a name is followed by a blank, a value by the line's end. */
static void add_stat(struct memcached_reply *m, struct bytes s)
{
    bool name = m->part++ % 2 == 0;
    if (name)
        buf_add_str(m->out, "STAT ");
    buf_add_bytes(m->out, s);
    if (name)
        buf_add_char(m->out, ' ');
    else
        add_end(m->out);
}

/* ---- VALUE ---------------------------------------------------------------------------------- */

static void add_value(struct memcached_reply *m, struct bytes value)
{
    buf_add_str(m->out, "VALUE ");
    buf_add_bytes(m->out, m->key);
    buf_add_char(m->out, ' ');
    add_uint(m->out, m->head[0]);
    buf_add_char(m->out, ' ');
    add_uint(m->out, value.n);
    if (m->part > 1) {
        buf_add_char(m->out, ' ');
        add_uint(m->out, m->head[1]);
    }
    add_end(m->out);
    buf_add_bytes(m->out, value);
    add_end(m->out);
    m->shape = MEMCACHED_LINE;
}

/* ---- events --------------------------------------------------------------------------------- */

static void on_bulk(struct reply *r, struct bytes s)
{
    struct memcached_reply *m = sink(r);
    if (m->shape == MEMCACHED_VALUE && m->part == 0)
        m->shape = MEMCACHED_LINE; /* an array of lines */
    if (m->shape == MEMCACHED_VALUE) {
        add_value(m, s);
    } else if (m->shape == MEMCACHED_STATS_PAIRS) {
        add_stat(m, s);
    } else {
        buf_add_bytes(m->out, s);
        add_end(m->out);
    }
}

static void on_integer(struct reply *r, int64_t v)
{
    struct memcached_reply *m = sink(r);
    char text[NUM_INT_MAX];
    if (m->shape == MEMCACHED_VALUE)
        m->head[m->part++ & 1] = (uint64_t)v;
    else
        on_bulk(r, bytes_of(text, num_format_uint(text, (uint64_t)v)));
}

static void on_simple(struct reply *r, const char *s)
{
    on_bulk(r, bytes_str(s));
}

static void on_error(struct reply *r, enum error_code code, const char *prefix, struct bytes text)
{
    struct memcached_reply *m = sink(r);
    const char *word = error_info(code)->memcached_word;
    (void)prefix;
    buf_add_str(m->out, word);
    if (strstr(word, "_ERROR")) {
        buf_add_char(m->out, ' ');
        buf_add_bytes(m->out, code == ERROR_OOM ? BYTES("out of memory storing object") : text);
    }
    add_end(m->out);
}

static void on_null(struct reply *r)
{
    (void)r;
}

static void on_real(struct reply *r, double v)
{
    char text[NUM_DOUBLE_MAX];
    on_bulk(r, bytes_of(text, num_format_double(text, v)));
}

static void on_boolean(struct reply *r, bool v)
{
    on_integer(r, v);
}

static void on_verbatim(struct reply *r, const char *format, struct bytes s)
{
    (void)format;
    on_bulk(r, s);
}

static void on_open(struct reply *r, enum reply_kind kind, size_t count)
{
    struct memcached_reply *m = sink(r);
    (void)count;
    m->shape = kind == REPLY_MAP ? MEMCACHED_STATS_PAIRS : MEMCACHED_VALUE;
    m->part = 0;
}

/* Only `stats` has a count that is known afterwards. */
static size_t on_begin(struct reply *r)
{
    on_open(r, REPLY_MAP, 0);
    return 0;
}

static void on_end(struct reply *r, size_t mark, enum reply_kind kind, size_t count)
{
    (void)mark;
    (void)kind;
    (void)count;
    sink(r)->shape = MEMCACHED_LINE;
    memcached_line(sink(r)->out, "END");
}

static const struct reply_ops memcached_reply_ops = {
    .integer = on_integer,
    .bulk = on_bulk,
    .simple = on_simple,
    .error = on_error,
    .null = on_null,
    .null_array = on_null,
    .real = on_real,
    .boolean = on_boolean,
    .verbatim = on_verbatim,
    .open = on_open,
    .begin = on_begin,
    .end = on_end,
};

void memcached_reply_init(struct memcached_reply *r, struct buf *out)
{
    *r = (struct memcached_reply){.base = {.ops = &memcached_reply_ops, .resp = 2}, .out = out};
}
