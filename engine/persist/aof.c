#include "persist/aof.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "persist/aof_record.h"
#include "persist/disk.h"

#define GATHER_MS   5 /* between two writes where no reply waits for them */
#define GATHER_MIN  8 /* records, below which nobody is waited for */
#define PATIENCE_US 2000
#define SYNC_MS                                                                                    \
    900 /* everysec: the oldest record waits so long; the sync takes the rest of the second */
#define RETRY_MS     200
#define BACKLOG_MAX  (64u * 1024 * 1024)
#define SPARE_MAX    (4u * 1024 * 1024)
#define SLOW_SYNC_US (2 * 1000 * 1000)

/* Records that are written in one go. */
struct chunk {
    struct chunk *next;
    struct buf records;
    uint64_t end;   /* position of its last record */
    bool summed;    /* the sum's line stands at its end */
    size_t counted; /* of its memory, in `held_bytes` */
    int then_fd;    /* what follows goes to this file, -1: to the same */
    uint64_t then_size;
};

struct chunks {
    struct chunk *first, *last;
};

struct aof {
    pthread_mutex_t lock;
    pthread_cond_t work;     /* for the writer; monotonic */
    pthread_cond_t progress; /* for those who wait: more is synced, written, or failing changed */
    struct buf pending;      /* lock */
    struct buf spare;        /* lock; an empty buffer for the next `pending` */
    struct chunks closed;    /* lock; full ones before `pending` */
    unsigned db;             /* of the last record, DB_NONE: not known; lock */
    bool idle;               /* the writer waits for work; lock */
    unsigned pending_n;      /* records since the last take; lock */
    unsigned awaited_n; /* wake the writer when so many are pending, 0: it does not gather; lock */
    unsigned taken_n;   /* of the last take, until it is synced; lock */
    unsigned writers_n; /* records that wait for the disk at a time, of late; lock */
    bool stop, sync_asked; /* lock */
    unsigned waiting;      /* threads in aof_wait; lock */

    _Atomic uint64_t appended, written, synced;
    _Atomic uint64_t held_bytes, pending_bytes; /* memory of the chunks, and of `pending` */
    _Atomic int failing;
    _Atomic int policy;
    _Atomic bool hold_sync, rotating;
    _Atomic uint64_t file_bytes, syncs, sync_us, sync_us_max, delayed_syncs;

    /* The writer's own. */
    struct chunks kept;         /* taken and not synced, in order */
    struct chunk *unwritten;    /* the first of them that is not in the file */
    bool must_cut;              /* the file may hold more than what is synced */
    int fd;                     /* -1: none, all is thrown away */
    uint64_t size, synced_size; /* of the file */
    uint64_t oldest_ms;         /* when the first of `kept` was taken */
    uint64_t sync_avg_us;       /* of late */
    void (*on_progress)(void *ctx);
    void *ctx;
    pthread_t writer;
};

#define DB_NONE (~0u)

static void chunks_add(struct chunks *to, struct chunk *c)
{
    c->next = NULL;
    if (to->last)
        to->last->next = c;
    else
        to->first = c;
    to->last = c;
}

/* The lock is held. */
static void wake_writer(struct aof *a)
{
    a->idle = false;
    pthread_cond_signal(&a->work);
}

/* ---- appending ------------------------------------------------------------------------------- */

/* The lock is held; returns the new position. `before` is how much was pending. */
static uint64_t appended(struct aof *a, size_t before)
{
    uint64_t position =
        atomic_load_explicit(&a->appended, memory_order_relaxed) + (a->pending.n - before);
    atomic_store_explicit(&a->appended, position, memory_order_release);
    /* Where replies wait for the disk, whoever lets them wait kicks, once for all that it has appended by then. */
    a->pending_n++;
    if (a->pending.cap != atomic_load_explicit(&a->pending_bytes, memory_order_relaxed))
        atomic_store_explicit(&a->pending_bytes, a->pending.cap, memory_order_relaxed);
    bool always = atomic_load_explicit(&a->policy, memory_order_relaxed) == AOF_ALWAYS;
    if (always ? a->pending_n == a->awaited_n : a->idle)
        wake_writer(a);
    return position;
}

uint64_t aof_append(struct aof *a, unsigned db, struct bytes notes, const struct bytes *argv,
                    int argc)
{
    pthread_mutex_lock(&a->lock);
    size_t before = a->pending.n;
    if (__builtin_expect(a->db != db, 0))
        aof_encode_select(&a->pending, db);
    a->db = db;
    buf_add_bytes(&a->pending, notes);
    aof_encode(&a->pending, argv, argc);
    uint64_t position = appended(a, before);
    pthread_mutex_unlock(&a->lock);
    return position;
}

uint64_t aof_append_block(struct aof *a, unsigned first, unsigned last, struct bytes records)
{
    pthread_mutex_lock(&a->lock);
    size_t before = a->pending.n;
    if (a->db != first)
        aof_encode_select(&a->pending, first);
    a->db = last;
    buf_add_bytes(&a->pending, records);
    uint64_t position = appended(a, before);
    pthread_mutex_unlock(&a->lock);
    return position;
}

/* What is pending becomes a closed chunk; the lock is held. */
static struct chunk *close_chunk(struct aof *a)
{
    struct chunk *c = mem_calloc(sizeof *c);
    c->records = a->pending;
    c->counted = c->records.cap;
    atomic_fetch_add_explicit(&a->held_bytes, c->counted, memory_order_relaxed);
    c->end = atomic_load_explicit(&a->appended, memory_order_relaxed);
    c->then_fd = -1;
    a->pending = a->spare;
    buf_init(&a->spare);
    if (a->pending.cap < c->records.n) /* so that it does not grow step by step */
        buf_reserve(&a->pending, c->records.n < SPARE_MAX ? c->records.n : SPARE_MAX);
    chunks_add(&a->closed, c);
    return c;
}

void aof_rotate(struct aof *a, int fd, uint64_t size)
{
    pthread_mutex_lock(&a->lock);
    struct chunk *c = close_chunk(a);
    c->then_fd = fd;
    c->then_size = size;
    a->db = DB_NONE;
    a->idle = false;
    atomic_store(&a->rotating, true);
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->lock);
}

bool aof_rotating(struct aof *a)
{
    return atomic_load(&a->rotating);
}

/* ---- the writer: taking and giving back ------------------------------------------------------ */

static void take(struct aof *a)
{
    a->taken_n = a->pending_n;
    a->pending_n = 0;
    if (a->pending.n)
        close_chunk(a);
    struct chunk *first = a->closed.first;
    if (!first)
        return;
    if (!a->kept.first)
        a->oldest_ms = clock_mono_us() / 1000;
    if (!a->unwritten)
        a->unwritten = first;
    if (a->kept.last)
        a->kept.last->next = first;
    else
        a->kept.first = first;
    a->kept.last = a->closed.last;
    a->closed = (struct chunks){0};
}

/* A small buffer is used again. */
static void free_chunk(struct aof *a, struct chunk *c)
{
    atomic_fetch_sub_explicit(&a->held_bytes, c->counted, memory_order_relaxed);
    pthread_mutex_lock(&a->lock);
    bool keep = !a->spare.cap && c->records.cap <= SPARE_MAX;
    if (keep) {
        a->spare = c->records;
        buf_clear(&a->spare);
    }
    pthread_mutex_unlock(&a->lock);
    if (!keep)
        buf_release(&c->records);
    mem_free(c);
}

/* Those before `unwritten` are safe. */
static void drop_kept(struct aof *a)
{
    while (a->kept.first && a->kept.first != a->unwritten) {
        struct chunk *c = a->kept.first;
        a->kept.first = c->next;
        free_chunk(a, c);
    }
    if (!a->kept.first)
        a->kept.last = NULL;
}

/* To threads in aof_wait and aof_wait_room. */
static void tell_threads(struct aof *a)
{
    pthread_mutex_lock(&a->lock);
    if (a->waiting)
        pthread_cond_broadcast(&a->progress);
    pthread_mutex_unlock(&a->lock);
}

static void tell(struct aof *a)
{
    tell_threads(a);
    a->on_progress(a->ctx);
}

/* What was taken is on disk, and what came meanwhile waits: so many wait at a time. */
static void count_writers(struct aof *a)
{
    pthread_mutex_lock(&a->lock);
    unsigned now = a->taken_n + a->pending_n, before = a->writers_n - a->writers_n / 8;
    a->writers_n = now > before ? now : before;
    pthread_mutex_unlock(&a->lock);
}

/* ---- the writer: to disk --------------------------------------------------------------------- */

/* All that is kept is to be written again, behind what is synced. */
static void fail(struct aof *a, int error, const char *what)
{
    if (atomic_exchange(&a->failing, error) != error)
        log_warning("the log of writes: %s: %s; writes are refused until it works again", what,
                    strerror(error));
    a->unwritten = a->kept.first;
    a->must_cut = true;
    atomic_store(&a->written, atomic_load(&a->synced));
    tell(a);
}

/* Back to what is synced. */
static bool cut_back(struct aof *a)
{
    if (!a->must_cut || a->fd < 0)
        return true;
    if (ftruncate(a->fd, (off_t)a->synced_size) != 0) {
        fail(a, errno, "ftruncate");
        return false;
    }
    a->size = a->synced_size;
    a->must_cut = false;
    return true;
}

static void recovered(struct aof *a)
{
    if (atomic_exchange(&a->failing, 0) == 0)
        return;
    log_notice("the log of writes works again");
    tell(a);
}

static bool sync_file(struct aof *a)
{
    uint64_t began_us = clock_mono_us();
    if (a->fd >= 0 && fdatasync(a->fd) != 0) {
        fail(a, errno, "fsync");
        return false;
    }
    uint64_t took_us = clock_mono_us() - began_us;
    a->sync_avg_us = (a->sync_avg_us * 7 + took_us) / 8;
    atomic_fetch_add_explicit(&a->syncs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&a->sync_us, took_us, memory_order_relaxed);
    if (took_us > atomic_load_explicit(&a->sync_us_max, memory_order_relaxed))
        atomic_store_explicit(&a->sync_us_max, took_us, memory_order_relaxed);
    if (took_us > SLOW_SYNC_US)
        atomic_fetch_add_explicit(&a->delayed_syncs, 1, memory_order_relaxed);
    a->synced_size = a->size;
    atomic_store(&a->synced, atomic_load(&a->written));
    drop_kept(a);
    recovered(a);
    count_writers(a);
    tell(a);
    return true;
}

static void next_file(struct aof *a, const struct chunk *c)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = c->then_fd;
    a->size = a->synced_size = c->then_size;
    atomic_store_explicit(&a->file_bytes, a->size, memory_order_relaxed);
    atomic_store(&a->rotating, false);
}

static bool write_chunk(struct aof *a, struct chunk *c)
{
    if (!c->summed && c->records.n)
        aof_encode_sum(&c->records, c->records.p, c->records.n);
    c->summed = true;
    if (!cut_back(a))
        return false;
    size_t done = 0;
    int error = a->fd < 0 ? 0 : disk_append(a->fd, c->records.p, c->records.n, &done);
    a->size += done;
    if (error) {
        fail(a, error, "write");
        return false;
    }
    a->unwritten = c->next;
    atomic_store(&a->written, c->end);
    atomic_store_explicit(&a->file_bytes, a->size, memory_order_relaxed);
    return true;
}

/* Without syncs what is written is out of our hands. */
static void let_go(struct aof *a)
{
    a->synced_size = a->size;
    drop_kept(a);
    recovered(a);
}

static bool write_all(struct aof *a)
{
    while (a->unwritten) {
        struct chunk *c = a->unwritten;
        if (!write_chunk(a, c))
            return false;
        if (c->then_fd != -1) {
            struct chunk at = *c;
            if (!sync_file(a))
                return false;
            next_file(a, &at);
        }
    }
    return true;
}

static uint64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static bool sync_due(struct aof *a, bool asked)
{
    enum aof_policy policy = (enum aof_policy)atomic_load(&a->policy);
    bool late = now_ms() - a->oldest_ms >= SYNC_MS;
    return asked || policy == AOF_ALWAYS ||
           (policy == AOF_EVERYSEC && late && !atomic_load(&a->hold_sync));
}

/* Writes what was taken, and syncs it where it is time. False: it fails. */
static bool work(struct aof *a, bool asked)
{
    bool fresh = a->unwritten != NULL;
    if (!write_all(a))
        return false;
    if (fresh)
        tell_threads(a);
    if (atomic_load(&a->synced) == atomic_load(&a->written))
        return true;
    if (sync_due(a, asked))
        return sync_file(a);
    if (atomic_load(&a->policy) == AOF_NEVER)
        let_go(a);
    return true;
}

/* ---- the writer: its thread ------------------------------------------------------------------ */

static struct timespec in_us(uint64_t us)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)(us % 1000000) * 1000L;
    t.tv_sec += (time_t)(us / 1000000) + t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

static struct timespec in_ms(uint64_t ms)
{
    return in_us(ms * 1000);
}

/* How long the writer may sleep if nothing comes: until the next sync. */
static uint64_t sleep_ms(struct aof *a)
{
    uint64_t age = now_ms() - a->oldest_ms;
    if (atomic_load(&a->failing))
        return RETRY_MS;
    if (!a->kept.first || atomic_load(&a->policy) != AOF_EVERYSEC)
        return 1000;
    return age < SYNC_MS ? SYNC_MS - age : atomic_load(&a->hold_sync) ? 100 : 0;
}

static bool has_work(const struct aof *a)
{
    return a->pending.n || a->closed.first || a->sync_asked || a->stop;
}

/* Many writers that each wait for their reply come in cohorts: those that missed a sync wait for the next, alone. So
 * the next sync begins when as many are there as waited of late, or after about the time of a sync; with few writers nobody
 * is waited for. */
static void gather(struct aof *a)
{
    uint64_t us = a->sync_avg_us < PATIENCE_US ? a->sync_avg_us : PATIENCE_US;
    if (a->writers_n < GATHER_MIN)
        return;
    struct timespec until = in_us(us);
    a->awaited_n = a->writers_n;
    while (a->pending_n < a->awaited_n && !a->sync_asked && !a->stop &&
           pthread_cond_timedwait(&a->work, &a->lock, &until) == 0) {
    }
    a->awaited_n = 0;
}

/* Waits for work; the lock is held. Where no reply waits for the disk, a moment's records are gathered. */
static void wait_for_work(struct aof *a)
{
    bool failing = atomic_load(&a->failing) != 0;
    if (failing || !has_work(a)) {
        uint64_t ms = sleep_ms(a);
        struct timespec until = in_ms(ms);
        a->idle = !failing;
        if (ms && !a->stop)
            pthread_cond_timedwait(&a->work, &a->lock, &until);
        a->idle = false;
    }
    if (failing || a->stop || a->sync_asked || a->closed.first || !a->pending.n)
        return;
    if (atomic_load(&a->policy) == AOF_ALWAYS) {
        gather(a);
    } else {
        struct timespec until = in_ms(GATHER_MS);
        pthread_cond_timedwait(&a->work, &a->lock, &until);
    }
}

static void *writer_main(void *arg)
{
    struct aof *a = arg;
    bool ok = true;
    mem_thread_register();
    prctl(PR_SET_NAME, "aof");
    prctl(PR_SET_TIMERSLACK, 1000); /* ns: waits are short */
    pthread_mutex_lock(&a->lock);
    while (!a->stop || has_work(a)) {
        wait_for_work(a);
        bool asked = a->sync_asked || a->stop, last = a->stop;
        a->sync_asked = false;
        take(a);
        pthread_mutex_unlock(&a->lock);
        ok = work(a, asked);
        pthread_mutex_lock(&a->lock);
        if (asked && !ok && !last)
            a->sync_asked = true;
        if (last && (!ok || (!a->pending.n && !a->closed.first)))
            break;
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- for others ------------------------------------------------------------------------------ */

struct aof *aof_new(void (*progress)(void *ctx), void *ctx)
{
    struct aof *a = mem_calloc(sizeof *a);
    pthread_mutexattr_t mutex;
    pthread_condattr_t cond;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&a->lock, &mutex);
    pthread_mutexattr_destroy(&mutex);
    pthread_condattr_init(&cond);
    pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    pthread_cond_init(&a->work, &cond);
    pthread_cond_init(&a->progress, &cond);
    pthread_condattr_destroy(&cond);
    a->fd = -1;
    a->db = DB_NONE;
    atomic_store(&a->policy, AOF_EVERYSEC);
    a->on_progress = progress;
    a->ctx = ctx;
    if (pthread_create(&a->writer, NULL, writer_main, a) != 0)
        abort();
    return a;
}

void aof_free(struct aof *a)
{
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->writer, NULL);
    a->unwritten = NULL;
    drop_kept(a);
    if (a->fd >= 0)
        close(a->fd);
    buf_release(&a->pending);
    buf_release(&a->spare);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->progress);
    mem_free(a);
}

void aof_set_policy(struct aof *a, enum aof_policy policy)
{
    if (atomic_exchange(&a->policy, (int)policy) != (int)policy)
        aof_request_sync(a); /* what waits by the old policy does not wait on */
}

void aof_hold_sync(struct aof *a, bool on)
{
    atomic_store(&a->hold_sync, on);
}

uint64_t aof_appended(const struct aof *a)
{
    return atomic_load_explicit(&a->appended, memory_order_acquire);
}

uint64_t aof_synced(const struct aof *a)
{
    return atomic_load(&a->synced);
}

int aof_failing(const struct aof *a)
{
    return atomic_load_explicit(&a->failing, memory_order_relaxed);
}

void aof_kick(struct aof *a)
{
    pthread_mutex_lock(&a->lock);
    if (a->idle)
        wake_writer(a);
    pthread_mutex_unlock(&a->lock);
}

void aof_request_sync(struct aof *a)
{
    pthread_mutex_lock(&a->lock);
    a->sync_asked = true;
    wake_writer(a);
    pthread_mutex_unlock(&a->lock);
}

/* The lock is held. False where the time is over. */
static bool wait_progress(struct aof *a, uint64_t until_ms)
{
    uint64_t now = clock_wall_ms(), ms = !until_ms ? 1000 : until_ms > now ? until_ms - now : 0;
    struct timespec until = in_ms(ms);
    if (!ms)
        return false;
    a->waiting++;
    pthread_cond_timedwait(&a->progress, &a->lock, &until);
    a->waiting--;
    return true;
}

bool aof_wait(struct aof *a, uint64_t position, uint64_t until_ms)
{
    bool waits = true;
    if (aof_synced(a) >= position)
        return true;
    pthread_mutex_lock(&a->lock);
    if (a->idle)
        wake_writer(a);
    while (aof_synced(a) < position && waits && !aof_failing(a))
        waits = wait_progress(a, until_ms);
    pthread_mutex_unlock(&a->lock);
    return aof_synced(a) >= position;
}

static uint64_t backlog(const struct aof *a)
{
    uint64_t written = atomic_load(&a->written), to = aof_appended(a);
    return to > written ? to - written : 0;
}

void aof_wait_room(struct aof *a)
{
    if (__builtin_expect(backlog(a) < BACKLOG_MAX, 1))
        return;
    atomic_fetch_add_explicit(&a->delayed_syncs, 1, memory_order_relaxed);
    pthread_mutex_lock(&a->lock);
    while (backlog(a) >= BACKLOG_MAX && !aof_failing(a))
        wait_progress(a, 0);
    pthread_mutex_unlock(&a->lock);
}

void aof_close(struct aof *a)
{
    uint64_t position = aof_appended(a);
    aof_rotate(a, -2, 0);
    aof_request_sync(a);
    aof_wait(a, position, 0);
    while (aof_rotating(a) && !aof_failing(a))
        usleep(1000);
}

size_t aof_buffered_bytes(const struct aof *a)
{
    return (size_t)(atomic_load_explicit(&a->held_bytes, memory_order_relaxed) +
                    atomic_load_explicit(&a->pending_bytes, memory_order_relaxed));
}

struct aof_stats aof_stats(struct aof *a)
{
    return (struct aof_stats){
        .file_bytes = atomic_load_explicit(&a->file_bytes, memory_order_relaxed),
        .backlog_bytes = backlog(a),
        .syncs = atomic_load_explicit(&a->syncs, memory_order_relaxed),
        .sync_us = atomic_load_explicit(&a->sync_us, memory_order_relaxed),
        .sync_us_max = atomic_load_explicit(&a->sync_us_max, memory_order_relaxed),
        .delayed_syncs = atomic_load_explicit(&a->delayed_syncs, memory_order_relaxed),
    };
}
