/* vectors_threads: one vector set in an engine, without a door.
 *
 *     vectors_threads N DIM ELEMENTS
 *
 * Two rows of the table: VSIM a second on one set of N random vectors by eight threads beside one thread, which should
 * differ by the cores; and the longest GET, of a key in the same shard, while a set of ELEMENTS elements is deleted,
 * beside the longest in as long a time without. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "internal.h"

#define THREADS    8
#define SECONDS    3
#define TURNS      5
#define DELETED_AT 200000 /* us after the GETs' begin */
#define WATCH_US   1500000

static struct engine *engine;
static size_t dim;
static atomic_bool stop;

struct caller {
    struct session *session;
    struct buf out;
    float *vector;
    size_t done;
    uint64_t longest_us;
};

static void ignore_close(struct session *s)
{
    (void)s;
}

static const struct session_ops session_ops = {.close = ignore_close};

static void caller_init(struct caller *c)
{
    *c = (struct caller){
        .session = session_new(engine, DOOR_RESP, &session_ops, NULL, NULL, "bench", "bench")};
    buf_init(&c->out);
    c->vector = mem_alloc(dim * sizeof *c->vector);
}

static void caller_release(struct caller *c)
{
    session_free(c->session);
    buf_release(&c->out);
    mem_free(c->vector);
}

static void run(struct caller *c, const struct bytes *argv, int argc)
{
    struct resp_reply reply;
    buf_clear(&c->out);
    resp_reply_init(&reply, &c->out, c->session->resp);
    if (engine_execute(c->session, argv, argc, &reply.base) != ENGINE_DONE || c->out.p[0] == '-') {
        fprintf(stderr, "%.*s: %.*s\n", (int)argv[0].n, argv[0].p, (int)c->out.n, c->out.p);
        exit(1);
    }
}

static struct bytes any_vector(struct caller *c)
{
    for (size_t i = 0; i < dim; i++)
        c->vector[i] = (float)(rng_unit() + rng_unit() + rng_unit() - 1.5);
    return bytes_of(c->vector, dim * sizeof *c->vector);
}

/* A cheap set of n elements: few links, a narrow search for them. */
static void fill(struct caller *c, struct bytes key, size_t n, const char *links, const char *width)
{
    for (size_t i = 0; i < n; i++) {
        char name[24];
        int length = snprintf(name, sizeof name, "%zu", i);
        struct bytes argv[] = {BYTES("VADD"),
                               key,
                               BYTES("FP32"),
                               any_vector(c),
                               bytes_of(name, (size_t)length),
                               BYTES("EF"),
                               bytes_str(width),
                               BYTES("M"),
                               bytes_str(links)};
        run(c, argv, (int)(sizeof argv / sizeof *argv));
    }
}

/* ---- searches ---------------------------------------------------------------------------------- */

static void *search(void *context)
{
    struct caller *c = context;
    for (c->done = 0; !atomic_load(&stop); c->done++) {
        struct bytes argv[] = {BYTES("VSIM"), BYTES("v"),  BYTES("FP32"),
                               any_vector(c), BYTES("EF"), BYTES("100")};
        run(c, argv, 6);
    }
    return NULL;
}

static double searches_a_second(struct caller *callers, size_t n)
{
    pthread_t threads[THREADS];
    size_t sum = 0;
    uint64_t began = clock_mono_us();
    atomic_store(&stop, false);
    for (size_t i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, search, &callers[i]);
    sleep(SECONDS);
    atomic_store(&stop, true);
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        sum += callers[i].done;
    }
    return 1e6 * (double)sum / (double)(clock_mono_us() - began);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void scale(struct caller *callers, size_t n)
{
    double ratio[TURNS], many = 0, one = 0;
    for (int t = 0; t < TURNS; t++) {
        one = searches_a_second(callers, 1);
        many = searches_a_second(callers, THREADS);
        ratio[t] = many / one;
    }
    qsort(ratio, TURNS, sizeof *ratio, by_value);
    printf("| VSIM, %d threads on one set of %zu x %zu, %ld cores; beside: one thread | %.0f/s | "
           "%.0f/s | %.2f |\n",
           THREADS, n, dim, sysconf(_SC_NPROCESSORS_ONLN), many, one, ratio[TURNS / 2]);
}

/* ---- deletion ---------------------------------------------------------------------------------- */

/* Nobody waits longer than who asks for the set's own key: it is in the same shard. */
static void *ask(void *context)
{
    struct caller *c = context;
    for (c->longest_us = 0; !atomic_load(&stop);) {
        struct bytes argv[] = {BYTES("EXISTS"), BYTES("big")};
        uint64_t began = clock_mono_us();
        run(c, argv, 2);
        uint64_t took = clock_mono_us() - began;
        c->longest_us = took > c->longest_us ? took : c->longest_us;
    }
    return NULL;
}

static double longest_ms(struct caller *asker, struct caller *deleter)
{
    pthread_t thread;
    atomic_store(&stop, false);
    pthread_create(&thread, NULL, ask, asker);
    usleep(DELETED_AT);
    struct bytes argv[] = {BYTES("DEL"), BYTES("big")};
    uint64_t began = clock_mono_us();
    if (deleter)
        run(deleter, argv, 2);
    uint64_t took = clock_mono_us() - began;
    usleep(WATCH_US);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    uint64_t longest = asker->longest_us > took ? asker->longest_us : took;
    return (double)longest / 1000;
}

static void delete_big(struct caller *callers, size_t n)
{
    fill(&callers[0], BYTES("big"), n, "4", "4");
    double without = longest_ms(&callers[1], NULL), with = longest_ms(&callers[1], &callers[0]);
    printf("| longest EXISTS while a set of %zu x %zu is deleted, and the DEL; beside: without | "
           "%.2f ms | %.2f ms | "
           "%.2f |\n",
           n, dim, with, without, with / without);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s N DIM ELEMENTS\n", argv[0]);
        return 1;
    }
    size_t n = strtoul(argv[1], NULL, 10), elements = strtoul(argv[3], NULL, 10);
    dim = strtoul(argv[2], NULL, 10);
    hash_seed(1);
    rng_seed(20261123);
    engine = engine_open(config_new());
    struct caller callers[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        caller_init(&callers[i]);
    fill(&callers[0], BYTES("v"), n, "16", "100");
    scale(callers, n);
    fflush(stdout);
    dim = 8;
    delete_big(callers, elements);
    for (size_t i = 0; i < THREADS; i++)
        caller_release(&callers[i]);
    engine_close(engine);
    return 0;
}
