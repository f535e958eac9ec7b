#include "tests/fuzz/served.h"

#include <sched.h>

#include "internal.h"
#include "tests/fuzz/input.h"
#include "types/hash.h"
#include "types/list.h"
#include "types/set.h"
#include "types/stream_group.h"
#include "types/zset.h"

/* ---- the engine ------------------------------------------------------------------------------ */

static struct engine *engine;

static void ignore_close(struct session *s)
{
    (void)s;
}

static const struct session_ops session_ops = {.close = ignore_close};

static void set(struct config *c, const char *name, const char *value)
{
    struct buf error;
    buf_init(&error);
    MUST(config_set(c, bytes_str(name), bytes_str(value), false, &error));
    buf_release(&error);
}

static void open_engine(void)
{
    hash_seed(1);
    struct config *config = config_new();
    set(config, "proto-max-bulk-len", "1mb");
    set(config, "loglevel", "nothing");
    set(config, "notify-keyspace-events", "AKE");
    engine = engine_open(config);
}

struct session *served_session(enum door door)
{
    if (!engine)
        open_engine();
    return session_new(engine, door, &session_ops, NULL, NULL, "fuzz", "fuzz");
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The end of the RESP value at `at`; aborts where it has none before `end`. */
static const char *value_end(const char *at, const char *end, unsigned depth)
{
    const char *line = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    MUST(line && line > at + 1 && line[-1] == '\r' && depth < 20);
    int64_t n = 0;
    char kind = *at;
    bool counted = strchr("$=*~>%:", kind);
    if (counted)
        MUST(num_parse_int(bytes_of(at + 1, (size_t)(line - 1 - (at + 1))), &n) &&
             (kind == ':' || n >= -1));
    else
        MUST(strchr("+-_,#(", kind));
    at = line + 1;
    if (kind == '$' || kind == '=') {
        MUST(end - at >= (n < 0 ? 0 : n + 2));
        return n < 0 ? at : at + n + 2;
    }
    if (strchr("*~>%", kind)) {
        for (int64_t i = kind == '%' ? 2 * n : n; i > 0; i--)
            at = value_end(at, end, depth + 1);
    }
    return at;
}

static void check_answer(struct bytes out)
{
    const char *end = out.p + out.n;
    MUST(value_end(out.p, end, 0) == end);
}

void served_run(struct session *s, const struct bytes *argv, int argc, struct buf *out)
{
    struct resp_reply reply;
    buf_clear(out);
    resp_reply_init(&reply, out, s->resp);
    MUST(engine_execute(s, argv, argc, &reply.base) == ENGINE_DONE);
    check_answer(buf_bytes(out));
}

void served_words(struct session *s, const char *words, struct buf *out)
{
    struct bytes argv[SERVED_WORDS_MAX];
    int argc = 0;
    for (; *words; words += *words == ' ') {
        MUST(argc < SERVED_WORDS_MAX);
        size_t n = strcspn(words, " ");
        argv[argc++] = bytes_of(words, n);
        words += n;
    }
    served_run(s, argv, argc, out);
}

/* ---- the keyspace ---------------------------------------------------------------------------- */

static void check_entry(struct entry *e, void *ctx)
{
    (void)ctx;
    switch ((enum value_type)e->type) {
    case TYPE_HASH:
        hash_check(entry_object(e));
        break;
    case TYPE_ZSET:
        zset_check(entry_object(e));
        break;
    case TYPE_LIST:
        list_check(entry_object(e));
        break;
    case TYPE_SET:
        set_check(entry_object(e));
        break;
    case TYPE_STREAM:
        stream_check(entry_object(e));
        break;
    default:
        break;
    }
    if (e->type != TYPE_STRING && e->type != TYPE_STREAM)
        MUST(type_ops[e->type]->length(entry_object(e)) > 0);
}

void served_check(void)
{
    uint64_t cursor = 0;
    do
        cursor = keyspace_scan(engine->ks, 0, cursor, 1000, clock_wall_ms(), check_entry, NULL);
    while (cursor);
}

void served_clear(struct session *s, struct buf *out)
{
    served_words(s, "DISCARD", out);
    served_words(s, "UNWATCH", out);
    served_words(s, "FLUSHALL SYNC", out);
    while (keyspace_stats(engine->ks).reclaim_pending)
        sched_yield();
}
