/* linear: loads an atrium with concurrent clients and checks that what they were answered is
 * linearisable. Options are explained in run.py, which is what starts it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "tests/linear/check.h"
#include "tests/linear/scenario.h"
#include "tests/linear/selftest.h"

#define OPERATIONS_A_CLIENT 40 /* in a round; then the keys are deleted and time begins anew */
#define CONFIGURATIONS_MAX  3000000

struct options {
    int port, memcached_port, clients;
    unsigned seconds; /* for each scenario */
    uint64_t seed;
    const char *only;
};

struct worker {
    struct client client;
    struct generator generator;
    struct operation *ops; /* OPERATIONS_A_CLIENT of the round's */
    pthread_barrier_t *start;
    bool well;
};

/* One scenario: its clients, the history of its present round. */
struct run {
    const struct options *options;
    const struct scenario *scenario;
    struct worker workers[CLIENTS_MAX];
    struct client own; /* for what is not history */
    struct operation *ops;
    size_t nops;
    unsigned rounds;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct operation ignored;
    w->well = w->client.door == DOOR_MEMCACHED || client_tell(&w->client, "UNWATCH", &ignored);
    pthread_barrier_wait(w->start);
    for (int i = 0; i < OPERATIONS_A_CLIENT && w->well; i++) {
        generator_next(&w->generator, &w->ops[i]);
        w->well = client_ask(&w->client, &w->ops[i]);
    }
    return NULL;
}

static void run_open(struct run *r, const struct options *o, const struct scenario *s)
{
    *r = (struct run){.options = o, .scenario = s};
    r->nops = (size_t)o->clients * OPERATIONS_A_CLIENT;
    r->ops = mem_calloc(r->nops * sizeof *r->ops);
    client_open(&r->own, DOOR_RESP, o->port);
    for (int i = 0; i < o->clients; i++) {
        struct worker *w = &r->workers[i];
        enum door door = s->memcached && i % 3 == 2 ? DOOR_MEMCACHED : DOOR_RESP;
        client_open(&w->client, door, door == DOOR_RESP ? o->port : o->memcached_port);
        generator_init(&w->generator, s, door, i, o->seed);
        w->ops = r->ops + (size_t)i * OPERATIONS_A_CLIENT;
    }
}

static void run_close(struct run *r)
{
    for (int i = 0; i < r->options->clients; i++)
        client_close(&r->workers[i].client);
    client_close(&r->own);
    mem_free(r->ops);
}

/* One round's history; false where a client came to nothing. */
static bool run_round(struct run *r)
{
    pthread_t threads[CLIENTS_MAX];
    pthread_barrier_t start;
    struct operation ignored;
    bool well = client_tell(&r->own, "DEL @0 @1 @2 @3", &ignored);
    pthread_barrier_init(&start, NULL, (unsigned)r->options->clients);
    for (int i = 0; i < r->options->clients; i++) {
        r->workers[i].start = &start;
        r->workers[i].generator.watching = 0;
        if (pthread_create(&threads[i], NULL, work, &r->workers[i]))
            abort();
    }
    for (int i = 0; i < r->options->clients; i++) {
        pthread_join(threads[i], NULL);
        well = well && r->workers[i].well;
    }
    pthread_barrier_destroy(&start);
    r->rounds++;
    return well;
}

static int by_question(const void *a, const void *b)
{
    const struct operation *x = a, *y = b;
    return x->asked_at_ns < y->asked_at_ns ? -1 : x->asked_at_ns > y->asked_at_ns;
}

/* A history that has no order, for the eye: times in us from its beginning. */
static void print_history(struct run *r)
{
    qsort(r->ops, r->nops, sizeof *r->ops, by_question);
    for (size_t i = 0; i < r->nops; i++) {
        const struct operation *op = &r->ops[i];
        uint64_t from = r->ops[0].asked_at_ns;
        char text[256];
        operation_text(op, text, sizeof text);
        printf("%8.1f %8.1f  client %-2d %s%-40s ", (double)(op->asked_at_ns - from) / 1e3,
               (double)(op->answered_at_ns - from) / 1e3, op->client,
               op->kind == OPERATION_TRANSACTION ? "EXEC " : "", text);
        for (size_t k = 0; k < op->reply_n; k++) {
            if (op->reply[k] != '\r')
                putchar(op->reply[k] == '\n' ? ' ' : op->reply[k]);
        }
        putchar('\n');
    }
}

/* Checks the round; in the first ones also that a falsified history is refused. */
static bool check_round(struct run *r)
{
    static const char *const verdicts[] = {"linearisable", "not linearisable", "undecided"};
    bool key_by_key = r->scenario->key_by_key;
    struct finding f = key_by_key ? history_check_keys(r->ops, r->nops, CONFIGURATIONS_MAX)
                                  : linear_check(r->ops, r->nops, CONFIGURATIONS_MAX);
    if (f.verdict != LINEARISABLE) {
        print_history(r);
        printf("FAIL %s: round %u is %s: %zu of its operations in order, %llu configurations\n",
               r->scenario->name, r->rounds, verdicts[f.verdict], f.done,
               (unsigned long long)f.seen);
        return false;
    }
    if (r->rounds <= 3 &&
        !selftest_falsified(r->ops, r->nops, key_by_key, r->options->seed + r->rounds * 97)) {
        printf("FAIL %s: a falsified history is not found out\n", r->scenario->name);
        return false;
    }
    return true;
}

static bool run_scenario(const struct options *o, const struct scenario *s)
{
    struct run r;
    struct timespec now;
    bool well = true;
    run_open(&r, o, s);
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (time_t end = now.tv_sec + o->seconds; well && now.tv_sec < end;) {
        well = run_round(&r) && check_round(&r);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    printf("%s %s: %u rounds, %zu operations\n", well ? "ok  " : "FAIL", s->name, r.rounds,
           r.rounds * r.nops);
    fflush(stdout);
    run_close(&r);
    return well;
}

static bool can_run(const struct options *o, const struct scenario *s)
{
    struct client c;
    if (o->only && !strstr(s->name, o->only))
        return false;
    client_open(&c, DOOR_RESP, o->port);
    bool can = !s->needs || client_has_command(&c, s->needs);
    client_close(&c);
    return can;
}

static struct options read_options(int argc, char **argv)
{
    struct options o = {.clients = 8, .seconds = 3};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--port"))
            o.port = atoi(value);
        else if (!strcmp(name, "--memcached-port"))
            o.memcached_port = atoi(value);
        else if (!strcmp(name, "--clients"))
            o.clients = atoi(value) > 0 && atoi(value) <= CLIENTS_MAX ? atoi(value) : CLIENTS_MAX;
        else if (!strcmp(name, "--seconds"))
            o.seconds = (unsigned)atoi(value);
        else if (!strcmp(name, "--seed"))
            o.seed = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--only"))
            o.only = value;
    }
    return o;
}

int main(int argc, char **argv)
{
    struct options o = read_options(argc, argv);
    unsigned passed = 0, failed = selftest_written(&passed);
    passed -= failed;
    printf("seed %llu\n", (unsigned long long)o.seed);
    for (const struct scenario *s = scenarios; s->name; s++) {
        if (can_run(&o, s))
            run_scenario(&o, s) ? passed++ : failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed;
}
