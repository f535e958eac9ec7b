/* memcached's meta commands. They are internal; their answers are memcached's lines:
 *
 *     ATR.MC.MGET key flag ...          the header, and the value where it was asked for and is there
 *     ATR.MC.MGETSET key flag ...       the same with flags that change the key: N, T
 *     ATR.MC.MSET key value flag ...    the header
 *     ATR.MC.MDELETE key flag ...
 *     ATR.MC.MARITH key flag ...        the header, and the number where it was asked for
 *     ATR.MC.MDEBUG key [b]
 *
 * The key is what it is after decoding; with the flag b answers have it in base64. An entry knows that
 * it was read, is stale, and has a winner (ENTRY_MARKS) at no cost; a restart forgets that. Times are
 * in whole seconds, begun ones count. What I has to do with the order of cas uniques is told where they
 * differ, as a digest has no order: `ms ... C I` with another unique always stores, and leaves the value
 * stale. */
#include "base/base64.h"
#include "base/hash.h"
#include "commands/exec.h"
#include "commands/memcached.h"
#include "commands/memcached_flags.h"
#include "commands/memcached_item.h"
#include "internal.h"
#include "keyspace/access.h"

/* ---- what all of them share ------------------------------------------------------------------- */

/* The flags from argv[first] on; the door has looked at them, so what is wrong needs no words. */
static bool take_flags(struct exec *x, enum memcached_meta verb, int first,
                       struct memcached_flags *f)
{
    if (!memcached_flags_parse(f, verb, x->argv + first, (size_t)(x->argc - first)))
        return true;
    reply_error(x->reply, ERROR_SYNTAX);
    return false;
}

static void put_key(struct exec *x, const struct memcached_flags *f, struct buf *line)
{
    buf_add_str(line, " k");
    if (!f->base64) {
        buf_add_bytes(line, x->keys[0].name);
        return;
    }
    base64_encode(x->keys[0].name, line);
    buf_add_str(line, " b");
}

/* What names the question: O and k. True: the word was one of them. */
static bool put_name(struct exec *x, const struct memcached_flags *f, size_t i, struct buf *line)
{
    char letter = f->words[i].p[0];
    if (letter == 'k') {
        put_key(x, f, line);
    } else if (letter == 'O') {
        buf_add_char(line, ' ');
        buf_add_bytes(line, f->words[i]);
    }
    return letter == 'k' || letter == 'O';
}

static void put_names(struct exec *x, const struct memcached_flags *f, struct buf *line)
{
    for (size_t i = 0; i < f->nwords; i++)
        put_name(x, f, i, line);
}

static void put_seconds_left(struct exec *x, uint64_t deadline_ms, struct buf *line)
{
    uint64_t left_ms = deadline_ms > x->now_ms ? deadline_ms - x->now_ms : 0;
    if (deadline_ms)
        buf_printf(line, " t%llu", (unsigned long long)(left_ms + 999) / 1000);
    else
        buf_add_str(line, " t-1");
}

static void put_number(struct buf *line, char letter, uint64_t v)
{
    buf_printf(line, " %c%llu", letter, (unsigned long long)v);
}

/* The header, and behind it the value, NULL: none. */
static void answer(struct exec *x, struct buf *line, const struct bytes *value)
{
    reply_array(x->reply, value ? 2 : 1);
    reply_bulk(x->reply, buf_bytes(line));
    if (value)
        reply_bulk(x->reply, *value);
    buf_release(line);
}

static void answer_names(struct exec *x, const struct memcached_flags *f, const char *word)
{
    struct buf line;
    buf_init(&line);
    buf_add_str(&line, word);
    put_names(x, f, &line);
    answer(x, &line, NULL);
}

/* ---- mg ----------------------------------------------------------------------------------------- */

/* The key's string as mg shows it; flags change it as they come. */
struct view {
    const struct memcached_flags *f;
    struct entry *e;
    uint64_t deadline_ms;
    bool fresh; /* just vivified */
    bool won;
};

static struct entry *vivify(struct exec *x, const struct memcached_flags *f)
{
    struct memcached_item item = {.value = BYTES(""),
                                  .deadline_ms = memcached_deadline_ms(f->vivify_ttl, x->now_ms)};
    memcached_store(x, NULL, &item);
    return exec_peek(x, 0);
}

/* Is it to go within the time that R names? Whole seconds, as both are shown. */
static bool due(struct exec *x, const struct view *v)
{
    uint64_t soon_ms = memcached_deadline_ms(v->f->recache_ttl, x->now_ms);
    return !v->fresh && v->deadline_ms && v->deadline_ms + 999 < soon_ms;
}

static void put_word(struct exec *x, struct view *v, size_t i, struct buf *line)
{
    const struct entry *e = v->e;
    if (put_name(x, v->f, i, line))
        return;
    switch (v->f->words[i].p[0]) {
    case 's':
        put_number(line, 's', entry_string_length(e));
        break;
    case 'f':
        put_number(line, 'f', entry_client_flags(e));
        break;
    case 'c':
        put_number(line, 'c', memcached_unique(e));
        break;
    case 'h':
        put_number(line, 'h', (e->flags & ENTRY_FETCHED) != 0);
        break;
    case 'l':
        put_number(line, 'l', access_idle_ms(e, x->now_ms) / 1000);
        break;
    case 't':
        put_seconds_left(x, v->deadline_ms, line);
        break;
    case 'T':
        v->deadline_ms = memcached_deadline_ms(v->f->ttl, x->now_ms);
        break;
    case 'N':
        if (v->fresh)
            v->deadline_ms = memcached_deadline_ms(v->f->vivify_ttl, x->now_ms);
        break;
    case 'R':
        v->won |= !(e->flags & ENTRY_WON) && due(x, v);
        break;
    default:
        break;
    }
}

/* One client wins: the first that sees a value that is stale, soon gone, or not there yet. */
static void put_marks(struct view *v, struct buf *line)
{
    bool taken = v->e->flags & ENTRY_WON, stale = v->e->flags & ENTRY_STALE;
    if (taken)
        buf_add_str(line, " Z");
    if (stale)
        buf_add_str(line, " X");
    if (v->won || (stale && !taken)) {
        buf_add_str(line, " W");
        v->e->flags |= ENTRY_WON;
    }
}

static void show(struct exec *x, struct view *v)
{
    char scratch[NUM_INT_MAX];
    struct bytes value = entry_string(v->e, scratch);
    struct buf line;
    buf_init(&line);
    if (v->f->value)
        buf_printf(&line, "VA %zu", value.n);
    else
        buf_add_str(&line, "HD");
    for (size_t i = 0; i < v->f->nwords; i++)
        put_word(x, v, i, &line);
    put_marks(v, &line);
    answer(x, &line, v->f->value ? &value : NULL);
}

static void count_get(struct exec *x, bool hit)
{
    engine_count(x->engine, hit ? COUNTER_HITS : COUNTER_MISSES, 1);
    engine_count(x->engine, hit ? COUNTER_MC_GET_HITS : COUNTER_MC_GET_MISSES, 1);
}

static void get(struct exec *x, const struct memcached_flags *f)
{
    struct view v = {.f = f};
    if (!exec_peek_typed(x, 0, TYPE_STRING, &v.e))
        return;
    count_get(x, v.e != NULL);
    if (!v.e && f->vivifies) {
        v.e = vivify(x, f);
        v.fresh = v.won = true;
    }
    if (!v.e) {
        answer_names(x, f, "EN");
        return;
    }
    v.deadline_ms = v.fresh ? 0 : entry_deadline_ms(v.e);
    show(x, &v);
    if (!f->keeps)
        exec_fetched(x, v.e);
    if (f->has_ttl)
        memcached_set_deadline(x, v.e, v.deadline_ms);
}

static void cmd_mget(struct exec *x)
{
    struct memcached_flags f;
    if (!take_flags(x, MEMCACHED_META_GET, 2, &f))
        return;
    if (!(x->cmd->flags & CMD_WRITE) && (f.vivifies || f.has_ttl))
        reply_error(x->reply, ERROR_SYNTAX);
    else
        get(x, &f);
}

/* ---- ms ----------------------------------------------------------------------------------------- */

static enum memcached_mode mode_of(const struct memcached_flags *f)
{
    switch (f->mode) {
    case 'E':
        return MEMCACHED_MODE_ADD;
    case 'A':
        return MEMCACHED_MODE_APPEND;
    case 'P':
        return MEMCACHED_MODE_PREPEND;
    case 'R':
        return f->has_unique ? MEMCACHED_MODE_CAS : MEMCACHED_MODE_REPLACE;
    default:
        return f->has_unique ? MEMCACHED_MODE_CAS : MEMCACHED_MODE_SET;
    }
}

/* c is 0 where nothing was stored; what was over at once was. */
static void answer_store(struct exec *x, const struct memcached_flags *f,
                         enum memcached_outcome outcome)
{
    static const char *const words[] = {"HD", "NS", "EX", "NF"};
    const struct entry *e = outcome == MEMCACHED_STORED ? exec_peek(x, 0) : NULL;
    uint64_t unique = e                             ? memcached_unique(e)
                      : outcome == MEMCACHED_STORED ? hash_digest(x->argv[2])
                                                    : 0;
    struct buf line;
    buf_init(&line);
    buf_add_str(&line, words[outcome]);
    for (size_t i = 0; i < f->nwords; i++) {
        if (!put_name(x, f, i, &line) && f->words[i].p[0] == 'c')
            put_number(&line, 'c', unique);
    }
    answer(x, &line, NULL);
}

static void cmd_mset(struct exec *x)
{
    struct entry *e;
    struct memcached_flags f;
    if (!take_flags(x, MEMCACHED_META_SET, 3, &f) || !exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    struct memcached_item item = {
        .mode = mode_of(&f),
        .flags = f.client_flags,
        .deadline_ms = f.has_ttl ? memcached_deadline_ms(f.ttl, x->now_ms) : 0,
        .value = x->argv[2],
        .unique = f.unique,
        .has_unique = f.has_unique,
        .or_stale = f.stale,
    };
    answer_store(x, &f, memcached_store(x, e, &item));
}

/* ---- md ----------------------------------------------------------------------------------------- */

/* The value stays, to be shown until there is another. */
static void make_stale(struct exec *x, struct entry *e, const struct memcached_flags *f)
{
    e->flags = (uint8_t)((e->flags & ~ENTRY_WON) | ENTRY_STALE);
    if (f->has_ttl)
        memcached_set_deadline(x, e, memcached_deadline_ms(f->ttl, x->now_ms));
}

static void cmd_mdelete(struct exec *x)
{
    struct memcached_flags f;
    if (!take_flags(x, MEMCACHED_META_DELETE, 2, &f))
        return;
    struct entry *e = exec_peek(x, 0);
    engine_count(x->engine, e ? COUNTER_MC_DELETE_HITS : COUNTER_MC_DELETE_MISSES, 1);
    if (e && e->type != TYPE_STRING && (f.stale || f.has_unique)) {
        reply_error(x->reply, ERROR_WRONGTYPE);
        return;
    }
    if (!e || (f.has_unique && memcached_unique(e) != f.unique)) {
        answer_names(x, &f, e ? "EX" : "NF");
        return;
    }
    if (f.stale) {
        make_stale(x, e, &f);
    } else {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
    }
    answer_names(x, &f, "HD");
}

/* ---- ma ----------------------------------------------------------------------------------------- */

static void answer_count(struct exec *x, const struct memcached_flags *f, uint64_t v, bool fresh)
{
    char digits[NUM_INT_MAX];
    struct bytes text = bytes_of(digits, num_format_uint(digits, v));
    struct entry *e = exec_peek(x, 0);
    uint64_t deadline_ms = e && !fresh ? entry_deadline_ms(e) : 0;
    struct buf line;
    buf_init(&line);
    if (f->value)
        buf_printf(&line, "VA %zu", text.n);
    else
        buf_add_str(&line, "HD");
    for (size_t i = 0; i < f->nwords; i++) {
        char letter = f->words[i].p[0];
        if (put_name(x, f, i, &line))
            continue;
        if (letter == 'T')
            deadline_ms = memcached_deadline_ms(f->ttl, x->now_ms);
        else if (letter == 'N' && fresh)
            deadline_ms = memcached_deadline_ms(f->vivify_ttl, x->now_ms);
        else if (letter == 't')
            put_seconds_left(x, deadline_ms, &line);
        else if (letter == 'c')
            put_number(&line, 'c', e ? memcached_unique(e) : 0);
    }
    answer(x, &line, f->value ? &text : NULL);
    if (e && f->has_ttl)
        memcached_set_deadline(x, e, deadline_ms);
}

static void create_count(struct exec *x, const struct memcached_flags *f)
{
    char digits[NUM_INT_MAX];
    struct memcached_item item = {
        .value = bytes_of(digits, num_format_uint(digits, f->initial)),
        .deadline_ms = memcached_deadline_ms(f->vivify_ttl, x->now_ms),
    };
    memcached_store(x, NULL, &item);
    answer_count(x, f, f->initial, true);
}

/* That an empty value is no number is said first, whatever its unique. */
static bool is_another(const struct entry *e, const struct memcached_flags *f)
{
    return f->has_unique && entry_string_length(e) > 0 && memcached_unique(e) != f->unique;
}

static void cmd_marith(struct exec *x)
{
    struct entry *e;
    uint64_t v;
    struct memcached_flags f;
    if (!take_flags(x, MEMCACHED_META_COUNT, 2, &f) || !exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    bool incr = !f.mode || f.mode == 'I' || f.mode == '+';
    memcached_counted(x, incr, e != NULL);
    if (!e && f.vivifies)
        create_count(x, &f);
    else if (!e || is_another(e, &f))
        answer_names(x, &f, e ? "EX" : "NF");
    else if (memcached_count(x, e, incr, f.delta, &v))
        answer_count(x, &f, v, false);
}

/* ---- me ----------------------------------------------------------------------------------------- */

static void cmd_mdebug(struct exec *x)
{
    struct entry *e;
    struct buf line;
    if (!exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    buf_init(&line);
    if (e) {
        uint64_t deadline_ms = entry_deadline_ms(e);
        buf_add_str(&line, "ME ");
        if (x->argc > 2)
            base64_encode(x->keys[0].name, &line);
        else
            buf_add_bytes(&line, x->keys[0].name);
        buf_printf(&line, " exp=%lld la=%llu cas=%llu fetch=%s cls=1 size=%zu",
                   deadline_ms ? (long long)((deadline_ms - x->now_ms + 999) / 1000) : -1LL,
                   (unsigned long long)access_idle_ms(e, x->now_ms) / 1000,
                   (unsigned long long)memcached_unique(e), e->flags & ENTRY_FETCHED ? "yes" : "no",
                   entry_mem_bytes(e));
    } else {
        buf_add_str(&line, "EN");
    }
    answer(x, &line, NULL);
}

/* ---- rows --------------------------------------------------------------------------------------- */

#define WRITES "@1:0/1:RW+ACCESS+UPDATE"

const struct command_row memcached_meta_commands[] = {
    {"atr.mc.marith", cmd_marith, -2, "write,denyoom,fast,internal", "string", WRITES, "0.1.0",
     "string", "key [flag [flag ...]]", "memcached's ma."},
    {"atr.mc.mdebug", cmd_mdebug, -2, "readonly,fast,internal", "string", "@1:0/1:RO", "0.1.0",
     "string", "key [b]", "memcached's me."},
    {"atr.mc.mdelete", cmd_mdelete, -2, "write,fast,internal", "keyspace", "@1:0/1:RW+DELETE",
     "0.1.0", "generic", "key [flag [flag ...]]", "memcached's md."},
    {"atr.mc.mget", cmd_mget, -2, "readonly,fast,internal", "string", "@1:0/1:RO+ACCESS", "0.1.0",
     "string", "key [flag [flag ...]]", "memcached's mg."},
    {"atr.mc.mgetset", cmd_mget, -2, "write,denyoom,fast,internal", "string", WRITES, "0.1.0",
     "string", "key [flag [flag ...]]", "memcached's mg where it changes the key."},
    {"atr.mc.mset", cmd_mset, -3, "write,denyoom,internal", "string", WRITES, "0.1.0", "string",
     "key value [flag [flag ...]]", "memcached's ms."},
    {0},
};
