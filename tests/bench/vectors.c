/* vectors: the graph of ds/hnsw.h beside hnswlib, in one process, one thread, on the same vectors.
 *
 *     vectors N DIM [PORT]
 *
 * Vectors are points of Gaussian clusters from a fixed seed, normalised; queries come from the same clusters. What is
 * true is asked from all vectors in f32. For hnswlib, f32, int8 and signs: inserts a second (M 16, ef 200); for f32 and
 * int8: queries a second at the first ef that reaches a recall@10, with the ratio to hnswlib's, the median of turns. Prints
 * rows of a table: what, ours, hnswlib's, ratio. With a PORT the int8 searches are asked over RESP too, of the server
 * there, and compared with those in process. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "ds/hnsw.h"
#include "ds/vector.h"
#include "tests/bench/vectors_resp.h"

#define M     16
#define BUILD 200
#define K     10
#define TURNS 5
#define SEED  20261123

struct peer;
struct peer *peer_new(size_t dim, size_t n, size_t m, size_t ef);
void peer_free(struct peer *p);
void peer_add(struct peer *p, const float *vector, size_t label);
void peer_set_ef(struct peer *p, size_t ef);
size_t peer_search(struct peer *p, const float *vector, size_t k, size_t *labels);

static size_t n, dim, nq = 1000;
static float *points, *queries;
static uint32_t (*truth)[K];

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- data ------------------------------------------------------------------------------------ */

static float gauss(void)
{
    return (float)(sqrt(-2 * log(1 - rng_unit())) * cos(6.283185307179586 * rng_unit()));
}

static void normalise(float *v)
{
    double sum = 0;
    for (size_t d = 0; d < dim; d++)
        sum += (double)v[d] * (double)v[d];
    for (size_t d = 0; d < dim; d++)
        v[d] = (float)(v[d] / sqrt(sum));
}

#define CLUSTERS 500
#define FACTORS                                                                                    \
    24 /* directions in which a cluster spreads: real embeddings are of low dimension locally */

static float *clusters;

static void point_of_cluster(float *v)
{
    const float *c = clusters + rng_below(CLUSTERS) * dim * (FACTORS + 1);
    float by[FACTORS];
    for (size_t f = 0; f < FACTORS; f++)
        by[f] = 0.35f * gauss();
    for (size_t d = 0; d < dim; d++) {
        v[d] = c[d] + 0.1f * gauss();
        for (size_t f = 0; f < FACTORS; f++)
            v[d] += by[f] * c[(f + 1) * dim + d];
    }
    normalise(v);
}

static void make_data(void)
{
    rng_seed(SEED);
    size_t floats = CLUSTERS * dim * (FACTORS + 1);
    clusters = malloc(floats * sizeof *clusters);
    for (size_t i = 0; i < floats; i++)
        clusters[i] = gauss();
    points = malloc(n * dim * sizeof *points);
    queries = malloc(nq * dim * sizeof *queries);
    for (size_t i = 0; i < n; i++)
        point_of_cluster(points + i * dim);
    for (size_t i = 0; i < nq; i++)
        point_of_cluster(queries + i * dim);
    free(clusters);
}

static void find_truth(void)
{
    truth = malloc(nq * sizeof *truth);
    for (size_t i = 0; i < nq; i++) {
        float best[K];
        size_t have = 0;
        for (size_t j = 0; j < n; j++) {
            const void *at = points + j * dim;
            float dot;
            vector_kernels->dot_f32(queries + i * dim, &at, 1, dim, &dot);
            if (have == K && dot <= best[K - 1])
                continue;
            size_t to = have < K ? have++ : K - 1;
            for (; to > 0 && best[to - 1] < dot; to--) {
                best[to] = best[to - 1];
                truth[i][to] = truth[i][to - 1];
            }
            best[to] = dot;
            truth[i][to] = (uint32_t)j;
        }
    }
}

/* ---- the two sides --------------------------------------------------------------------------- */

struct side {
    const char *name;
    struct hnsw *graph; /* or */
    struct peer *peer;
};

static void insert_all(struct side *s)
{
    for (size_t i = 0; i < n; i++) {
        if (s->peer) {
            peer_add(s->peer, points + i * dim, i);
            continue;
        }
        struct hnsw_query q;
        struct hnsw_plan plan;
        hnsw_query_init(&q, s->graph, points + i * dim);
        hnsw_plan_begin(&plan, s->graph);
        hnsw_insert(s->graph, &q, (void *)i, BUILD, &plan);
        hnsw_query_release(&q);
    }
}

static size_t search(struct side *s, const float *v, size_t ef, size_t *labels)
{
    if (s->peer)
        return peer_search(s->peer, v, K, labels);
    struct hnsw_query q;
    struct hnsw_near near[K];
    struct hnsw_params p = {.ef = ef, .limit = K, .farthest = 3};
    hnsw_query_init(&q, s->graph, v);
    size_t found = hnsw_search(s->graph, &q, &p, near);
    hnsw_query_release(&q);
    for (size_t i = 0; i < found; i++)
        labels[i] = (size_t)hnsw_item(s->graph, near[i].id);
    return found;
}

struct figures {
    double recall, rate;
};

static struct figures ask_all(struct side *s, size_t ef)
{
    size_t labels[K], hits = 0;
    if (s->peer)
        peer_set_ef(s->peer, ef);
    double began = now_s();
    for (size_t i = 0; i < nq; i++) {
        size_t found = search(s, queries + i * dim, ef, labels);
        for (size_t a = 0; a < found; a++) {
            for (size_t b = 0; b < K; b++)
                hits += labels[a] == truth[i][b];
        }
    }
    return (struct figures){(double)hits / (double)(nq * K), (double)nq / (now_s() - began)};
}

#define EF_MAX 1000

static size_t next_ef(size_t ef)
{
    return ef + (ef < 32 ? 1 : ef / 8);
}

/* The first ef that reaches the recall, 0 where none does. */
static size_t ef_for(struct side *s, double recall)
{
    for (size_t ef = K; ef <= EF_MAX; ef = next_ef(ef)) {
        if (ask_all(s, ef).recall >= recall)
            return ef;
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(struct side *ours, struct side *peer, double recall)
{
    size_t a = ef_for(ours, recall), b = ef_for(peer, recall);
    if (!a || !b) {
        printf("recall %.2f: %s not reached\n", recall, a ? peer->name : ours->name);
        return;
    }
    double ratio[TURNS];
    struct figures x = {0}, y = {0};
    for (int t = 0; t < TURNS; t++) {
        x = ask_all(ours, a);
        y = ask_all(peer, b);
        ratio[t] = x.rate / y.rate;
    }
    qsort(ratio, TURNS, sizeof *ratio, by_value);
    printf("| recall@10 >= %.2f, %zu x %zu, %s | %.0f/s (%.4f at ef %zu) | %.0f/s (%.4f at ef %zu) "
           "| %.2f |\n",
           recall, n, dim, ours->name, x.rate, x.recall, a, y.rate, y.recall, b, ratio[TURNS / 2]);
}

static struct figures ask_all_over_resp(size_t ef, size_t *labels)
{
    size_t hits = 0;
    double began = now_s();
    resp_ask_all(queries, nq, dim, K, ef, labels);
    double took = now_s() - began;
    for (size_t i = 0; i < nq; i++) {
        for (size_t a = 0; a < K; a++) {
            for (size_t b = 0; b < K; b++)
                hits += labels[i * K + a] == truth[i][b];
        }
    }
    return (struct figures){(double)hits / (double)(nq * K), (double)nq / took};
}

static void compare_over_resp(struct side *inside, int port)
{
    size_t *labels = malloc(nq * K * sizeof *labels), ef = ef_for(inside, 0.95);
    struct figures x = {0}, y = {0};
    double ratio[TURNS];
    resp_connect(port);
    resp_add_all(points, n, dim);
    for (int t = 0; t < TURNS; t++) {
        x = ask_all_over_resp(ef, labels);
        y = ask_all(inside, ef);
        ratio[t] = x.rate / y.rate;
    }
    qsort(ratio, TURNS, sizeof *ratio, by_value);
    printf("| over RESP, pipelined, %zu x %zu, int8, ef %zu; beside: in process | %.0f/s (%.4f) | "
           "%.0f/s (%.4f) | %.2f |\n",
           n, dim, ef, x.rate, x.recall, y.rate, y.recall, ratio[TURNS / 2]);
    free(labels);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s N DIM [PORT]\n", argv[0]);
        return 1;
    }
    n = strtoul(argv[1], NULL, 10);
    dim = strtoul(argv[2], NULL, 10);
    vector_init();
    make_data();
    find_truth();
    struct side sides[] = {{"hnswlib", .peer = peer_new(dim, n, M, BUILD)},
                           {"f32", .graph = hnsw_new((uint32_t)dim, M, HNSW_F32)},
                           {"int8", .graph = hnsw_new((uint32_t)dim, M, HNSW_INT8)},
                           {"signs", .graph = hnsw_new((uint32_t)dim, M, HNSW_BITS)}};
    double rate[4];
    for (int i = 0; i < 4; i++) {
        double began = now_s();
        insert_all(&sides[i]);
        rate[i] = (double)n / (now_s() - began);
        if (!i)
            continue;
        printf("| inserts, %zu x %zu, %s (%zu bytes an element) | %.0f/s | %.0f/s | %.2f |\n", n,
               dim, sides[i].name, hnsw_mem_bytes(sides[i].graph) / n, rate[i], rate[0],
               rate[i] / rate[0]);
        fflush(stdout);
    }
    for (int i = 1; i < 3; i++) {
        compare(&sides[i], &sides[0], 0.95);
        compare(&sides[i], &sides[0], 0.98);
    }
    if (argc > 3)
        compare_over_resp(&sides[2], atoi(argv[3]));
    peer_free(sides[0].peer);
    for (int i = 1; i < 4; i++)
        hnsw_free(sides[i].graph);
    free(points);
    free(queries);
    free(truth);
    return 0;
}
