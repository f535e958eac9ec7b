#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

#ifdef ATRIUM_JEMALLOC
#include <jemalloc/jemalloc.h>

/* jemalloc reads it at start: its own thread gives freed pages back to the system after a second, also when the
 * thread that freed them sleeps. */
const char *malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
#else
/* Sanitizer runtimes define it; weak, so that a plain build without jemalloc links too. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
#endif

void mem_exhausted(size_t n)
{
    log_fatal("out of memory: an allocation of %zu bytes failed", n);
    abort();
}

void *mem_try_alloc(size_t n)
{
    return malloc(n ? n : 1);
}

void *mem_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        mem_exhausted(n);
    return p;
}

void *mem_calloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        mem_exhausted(n);
    return p;
}

void *mem_realloc(void *old, size_t n)
{
    void *p = realloc(old, n ? n : 1);
    if (!p)
        mem_exhausted(n);
    return p;
}

void *mem_alloc_aligned(size_t align, size_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, align, n ? n : align) != 0)
        mem_exhausted(n);
    return p;
}

void mem_free(void *p)
{
    free(p);
}

#define CACHE_LINE 64

static _Atomic size_t pages_bytes; /* of mem_alloc_pages, straight from the system */

static size_t whole_pages(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (n + page - 1) / page * page;
}

void *mem_alloc_pages(size_t n)
{
    if (n < MEM_PAGES_MIN)
        return memset(mem_alloc_aligned(CACHE_LINE, n), 0, n);
    size_t bytes = whole_pages(n);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        mem_exhausted(n);
    atomic_fetch_add_explicit(&pages_bytes, bytes, memory_order_relaxed);
    return p;
}

void mem_free_pages(void *p, size_t n)
{
    if (n < MEM_PAGES_MIN || !p) {
        mem_free(p);
        return;
    }
    munmap(p, whole_pages(n));
    atomic_fetch_sub_explicit(&pages_bytes, whole_pages(n), memory_order_relaxed);
}

void *mem_grow_pages(void *p, size_t n, size_t more)
{
    if (n < MEM_PAGES_MIN) {
        void *fresh = mem_alloc_pages(more);
        if (n)
            memcpy(fresh, p, n);
        mem_free(p);
        return fresh;
    }
    size_t before = whole_pages(n), bytes = whole_pages(more);
    void *grown = mremap(p, before, bytes, MREMAP_MAYMOVE);
    if (grown == MAP_FAILED)
        mem_exhausted(more);
    atomic_fetch_add_explicit(&pages_bytes, bytes - before, memory_order_relaxed);
    return grown;
}

#define HUGE_PAGE ((size_t)2 << 20)

void mem_huge_pages(void *p, size_t n)
{
    if (n >= HUGE_PAGE)
        madvise(p, whole_pages(n), MADV_HUGEPAGE);
}

size_t mem_usable(const void *p)
{
    return p ? malloc_usable_size((void *)(uintptr_t)p) : 0;
}

/* ---- what is in use ------------------------------------------------------------------------- */

static _Atomic size_t peak_bytes;

#ifdef ATRIUM_JEMALLOC

#define THREADS_MAX 256

struct thread_counters {
    _Atomic(uint64_t *) allocated; /* jemalloc's own words, written by their thread */
    _Atomic(uint64_t *) deallocated;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct thread_counters registry[THREADS_MAX];
static int registered;        /* slots that were ever in use; registry_lock */
static int64_t retired_bytes; /* of threads that ended; registry_lock */
static _Thread_local const struct thread_counters *mine;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static int64_t read_counters(const struct thread_counters *t)
{
    uint64_t *in = atomic_load_explicit(&t->allocated, memory_order_relaxed);
    uint64_t *out = atomic_load_explicit(&t->deallocated, memory_order_relaxed);
    if (!in || !out)
        return 0;
    return (int64_t)(__atomic_load_n(in, __ATOMIC_RELAXED) -
                     __atomic_load_n(out, __ATOMIC_RELAXED));
}

static void thread_gone(void *slot)
{
    struct thread_counters *t = slot;
    pthread_mutex_lock(&registry_lock);
    retired_bytes += read_counters(t);
    atomic_store(&t->allocated, NULL);
    atomic_store(&t->deallocated, NULL);
    pthread_mutex_unlock(&registry_lock);
}

static void make_exit_key(void)
{
    pthread_key_create(&exit_key, thread_gone);
}

void mem_thread_register(void)
{
    uint64_t *in = NULL, *out = NULL;
    size_t len = sizeof in;
    pthread_once(&exit_once, make_exit_key);
    if (pthread_getspecific(exit_key))
        return;
    if (mallctl("thread.allocatedp", &in, &len, NULL, 0) != 0)
        return;
    len = sizeof out;
    if (mallctl("thread.deallocatedp", &out, &len, NULL, 0) != 0)
        return;
    pthread_mutex_lock(&registry_lock);
    for (int i = 0; i < THREADS_MAX; i++) {
        if (!atomic_load(&registry[i].allocated)) {
            atomic_store(&registry[i].deallocated, out);
            atomic_store(&registry[i].allocated, in);
            pthread_setspecific(exit_key, &registry[i]);
            registered = i < registered ? registered : i + 1;
            mine = &registry[i];
            break;
        }
    }
    pthread_mutex_unlock(&registry_lock);
}

static size_t used_now(void)
{
    pthread_mutex_lock(&registry_lock);
    int64_t sum = retired_bytes;
    for (int i = 0; i < registered; i++)
        sum += read_counters(&registry[i]);
    pthread_mutex_unlock(&registry_lock);
    return sum > 0 ? (size_t)sum : 0;
}

int64_t mem_thread_bytes(void)
{
    return mine ? read_counters(mine) : INT64_MAX;
}

const char *mem_allocator_name(void)
{
    return "jemalloc-5.3.0";
}

void mem_purge(void)
{
    char cmd[32];
    snprintf(cmd, sizeof cmd, "arena.%u.purge", (unsigned)MALLCTL_ARENAS_ALL);
    mallctl(cmd, NULL, NULL, NULL, 0);
}

static size_t figure(const char *name)
{
    size_t v = 0, len = sizeof v;
    return mallctl(name, &v, &len, NULL, 0) == 0 ? v : 0;
}

struct mem_figures mem_figures(void)
{
    uint64_t epoch = 1; /* makes jemalloc sum its figures up anew */
    mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
    return (struct mem_figures){figure("stats.allocated"), figure("stats.active"),
                                figure("stats.resident")};
}

static void add_text(void *out, const char *text)
{
    buf_add_str(out, text);
}

bool mem_describe(struct buf *out)
{
    malloc_stats_print(add_text, out, NULL);
    return true;
}

#else /* the C library's allocator, or a sanitizer's */

void mem_thread_register(void)
{
}

static size_t used_now(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

int64_t mem_thread_bytes(void)
{
    return INT64_MAX;
}

const char *mem_allocator_name(void)
{
    return "libc";
}

void mem_purge(void)
{
    malloc_trim(0);
}

struct mem_figures mem_figures(void)
{
    size_t used = mem_used_bytes();
    return (struct mem_figures){used, used, used};
}

bool mem_describe(struct buf *out)
{
    (void)out;
    return false;
}

#endif

size_t mem_used_bytes(void)
{
    size_t now = used_now() + atomic_load_explicit(&pages_bytes, memory_order_relaxed);
    size_t peak = atomic_load_explicit(&peak_bytes, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, now))
        ;
    return now;
}

size_t mem_peak_bytes(void)
{
    mem_used_bytes();
    return atomic_load_explicit(&peak_bytes, memory_order_relaxed);
}

size_t mem_resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        return 0;
    if (fscanf(f, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
