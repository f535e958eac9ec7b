#include "net/memcached_door.h"

#include "base/mem.h"
#include "net/loop.h"

struct speech {
    enum { SPEAKS_NOTHING, SPEAKS_TEXT, SPEAKS_BINARY } kind;
    struct memcached_parser text;
    struct memcached_binary binary;
};

static void memcached_input(struct conn *c)
{
    struct speech *s = c->state;
    struct bytes unread = conn_unread(c);
    if (s->kind == SPEAKS_NOTHING && unread.n)
        s->kind =
            (unsigned char)unread.p[0] == MEMCACHED_BINARY_MAGIC ? SPEAKS_BINARY : SPEAKS_TEXT;
    if (s->kind == SPEAKS_TEXT)
        memcached_text_input(c, &s->text);
    else if (s->kind == SPEAKS_BINARY)
        memcached_binary_input(c, &s->binary);
}

static void memcached_open(struct conn *c)
{
    struct speech *s = mem_calloc(sizeof *s);
    memcached_parser_init(&s->text);
    c->state = s;
}

static void memcached_close(struct conn *c)
{
    struct speech *s = c->state;
    memcached_parser_release(&s->text);
    mem_free(s);
}

static void close_session(struct session *s)
{
    conn_kill(s->context);
}

/* Nothing subscribes at this door, so there is nothing to deliver. */
static const struct session_ops memcached_session_ops = {
    .close = close_session,
    .buffers = conn_buffers,
};

const struct protocol memcached_protocol = {
    .name = "memcached",
    .door = DOOR_MEMCACHED,
    .session_ops = &memcached_session_ops,
    .open = memcached_open,
    .input = memcached_input,
    .close = memcached_close,
    .full = "ERROR Too many open connections\r\n",
};
