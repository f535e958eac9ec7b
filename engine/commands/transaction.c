#include "commands/transaction.h"

#include "base/mem.h"
#include "commands/dispatch.h"
#include "commands/effects.h"
#include "commands/wait.h"
#include "internal.h"

struct queued {
    const struct command *cmd;
    struct bytes *argv; /* one allocation with the bytes behind */
    int argc;
};

struct watched {
    struct watch watch;
    struct watched *next;
    struct shard *shard;
    uint64_t hash;
    unsigned db;
    size_t key_len;
    char key[];
};

struct transaction {
    bool open, spoilt;
    struct queued *queue;
    size_t n, cap;
    struct watched *watched;
    _Atomic bool dirty; /* a watched key was changed */
};

static struct transaction *transaction_of(struct session *s)
{
    if (!s->tx)
        s->tx = mem_calloc(sizeof *s->tx);
    return s->tx;
}

bool transaction_open(const struct session *s)
{
    return s->tx && s->tx->open;
}

void transaction_spoil(struct session *s)
{
    s->tx->spoilt = true;
}

/* ---- queueing ------------------------------------------------------------------------------------- */

static struct bytes *copy_arguments(const struct bytes *argv, int argc)
{
    size_t bytes = 0;
    for (int i = 0; i < argc; i++)
        bytes += argv[i].n;
    struct bytes *copy = mem_alloc((size_t)argc * sizeof *copy + bytes);
    char *p = (char *)(copy + argc);
    for (int i = 0; i < argc; i++) {
        if (argv[i].n)
            memcpy(p, argv[i].p, argv[i].n);
        copy[i] = bytes_of(p, argv[i].n);
        p += argv[i].n;
    }
    return copy;
}

static bool runs_at_once(const struct command *cmd)
{
    static const char *const names[] = {"exec", "discard", "multi", "watch", "quit", "reset"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(cmd->row->name, names[i]) == 0)
            return true;
    }
    return false;
}

bool transaction_take(struct session *s, const struct command *cmd, const struct bytes *argv,
                      int argc, struct reply *r)
{
    struct transaction *tx = s->tx;
    if (runs_at_once(cmd))
        return false;
    if (cmd->flags & CMD_NO_MULTI) {
        tx->spoilt = true;
        reply_errorf(r, ERROR_GENERIC, "Command not allowed inside a transaction");
        return true;
    }
    if (tx->n == tx->cap) {
        tx->cap = tx->cap ? tx->cap * 2 : 8;
        tx->queue = mem_realloc(tx->queue, tx->cap * sizeof *tx->queue);
    }
    tx->queue[tx->n++] = (struct queued){cmd, copy_arguments(argv, argc), argc};
    atomic_store_explicit(&s->queued, (int32_t)tx->n, memory_order_relaxed);
    reply_simple(r, "QUEUED");
    return true;
}

static bool any_flag(const struct session *s, uint32_t flags)
{
    for (size_t i = 0; transaction_open(s) && !s->tx->spoilt && i < s->tx->n; i++) {
        if (s->tx->queue[i].cmd->flags & flags)
            return true;
    }
    return false;
}

bool transaction_wants_gate(const struct session *s)
{
    for (size_t i = 0; transaction_open(s) && !s->tx->spoilt && i < s->tx->n; i++) {
        const struct queued *q = &s->tx->queue[i];
        if (q->cmd->flags & CMD_UNLOCKED || command_needs_gate(q->cmd, q->argv, q->argc))
            return true;
    }
    return false;
}

bool transaction_writes(const struct session *s)
{
    return any_flag(s, CMD_WRITE | CMD_MAY_REPLICATE);
}

static void drop_queue(struct session *s)
{
    struct transaction *tx = s->tx;
    atomic_store_explicit(&s->queued, -1, memory_order_relaxed);
    for (size_t i = 0; i < tx->n; i++)
        mem_free(tx->queue[i].argv);
    mem_free(tx->queue);
    tx->queue = NULL;
    tx->n = tx->cap = 0;
    tx->open = tx->spoilt = false;
}

/* ---- watching ------------------------------------------------------------------------------------- */

static struct bytes watched_key(const struct watched *w)
{
    return bytes_of(w->key, w->key_len);
}

static void watch_key(struct exec *x, unsigned k)
{
    struct transaction *tx = x->session->tx;
    const struct keyref *key = &x->keys[k];
    for (const struct watched *w = tx->watched; w; w = w->next) {
        if (w->db == x->db && bytes_eq(watched_key(w), key->name))
            return;
    }
    exec_peek(x, k); /* one past its deadline goes now, which is no change */
    struct watched *w = mem_calloc(sizeof *w + key->name.n);
    w->shard = key->shard;
    w->hash = key->hash;
    w->db = x->db;
    w->key_len = key->name.n;
    memcpy(w->key, key->name.p, key->name.n);
    w->watch.dirty = &tx->dirty;
    w->next = tx->watched;
    tx->watched = w;
    atomic_fetch_add_explicit(&x->session->watching, 1, memory_order_relaxed);
    interest_watch(key->shard, x->db, key->hash, key->name, &w->watch);
}

/* The shards' locks are held, or the gate is closed. */
static void unwatch_locked(struct session *s)
{
    struct transaction *tx = s->tx;
    for (struct watched *w = tx->watched, *next; w; w = next) {
        next = w->next;
        interest_unwatch(&w->watch);
        mem_free(w);
    }
    tx->watched = NULL;
    atomic_store_explicit(&s->watching, 0, memory_order_relaxed);
    atomic_store(&tx->dirty, false);
}

static void add_watched_shards(const struct transaction *tx, struct shard_set *set)
{
    for (const struct watched *w = tx->watched; w; w = w->next)
        shard_set_add(set, shard_of(w->hash));
}

/* In the owner's thread, without shard locks; inside the gate or not. */
static void unwatch(struct session *s)
{
    struct engine_thread *th = engine_thread(s->engine);
    struct shard *shards = keyspace_shards(s->engine->ks);
    struct shard_set set = {{0}};
    bool was_inside = th->inside;
    if (!s->tx || !s->tx->watched)
        return;
    add_watched_shards(s->tx, &set);
    if (!was_inside)
        gate_pass(keyspace_gate(s->engine->ks), th->gate_word);
    shard_set_lock(&set, shards);
    unwatch_locked(s);
    shard_set_unlock(&set, shards);
    if (!was_inside)
        gate_exit(th->gate_word);
}

void transaction_discard(struct session *s)
{
    if (!s->tx)
        return;
    unwatch(s);
    drop_queue(s);
}

void transaction_free(struct session *s)
{
    transaction_discard(s);
    mem_free(s->tx);
    s->tx = NULL;
}

/* ---- EXEC ----------------------------------------------------------------------------------------- */

/* A watched key that has passed its deadline expires here, which raises the flag. */
static bool still_clean(struct exec *x, const struct transaction *tx)
{
    for (const struct watched *w = tx->watched; w; w = w->next) {
        struct keyref k = {.name = watched_key(w), .hash = w->hash, .shard = w->shard};
        keyspace_find_locked(x->ks, w->db, &k, x->now_ms);
    }
    return !atomic_load_explicit(&tx->dirty, memory_order_acquire);
}

static void run_queue(struct exec *x, const struct transaction *tx)
{
    reply_array(x->reply, tx->n);
    for (size_t i = 0; i < tx->n; i++) {
        struct exec sub;
        const struct queued *q = &tx->queue[i];
        exec_prepare(&sub, x->session, q->cmd, q->argv, q->argc, x->reply, x->now_ms);
        sub.gated = x->gated;
        exec_run_within(&sub);
    }
}

/* All that it writes comes into the log as one step, before what it lets others do. */
static void run_and_log(struct exec *x, const struct transaction *tx)
{
    struct engine_thread *th = engine_thread(x->engine);
    if (!exec_logs(x)) {
        run_queue(x, tx);
        return;
    }
    effects_begin(th);
    run_queue(x, tx);
    x->log_position = effects_end(th);
}

static void add_queue_shards(struct exec *x, const struct transaction *tx, struct shard_set *set)
{
    for (size_t i = 0; i < tx->n; i++) {
        struct exec sub;
        const struct queued *q = &tx->queue[i];
        exec_prepare(&sub, x->session, q->cmd, q->argv, q->argc, x->reply, x->now_ms);
        exec_add_shards(&sub, set);
    }
}

/* A false "clean" check ends it without a run. */
static void run_locked(struct exec *x, struct transaction *tx)
{
    bool clean = still_clean(x, tx);
    unwatch_locked(x->session);
    if (clean)
        run_and_log(x, tx);
    else
        reply_null_array(x->reply);
    wait_serve(engine_thread(x->engine));
}

static void cmd_exec(struct exec *x)
{
    struct session *s = x->session;
    struct shard_set set = {{0}};
    if (!transaction_open(s)) {
        reply_errorf(x->reply, ERROR_GENERIC, "EXEC without MULTI");
        return;
    }
    if (s->tx->spoilt) {
        transaction_discard(s);
        reply_error(x->reply, ERROR_EXECABORT);
        return;
    }
    s->tx->open = false;
    if (x->gated) {
        run_locked(x, s->tx);
    } else {
        add_watched_shards(s->tx, &set);
        add_queue_shards(x, s->tx, &set);
        wait_lock(x->ks, &set);
        run_locked(x, s->tx);
        shard_set_unlock(&set, keyspace_shards(x->ks));
    }
    drop_queue(s);
}

/* ---- the others ----------------------------------------------------------------------------------- */

static void cmd_multi(struct exec *x)
{
    if (transaction_open(x->session)) {
        reply_errorf(x->reply, ERROR_GENERIC, "MULTI calls can not be nested");
        return;
    }
    transaction_of(x->session)->open = true;
    atomic_store_explicit(&x->session->queued, 0, memory_order_relaxed);
    reply_ok(x->reply);
}

static void cmd_discard(struct exec *x)
{
    if (!transaction_open(x->session)) {
        reply_errorf(x->reply, ERROR_GENERIC, "DISCARD without MULTI");
        return;
    }
    transaction_discard(x->session);
    reply_ok(x->reply);
}

static void cmd_watch(struct exec *x)
{
    if (transaction_open(x->session)) {
        reply_errorf(x->reply, ERROR_GENERIC, "WATCH inside MULTI is not allowed");
        return;
    }
    struct transaction *tx = transaction_of(x->session);
    for (unsigned k = 0; k < x->nkeys && !atomic_load(&tx->dirty); k++)
        watch_key(x, k);
    reply_ok(x->reply);
}

/* Within a transaction there is nothing left to unwatch. */
static void cmd_unwatch(struct exec *x)
{
    unwatch(x->session);
    reply_ok(x->reply);
}

#define FLAGS "noscript,loading,stale,fast,allow_busy,stateful"

const struct command_row transaction_commands[] = {
    {"discard", cmd_discard, 1, FLAGS, "transaction", "", "2.0.0", "transactions", "",
     "Forgets the queued commands and the watched keys."},
    {"exec", cmd_exec, 1, "noscript,loading,stale,skip_slowlog,stateful,transaction", "transaction",
     "", "1.2.0", "transactions", "", "Runs the queued commands as one atomic step."},
    {"multi", cmd_multi, 1, FLAGS, "transaction", "", "1.2.0", "transactions", "",
     "Begins to queue commands for EXEC."},
    {"unwatch", cmd_unwatch, 1, FLAGS, "transaction", "", "2.2.0", "transactions", "",
     "Forgets the watched keys."},
    {"watch", cmd_watch, -2, FLAGS, "transaction", "@1:-1/1:RO", "2.2.0", "transactions", "key ...",
     "Lets the next EXEC run only if none of the keys was changed until then."},
    {0},
};
