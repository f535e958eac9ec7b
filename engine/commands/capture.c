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

static void capture_error(struct reply *r, enum error_code code, const char *prefix,
                          struct bytes text)
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

static void capture_null_array(struct reply *r)
{
    add_node(r, NODE_NULL)->integer = 1;
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
    add_node(r, kind_of(kind))->count = (uint32_t)parts_of(kind, count);
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
    node->count = (uint32_t)parts_of(kind, count);
}

static const struct reply_ops capture_ops = {
    .integer = capture_integer,
    .bulk = capture_bulk,
    .simple = capture_simple,
    .error = capture_error,
    .null = capture_null,
    .null_array = capture_null_array,
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

/* ---- replaying ----------------------------------------------------------------------------------- */

static void replay_error(const struct reply_node *node, struct bytes line, struct reply *to)
{
    const char *prefix = error_info(node->code)->prefix;
    size_t skip = strlen(prefix) + 1;
    to->erred = 1;
    to->ops->error(to, node->code, prefix, bytes_of(line.p + skip, line.n - skip));
}

static void replay_simple(struct bytes text, struct reply *to)
{
    char word[64];
    size_t n = text.n < sizeof word ? text.n : sizeof word - 1;
    memcpy(word, text.p, n);
    word[n] = '\0';
    reply_simple(to, word);
}

static void replay_node(const struct capture *c, const struct reply_node *node, struct reply *to)
{
    struct bytes text = capture_text(c, node);
    switch (node->kind) {
    case NODE_INT:
        reply_int(to, node->integer);
        return;
    case NODE_BULK:
        reply_bulk(to, text);
        return;
    case NODE_SIMPLE:
        replay_simple(text, to);
        return;
    case NODE_ERROR:
        replay_error(node, text, to);
        return;
    case NODE_NULL:
        (node->integer ? reply_null_array : reply_null)(to);
        return;
    case NODE_DOUBLE:
        reply_double(to, node->real);
        return;
    case NODE_BOOL:
        reply_bool(to, node->integer != 0);
        return;
    case NODE_ARRAY:
        reply_array(to, node->count);
        return;
    case NODE_MAP:
        reply_map(to, node->count / 2);
        return;
    case NODE_SET:
        reply_set(to, node->count);
        return;
    case NODE_PUSH:
        reply_push(to, node->count);
        return;
    }
}

void capture_replay(const struct capture *c, struct reply *to)
{
    size_t push_end = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->nodes[i].kind == NODE_PUSH)
            push_end = capture_skip(c, i);
        replay_node(c, &c->nodes[i], to);
        if (i + 1 == push_end)
            reply_push_end(to);
    }
}
