/* The capturing sink: a reply as an array of nodes, for doors that print it in a form of their own and for
 * tests. */
#include <assert.h>

#include "base/mem.h"
#include "commands/reply.h"

static struct reply_node *add_node(struct reply *r, enum node_kind kind)
{
    struct capture *c = (struct capture *)r;
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->nodes = mem_realloc(c->nodes, c->cap * sizeof *c->nodes);
    }
    struct reply_node *node = &c->nodes[c->n++];
    *node = (struct reply_node){.kind = kind};
    return node;
}

static void set_text(struct reply *r, struct reply_node *node, struct bytes s)
{
    struct capture *c = (struct capture *)r;
    node->text = c->text.n;
    node->len = s.n;
    buf_add_bytes(&c->text, s);
}

static void capture_integer(struct reply *r, int64_t v)
{
    add_node(r, NODE_INT)->integer = v;
}

static void capture_bulk(struct reply *r, struct bytes s)
{
    set_text(r, add_node(r, NODE_BULK), s);
}

static void capture_simple(struct reply *r, const char *s)
{
    set_text(r, add_node(r, NODE_SIMPLE), bytes_str(s));
}

static void capture_error(struct reply *r, enum error_code code, const char *prefix, struct bytes text)
{
    struct capture *c = (struct capture *)r;
    struct reply_node *node = add_node(r, NODE_ERROR);
    node->code = code;
    set_text(r, node, bytes_str(prefix));
    buf_add_char(&c->text, ' ');
    buf_add_bytes(&c->text, text);
    node->len += 1 + text.n;
}

static void capture_null(struct reply *r)
{
    add_node(r, NODE_NULL);
}

static void capture_real(struct reply *r, double v)
{
    add_node(r, NODE_DOUBLE)->real = v;
}

static void capture_boolean(struct reply *r, bool v)
{
    add_node(r, NODE_BOOL)->integer = v;
}

static void capture_verbatim(struct reply *r, const char *format, struct bytes s)
{
    (void)format;
    capture_bulk(r, s);
}

static enum node_kind kind_of(enum reply_kind kind)
{
    static const enum node_kind kinds[] = {NODE_ARRAY, NODE_MAP, NODE_SET, NODE_PUSH};
    return kinds[kind];
}

static size_t parts_of(enum reply_kind kind, size_t count)
{
    return kind == REPLY_MAP ? count * 2 : count;
}

static void capture_open(struct reply *r, enum reply_kind kind, size_t count)
{
    add_node(r, kind_of(kind))->count = parts_of(kind, count);
}

static size_t capture_begin(struct reply *r)
{
    add_node(r, NODE_ARRAY);
    return ((struct capture *)r)->n - 1;
}

static void capture_end(struct reply *r, size_t mark, enum reply_kind kind, size_t count)
{
    struct reply_node *node = &((struct capture *)r)->nodes[mark];
    node->kind = kind_of(kind);
    node->count = parts_of(kind, count);
}

static const struct reply_ops capture_ops = {
    .integer = capture_integer,
    .bulk = capture_bulk,
    .simple = capture_simple,
    .error = capture_error,
    .null = capture_null,
    .null_array = capture_null,
    .real = capture_real,
    .boolean = capture_boolean,
    .verbatim = capture_verbatim,
    .open = capture_open,
    .begin = capture_begin,
    .end = capture_end,
};

void capture_init(struct capture *c)
{
    *c = (struct capture){.base = {.ops = &capture_ops, .resp = 3}};
}

void capture_clear(struct capture *c)
{
    c->n = 0;
    buf_clear(&c->text);
    c->base.erred = 0;
}

void capture_release(struct capture *c)
{
    mem_free(c->nodes);
    buf_release(&c->text);
    capture_init(c);
}

size_t capture_skip(const struct capture *c, size_t i)
{
    size_t left = 1;
    while (left && i < c->n) {
        left += c->nodes[i].count;
        left--;
        i++;
    }
    return i;
}
