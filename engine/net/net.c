/* The listeners and their threads: sockets are accepted by the first loop and dealt out in turn. */
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_internal.h"

#define LISTENERS_MAX 64
#define THREADS_MAX   64
#define AUTO_THREADS  8

struct net {
    struct engine *engine;
    struct loop *loops;
    size_t nloops, started;
    /* For connections that send long commands; each starts when the first one comes. */
    struct loop *long_loops;
    size_t nlong, long_started, next_long; /* long_lock, but for nlong */
    pthread_mutex_t long_lock;
    _Atomic size_t next; /* the loop that gets the next socket */
    struct listener listeners[LISTENERS_MAX];
    size_t nlisteners;
    struct buf unix_path; /* with NUL; empty where there is none */
};

static size_t connections(struct engine *e)
{
    return session_count(e, DOOR_RESP) + session_count(e, DOOR_MEMCACHED) +
           session_count(e, DOOR_WEBSOCKET) + session_count(e, DOOR_HTTP);
}

static void accepted(void *ctx, int fd, const struct protocol *protocol)
{
    struct net *n = ctx;
    if (connections(n->engine) >= (size_t)config_int(engine_config(n->engine), CONFIG_MAXCLIENTS)) {
        ssize_t ignored = send(fd, protocol->full, strlen(protocol->full), MSG_NOSIGNAL);
        (void)ignored;
        close(fd);
        engine_count(n->engine, COUNTER_REJECTED, 1);
        return;
    }
    size_t turn = n->next++ % n->nloops;
    if (turn == 0)
        conn_open(&n->loops[0], fd, protocol, NULL);
    else
        loop_hand_over(&n->loops[turn], fd, protocol, NULL);
}

void net_adopt(struct net *n, int fd, const struct net_guest *guest)
{
    struct net_guest *copy = mem_alloc(sizeof *copy);
    *copy = *guest;
    loop_hand_over(&n->loops[n->next++ % n->nloops], fd, &resp_protocol, copy);
}

static bool add_tcp(struct net *n, enum config_id port_id, const struct protocol *protocol,
                    struct buf *error)
{
    const struct config *c = engine_config(n->engine);
    int fds[LISTENERS_MAX];
    if (config_int(c, port_id) == 0)
        return true;
    int got = net_listen(c, port_id, fds, (int)(LISTENERS_MAX - n->nlisteners), error);
    for (int i = 0; i < got; i++)
        n->listeners[n->nlisteners++] = (struct listener){fds[i], protocol, accepted, n};
    return got > 0;
}

static bool add_unix(struct net *n, struct buf *error)
{
    const struct config *c = engine_config(n->engine);
    if (config_is_empty(c, CONFIG_UNIXSOCKET))
        return true;
    config_string(c, CONFIG_UNIXSOCKET, &n->unix_path);
    buf_add_char(&n->unix_path, '\0');
    int fd = net_listen_unix(c, n->unix_path.p, error);
    if (fd < 0) {
        buf_clear(&n->unix_path);
        return false;
    }
    n->listeners[n->nlisteners++] = (struct listener){fd, &resp_protocol, accepted, n};
    return true;
}

static size_t thread_count(const struct config *c)
{
    int64_t wanted = config_int(c, CONFIG_THREADS);
    if (wanted == 0) {
        wanted = sysconf(_SC_NPROCESSORS_ONLN);
        wanted = wanted > AUTO_THREADS ? AUTO_THREADS : wanted;
    }
    return wanted < 1 ? 1 : wanted > THREADS_MAX ? THREADS_MAX : (size_t)wanted;
}

/* The next one in turn. Called by any loop that is not one of them. */
static struct loop *for_long(void *ctx)
{
    struct net *n = ctx;
    pthread_mutex_lock(&n->long_lock);
    size_t turn = n->next_long++ % n->nlong;
    if (turn == n->long_started && loop_start(&n->long_loops[turn]))
        n->long_started++;
    if (n->long_started == 0)
        log_fatal("cannot start a thread for long commands");
    struct loop *l = &n->long_loops[turn < n->long_started ? turn : 0];
    pthread_mutex_unlock(&n->long_lock);
    return l;
}

static bool init_loops(struct net *n, struct buf *error)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    n->nloops = thread_count(engine_config(n->engine));
    n->nlong = cores < 1 ? 1 : cores > AUTO_THREADS ? AUTO_THREADS : (size_t)cores;
    n->loops = mem_calloc(n->nloops * sizeof *n->loops);
    n->long_loops = mem_calloc(n->nlong * sizeof *n->long_loops);
    bool ok = true;
    for (size_t i = 0; i < n->nlong; i++) {
        ok = loop_init(&n->long_loops[i], n->engine) && ok;
        n->long_loops[i].yields = true;
    }
    for (size_t i = 0; i < n->nloops; i++) {
        ok = loop_init(&n->loops[i], n->engine) && ok;
        n->loops[i].for_long = for_long;
        n->loops[i].for_long_ctx = n;
    }
    if (!ok)
        buf_add_str(error, "cannot make an event loop");
    return ok;
}

static bool start_loops(struct net *n, struct buf *error)
{
    if (!init_loops(n, error))
        return false;
    loop_listen(&n->loops[0], n->listeners, n->nlisteners);
    /* The first loop deals sockets to the others, so it starts last. */
    for (size_t i = n->nloops; i-- > 0;) {
        if (!loop_start(&n->loops[i])) {
            buf_add_str(error, "cannot start a network thread");
            return false;
        }
        n->started++;
    }
    return true;
}

struct net *net_open(struct engine *e, struct buf *error)
{
    struct net *n = mem_calloc(sizeof *n);
    n->engine = e;
    pthread_mutex_init(&n->long_lock, NULL);
    if (add_tcp(n, CONFIG_PORT, &resp_protocol, error) && add_unix(n, error) &&
        add_tcp(n, CONFIG_MEMCACHED_PORT, &memcached_protocol, error) && start_loops(n, error))
        return n;
    net_close(n);
    return NULL;
}

void net_host(const struct net *n, char *host, size_t room)
{
    host[0] = '\0';
    for (size_t i = 0; i < n->nlisteners && !host[0]; i++)
        net_socket_host(n->listeners[i].fd, host, room);
}

void net_close(struct net *n)
{
    size_t first = n->nloops - n->started;
    for (size_t i = first; i < n->nloops; i++)
        loop_stop(&n->loops[i]);
    for (size_t i = 0; i < n->long_started; i++) /* nobody moves there any more */
        loop_stop(&n->long_loops[i]);
    for (size_t i = first; i < n->nloops; i++)
        loop_release(&n->loops[i]);
    for (size_t i = 0; i < n->nlisteners; i++)
        close(n->listeners[i].fd);
    if (n->unix_path.n)
        unlink(n->unix_path.p);
    buf_release(&n->unix_path);
    for (size_t i = 0; i < n->nlong; i++)
        loop_release(&n->long_loops[i]);
    pthread_mutex_destroy(&n->long_lock);
    mem_free(n->long_loops);
    mem_free(n->loops);
    mem_free(n);
}
