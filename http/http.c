#include "http/http.h"

#include <unistd.h>

#include "http/acceptor.h"
#include "http/listening.h"
#include "http/metrics.h"
#include "http/replay.h"
#include "http/router.h"
#include "http/waiting.h"
#include "http/worker.h"

#define WORKERS_MAX   8
#define LISTENERS_MAX 16

struct http {
    struct acceptor *acceptor;
    char host[64];
    struct waiting_room *waiting;
    struct listening_room *listening;
    struct replays *replays;
    struct metrics *metrics;
    unsigned nworkers;
    struct worker workers[WORKERS_MAX];
};

static unsigned worker_count(const struct config *c)
{
    int64_t n = config_int(c, CONFIG_THREADS);
    if (n == 0)
        n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static bool start_workers(struct http *h, struct engine *e, struct buf *error)
{
    unsigned wanted = worker_count(engine_config(e));
    h->waiting = waiting_open(e);
    h->listening = listening_open(e);
    if (!h->waiting || !h->listening) {
        buf_add_str(error, "http: a thread did not start");
        return false;
    }
    while (h->nworkers < wanted) {
        struct worker *w = &h->workers[h->nworkers];
        *w = (struct worker){.engine = e,
                             .waiting = h->waiting,
                             .listening = h->listening,
                             .replays = h->replays,
                             .metrics_all = h->metrics};
        if (!worker_start(w, error))
            return false;
        h->metrics->nworkers = ++h->nworkers;
    }
    return true;
}

struct http *http_open(struct engine *e, http_upgrade_fn *upgrade, void *context, struct buf *error)
{
    int listeners[LISTENERS_MAX];
    const struct config *c = engine_config(e);
    router_build();
    int n = net_listen(c, CONFIG_HTTP_PORT, listeners, LISTENERS_MAX, error);
    if (n < 0)
        return NULL;
    struct http *h = mem_calloc(sizeof *h);
    h->replays = replays_new();
    h->metrics = metrics_new();
    h->metrics->workers = h->workers;
    net_socket_host(listeners[0], h->host, sizeof h->host);
    if (!start_workers(h, e, error)) {
        for (int i = 0; i < n; i++)
            close(listeners[i]);
        http_close(h);
        return NULL;
    }
    h->acceptor = acceptor_start(e, listeners, n, h->workers, h->nworkers, upgrade, context);
    if (h->acceptor)
        return h;
    buf_add_str(error, "http: the acceptor's thread did not start");
    http_close(h);
    return NULL;
}

const char *http_host(const struct http *h)
{
    return h->host;
}

void http_close(struct http *h)
{
    if (h->acceptor)
        acceptor_stop(h->acceptor);
    if (h->waiting)
        waiting_end(h->waiting);
    if (h->listening)
        listening_end(h->listening);
    for (unsigned i = 0; i < h->nworkers; i++)
        worker_stop(&h->workers[i]);
    if (h->waiting)
        waiting_free(h->waiting);
    if (h->listening)
        listening_free(h->listening);
    replays_free(h->replays);
    metrics_free(h->metrics);
    mem_free(h);
}
