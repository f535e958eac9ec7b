/* memcached's binary protocol, what its requests do: each becomes a command of commands/memcached.c or
 * commands/memcached_meta.c, and the command's answer a response. Where a password is set, a connection
 * says it by SASL; before that nothing but SASL and version is answered. */
#include "net/memcached_call.h"
#include "net/memcached_door.h"
#include "net/memcached_sasl.h"

#define STAT_NAME_MAX 64
#define NO_DEADLINE   0xffffffffu /* of incr and decr: a counter that is missing is not made */

/* ---- the reply sink --------------------------------------------------------------------------- */

struct binary_reply {
    struct reply base;
    struct buf *out;
    const struct memcached_frame *to;
    enum {
        ONE,
        ARRAY,
        COUNT,
        STATS
    } shape;                  /* COUNT: the number that follows a meta command's header */
    unsigned part;            /* within it */
    uint64_t numbers[2];      /* of an array: flags, cas */
    uint64_t cas;             /* of COUNT */
    char name[STAT_NAME_MAX]; /* of a STAT */
    size_t name_n;
};

static struct binary_reply *sink(struct reply *r)
{
    return (struct binary_reply *)r;
}

static bool gets_key(uint8_t opcode)
{
    return opcode == BINARY_GETK || opcode == BINARY_GATK;
}

static bool is_get(uint8_t opcode)
{
    return opcode == BINARY_GET || opcode == BINARY_GAT || gets_key(opcode);
}

/* Success, which of quiet requests a get alone tells. */
static void succeed(struct binary_reply *b, const struct memcached_response *r)
{
    if (!b->to->quiet || is_get(b->to->opcode))
        memcached_binary_respond(b->out, b->to, r);
}

static void miss(struct binary_reply *b)
{
    struct memcached_response r = {.status = BINARY_NOT_FOUND, .key = b->to->key};
    if (b->to->quiet)
        return;
    if (gets_key(b->to->opcode))
        memcached_binary_respond(b->out, b->to, &r);
    else
        memcached_binary_status(b->out, b->to, BINARY_NOT_FOUND);
}

static void put_u32(char to[4], uint32_t v)
{
    for (int i = 3; i >= 0; i--, v >>= 8)
        to[i] = (char)v;
}

static void value_is(struct binary_reply *b, struct bytes value)
{
    char flags[4];
    put_u32(flags, (uint32_t)b->numbers[0]);
    struct memcached_response r = {.extras = bytes_of(flags, sizeof flags), .cas = b->numbers[1]};
    if (gets_key(b->to->opcode))
        r.key = b->to->key;
    if (b->to->opcode != BINARY_TOUCH)
        r.value = value;
    succeed(b, &r);
}

static void count_is(struct binary_reply *b, struct bytes digits)
{
    uint64_t v = 0;
    char text[8];
    num_parse_uint(digits, &v);
    put_u32(text, (uint32_t)(v >> 32));
    put_u32(text + 4, (uint32_t)v);
    succeed(b, &(struct memcached_response){.cas = b->cas, .value = bytes_of(text, sizeof text)});
}

static void stat_is(struct binary_reply *b, struct bytes s)
{
    if (b->part++ % 2 == 0) {
        b->name_n = s.n < STAT_NAME_MAX ? s.n : STAT_NAME_MAX;
        memcpy(b->name, s.p, b->name_n);
        return;
    }
    struct memcached_response r = {.key = bytes_of(b->name, b->name_n), .value = s};
    memcached_binary_respond(b->out, b->to, &r);
}

/* The cas of a meta command's header, which ends with it: HD c17. */
static uint64_t cas_of(struct bytes header)
{
    uint64_t cas = 0;
    const char *at = header.n ? memrchr(header.p, 'c', header.n) : NULL;
    if (at)
        num_parse_uint(bytes_of(at + 1, (size_t)(header.p + header.n - at - 1)), &cas);
    return cas;
}

static enum memcached_status not_stored(uint8_t opcode)
{
    return opcode == BINARY_ADD       ? BINARY_EXISTS
           : opcode == BINARY_REPLACE ? BINARY_NOT_FOUND
                                      : BINARY_NOT_STORED;
}

/* A meta command's header. */
static void header_is(struct binary_reply *b, struct bytes header)
{
    struct bytes word = bytes_of(header.p, 2);
    if (bytes_eq(word, BYTES("VA"))) {
        b->shape = COUNT;
        b->cas = cas_of(header);
    } else if (bytes_eq(word, BYTES("HD"))) {
        succeed(b, &(struct memcached_response){.cas = cas_of(header)});
    } else if (bytes_eq(word, BYTES("EX"))) {
        memcached_binary_status(b->out, b->to, BINARY_EXISTS);
    } else if (bytes_eq(word, BYTES("NF"))) {
        memcached_binary_status(b->out, b->to, BINARY_NOT_FOUND);
    } else {
        memcached_binary_status(b->out, b->to, not_stored(b->to->opcode));
    }
}

static void on_bulk(struct reply *r, struct bytes s)
{
    struct binary_reply *b = sink(r);
    if (b->shape == STATS)
        stat_is(b, s);
    else if (b->shape == COUNT)
        count_is(b, s);
    else if (b->shape == ARRAY && b->part)
        value_is(b, s);
    else if (b->shape == ARRAY)
        header_is(b, s);
    else if (b->to->opcode == BINARY_STAT) /* text that is no statistics */
        memcached_binary_status(b->out, b->to, BINARY_NOT_FOUND);
    else
        succeed(b, &(struct memcached_response){0});
}

static void on_simple(struct reply *r, const char *s)
{
    (void)s; /* OK, RESET */
    succeed(sink(r), &(struct memcached_response){0});
}

static void on_integer(struct reply *r, int64_t v)
{
    struct binary_reply *b = sink(r);
    char text[NUM_INT_MAX];
    if (b->shape == ARRAY)
        b->numbers[b->part++ & 1] = (uint64_t)v;
    else
        on_bulk(r, bytes_of(text, num_format_uint(text, (uint64_t)v)));
}

/* What memcached has no status for is told by the text. */
static void on_error(struct reply *r, enum error_code code, const char *prefix, struct bytes text)
{
    struct binary_reply *b = sink(r);
    (void)prefix;
    if (b->to->opcode == BINARY_STAT)
        memcached_binary_status(b->out, b->to, BINARY_NOT_FOUND);
    else if (code == ERROR_NOT_INTEGER)
        memcached_binary_status(b->out, b->to, BINARY_NOT_A_NUMBER);
    else if (code == ERROR_OOM)
        memcached_binary_status(b->out, b->to, BINARY_OUT_OF_MEMORY);
    else
        memcached_binary_respond(
            b->out, b->to,
            &(struct memcached_response){
                .status = error_info(code)->retryable ? BINARY_TEMPORARY_FAILURE : BINARY_INVALID,
                .value = text});
}

static void on_null(struct reply *r)
{
    miss(sink(r));
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
    struct binary_reply *b = sink(r);
    (void)count;
    b->shape = kind == REPLY_MAP ? STATS : ARRAY;
    b->part = 0;
}

static size_t on_begin(struct reply *r)
{
    on_open(r, REPLY_MAP, 0);
    return 0;
}

static void on_end(struct reply *r, size_t mark, enum reply_kind kind, size_t count)
{
    struct binary_reply *b = sink(r);
    (void)mark;
    (void)kind;
    (void)count;
    memcached_binary_respond(b->out, b->to, &(struct memcached_response){0});
}

static const struct reply_ops binary_reply_ops = {
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

static bool run(struct conn *c, const struct memcached_frame *f, const struct call *call)
{
    struct binary_reply reply = {
        .base = {.ops = &binary_reply_ops, .resp = 2}, .out = &c->out, .to = f};
    return call_run(c, call, &reply.base);
}

/* ---- requests ------------------------------------------------------------------------------- */

static bool run_get(struct conn *c, const struct memcached_frame *f)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.GET"));
    call_arg(&call, f->key);
    call_arg(&call, BYTES("CAS"));
    return run(c, f, &call);
}

static bool run_gat(struct conn *c, const struct memcached_frame *f)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.GAT"));
    call_arg(&call, f->key);
    call_uint(&call, memcached_binary_u32(f->extras, 0));
    call_arg(&call, BYTES("CAS"));
    return run(c, f, &call);
}

/* Where a cas is given, the key must be there with it, whatever the opcode. */
static bool run_store(struct conn *c, const struct memcached_frame *f)
{
    bool appends = f->opcode == BINARY_APPEND || f->opcode == BINARY_PREPEND;
    struct call call;
    call_begin(&call, BYTES("ATR.MC.MSET"));
    call_arg(&call, f->key);
    call_arg(&call, f->value);
    if (!appends) {
        call_flag(&call, 'F', memcached_binary_u32(f->extras, 0));
        call_flag(&call, 'T', memcached_binary_u32(f->extras, 4));
    }
    if (f->cas)
        call_flag(&call, 'C', f->cas);
    if (appends)
        call_arg(&call, f->opcode == BINARY_APPEND ? BYTES("MA") : BYTES("MP"));
    else if (!f->cas && f->opcode != BINARY_SET)
        call_arg(&call, f->opcode == BINARY_ADD ? BYTES("ME") : BYTES("MR"));
    call_arg(&call, BYTES("c"));
    return run(c, f, &call);
}

static bool run_delete(struct conn *c, const struct memcached_frame *f)
{
    struct call call;
    call_begin(&call, BYTES("ATR.MC.MDELETE"));
    call_arg(&call, f->key);
    if (f->cas)
        call_flag(&call, 'C', f->cas);
    return run(c, f, &call);
}

/* Extras: delta 8, initial 8, exptime 4. */
static bool run_count(struct conn *c, const struct memcached_frame *f)
{
    uint32_t exptime = memcached_binary_u32(f->extras, 16);
    struct call call;
    call_begin(&call, BYTES("ATR.MC.MARITH"));
    call_arg(&call, f->key);
    call_flag(&call, 'D', memcached_binary_u64(f->extras, 0));
    if (exptime != NO_DEADLINE) {
        call_flag(&call, 'J', memcached_binary_u64(f->extras, 8));
        call_flag(&call, 'N', exptime);
    }
    if (f->cas)
        call_flag(&call, 'C', f->cas);
    if (f->opcode == BINARY_DECREMENT)
        call_arg(&call, BYTES("MD"));
    call_arg(&call, BYTES("v"));
    call_arg(&call, BYTES("c"));
    return run(c, f, &call);
}

static bool run_flush(struct conn *c, const struct memcached_frame *f)
{
    struct call call;
    if (!config_int(engine_config(c->loop->engine), CONFIG_MEMCACHED_FLUSH_ENABLED)) {
        memcached_binary_status(&c->out, f, BINARY_AUTH_ERROR);
        return true;
    }
    call_begin(&call, BYTES("ATR.MC.FLUSH"));
    call_uint(&call, f->extras.n ? memcached_binary_u32(f->extras, 0) : 0);
    return run(c, f, &call);
}

/* The key is a word, or several with blanks between them. */
static bool run_stat(struct conn *c, const struct memcached_frame *f)
{
    struct call call;
    struct bytes rest = f->key;
    call_begin(&call, BYTES("ATR.MC.STATS"));
    while (rest.n && call.argc < CALL_ARGS_MAX) {
        const char *blank = memchr(rest.p, ' ', rest.n);
        size_t n = blank ? (size_t)(blank - rest.p) : rest.n;
        if (n)
            call_arg(&call, bytes_of(rest.p, n));
        n += blank != NULL;
        rest = bytes_of(rest.p + n, rest.n - n);
    }
    return run(c, f, &call);
}

static bool run_noop(struct conn *c, const struct memcached_frame *f)
{
    memcached_binary_respond(&c->out, f, &(struct memcached_response){0});
    return true;
}

static bool run_version(struct conn *c, const struct memcached_frame *f)
{
    memcached_binary_respond(
        &c->out, f, &(struct memcached_response){.value = BYTES(ATRIUM_MEMCACHED_VERSION)});
    return true;
}

static bool run_quit(struct conn *c, const struct memcached_frame *f)
{
    if (!f->quiet)
        run_noop(c, f);
    conn_finish(c);
    return true;
}

/* ---- which is run by which -------------------------------------------------------------------- */

typedef bool run_fn(struct conn *c, const struct memcached_frame *f);

static run_fn *const runs[] = {
    [BINARY_GET] = run_get,         [BINARY_GETK] = run_get,        [BINARY_SET] = run_store,
    [BINARY_ADD] = run_store,       [BINARY_REPLACE] = run_store,   [BINARY_APPEND] = run_store,
    [BINARY_PREPEND] = run_store,   [BINARY_DELETE] = run_delete,   [BINARY_INCREMENT] = run_count,
    [BINARY_DECREMENT] = run_count, [BINARY_QUIT] = run_quit,       [BINARY_FLUSH] = run_flush,
    [BINARY_NOOP] = run_noop,       [BINARY_VERSION] = run_version, [BINARY_STAT] = run_stat,
    [BINARY_TOUCH] = run_gat,       [BINARY_GAT] = run_gat,         [BINARY_GATK] = run_gat,
};

static bool needs_no_password(uint8_t opcode)
{
    return opcode == BINARY_VERSION || memcached_sasl_is(opcode);
}

/* False: to be tried again when the pause is over. */
static bool run_request(struct conn *c, struct memcached_binary *b)
{
    const struct memcached_frame *f = &b->frame;
    if (!c->session->authenticated && !needs_no_password(f->opcode)) {
        memcached_binary_status(&c->out, f, BINARY_AUTH_ERROR);
        conn_finish(c);
        return true;
    }
    if (!memcached_sasl_is(f->opcode))
        return runs[f->opcode](c, f);
    memcached_sasl_run(c, f, &b->sasl_begun);
    return true;
}

/* Who has not said the password is told so, but that the lengths lie comes first. */
static enum memcached_status status_of(const struct conn *c, const struct memcached_binary *b,
                                       bool known)
{
    if (b->status == BINARY_TOO_LARGE && memcached_sasl_is(b->frame.opcode))
        return memcached_sasl_too_large(c);
    bool lie = b->closes && b->status == BINARY_UNKNOWN_COMMAND;
    return known || lie ? b->status : BINARY_AUTH_ERROR;
}

/* A value that is not taken by a set leaves no older one behind, as if it had been evicted at once. */
static bool answer_mistake(struct conn *c, struct memcached_binary *b)
{
    const struct memcached_frame *f = &b->frame;
    size_t from = c->out.n;
    bool known = c->session->authenticated || needs_no_password(f->opcode);
    struct memcached_frame removal = {.key = f->key};
    if (known && b->status == BINARY_TOO_LARGE && f->opcode == BINARY_SET &&
        !run_delete(c, &removal))
        return false;
    c->out.n = from;
    memcached_binary_status(&c->out, f, status_of(c, b, known));
    if (b->closes || !known)
        conn_finish(c);
    return true;
}

void memcached_binary_input(struct conn *c, struct memcached_binary *b)
{
    size_t max = memcached_max_value(c);
    while (!c->dead && !c->closing && !conn_is_full(c)) {
        bool more = true;
        switch (memcached_binary_parse(b, conn_unread(c), max)) {
        case BINARY_REQUEST:
            more = run_request(c, b);
            break;
        case BINARY_MISTAKE:
            more = answer_mistake(c, b);
            b->swallow = more ? b->swallow : 0;
            break;
        case BINARY_HOPELESS:
            conn_finish(c);
            return;
        case BINARY_INCOMPLETE:
            more = b->used > 0; /* what was passed over */
            break;
        }
        if (!more) {
            call_expect(c, b->wants);
            return;
        }
        conn_consume(c, b->used);
    }
}
