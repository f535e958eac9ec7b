/* hnswlib (Debian's libhnswlib-dev) behind five C functions, for bench_vectors: inner product over normalised vectors. */
#include <hnswlib/hnswlib.h>

extern "C" {

struct peer {
    hnswlib::InnerProductSpace space;
    hnswlib::HierarchicalNSW<float> graph;
    peer(size_t dim, size_t n, size_t m, size_t ef) : space(dim), graph(&space, n, m, ef) {}
};

struct peer *peer_new(size_t dim, size_t n, size_t m, size_t ef)
{
    return new peer(dim, n, m, ef);
}

void peer_free(struct peer *p)
{
    delete p;
}

void peer_add(struct peer *p, const float *vector, size_t label)
{
    p->graph.addPoint(vector, label);
}

void peer_set_ef(struct peer *p, size_t ef)
{
    p->graph.ef_ = ef;
}

/* Labels of the nearest ones, in no order that matters; how many. */
size_t peer_search(struct peer *p, const float *vector, size_t k, size_t *labels)
{
    auto found = p->graph.searchKnn(vector, k);
    size_t n = 0;
    for (; !found.empty(); found.pop())
        labels[n++] = found.top().second;
    return n;
}
}
