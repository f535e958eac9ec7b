/* The reply sink: how a handler answers. A handler emits typed events; RESP2, RESP3, JSON, memcached and the
 * capturing sink of the tests are implementations, and no handler can tell which one listens.
 *
 * A reply is one value. Containers are announced with their count (a map's in pairs), then their parts
 * follow. Where the count is known only afterwards: mark = reply_begin(r), the parts, then
 * reply_end(r, mark, kind, count). Nesting is allowed.
 *
 * A sink implementation embeds struct reply first and fills ops. Slices passed in are borrowed for
 * the call. Thread rule: one owner. */
#ifndef ATRIUM_COMMANDS_REPLY_H
#define ATRIUM_COMMANDS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "commands/error.h"

enum reply_kind { REPLY_ARRAY, REPLY_MAP, REPLY_SET, REPLY_PUSH };

struct reply;

struct reply_ops {
    void (*integer)(struct reply *r, int64_t v);
    void (*bulk)(struct reply *r, struct bytes s);
    void (*simple)(struct reply *r, const char *s); /* a status such as OK */
    /* text is what follows the prefix; both go onto the wire with a blank between. */
    void (*error)(struct reply *r, enum error_code code, const char *prefix, struct bytes text);
    void (*null)(struct reply *r);
    void (*null_array)(struct reply *r); /* RESP2 tells it from null; elsewhere the same */
    void (*real)(struct reply *r, double v);
    void (*boolean)(struct reply *r, bool v);
    void (*verbatim)(struct reply *r, const char *format, struct bytes s); /* format: 3 letters */
    void (*open)(struct reply *r, enum reply_kind kind, size_t count);
    size_t (*begin)(struct reply *r);
    void (*push_end)(
        struct reply *r); /* the parts of a push are complete; NULL: it is all the same */
    void (*end)(struct reply *r, size_t mark, enum reply_kind kind, size_t count);
};

struct reply {
    const struct reply_ops *ops;
    uint8_t resp;  /* 2 or 3: HELLO may change it; a few commands differ in shape by it */
    uint8_t erred; /* set by any error event; dispatch clears it before a command */
};

static inline void reply_int(struct reply *r, int64_t v)
{
    r->ops->integer(r, v);
}

static inline void reply_bulk(struct reply *r, struct bytes s)
{
    r->ops->bulk(r, s);
}

static inline void reply_text(struct reply *r, const char *s) /* a C string as bulk */
{
    r->ops->bulk(r, bytes_str(s));
}

static inline void reply_simple(struct reply *r, const char *s)
{
    r->ops->simple(r, s);
}

static inline void reply_ok(struct reply *r)
{
    r->ops->simple(r, "OK");
}

static inline void reply_null(struct reply *r)
{
    r->ops->null(r);
}

static inline void reply_null_array(struct reply *r)
{
    r->ops->null_array(r);
}

static inline void reply_double(struct reply *r, double v)
{
    r->ops->real(r, v);
}

static inline void reply_bool(struct reply *r, bool v)
{
    r->ops->boolean(r, v);
}

static inline void reply_verbatim(struct reply *r, const char *format, struct bytes s)
{
    r->ops->verbatim(r, format, s);
}

static inline void reply_array(struct reply *r, size_t n)
{
    r->ops->open(r, REPLY_ARRAY, n);
}

static inline void reply_map(struct reply *r, size_t pairs)
{
    r->ops->open(r, REPLY_MAP, pairs);
}

static inline void reply_set(struct reply *r, size_t n)
{
    r->ops->open(r, REPLY_SET, n);
}

static inline void reply_push(struct reply *r, size_t n)
{
    r->ops->open(r, REPLY_PUSH, n);
}

/* After the last part of a push. */
static inline void reply_push_end(struct reply *r)
{
    if (r->ops->push_end)
        r->ops->push_end(r);
}

static inline size_t reply_begin(struct reply *r)
{
    return r->ops->begin(r);
}

static inline void reply_end(struct reply *r, size_t mark, enum reply_kind kind, size_t count)
{
    r->ops->end(r, mark, kind, count);
}

/* The code's own prefix and text. */
void reply_error(struct reply *r, enum error_code code);
/* The code's prefix, a text of the handler's. Line ends in the text become blanks. */
void reply_errorf(struct reply *r, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* An array of simple strings: what HELP subcommands answer. */
void reply_lines(struct reply *r, const char *const *lines, size_t n);

/* ---- the RESP sink --------------------------------------------------------------------------- */

/* Encodes into `out` (borrowed), as RESP2 or RESP3 by base.resp. */
struct resp_reply {
    struct reply base;
    struct buf *out;
    struct buf *pushes; /* NULL: pushes go into out with the rest */
    struct buf *aside;  /* out, while a push is written into pushes */
};

void resp_reply_init(struct resp_reply *r, struct buf *out, uint8_t resp);

/* ---- the capturing sink ---------------------------------------------------------------------- */

enum node_kind {
    NODE_INT,
    NODE_BULK,
    NODE_SIMPLE,
    NODE_ERROR,
    NODE_NULL,
    NODE_DOUBLE,
    NODE_BOOL,
    NODE_ARRAY,
    NODE_MAP,
    NODE_SET,
    NODE_PUSH
};

/* A captured reply: nodes in the order of the events. A container's parts follow it; a map of n pairs has
 * 2n parts. */
struct reply_node {
    enum node_kind kind : 8;
    enum error_code code : 8; /* of NODE_ERROR */
    uint32_t count;           /* parts of a container (2n for a map), else 0 */
    union {
        int64_t integer; /* NODE_INT, NODE_BOOL; NODE_NULL: 1 for a null array */
        double real;     /* NODE_DOUBLE */
        size_t text;     /* NODE_BULK, NODE_SIMPLE, NODE_ERROR (whole line): place in `text` */
    };
    size_t len; /* of the text, else 0 */
};

struct capture {
    struct reply base;
    struct reply_node *nodes;
    size_t n, cap;
    struct buf text;
};

void capture_init(struct capture *c);
void capture_clear(struct capture *c);
void capture_release(struct capture *c);

static inline struct bytes capture_text(const struct capture *c, const struct reply_node *node)
{
    return bytes_of(c->text.p + (node->len ? node->text : 0), node->len);
}

/* Gives what was captured to another sink. */
void capture_replay(const struct capture *c, struct reply *to);

/* The index of the node after `i` and all its parts. */
size_t capture_skip(const struct capture *c, size_t i);

#endif
