/* The memcached door's text protocol: requests from the parser become commands of commands/memcached.c
 * and commands/memcached_meta.c, a get of several keys one command each. Where a password is set, a connection says it as memcached's own
 * ASCII authentication does: its first request is a `set` of any key whose data is "user password".
 *
 * A setting of memcached's that atrium has under another name is set there: cache_memlimit is
 * maxmemory, verbosity is loglevel. What is about slabs, LRU segments and crawlers (slabs, lru,
 * lru_crawler) and watch have nothing to act on here, and are unknown. */
#include "commands/memcached.h"
#include "net/memcached_call.h"
#include "net/memcached_door.h"
#include "net/memcached_parser.h"
#include "net/memcached_reply.h"

static bool run_one(struct conn *c, const struct call *call)
{
    struct memcached_reply reply;
    memcached_reply_init(&reply, &c->out);
    return call_run(c, call, &reply.base);
}

/* Keeps of what was added since `from` only the last line, which begins at `line`. */
static void keep_last_line(struct buf *out, size_t from, size_t line)
{
    size_t n = out->n - line;
    memmove(out->p + from, out->p + line, n);
    out->n = from + n;
}

#define HINTED_MIN 4 /* fewer keys are not worth it */

/* Before the i-th of many keys: which ones come next. */
static void hint(struct conn *c, const struct memcached_parser *p, size_t i)
{
    size_t left = p->nkeys - i;
    if (i % ENGINE_HINTS_MAX == 0 && left >= HINTED_MIN)
        engine_hint(c->session, p->keys + i,
                    (unsigned)(left < ENGINE_HINTS_MAX ? left : ENGINE_HINTS_MAX));
}

/* A key that cannot be answered makes the whole request fail: its line alone is sent. */
static bool run_get(struct conn *c, const struct memcached_parser *p)
{
    bool touch = p->verb == MEMCACHED_GAT || p->verb == MEMCACHED_GATS;
    bool with_cas = p->verb == MEMCACHED_GETS || p->verb == MEMCACHED_GATS;
    size_t from = c->out.n;
    struct memcached_reply reply;
    memcached_reply_init(&reply, &c->out);
    for (size_t i = 0; i < p->nkeys; i++) {
        size_t line = c->out.n;
        struct call call;
        hint(c, p, i);
        call_begin(&call, touch ? BYTES("ATR.MC.GAT") : BYTES("ATR.MC.GET"));
        call_arg(&call, p->keys[i]);
        if (touch)
            call_int(&call, p->exptime);
        if (with_cas)
            call_arg(&call, BYTES("CAS"));
        reply.key = p->keys[i];
        if (!call_run(c, &call, &reply.base)) {
            c->out.n = from;
            return false;
        }
        if (reply.base.erred) {
            keep_last_line(&c->out, from, line);
            return true;
        }
    }
    memcached_line(&c->out, "END");
    return true;
}

static bool run_store(struct conn *c, const struct memcached_parser *p)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.STORE"));
    call_arg(&call, p->keys[0]);
    call_arg(&call, bytes_str(p->name));
    call_uint(&call, p->flags);
    call_int(&call, p->exptime);
    call_arg(&call, p->value);
    if (p->verb == MEMCACHED_CAS)
        call_uint(&call, p->number);
    return run_one(c, &call);
}

static bool run_count(struct conn *c, const struct memcached_parser *p)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.COUNT"));
    call_arg(&call, p->keys[0]);
    call_arg(&call, bytes_str(p->name));
    call_uint(&call, p->number);
    return run_one(c, &call);
}

static bool run_delete(struct conn *c, const struct memcached_parser *p)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.DELETE"));
    call_arg(&call, p->keys[0]);
    return run_one(c, &call);
}

static bool run_touch(struct conn *c, const struct memcached_parser *p)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.TOUCH"));
    call_arg(&call, p->keys[0]);
    call_int(&call, p->exptime);
    return run_one(c, &call);
}

static bool run_flush_all(struct conn *c, const struct memcached_parser *p)
{
    if (!config_int(engine_config(c->loop->engine), CONFIG_MEMCACHED_FLUSH_ENABLED)) {
        memcached_line(&c->out, "CLIENT_ERROR flush_all not allowed");
        return true;
    }
    struct call call;
    call_begin(&call, BYTES("ATR.MC.FLUSH"));
    call_int(&call, p->exptime);
    return run_one(c, &call);
}

static bool run_stats(struct conn *c, const struct memcached_parser *p)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.STATS"));
    for (size_t i = 1; i < p->nwords && i < CALL_ARGS_MAX; i++)
        call_arg(&call, p->words[i]);
    return run_one(c, &call);
}

static bool run_version(struct conn *c, const struct memcached_parser *p)
{
    (void)p;
    memcached_line(&c->out, "VERSION " ATRIUM_MEMCACHED_VERSION);
    return true;
}

/* CONFIG SET name value, as the session may; its own answer is replaced where it is OK. */
static bool run_setting(struct conn *c, struct bytes name, struct bytes value)
{
    size_t from = c->out.n;
    struct memcached_reply reply;
    struct call call;
    call_begin(&call, BYTES("CONFIG"));
    call_arg(&call, BYTES("SET"));
    call_arg(&call, name);
    call_arg(&call, value);
    memcached_reply_init(&reply, &c->out);
    bool done = call_run(c, &call, &reply.base);
    if (done && !reply.base.erred) {
        c->out.n = from;
        memcached_line(&c->out, "OK");
    }
    return done;
}

static bool run_verbosity(struct conn *c, const struct memcached_parser *p)
{
    static const char *const levels[] = {"notice", "verbose", "debug"};
    return run_setting(c, BYTES("loglevel"), bytes_str(levels[p->number < 2 ? p->number : 2]));
}

#define MEMLIMIT_MIN_MB 8 /* below it, as memcached has it, values of a megabyte would not fit */

static bool run_cache_memlimit(struct conn *c, const struct memcached_parser *p)
{
    char text[NUM_INT_MAX + 2];
    if (p->number < MEMLIMIT_MIN_MB || p->number > INT64_MAX >> 20) {
        memcached_line(&c->out, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
        return true;
    }
    size_t n = num_format_uint(text, p->number << 20);
    return run_setting(c, BYTES("maxmemory"), bytes_of(text, n));
}

static bool run_says(struct conn *c, const struct memcached_parser *p)
{
    memcached_line(&c->out, p->says);
    return true;
}

static bool run_quit(struct conn *c, const struct memcached_parser *p)
{
    (void)p;
    conn_finish(c);
    return true;
}

/* ---- meta commands -------------------------------------------------------------------------- */

static void arg_flags(struct call *call, const struct memcached_flags *f)
{
    for (size_t i = 0; i < f->nwords; i++)
        call_arg(call, f->words[i]);
}

/* With q an answer that was to be expected is not sent: mg's miss, the others' success. */
static void hush(struct conn *c, const struct memcached_parser *p, size_t from)
{
    const char *word = c->out.p + from;
    if (!p->meta.quiet || c->out.n < from + 2)
        return;
    bool expected = p->verb == MEMCACHED_MG
                        ? memcmp(word, "EN", 2) == 0
                        : memcmp(word, "HD", 2) == 0 || memcmp(word, "VA", 2) == 0;
    if (expected)
        c->out.n = from;
}

static bool run_meta(struct conn *c, const struct memcached_parser *p, struct bytes name)
{
    size_t from = c->out.n;
    struct call call;
    call_begin(&call, name);
    call_arg(&call, p->keys[0]);
    if (p->verb == MEMCACHED_MS)
        call_arg(&call, p->value);
    arg_flags(&call, &p->meta);
    if (!run_one(c, &call))
        return false;
    hush(c, p, from);
    return true;
}

static bool run_mg(struct conn *c, const struct memcached_parser *p)
{
    bool changes = p->meta.vivifies || p->meta.has_ttl;
    return run_meta(c, p, changes ? BYTES("ATR.MC.MGETSET") : BYTES("ATR.MC.MGET"));
}

static bool run_ms(struct conn *c, const struct memcached_parser *p)
{
    return run_meta(c, p, BYTES("ATR.MC.MSET"));
}

static bool run_md(struct conn *c, const struct memcached_parser *p)
{
    return run_meta(c, p, BYTES("ATR.MC.MDELETE"));
}

static bool run_ma(struct conn *c, const struct memcached_parser *p)
{
    return run_meta(c, p, BYTES("ATR.MC.MARITH"));
}

static bool run_me(struct conn *c, const struct memcached_parser *p)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.MDEBUG"));
    call_arg(&call, p->keys[0]);
    if (p->meta.base64)
        call_arg(&call, BYTES("b"));
    return run_one(c, &call);
}

static bool run_mn(struct conn *c, const struct memcached_parser *p)
{
    (void)p;
    memcached_line(&c->out, "MN");
    return true;
}

/* ---- which is run by which -------------------------------------------------------------------- */

typedef bool run_fn(struct conn *c, const struct memcached_parser *p);

static run_fn *const runs[] = {
    [MEMCACHED_GET] = run_get,
    [MEMCACHED_GETS] = run_get,
    [MEMCACHED_GAT] = run_get,
    [MEMCACHED_GATS] = run_get,
    [MEMCACHED_SET] = run_store,
    [MEMCACHED_ADD] = run_store,
    [MEMCACHED_REPLACE] = run_store,
    [MEMCACHED_APPEND] = run_store,
    [MEMCACHED_PREPEND] = run_store,
    [MEMCACHED_CAS] = run_store,
    [MEMCACHED_INCR] = run_count,
    [MEMCACHED_DECR] = run_count,
    [MEMCACHED_DELETE] = run_delete,
    [MEMCACHED_TOUCH] = run_touch,
    [MEMCACHED_FLUSH_ALL] = run_flush_all,
    [MEMCACHED_STATS] = run_stats,
    [MEMCACHED_VERSION] = run_version,
    [MEMCACHED_VERBOSITY] = run_verbosity,
    [MEMCACHED_QUIT] = run_quit,
    [MEMCACHED_MG] = run_mg,
    [MEMCACHED_MS] = run_ms,
    [MEMCACHED_MD] = run_md,
    [MEMCACHED_MA] = run_ma,
    [MEMCACHED_ME] = run_me,
    [MEMCACHED_MN] = run_mn,
    [MEMCACHED_CACHE_MEMLIMIT] = run_cache_memlimit,
    [MEMCACHED_SAYS] = run_says,
};

/* ---- authentication ------------------------------------------------------------------------- */

/* "user password" to AUTH; its answer is thrown away, the session says how it went. */
static bool authenticate(struct conn *c, struct bytes token)
{
    size_t from = c->out.n;
    const char *blank = token.n ? memchr(token.p, ' ', token.n) : NULL;
    if (!blank) {
        memcached_line(&c->out, "CLIENT_ERROR bad authentication token format");
        return true;
    }
    size_t user = (size_t)(blank - token.p);
    struct call call;
    call_begin(&call, BYTES("AUTH"));
    call_arg(&call, bytes_of(token.p, user));
    call_arg(&call, bytes_of(blank + 1, token.n - user - 1));
    bool done = run_one(c, &call);
    c->out.n = from;
    if (done)
        memcached_line(&c->out, c->session->authenticated ? "STORED"
                                                          : "CLIENT_ERROR authentication failure");
    return done;
}

static bool run_unauthenticated(struct conn *c, const struct memcached_parser *p)
{
    if (p->verb == MEMCACHED_SET)
        return authenticate(c, p->value);
    if (p->verb == MEMCACHED_QUIT)
        return run_quit(c, p);
    memcached_line(&c->out, "CLIENT_ERROR unauthenticated");
    return true;
}

/* ---- the protocol --------------------------------------------------------------------------- */

/* False: to be tried again when the pause is over. */
static bool run_request(struct conn *c, const struct memcached_parser *p)
{
    size_t from = c->out.n;
    run_fn *run = c->session->authenticated ? runs[p->verb] : run_unauthenticated;
    if (!run(c, p))
        return false;
    if (p->noreply)
        c->out.n = from;
    return true;
}

/* A value that is not taken leaves no older one behind, as if it had been evicted at once. */
static bool refuse_value(struct conn *c, const struct memcached_parser *p)
{
    size_t from = c->out.n;
    bool replaces = p->verb == MEMCACHED_SET || p->verb == MEMCACHED_MS;
    if (replaces && c->session->authenticated && !run_delete(c, p))
        return false;
    c->out.n = from;
    if (!p->noreply)
        memcached_line(&c->out, p->error);
    return true;
}

/* Deals with one result; false where input has to wait. */
static bool handle(struct conn *c, struct memcached_parser *p, enum memcached_result r)
{
    switch (r) {
    case MEMCACHED_REQUEST:
        return run_request(c, p);
    case MEMCACHED_TOO_LARGE:
        if (refuse_value(c, p))
            return true;
        p->swallow = 0;
        return false;
    case MEMCACHED_ERROR:
        if (!p->noreply)
            memcached_line(&c->out, p->error);
        return true;
    case MEMCACHED_HOPELESS:
        conn_finish(c);
        return false;
    case MEMCACHED_INCOMPLETE:
        break;
    }
    return p->used > 0; /* some data was passed over; what follows it may be complete */
}

void memcached_text_input(struct conn *c, struct memcached_parser *p)
{
    size_t max = memcached_max_value(c);
    while (!c->dead && !c->closing && !conn_is_full(c)) {
        enum memcached_result r = memcached_parse(p, conn_unread(c), max);
        if (!handle(c, p, r)) {
            call_expect(c, p->wants);
            return;
        }
        conn_consume(c, p->used);
    }
}
