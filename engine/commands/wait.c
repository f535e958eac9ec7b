#include "commands/wait.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "commands/dispatch.h"
#include "commands/effects.h"
#include "internal.h"

/* ---- a waiter's life ---------------------------------------------------------------------------- */

static struct bytes copy_of(struct bytes s)
{
    char *p = mem_alloc(s.n ? s.n : 1);
    memcpy(p, s.n ? s.p : "", s.n);
    return bytes_of(p, s.n);
}

static struct waiter *waiter_new(struct exec *x, enum value_type type, uint64_t deadline_ms)
{
    static _Atomic uint64_t last_id;
    struct waiter *w = mem_calloc(sizeof *w);
    w->session = x->session;
    w->cmd = x->cmd;
    w->argc = x->argc;
    w->argv = mem_alloc((size_t)x->argc * sizeof *w->argv);
    for (int i = 0; i < x->argc; i++)
        w->argv[i] = copy_of(x->argv[i]);
    w->db = x->db;
    w->type = type;
    w->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    w->deadline_ms = deadline_ms;
    for (unsigned k = 0; k < x->nkeys; k++)
        shard_set_add(&w->shards, shard_of(x->keys[k].hash));
    capture_init(&w->answer);
    w->answer.base.resp = x->session->resp;
    return w;
}

static void waiter_free(struct waiter *w)
{
    for (int i = 0; i < w->argc; i++)
        mem_free((void *)(uintptr_t)w->argv[i].p);
    mem_free(w->argv);
    mem_free(w->links);
    capture_release(&w->answer);
    mem_free(w);
}

/* A key that is named twice is waited for once. */
static bool waits_already(const struct waiter *w, const struct keyref *k)
{
    for (unsigned i = 0; i < w->nlinks; i++) {
        if (bytes_eq(interest_key(w->links[i].on), k->name))
            return true;
    }
    return false;
}

static void join_queues(struct waiter *w, const struct exec *x, unsigned first, unsigned n)
{
    w->links = mem_calloc(n * sizeof *w->links);
    for (unsigned k = first; k < first + n; k++) {
        if (waits_already(w, &x->keys[k]))
            continue;
        struct wait_link *link = &w->links[w->nlinks++];
        link->waiter = w;
        link->shards = &w->shards;
        interest_wait(x->keys[k].shard, w->db, x->keys[k].hash, x->keys[k].name, link);
    }
}

static void leave_queues(struct waiter *w)
{
    for (unsigned i = 0; i < w->nlinks; i++)
        interest_unwait(&w->links[i]);
}

static void set_retry(struct exec *x, struct waiter *w, const struct block *b)
{
    atomic_store_explicit(&w->retry_at_ms, b->retry_ms ? x->now_ms + b->retry_ms : 0, memory_order_relaxed);
}

bool exec_block(struct exec *x, const struct block *b)
{
    if (x->waiter) {
        set_retry(x, x->waiter, b);
        if (b->on_timeout && b->on_timeout != x->waiter->on_timeout)
            x->waiter->on_timeout = b->on_timeout;
        x->blocked = true;
        return true;
    }
    if (!x->may_block)
        return false;
    uint64_t deadline_ms = b->timeout_ms ? x->now_ms + b->timeout_ms : 0;
    struct waiter *w = waiter_new(x, b->type, deadline_ms);
    w->on_loss = b->on_loss;
    w->on_timeout = b->on_timeout ? b->on_timeout : reply_null_array;
    set_retry(x, w, b);
    join_queues(w, x, b->first, b->n);
    x->session->waiter = w;
    atomic_store_explicit(&x->session->waiting, w->id, memory_order_relaxed);
    atomic_fetch_add_explicit(&x->engine->blocked, 1, memory_order_relaxed);
    x->blocked = true;
    return true;
}

void exec_block_arg(struct exec *x, int i, struct bytes value)
{
    struct waiter *w = x->session->waiter;
    if (x->waiter)
        return;
    mem_free((void *)(uintptr_t)w->argv[i].p);
    w->argv[i] = copy_of(value);
}

/* ---- locks -------------------------------------------------------------------------------------- */

static void add_audience(struct shard *sh, void *ctx)
{
    const struct shard_set *audience = interest_audience(sh);
    if (audience)
        shard_set_merge(ctx, audience);
}

void wait_lock(struct keyspace *ks, struct shard_set *set)
{
    struct shard *shards = keyspace_shards(ks);
    for (;;) {
        struct shard_set wider = *set;
        shard_set_lock(set, shards);
        shard_set_each(set, shards, add_audience, &wider);
        if (memcmp(&wider, set, sizeof wider) == 0)
            return;
        shard_set_unlock(set, shards);
        *set = wider;
    }
}

/* ---- changes ------------------------------------------------------------------------------------ */

static void make_ready(struct engine_thread *th, struct interest *in)
{
    interest_raise(in);
    if (!in->first || in->ready)
        return;
    in->ready = true;
    in->next_ready = NULL;
    if (th->ready_last)
        th->ready_last->next_ready = in;
    else
        th->ready_first = in;
    th->ready_last = in;
}

static struct interest *next_ready(struct engine_thread *th)
{
    struct interest *in = th->ready_first;
    if (!in)
        return NULL;
    th->ready_first = in->next_ready;
    if (!th->ready_first)
        th->ready_last = NULL;
    in->ready = false;
    return in;
}

/* Asks the session's owner to look at its blocked command. Leaf locks only. */
static void post_wake(struct waiter *w, enum wake_reason reason)
{
    struct message *m = message_new(MESSAGE_WAKE, SUB_CHANNEL, (struct bytes){0}, (struct bytes){0},
                                    (struct bytes){0});
    m->session_id = w->session->id;
    m->wait_id = w->id;
    m->reason = reason;
    mailbox_post(w->session->mailbox, m);
    message_unref(m);
}

static void poke_queue(const struct interest *in)
{
    for (struct wait_link *link = in->first; link; link = link->next)
        post_wake(link->waiter, WAKE_RETRY);
}

void wait_touch(struct exec *x, unsigned k)
{
    const struct keyref *key = &x->keys[k];
    struct interest *in = interest_find(key->shard, x->db, key->hash, key->name);
    if (!in)
        return;
    if (x->cmd->flags & CMD_WRITE || x->gated) {
        make_ready(engine_thread(x->engine), in);
    } else {
        interest_raise(in);
        poke_queue(in);
    }
}

void wait_touch_key(struct engine *e, unsigned db, struct bytes key)
{
    struct keyref k = keyspace_ref(e->ks, key);
    struct interest *in = interest_find(k.shard, db, k.hash, key);
    if (!in)
        return;
    interest_raise(in);
    poke_queue(in);
}

struct db_touch {
    struct engine_thread *th;
    unsigned db;
    uint64_t now_ms;
};

static void touch_present(struct interest *in, void *ctx)
{
    struct db_touch *t = ctx;
    struct keyref k = {.name = interest_key(in), .hash = in->hash, .shard = in->shard};
    if (in->db == t->db && keyspace_find_locked(t->th->engine->ks, t->db, &k, t->now_ms))
        make_ready(t->th, in);
}

void wait_touch_db(struct engine *e, unsigned db)
{
    struct db_touch t = {engine_thread(e), db, clock_wall_ms()};
    struct shard *shards = keyspace_shards(e->ks);
    for (int i = 0; i < SHARD_COUNT; i++)
        interest_each(&shards[i], touch_present, &t);
}

/* ---- serving ------------------------------------------------------------------------------------ */

/* Runs the waiter's command again; true where it has its answer now and has left its queues. */
static bool try_again(struct engine_thread *th, struct waiter *w)
{
    struct exec x;
    exec_prepare(&x, w->session, w->cmd, w->argv, w->argc, &w->answer.base, clock_wall_ms());
    x.db = w->db;
    x.waiter = w;
    capture_clear(&w->answer);
    effects_run(&x);
    engine_add_changes(th, x.changes);
    if (x.blocked)
        return false;
    w->answered = true;
    w->log_position = x.log_position;
    leave_queues(w);
    atomic_store_explicit(&w->session->waiting, 0, memory_order_relaxed);
    return true;
}

/* Does the key hold what the waiter waits for? */
static bool worth_a_try(struct engine *e, const struct interest *in, const struct waiter *w)
{
    struct keyref k = {.name = interest_key(in), .hash = in->hash, .shard = in->shard};
    const struct entry *found = keyspace_find_locked(e->ks, in->db, &k, clock_wall_ms());
    return session_waits(w->session) && (w->on_loss || (found && found->type == w->type));
}

/* Nothing but this loop takes links out while the locks are held, so the next one stays. */
static void serve_queue(struct engine_thread *th, struct interest *in)
{
    for (struct wait_link *link = in->first, *next; link; link = next) {
        struct waiter *w = link->waiter;
        next = link->next;
        if (!worth_a_try(th->engine, in, w))
            continue;
        if (try_again(th, w))
            post_wake(w, WAKE_ANSWERED);
    }
}

void wait_serve(struct engine_thread *th)
{
    struct interest *in;
    while ((in = next_ready(th))) {
        in->ready = true; /* stays while its queue is served, even where that empties it */
        serve_queue(th, in);
        in->ready = false;
        interest_settle(in);
    }
}

/* ---- in the owner's thread ------------------------------------------------------------------------- */

static void drop(struct session *s)
{
    struct waiter *w = s->waiter;
    s->waiter = NULL;
    atomic_store_explicit(&s->waiting, 0, memory_order_relaxed);
    atomic_fetch_sub_explicit(&s->engine->blocked, 1, memory_order_relaxed);
    waiter_free(w);
}

/* Passes the gate and locks the waiter's shards, `closure` those of others too. */
static bool lock_waiter(struct engine_thread *th, struct waiter *w, struct shard_set *set,
                        bool closure)
{
    bool was_inside = th->inside;
    if (!was_inside)
        gate_pass(keyspace_gate(th->engine->ks), th->gate_word);
    *set = w->shards;
    if (closure)
        wait_lock(th->engine->ks, set);
    else
        shard_set_lock(set, keyspace_shards(th->engine->ks));
    return was_inside;
}

static void unlock_waiter(struct engine_thread *th, const struct shard_set *set, bool was_inside)
{
    shard_set_unlock(set, keyspace_shards(th->engine->ks));
    if (!was_inside)
        gate_exit(th->gate_word);
}

void wait_cancel(struct session *s)
{
    struct engine_thread *th = engine_thread(s->engine);
    struct shard_set set;
    if (!s->waiter)
        return;
    bool was_inside = lock_waiter(th, s->waiter, &set, false);
    leave_queues(s->waiter);
    unlock_waiter(th, &set, was_inside);
    drop(s);
}

/* One more try, then out of the queues where the reason is final. True where there is an answer: looked at under the
 * locks, since whoever serves has them until he has told. */
static bool settle(struct engine_thread *th, struct waiter *w, enum wake_reason reason)
{
    struct shard_set set;
    bool retry = reason == WAKE_RETRY, was_inside = lock_waiter(th, w, &set, retry);
    if (retry && !w->answered) {
        try_again(th, w);
        wait_serve(th);
    } else {
        leave_queues(w);
    }
    bool answered = w->answered;
    unlock_waiter(th, &set, was_inside);
    exec_free_blocks(th);
    keyspace_reclaim(th->engine->ks);
    return answered;
}

bool engine_wake(struct session *s, enum wake_reason reason, struct reply *reply)
{
    struct engine_thread *th = engine_thread(s->engine);
    struct waiter *w = s->waiter;
    if (reason == WAKE_DUE)
        reason = w->deadline_ms && w->deadline_ms <= clock_wall_ms() ? WAKE_TIMEOUT : WAKE_RETRY;
    bool answered = reason == WAKE_ANSWERED || settle(th, w, reason);
    if (answered) {
        capture_replay(&w->answer, reply);
        if (w->log_position)
            s->log_position = w->log_position;
    } else if (reason == WAKE_TIMEOUT) {
        w->on_timeout(reply);
    } else if (reason == WAKE_ERROR) {
        reply_error(reply, ERROR_UNBLOCKED);
    } else {
        return false;
    }
    drop(s);
    return true;
}

uint64_t engine_wait_id(const struct session *s)
{
    return s->waiter ? s->waiter->id : 0;
}

uint64_t engine_wait_deadline_ms(const struct session *s)
{
    if (!s->waiter)
        return 0;
    uint64_t end = s->waiter->deadline_ms;
    uint64_t retry = atomic_load_explicit(&s->waiter->retry_at_ms, memory_order_relaxed);
    return retry && (!end || retry < end) ? retry : end;
}

bool session_waits(const struct session *s)
{
    uint64_t id = atomic_load_explicit(&s->waiting, memory_order_acquire);
    return id && atomic_load_explicit(&s->unblock_asked, memory_order_acquire) != id;
}

bool session_unblock(struct engine *e, uint64_t id, enum wake_reason reason)
{
    struct message *m = message_new(MESSAGE_WAKE, SUB_CHANNEL, (struct bytes){0}, (struct bytes){0},
                                    (struct bytes){0});
    m->session_id = id;
    m->reason = reason;
    session_lock(e);
    struct session *s = session_find_locked(e, id);
    uint64_t waiting = s ? atomic_load_explicit(&s->waiting, memory_order_relaxed) : 0;
    bool asks = waiting && atomic_exchange(&s->unblock_asked, waiting) != waiting;
    if (asks) {
        m->wait_id = waiting;
        mailbox_post(s->mailbox, m);
    }
    session_unlock(e);
    message_unref(m);
    return asks;
}
