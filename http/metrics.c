#include "http/metrics.h"

#include "http/router.h"

/* Ends of the buckets, in us and as Prometheus wants them. */
static const struct {
    uint64_t us;
    const char *le;
} buckets[METRICS_BUCKETS] = {
    {50, "5e-05"},    {100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},
    {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},
    {100000, "0.1"},  {250000, "0.25"}, {1000000, "1"},   {5000000, "5"},   {UINT64_MAX, "+Inf"},
};

/* The first is any other. The most frequent come first: the look-up walks. */
static const struct {
    int status;
    const char *label;
} statuses[] = {
    {0, "other"}, {200, "200"}, {204, "204"}, {404, "404"}, {201, "201"}, {202, "202"},
    {206, "206"}, {304, "304"}, {400, "400"}, {401, "401"}, {403, "403"}, {405, "405"},
    {406, "406"}, {409, "409"}, {412, "412"}, {413, "413"}, {414, "414"}, {415, "415"},
    {416, "416"}, {422, "422"}, {426, "426"}, {429, "429"}, {431, "431"}, {500, "500"},
    {503, "503"}, {504, "504"}, {507, "507"},
};
#define NSTATUSES (sizeof statuses / sizeof statuses[0])
_Static_assert(NSTATUSES <= METRICS_STATUSES, "statuses");

struct metrics *metrics_new(void)
{
    struct metrics *m = mem_calloc(sizeof *m);
    m->nroutes = router_count();
    return m;
}

void metrics_free(struct metrics *m)
{
    for (unsigned i = 0; i < m->ntables; i++)
        mem_free(m->tables[i].routes);
    mem_free(m);
}

struct metrics_table *metrics_join(struct metrics *m)
{
    struct metrics_table *t = &m->tables[m->ntables++];
    t->routes = mem_calloc(m->nroutes * sizeof *t->routes);
    return t;
}

/* The worker's thread is the only writer. */
static void add(_Atomic uint64_t *word, uint64_t n)
{
    uint64_t v = atomic_load_explicit(word, memory_order_relaxed);
    atomic_store_explicit(word, v + n, memory_order_relaxed);
}

static unsigned status_slot(int status)
{
    for (unsigned i = 1; i < NSTATUSES; i++)
        if (statuses[i].status == status)
            return i;
    return 0;
}

void metrics_count(struct metrics_table *t, unsigned route, int status, uint64_t took_us)
{
    struct route_metrics *r = &t->routes[route];
    unsigned bucket = 0;
    while (took_us > buckets[bucket].us)
        bucket++;
    add(&r->statuses[status_slot(status)], 1);
    add(&r->buckets[bucket], 1);
    add(&r->us, took_us);
}

struct route_sum metrics_sum(const struct metrics *m, unsigned route)
{
    struct route_sum sum = {0};
    for (unsigned t = 0; t < m->ntables; t++) {
        struct route_metrics *r = &m->tables[t].routes[route];
        for (unsigned i = 0; i < METRICS_STATUSES; i++)
            sum.statuses[i] += atomic_load_explicit(&r->statuses[i], memory_order_relaxed);
        for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
            uint64_t n = atomic_load_explicit(&r->buckets[i], memory_order_relaxed);
            sum.buckets[i] += n;
            sum.requests += n;
        }
        sum.us += atomic_load_explicit(&r->us, memory_order_relaxed);
    }
    return sum;
}

const char *metrics_status(unsigned i)
{
    return i < NSTATUSES ? statuses[i].label : "other";
}

const char *metrics_bucket(unsigned i)
{
    return buckets[i].le;
}
