/* The engine's lifetime, its threads' records, its counters and its timer. */
#include "engine.h"

#include <stdlib.h>

#include "commands/exec.h"
#include "commands/memcached.h"
#include "commands/snapshot.h"
#include "commands/wait.h"
#include "commands/memory_limit.h"
#include "internal.h"
#include "types/registry.h"

#define TIMER_PERIOD_MS 100
#define EXPIRE_SLICE_US 50
/* While more is due than one turn removes, turns are this long and follow each other sooner. */
#define EXPIRE_TURN_US 50000
#define BUSY_PERIOD_MS 25

/* ---- threads ---------------------------------------------------------------------------------- */

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static _Thread_local struct engine_thread *current;

static void thread_gone(void *arg)
{
    struct engine_thread *th = arg;
    gate_leave(th->gate_word);
    current = NULL;
}

static void make_thread_key(void)
{
    pthread_key_create(&thread_key, thread_gone);
}

static struct engine_thread *join_thread(struct engine *e)
{
    struct gate *g = keyspace_gate(e->ks);
    struct gate_word *w = gate_join(g);
    struct engine_thread *th = &e->threads[w - g->word];
    th->engine = e;
    th->gate_word = w;
    th->inside = th->batching = false;
    th->held = NULL;
    th->blocks = NULL;
    th->ready_first = th->ready_last = NULL;
    th->clock_us = 0;
    pthread_mutex_lock(&e->stats_lock);
    if (!th->stats) /* else what an earlier thread of this slot counted goes on */
        th->stats = mem_calloc(command_count() * sizeof *th->stats);
    pthread_mutex_unlock(&e->stats_lock);
    mem_thread_register();
    pthread_setspecific(thread_key, th);
    return current = th;
}

struct engine_thread *engine_thread(struct engine *e)
{
    struct engine_thread *th = current;
    return __builtin_expect(th && th->engine == e, 1) ? th : join_thread(e);
}

void engine_count(struct engine *e, enum engine_counter c, uint64_t n)
{
    _Atomic uint64_t *at = &engine_thread(e)->counters[c];
    uint64_t v = atomic_load_explicit(at, memory_order_relaxed);
    atomic_store_explicit(at, v + n, memory_order_relaxed);
}

uint64_t engine_counter(struct engine *e, enum engine_counter c)
{
    uint64_t sum = 0;
    for (int i = 0; i < GATE_THREADS_MAX; i++)
        sum += atomic_load_explicit(&e->threads[i].counters[c], memory_order_relaxed);
    return sum;
}

struct engine_latency engine_latency(struct engine *e, enum door door)
{
    struct engine_latency sum = {0};
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        const struct engine_thread *th = &e->threads[i];
        for (int b = 0; b < ENGINE_LATENCY_BUCKETS; b++)
            sum.buckets[b] += atomic_load_explicit(&th->took[door][b], memory_order_relaxed);
        sum.us += atomic_load_explicit(&th->took_us[door], memory_order_relaxed);
    }
    return sum;
}

uint64_t engine_changes(struct engine *e)
{
    uint64_t sum = 0;
    for (int i = 0; i < GATE_THREADS_MAX; i++)
        sum += atomic_load_explicit(&e->threads[i].changes, memory_order_relaxed);
    return sum;
}

void engine_reset_counters(struct engine *e)
{
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        for (int c = 0; c < COUNTER_COUNT; c++)
            atomic_store_explicit(&e->threads[i].counters[c], 0, memory_order_relaxed);
    }
}

struct command_sum command_stats(struct engine *e, uint32_t id)
{
    struct command_sum sum = {0};
    pthread_mutex_lock(&e->stats_lock);
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        if (!e->threads[i].stats)
            continue;
        const struct command_stat *s = &e->threads[i].stats[id];
        sum.calls += atomic_load_explicit(&s->calls, memory_order_relaxed);
        sum.us += atomic_load_explicit(&s->us, memory_order_relaxed);
        sum.rejected += atomic_load_explicit(&s->rejected, memory_order_relaxed);
        sum.failed += atomic_load_explicit(&s->failed, memory_order_relaxed);
    }
    pthread_mutex_unlock(&e->stats_lock);
    return sum;
}

void command_stats_reset(struct engine *e)
{
    pthread_mutex_lock(&e->stats_lock);
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        for (uint32_t id = 0; e->threads[i].stats && id < command_count(); id++) {
            struct command_stat *s = &e->threads[i].stats[id];
            atomic_store_explicit(&s->calls, 0, memory_order_relaxed);
            atomic_store_explicit(&s->us, 0, memory_order_relaxed);
            atomic_store_explicit(&s->rejected, 0, memory_order_relaxed);
            atomic_store_explicit(&s->failed, 0, memory_order_relaxed);
        }
    }
    pthread_mutex_unlock(&e->stats_lock);
}

/* ---- the timer: active expiry ------------------------------------------------------------------ */

/* Rounds over the shards until nothing is due or the turn is over; true where more is left. */
static bool expire_due(struct engine *e, struct gate_word *word)
{
    uint64_t until_us = clock_mono_us() + EXPIRE_TURN_US;
    size_t done;
    do {
        gate_pass(keyspace_gate(e->ks), word);
        done = keyspace_expire_cycle(e->ks, EXPIRE_SLICE_US);
        gate_exit(word);
    } while (done > 0 && clock_mono_us() < until_us);
    return done > 0;
}

static void sample_rates(struct engine *e)
{
    const uint64_t counts[RATE_COUNT] = {engine_counter(e, COUNTER_COMMANDS),
                                         engine_counter(e, COUNTER_BYTES_IN),
                                         engine_counter(e, COUNTER_BYTES_OUT)};
    rates_sample(&e->rates, clock_mono_us() / 1000, counts);
}

static void *timer_main(void *arg)
{
    struct engine *e = arg;
    struct engine_thread *th = engine_thread(e);
    bool busy = false;
    pthread_mutex_lock(&e->timer_lock);
    while (!e->timer_stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (busy ? BUSY_PERIOD_MS : TIMER_PERIOD_MS) * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&e->timer_wake, &e->timer_lock, &until);
        if (e->timer_stop)
            break;
        pthread_mutex_unlock(&e->timer_lock);
        loading_turn(e);
        busy = !loading_runs(&e->loading) && expire_due(e, th->gate_word);
        if (!loading_runs(&e->loading))
            memory_limit_turn(th);
        memcached_flush_due(e);
        hub_sweep(e->hub, clock_wall_ms());
        snapshot_turn(e);
        if (!loading_runs(&e->loading))
            journal_turn(e);
        sample_rates(e);
        mem_used_bytes(); /* keeps the peak current */
        pthread_mutex_lock(&e->timer_lock);
    }
    pthread_mutex_unlock(&e->timer_lock);
    return NULL;
}

static void start_timer(struct engine *e)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->timer_wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&e->timer_lock, NULL);
    if (pthread_create(&e->timer, NULL, timer_main, e) != 0)
        abort();
}

void engine_timer_wake(struct engine *e)
{
    pthread_mutex_lock(&e->timer_lock);
    pthread_cond_signal(&e->timer_wake);
    pthread_mutex_unlock(&e->timer_lock);
}

static void stop_timer(struct engine *e)
{
    pthread_mutex_lock(&e->timer_lock);
    e->timer_stop = true;
    pthread_cond_signal(&e->timer_wake);
    pthread_mutex_unlock(&e->timer_lock);
    pthread_join(e->timer, NULL);
    pthread_cond_destroy(&e->timer_wake);
    pthread_mutex_destroy(&e->timer_lock);
}

/* ---- keyspace events ---------------------------------------------------------------------------- */

static void publish_event(struct engine *e, const char *prefix, unsigned db, struct bytes subject,
                          struct bytes data)
{
    struct buf channel;
    buf_init(&channel);
    buf_printf(&channel, "__%s@%u__:", prefix, db);
    buf_add_bytes(&channel, subject);
    hub_publish(e->hub, SUB_CHANNEL, buf_bytes(&channel), data);
    buf_release(&channel);
}

static void notify_slow(struct engine *e, unsigned db, uint32_t on, const char *event,
                        struct bytes key)
{
    if (on & EVENT_KEYSPACE)
        publish_event(e, "keyspace", db, key, bytes_str(event));
    if (on & EVENT_KEYEVENT)
        publish_event(e, "keyevent", db, bytes_str(event), key);
}

void engine_notify(struct engine *e, unsigned db, uint32_t event_class, const char *event,
                   struct bytes key)
{
    uint32_t on = (uint32_t)config_int(e->config, CONFIG_NOTIFY_KEYSPACE_EVENTS);
    if (__builtin_expect((on & event_class) != 0, 0))
        notify_slow(e, db, on, event, key);
}

/* Keys that expiry removes: with the shard's lock held. */
static void on_expired(void *ctx, unsigned db, struct bytes key, const char *event)
{
    uint32_t cls = strcmp(event, "expired") == 0    ? EVENT_EXPIRED
                   : strcmp(event, "evicted") == 0  ? EVENT_EVICTED
                   : strcmp(event, "hexpired") == 0 ? EVENT_HASH
                                                    : EVENT_GENERIC;
    if (cls != EVENT_HASH) /* else it is still there */
        effects_key_removed(ctx, db, key);
    wait_touch_key(ctx, db, key);
    engine_notify(ctx, db, cls, event, key);
}

static void on_part_expired(void *ctx, unsigned db, struct bytes key, struct bytes part)
{
    effects_field_removed(ctx, db, key, part);
}

/* ---- lifetime ----------------------------------------------------------------------------------- */

static void make_run_id(char *to)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[20];
    rng_secret(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++) {
        to[2 * i] = digits[raw[i] >> 4];
        to[2 * i + 1] = digits[raw[i] & 15];
    }
    to[40] = '\0';
}

static void configure_hub(struct engine *e)
{
    struct buf text, error;
    buf_init(&text);
    buf_init(&error);
    config_string(e->config, CONFIG_CHANNEL_NAMESPACE, &text);
    hub_configure(e->hub, namespaces_parse(buf_bytes(&text), &error),
                  (size_t)config_int(e->config, CONFIG_CHANNEL_HISTORY_MEMORY));
    buf_release(&error); /* there is none after config_validate */
    buf_release(&text);
}

struct engine *engine_open(struct config *config)
{
    struct engine *e = mem_alloc_aligned(64, sizeof *e);
    uint64_t seed;
    pthread_once(&thread_once, make_thread_key);
    memset(e, 0, sizeof *e);
    rng_secret(&seed, sizeof seed);
    hash_seed(seed);
    command_table_build();
    types_register();
    e->config = config;
    e->ks = keyspace_new();
    e->hub = hub_new(e);
    configure_hub(e);
    e->slowlog = slowlog_new();
    monitor_init(&e->monitor);
    pthread_mutex_init(&e->stats_lock, NULL);
    e->started_at_ms = clock_wall_ms();
    child_init(&e->child);
    snapshot_state_init(e);
    journal_init(e);
    pthread_mutex_init(&e->log_listeners_lock, NULL);
    e->next_session_id = 1;
    pthread_mutex_init(&e->sessions_lock, NULL);
    make_run_id(e->run_id);
    keyspace_on_expired(e->ks, on_expired, on_part_expired, e);
    e->startup_bytes = mem_used_bytes();
    start_timer(e);
    return e;
}

void engine_close(struct engine *e)
{
    loading_stop(e);
    stop_timer(e);
    snapshot_stop(e);
    child_release(&e->child);
    journal_release(e);
    if (current && current->engine == e) {
        gate_leave(current->gate_word);
        pthread_setspecific(thread_key, NULL);
        current = NULL;
    }
    keyspace_free(e->ks);
    hub_free(e->hub);
    slowlog_free(e->slowlog);
    monitor_release(&e->monitor);
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        mem_free(e->threads[i].stats);
        effects_release(&e->threads[i].effects);
    }
    pthread_mutex_destroy(&e->stats_lock);
    pthread_mutex_destroy(&e->sessions_lock);
    pthread_mutex_destroy(&e->log_listeners_lock);
    config_free(e->config);
    mem_free(e);
}

struct config *engine_config(struct engine *e)
{
    return e->config;
}

struct hub *engine_hub(struct engine *e)
{
    return e->hub;
}

/* A longer pause of either kind stays. */
void engine_pause(struct engine *e, uint64_t until_ms, bool all)
{
    uint64_t before = atomic_load(&e->paused_until_ms);
    bool extends = until_ms && before > clock_wall_ms();
    atomic_store(&e->paused_all, all || (extends && atomic_load(&e->paused_all)));
    atomic_store(&e->paused_until_ms, extends && before > until_ms ? before : until_ms);
}

void engine_drain(struct engine *e, bool on)
{
    atomic_store(&e->draining, on);
}

bool engine_ready(const struct engine *e)
{
    return !atomic_load(&e->draining) && !loading_runs(&e->loading);
}

void engine_request_shutdown(struct engine *e)
{
    atomic_store(&e->shutdown_requested, true);
}

bool engine_shutdown_requested(const struct engine *e)
{
    return atomic_load(&e->shutdown_requested);
}
