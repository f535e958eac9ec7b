/* From argv to reply: finds the row, checks, takes the gate and the shards, runs the handler. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "commands/dispatch.h"
#include "commands/effects.h"
#include "commands/memory_limit.h"
#include "commands/transaction.h"
#include "commands/wait.h"
#include "internal.h"

/* The bounds within which a batch keeps a shard's lock. */
#define HELD_RUNS_MAX 16
#define HELD_US_MAX   20

/* Keys of one command: fewer are not worth it, more would drive each other out of the cache. */
#define PREFETCHED_MIN 4
#define PREFETCHED_MAX 128

/* ---- gate and shards -------------------------------------------------------------------------- */

static void release_shard(struct engine_thread *th)
{
    if (!th->held)
        return;
    pthread_mutex_unlock(&th->held->lock);
    th->held = NULL;
}

static void leave_gate(struct engine_thread *th)
{
    if (!th->inside)
        return;
    gate_exit(th->gate_word);
    th->inside = false;
}

/* Inside after it. Between two commands of a batch a closer is let through. */
static void enter_gate(struct engine_thread *th)
{
    struct gate *g = keyspace_gate(th->engine->ks);
    if (th->inside) {
        if (!atomic_load_explicit(&g->closed, memory_order_relaxed))
            return;
        release_shard(th);
        leave_gate(th);
    }
    gate_pass(g, th->gate_word);
    th->inside = true;
}

static void end_section(struct engine_thread *th)
{
    release_shard(th);
    if (!th->batching)
        leave_gate(th);
}

void engine_batch_begin(struct engine *e)
{
    struct engine_thread *th = engine_thread(e);
    th->batching = true;
    th->clock_us = 0;
}

void engine_batch_end(struct engine *e)
{
    struct engine_thread *th = engine_thread(e);
    th->batching = false;
    th->clock_us = 0;
    end_section(th);
    keyspace_reclaim(e->ks);
}

/* A look-up waits for memory twice, for the bucket and for the entry; here for many at a time. Within the gate, without
 * locks. */
static void prefetch(const struct keyref *keys, unsigned n, unsigned db)
{
    for (unsigned i = 0; i < n; i++)
        keyspace_prefetch(&keys[i], db);
    for (unsigned i = 0; i < n; i++)
        keyspace_prefetch_entry(&keys[i], db);
}

void engine_hint(struct session *s, const struct bytes *keys, unsigned n)
{
    struct engine_thread *th = engine_thread(s->engine);
    struct keyref refs[ENGINE_HINTS_MAX];
    n = n < ENGINE_HINTS_MAX ? n : ENGINE_HINTS_MAX;
    for (unsigned i = 0; i < n; i++)
        refs[i] = keyspace_ref(s->engine->ks, keys[i]);
    enter_gate(th);
    prefetch(refs, n, s->db);
    end_section(th);
}

/* ---- keys ------------------------------------------------------------------------------------- */

#define INLINE_POSITIONS 64

/* Fills x->keys; false: the error has been answered. */
static bool collect_keys(struct exec *x)
{
    const struct command *cmd = x->cmd;
    int few[INLINE_POSITIONS], *at = few;
    x->keys = x->inline_keys;
    x->nkeys = 0;
    if (cmd->one_key) {
        x->keys[0] = keyspace_ref(x->ks, x->argv[cmd->specs[0].index]);
        x->nkeys = 1;
        return true;
    }
    int n = command_keys(cmd, x->argv, x->argc, few, INLINE_POSITIONS);
    if (n <= 0)
        return true; /* the handler says what is wrong with the key count */
    if (n > INLINE_POSITIONS) {
        at = exec_alloc(x, (size_t)n * sizeof *at);
        command_keys(cmd, x->argv, x->argc, at, n);
    }
    if (n > EXEC_INLINE_KEYS)
        x->keys = exec_alloc(x, (size_t)n * sizeof *x->keys);
    for (int i = 0; i < n; i++)
        x->keys[i] = keyspace_ref(x->ks, x->argv[at[i]]);
    x->nkeys = (unsigned)n;
    return true;
}

void exec_add_shards(const struct exec *x, struct shard_set *set)
{
    for (unsigned i = 0; i < x->nkeys; i++)
        shard_set_add(set, shard_of(x->keys[i].hash));
}

/* ---- running ---------------------------------------------------------------------------------- */

static bool is_write(const struct session *s, const struct command *cmd)
{
    return cmd->flags & CMD_WRITE || (cmd->flags & CMD_TRANSACTION && transaction_writes(s));
}

/* The program is about to end, and what it holds has been saved: looked at within the gate, behind which it was. */
static bool held_back(const struct exec *x)
{
    bool holds = atomic_load_explicit(&x->engine->holds_writes, memory_order_relaxed);
    return __builtin_expect(holds, 0) && is_write(x->session, x->cmd);
}

static bool run_gated(struct engine_thread *th, struct exec *x)
{
    struct gate *g = keyspace_gate(x->ks);
    release_shard(th);
    leave_gate(th);
    gate_close(g);
    x->gated = true;
    x->may_step_out = false;
    bool runs = !held_back(x);
    if (runs)
        effects_run(x);
    wait_serve(th);
    gate_open(g);
    return runs;
}

/* Some of the shards have blocked clients: what they need is locked too, so that they can be served. */
static void run_before_audience(struct engine_thread *th, struct exec *x)
{
    struct shard_set set = {{0}};
    release_shard(th);
    exec_add_shards(x, &set);
    wait_lock(x->ks, &set);
    effects_run(x);
    wait_serve(th);
    shard_set_unlock(&set, keyspace_shards(x->ks));
}

/* One key: the shard's lock may be kept for the next command of the batch. */
static void run_one_key(struct engine_thread *th, struct exec *x, uint64_t now_us)
{
    struct shard *sh = x->keys[0].shard;
    if (th->held == sh && th->held_runs < HELD_RUNS_MAX && now_us - th->held_at_us < HELD_US_MAX) {
        th->held_runs++;
    } else {
        release_shard(th);
        /* Keys have shards. NOLINTNEXTLINE(clang-analyzer-core.*) */
        pthread_mutex_lock(&sh->lock);
        th->held = sh;
        th->held_runs = 1;
        th->held_at_us = now_us;
    }
    /* As above: NOLINTNEXTLINE(clang-analyzer-core.*) */
    if (__builtin_expect(sh->waiting != 0, 0) && x->cmd->flags & CMD_WRITE) {
        run_before_audience(th, x);
        return;
    }
    effects_run(x);
    if (!th->batching)
        release_shard(th);
}

static void run_many_keys(struct engine_thread *th, struct exec *x)
{
    release_shard(th);
    if (x->nkeys == 0) {
        effects_run(x);
        return;
    }
    if (x->nkeys >= PREFETCHED_MIN)
        prefetch(x->keys, x->nkeys < PREFETCHED_MAX ? x->nkeys : PREFETCHED_MAX, x->db);
    if (x->cmd->flags & CMD_WRITE) {
        run_before_audience(th, x);
        return;
    }
    struct shard_set set = {{0}};
    exec_add_shards(x, &set);
    shard_set_lock(&set, keyspace_shards(x->ks));
    effects_run(x);
    shard_set_unlock(&set, keyspace_shards(x->ks));
}

static bool wants_gate(const struct exec *x)
{
    return x->cmd->flags & CMD_TRANSACTION ? transaction_wants_gate(x->session)
                                           : command_needs_gate(x->cmd, x->argv, x->argc);
}

#define HELD_BACK_US 1000

/* What exec_outside asked for. A second run that would write too late for the last snapshot waits for the end. */
static void step_out(struct engine_thread *th, struct exec *x, uint64_t now_us)
{
    exec_outside_fn *work = x->outside;
    x->outside = NULL;
    x->may_step_out = false;
    x->stepped_out = true;
    release_shard(th);
    leave_gate(th);
    if (!work(x, x->outside_ctx))
        return;
    for (enter_gate(th); held_back(x); enter_gate(th)) {
        leave_gate(th);
        usleep(HELD_BACK_US);
    }
    x->resumed = x->outside_ctx;
    run_one_key(th, x, now_us);
}

/* False: it is held back, and nothing happened. */
static bool run(struct engine_thread *th, struct exec *x, uint64_t now_us)
{
    uint32_t flags = x->cmd->flags;
    if (flags & (CMD_GATE | CMD_TRANSACTION | CMD_PATTERNS) && wants_gate(x))
        return run_gated(th, x);
    enter_gate(th);
    bool runs = !held_back(x);
    if (!runs || flags & CMD_UNLOCKED) {
        release_shard(th);
        if (runs)
            effects_run(x);
    } else if (x->cmd->one_key) {
        run_one_key(th, x, now_us);
        if (__builtin_expect(x->outside != NULL, 0))
            step_out(th, x, now_us);
    } else {
        run_many_keys(th, x);
    }
    if (!th->batching)
        leave_gate(th);
    return runs;
}

/* ---- checks ----------------------------------------------------------------------------------- */

#define SHOWN_ARGS_MAX 128

static void reply_unknown(struct reply *r, const struct bytes *argv, int argc)
{
    char args[SHOWN_ARGS_MAX + 8];
    size_t n = 0;
    args[0] = '\0';
    for (int i = 1; i < argc && n < SHOWN_ARGS_MAX; i++) {
        int room = (int)(SHOWN_ARGS_MAX - n);
        int len = argv[i].n < (size_t)room ? (int)argv[i].n : room;
        int put = snprintf(args + n, sizeof args - n, "'%.*s' ", len, argv[i].p ? argv[i].p : "");
        if (put < 0 || (size_t)put >= sizeof args - n)
            break;
        n += (size_t)put;
    }
    int len = argv[0].n < SHOWN_ARGS_MAX ? (int)argv[0].n : SHOWN_ARGS_MAX;
    reply_errorf(r, ERROR_UNKNOWN_COMMAND, "unknown command '%.*s', with args beginning with: %s",
                 len, argv[0].p ? argv[0].p : "", args);
}

/* The command or subcommand that argv names; NULL: the error has been answered. */
static const struct command *resolve(const struct session *s, const struct bytes *argv, int argc,
                                     struct reply *r)
{
    const struct command *cmd = command_find(argv[0]), *sub = NULL;
    bool hidden = cmd && cmd->flags & CMD_INTERNAL && s->door != DOOR_MEMCACHED;
    if (!cmd || hidden) {
        reply_unknown(r, argv, argc);
        return NULL;
    }
    if (!cmd->subcommands || argc < 2)
        return cmd;
    sub = command_find_sub(cmd, argv[1]);
    if (sub)
        return sub;
    int len = argv[1].n < SHOWN_ARGS_MAX ? (int)argv[1].n : SHOWN_ARGS_MAX;
    char upper[64];
    size_t i = 0;
    for (; cmd->row->name[i] && i + 1 < sizeof upper; i++)
        upper[i] = (char)(cmd->row->name[i] - (cmd->row->name[i] >= 'a' ? 32 : 0));
    upper[i] = '\0';
    reply_errorf(r, ERROR_UNKNOWN_COMMAND, "unknown subcommand '%.*s'. Try %s HELP.", len,
                 argv[1].p ? argv[1].p : "", upper);
    return NULL;
}

static bool arity_fits(const struct command *cmd, int argc)
{
    int arity = cmd->row->arity;
    return cmd->row->handler && (arity >= 0 ? argc == arity : argc >= -arity);
}

/* In RESP2's subscribe mode only these may run. */
static bool allowed_while_subscribed(const struct command *cmd)
{
    static const char *const names[] = {"subscribe",    "unsubscribe", "psubscribe",
                                        "punsubscribe", "ssubscribe",  "sunsubscribe",
                                        "ping",         "quit",        "reset"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(cmd->row->name, names[i]) == 0)
            return true;
    }
    return false;
}

/* The state of the server forbids it: the error has been answered. */
static bool refused_by_state(struct session *s, const struct command *cmd, struct reply *r)
{
    if (__builtin_expect(snapshot_denies_writes(s->engine), 0) &&
        (is_write(s, cmd) || strcmp(cmd->row->name, "ping") == 0)) {
        reply_error(r, ERROR_MISCONF);
        return true;
    }
    int log_failing = journal_denies_writes(s->engine);
    if (__builtin_expect(log_failing != 0, 0) &&
        (is_write(s, cmd) || strcmp(cmd->row->name, "ping") == 0)) {
        reply_errorf(r, ERROR_MISCONF, "Errors writing to the AOF file: %s", strerror(log_failing));
        return true;
    }
    if (loading_runs(&s->engine->loading) && !(cmd->flags & CMD_LOADING)) {
        reply_error(r, ERROR_LOADING);
        return true;
    }
    return false;
}

/* True where the command may run; else the error has been answered. */
static bool admit(struct session *s, const struct command *cmd, int argc, struct reply *r)
{
    if (!arity_fits(cmd, argc)) {
        reply_errorf(r, ERROR_ARITY, "wrong number of arguments for '%s' command", cmd->row->name);
        return false;
    }
    if (!s->authenticated && !(cmd->flags & CMD_NO_AUTH)) {
        reply_error(r, ERROR_NOAUTH);
        return false;
    }
    if (cmd->flags & CMD_STATEFUL && (s->door == DOOR_HTTP || s->door == DOOR_WEBSOCKET) &&
        !(s->composing && strcmp(cmd->row->group, "transactions") == 0)) {
        reply_errorf(r, ERROR_NOT_ALLOWED, "'%s' changes the connection's mode: not at this door",
                     cmd->row->name);
        return false;
    }
    if (refused_by_state(s, cmd, r))
        return false;
    if (s->subs && s->resp == 2 && s->door == DOOR_RESP && session_subscribed(s) &&
        !allowed_while_subscribed(cmd)) {
        reply_errorf(r, ERROR_GENERIC,
                     "Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                     "RESET are allowed in this context",
                     cmd->row->name);
        return false;
    }
    return true;
}

/* CLIENT PAUSE holds this command back. CLIENT itself always runs, so that UNPAUSE can. */
static bool paused(const struct session *s, const struct command *cmd, uint64_t now_ms)
{
    struct engine *e = s->engine;
    uint64_t until = atomic_load_explicit(&e->paused_until_ms, memory_order_relaxed);
    if (__builtin_expect(until <= now_ms, 1))
        return false;
    if (cmd->parent && strcmp(cmd->parent->row->name, "client") == 0)
        return false;
    return cmd->flags & (CMD_WRITE | CMD_MAY_REPLICATE) || atomic_load(&e->paused_all) ||
           (cmd->flags & CMD_TRANSACTION && transaction_writes(s));
}

static bool takes_memory(const struct session *s, const struct command *cmd)
{
    return cmd->flags & CMD_DENYOOM || (cmd->flags & CMD_TRANSACTION && transaction_writes(s));
}

/* Evicts what stands above maxmemory; false where that cannot be. */
static bool make_room(struct engine_thread *th)
{
    release_shard(th);
    enter_gate(th);
    bool made = memory_limit_make_room(th);
    if (!th->batching)
        leave_gate(th);
    return made;
}

/* What other threads send to a session finds it by its mailbox, so one that awaits messages stays. */
static bool may_move(const struct session *s)
{
    return s->may_move && !s->monitor && !session_subscribed(s);
}

/* ---- the door's call -------------------------------------------------------------------------- */

/* Refusals count for the command that was meant, where there is one. */
static enum engine_result refuse(struct engine_thread *th, struct session *s,
                                 const struct command *cmd)
{
    if (transaction_open(s))
        transaction_spoil(s);
    engine_count(th->engine, COUNTER_ERRORS, 1);
    if (cmd)
        stat_add(&th->stats[cmd->id].rejected, 1);
    return ENGINE_DONE;
}

/* The bucket i of the first 4^i that is no less. */
static unsigned latency_bucket(uint64_t us)
{
    unsigned bits = us > 1 ? 64 - (unsigned)__builtin_clzll(us - 1) : 0;
    unsigned i = (bits + 1) / 2;
    return i < ENGINE_LATENCY_BUCKETS ? i : ENGINE_LATENCY_BUCKETS - 1;
}

/* Statistics and slow log of a command that has just run; returns when it ended. */
static uint64_t account_command(struct engine_thread *th, const struct exec *x, uint64_t began_us)
{
    uint64_t now_us = clock_wall_us(), took_us = now_us > began_us ? now_us - began_us : 0;
    struct command_stat *stat = &th->stats[x->cmd->id];
    int64_t slow_us = config_int(x->engine->config, CONFIG_SLOWLOG_SLOWER_THAN);
    engine_count(x->engine, COUNTER_COMMANDS, 1);
    if (x->changes)
        engine_add_changes(th, x->changes);
    stat_add(&stat->calls, 1);
    stat_add(&stat->us, took_us);
    stat_add(&th->took[x->session->door][latency_bucket(took_us)], 1);
    stat_add(&th->took_us[x->session->door], took_us);
    if (x->reply->erred) {
        engine_count(x->engine, COUNTER_ERRORS, 1);
        stat_add(&stat->failed, 1);
    }
    if (__builtin_expect(slow_us >= 0 && took_us >= (uint64_t)slow_us, 0) &&
        !(x->cmd->flags & CMD_SKIP_SLOWLOG)) {
        release_shard(th);
        slowlog_add(x->engine->slowlog, x, took_us);
    }
    return now_us;
}

static void account(struct engine_thread *th, const struct exec *x, uint64_t began_us)
{
    uint64_t now_us = account_command(th, x, began_us);
    th->clock_us = th->batching ? now_us : 0;
    if (th->blocks)
        exec_free_blocks(th);
    if (!th->batching)
        keyspace_reclaim(x->ks);
}

static void exec_init(struct exec *x, struct session *s, const struct command *cmd,
                      const struct bytes *argv, int argc, struct reply *reply, uint64_t now_ms)
{
    x->engine = s->engine;
    x->ks = s->engine->ks;
    x->session = s;
    x->cmd = cmd;
    x->argv = argv;
    x->argc = argc;
    x->reply = reply;
    x->db = s->db;
    x->now_ms = now_ms;
    x->changes = 0;
    x->may_block = x->blocked = x->gated = x->may_step_out = x->stepped_out = false;
    x->outside = NULL;
    x->resumed = NULL;
    x->log_position = 0;
    x->waiter = NULL;
}

static void feed_monitor(struct exec *x, uint64_t now_us)
{
    struct monitor *m = &x->engine->monitor;
    if (__builtin_expect(atomic_load_explicit(&m->watchers, memory_order_relaxed) == 0, 1))
        return;
    release_shard(engine_thread(x->engine));
    monitor_feed(m, x, now_us);
}

void exec_prepare(struct exec *x, struct session *s, const struct command *cmd,
                  const struct bytes *argv, int argc, struct reply *reply, uint64_t now_ms)
{
    exec_init(x, s, cmd, argv, argc, reply, now_ms);
    collect_keys(x);
}

void exec_run_within(struct exec *x)
{
    uint64_t began_us = clock_wall_us();
    x->reply->erred = 0;
    feed_monitor(x, began_us);
    effects_run(x);
    account_command(engine_thread(x->engine), x, began_us);
}

/* In a batch a command begins when the one before it ended: one look at the clock a command. */
enum engine_result engine_execute(struct session *s, const struct bytes *argv, int argc,
                                  struct reply *reply)
{
    struct engine *e = s->engine;
    struct engine_thread *th = engine_thread(e);
    reply->erred = 0;
    const struct command *cmd = resolve(s, argv, argc, reply);
    if (!cmd || !admit(s, cmd, argc, reply))
        return refuse(th, s, cmd);
    if (__builtin_expect(memory_limit_reached(th), 0) && takes_memory(s, cmd) && !make_room(th)) {
        reply_error(reply, ERROR_OOM);
        return refuse(th, s, cmd);
    }
    uint64_t now_us = th->clock_us ? th->clock_us : clock_wall_us();
    if (__builtin_expect(s->tx != NULL, 0) && transaction_open(s) &&
        transaction_take(s, cmd, argv, argc, reply))
        return ENGINE_DONE;
    if (paused(s, cmd, now_us / 1000))
        return ENGINE_PAUSED;
    if (__builtin_expect(cmd->flags & CMD_LONG, 0) && may_move(s))
        return ENGINE_ELSEWHERE;
    struct exec x;
    exec_init(&x, s, cmd, argv, argc, reply, now_us / 1000);
    x.may_block = s->ops && s->ops->wake;
    x.may_step_out = true;
    atomic_store_explicit(&s->active_at_ms, x.now_ms, memory_order_relaxed);
    atomic_store_explicit(&s->last_command, cmd, memory_order_relaxed);
    feed_monitor(&x, now_us);
    if (collect_keys(&x) && !run(th, &x, now_us))
        return ENGINE_PAUSED;
    if (__builtin_expect(x.log_position != 0, 0))
        s->log_position = x.log_position;
    account(th, &x, now_us);
    return x.blocked ? ENGINE_BLOCKED : ENGINE_DONE;
}

/* Redis logs PFCOUNT, too, which may write what it counted into the key. */
static bool is_logged(const struct command *cmd)
{
    static const char *const others[] = {"select", "multi", "exec", "pfcount"};
    if (cmd->flags & CMD_WRITE)
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(cmd->row->name, others[i]) == 0)
            return true;
    }
    return false;
}

void exec_replay(struct session *s, const struct bytes *argv, int argc, struct reply *reply,
                 uint64_t now_ms)
{
    struct engine_thread *th = engine_thread(s->engine);
    struct exec x;
    reply->erred = 0;
    const struct command *cmd = resolve(s, argv, argc, reply);
    if (!cmd)
        return;
    if (!arity_fits(cmd, argc)) {
        reply_error(reply, ERROR_ARITY);
        return;
    }
    if (!is_logged(cmd)) {
        reply_errorf(reply, ERROR_GENERIC, "'%s' is no command of a log of writes", cmd->row->name);
        return;
    }
    if (transaction_open(s) && transaction_take(s, cmd, argv, argc, reply))
        return;
    exec_init(&x, s, cmd, argv, argc, reply, now_ms);
    if (collect_keys(&x))
        run(th, &x, 0);
    if (th->blocks)
        exec_free_blocks(th);
    keyspace_reclaim(x.ks);
}
