/* The door as a whole: its threads, and which of them gets a socket. */
#include <unistd.h>

#include "ws/addresses.h"
#include "ws/thread.h"
#include "ws/ws.h"

#define AUTO_THREADS 8 /* where ws-threads is 0: half of the cores, at most so many */

struct ws {
    struct ws_thread *threads;
    struct ws_addresses *addresses;
    size_t n;
    _Atomic size_t next;
    _Atomic bool drained;
};

static size_t thread_count(const struct config *c)
{
    int64_t wanted = config_int(c, CONFIG_WS_THREADS);
    if (wanted == 0) {
        wanted = sysconf(_SC_NPROCESSORS_ONLN) / 2;
        wanted = wanted > AUTO_THREADS ? AUTO_THREADS : wanted;
    }
    return wanted < 1 ? 1 : (size_t)wanted;
}

struct ws *ws_open(struct engine *e, struct net *net, struct buf *error)
{
    struct ws *w = mem_calloc(sizeof *w);
    size_t wanted = thread_count(engine_config(e));
    w->threads = mem_calloc(wanted * sizeof *w->threads);
    w->addresses = ws_addresses_new();
    while (w->n < wanted) {
        w->threads[w->n].addresses = w->addresses;
        if (!ws_thread_start(&w->threads[w->n++], e, net, error)) {
            ws_close(w);
            return NULL;
        }
    }
    return w;
}

bool ws_adopt(struct ws *w, int fd)
{
    size_t turn = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed);
    return ws_thread_adopt(&w->threads[turn % w->n], fd);
}

void ws_drain(struct ws *w)
{
    if (atomic_exchange(&w->drained, true))
        return;
    for (size_t i = 0; i < w->n; i++)
        ws_thread_stop(&w->threads[i]);
    for (size_t i = 0; i < w->n; i++)
        ws_thread_join(&w->threads[i]);
}

void ws_close(struct ws *w)
{
    ws_drain(w);
    for (size_t i = 0; i < w->n; i++)
        ws_thread_release(&w->threads[i]);
    ws_addresses_free(w->addresses);
    mem_free(w->threads);
    mem_free(w);
}
