/* A command in the making, for the memcached door's two protocols. Thread rule: the loop's thread. */
#ifndef ATRIUM_NET_MEMCACHED_CALL_H
#define ATRIUM_NET_MEMCACHED_CALL_H

#include "base/num.h"
#include "commands/memcached_flags.h"
#include "net/loop.h"

#define CALL_ARGS_MAX   MEMCACHED_META_WORDS_MAX
#define CALL_DIGITS_MAX 5

/* Arguments are borrowed; numbers are written into `digits`. */
struct call {
    struct bytes argv[CALL_ARGS_MAX];
    int argc;
    char digits[CALL_DIGITS_MAX][NUM_INT_MAX + 1];
    int ndigits;
};

static inline void call_arg(struct call *call, struct bytes s)
{
    call->argv[call->argc++] = s;
}

static inline void call_int(struct call *call, int64_t v)
{
    char *to = call->digits[call->ndigits++];
    call_arg(call, bytes_of(to, num_format_int(to, v)));
}

static inline void call_uint(struct call *call, uint64_t v)
{
    char *to = call->digits[call->ndigits++];
    call_arg(call, bytes_of(to, num_format_uint(to, v)));
}

/* A meta command's flag with its number: T600. */
static inline void call_flag(struct call *call, char letter, uint64_t v)
{
    char *to = call->digits[call->ndigits++];
    *to = letter;
    call_arg(call, bytes_of(to, 1 + num_format_uint(to + 1, v)));
}

/* `call` must not move while it has numbers. */
static inline void call_begin(struct call *call, struct bytes name)
{
    call->argc = call->ndigits = 0;
    call_arg(call, name);
}

/* False: CLIENT PAUSE holds, and nothing has happened. */
static inline bool call_run(struct conn *c, const struct call *call, struct reply *reply)
{
    if (engine_execute(c->session, call->argv, call->argc, reply) == ENGINE_DONE)
        return true;
    c->paused = c->loop->any_paused = true;
    return false;
}

/* The request that the unread input begins has `whole` bytes, 0: nobody knows. */
static inline void call_expect(struct conn *c, size_t whole)
{
    size_t unread = conn_unread(c).n;
    if (whole > unread)
        buf_reserve(&c->in, whole - unread);
}

static inline size_t memcached_max_value(const struct conn *c)
{
    return (size_t)config_int(engine_config(c->loop->engine), CONFIG_MEMCACHED_MAX_ITEM_SIZE);
}

#endif
