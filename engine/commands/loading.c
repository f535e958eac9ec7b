#include "commands/loading.h"

#include "internal.h"

/* A load that takes no longer is over when the doors open. */
#define PATIENCE_MS   300
#define TELL_EVERY_MS 5000

static void *load_main(void *arg)
{
    struct engine *e = arg;
    struct loading_state *l = &e->loading;
    bool ok = engine_load(e, &l->error);
    atomic_store(&e->snapshot.saved_changes, engine_changes(e));
    atomic_store_explicit(&l->state, ok ? LOAD_OVER : LOAD_FAILED, memory_order_release);
    return NULL;
}

void engine_load_begin(struct engine *e)
{
    const struct timespec little = {.tv_nsec = 1000000};
    struct loading_state *l = &e->loading;
    buf_init(&l->error);
    l->started_at_ms = l->told_at_ms = clock_wall_ms();
    atomic_store(&l->state, LOAD_RUNS);
    l->has_thread = pthread_create(&l->thread, NULL, load_main, e) == 0;
    if (!l->has_thread)
        load_main(e);
    for (int ms = 0; ms < PATIENCE_MS && loading_runs(l); ms++)
        nanosleep(&little, NULL);
}

bool engine_load_failed(struct engine *e, struct buf *error)
{
    if (atomic_load_explicit(&e->loading.state, memory_order_acquire) != LOAD_FAILED)
        return false;
    buf_add_bytes(error, buf_bytes(&e->loading.error));
    return true;
}

void loading_stop(struct engine *e)
{
    struct loading_state *l = &e->loading;
    atomic_store(&e->snapshot.loading.stop, true);
    if (l->has_thread)
        pthread_join(l->thread, NULL);
    l->has_thread = false;
    buf_release(&l->error);
}

/* ---- how far it is ---------------------------------------------------------------------------- */

struct figures {
    uint64_t total_bytes, loaded_bytes, eta_s;
    double percent;
};

static struct figures figures_of(struct engine *e)
{
    const struct snapshot_progress *p = &e->snapshot.loading;
    struct figures f = {atomic_load(&p->total_bytes), atomic_load(&p->loaded_bytes), 1, 0};
    uint64_t took_ms = clock_wall_ms() - e->loading.started_at_ms;
    if (f.loaded_bytes > f.total_bytes)
        f.loaded_bytes = f.total_bytes;
    if (f.loaded_bytes == 0)
        return f;
    f.percent = (double)f.loaded_bytes / (double)f.total_bytes * 100;
    f.eta_s = (uint64_t)((double)took_ms / 1000 * (double)(f.total_bytes - f.loaded_bytes) /
                         (double)f.loaded_bytes);
    return f;
}

void loading_turn(struct engine *e)
{
    uint64_t now_ms = clock_wall_ms();
    if (!loading_runs(&e->loading) || now_ms - e->loading.told_at_ms < TELL_EVERY_MS)
        return;
    struct figures f = figures_of(e);
    e->loading.told_at_ms = now_ms;
    log_notice("loading: %.1f%% of %llu bytes, %llu seconds to go", f.percent,
               (unsigned long long)f.total_bytes, (unsigned long long)f.eta_s);
}

void loading_info_lines(struct engine *e, struct buf *out)
{
    bool on = loading_runs(&e->loading);
    struct figures f = figures_of(e);
    buf_printf(out, "loading:%d\r\nasync_loading:0\r\n", on);
    if (!on)
        return;
    buf_printf(out,
               "loading_start_time:%llu\r\nloading_total_bytes:%llu\r\n"
               "loading_rdb_used_mem:%llu\r\nloading_loaded_bytes:%llu\r\n",
               (unsigned long long)(e->loading.started_at_ms / 1000),
               (unsigned long long)f.total_bytes,
               (unsigned long long)atomic_load(&e->snapshot.loading.writer_bytes),
               (unsigned long long)f.loaded_bytes);
    buf_printf(out, "loading_loaded_perc:%.2f\r\nloading_eta_seconds:%llu\r\n", f.percent,
               (unsigned long long)f.eta_s);
}
