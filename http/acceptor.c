#include "http/acceptor.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/problem.h"
#include "http/upgrade.h"

#define EVENTS_MAX    64
#define LISTENERS_MAX 16
#define DROP_MAX      (1024 * 1024) /* of a client that was refused */

/* What an epoll event belongs to. */
enum source_kind { SOURCE_LISTENER, SOURCE_WAKE, SOURCE_CONNECTION };

struct source {
    enum source_kind kind;
    int fd;
};

/* A connection whose head is not complete. */
struct waiting {
    struct source source; /* first: an event points at it */
    struct waiting *older, *newer;
    uint64_t since_ms; /* monotonic */
    bool refused;      /* answered: only the client's end is waited for */
    size_t dropped;    /* bytes read since */
};

struct acceptor {
    struct engine *engine;
    struct worker *workers;
    unsigned nworkers, next_worker;
    http_upgrade_fn *upgrade;
    void *context;
    int epoll;
    struct source wake, listeners[LISTENERS_MAX];
    int nlisteners;
    struct waiting *oldest, *newest;
    size_t nwaiting;
    uint64_t swept_at_ms;
    char *head; /* ACCEPTOR_HEAD_MAX bytes to peek into */
    pthread_t thread;
};

static uint64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

/* ---- the list of waiting connections --------------------------------------------------------- */

static struct waiting *wait_for_head(struct acceptor *a, int fd)
{
    struct waiting *w = mem_alloc(sizeof *w);
    *w = (struct waiting){
        .source = {SOURCE_CONNECTION, fd}, .older = a->newest, .since_ms = now_ms()};
    if (a->newest)
        a->newest->newer = w;
    else
        a->oldest = w;
    a->newest = w;
    a->nwaiting++;
    return w;
}

static void stop_waiting(struct acceptor *a, struct waiting *w)
{
    if (w->older)
        w->older->newer = w->newer;
    else
        a->oldest = w->newer;
    if (w->newer)
        w->newer->older = w->older;
    else
        a->newest = w->older;
    a->nwaiting--;
    mem_free(w);
}

/* ---- handing on ------------------------------------------------------------------------------ */

/* The worker with the fewest connections. */
static struct worker *pick_worker(struct acceptor *a)
{
    struct worker *best = &a->workers[a->next_worker++ % a->nworkers];
    for (unsigned i = 0; i < a->nworkers; i++)
        if (atomic_load_explicit(&a->workers[i].connections, memory_order_relaxed) <
            atomic_load_explicit(&best->connections, memory_order_relaxed))
            best = &a->workers[i];
    return best;
}

enum verdict { VERDICT_WAIT, VERDICT_HTTP, VERDICT_UPGRADE, VERDICT_TOO_LONG, VERDICT_CLOSE };

/* What does not begin as a method does goes on as it is: libmicrohttpd answers 400. */
static bool is_whole(struct bytes head)
{
    return head.p[0] < 'A' || head.p[0] > 'Z' || memmem(head.p, head.n, "\n\r\n", 3) ||
           memmem(head.p, head.n, "\n\n", 2);
}

static enum verdict look(struct acceptor *a, int fd)
{
    ssize_t n = recv(fd, a->head, ACCEPTOR_HEAD_MAX, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        return VERDICT_CLOSE;
    if (n < 0)
        return VERDICT_WAIT;
    struct bytes head = bytes_of(a->head, (size_t)n);
    if (!is_whole(head))
        return n == ACCEPTOR_HEAD_MAX ? VERDICT_TOO_LONG : VERDICT_WAIT;
    return a->upgrade && upgrade_look(head) == UPGRADE_WEBSOCKET ? VERDICT_UPGRADE : VERDICT_HTTP;
}

/* The socket leaves the acceptor; where it stood in its epoll set, it is taken out first. */
static void hand_on(struct acceptor *a, int fd, enum verdict verdict, bool watched)
{
    if (watched)
        epoll_ctl(a->epoll, EPOLL_CTL_DEL, fd, NULL);
    if (verdict == VERDICT_HTTP)
        worker_adopt(pick_worker(a), fd);
    else if (verdict != VERDICT_UPGRADE || !a->upgrade(a->context, fd))
        close(fd);
}

/* Reads what comes after a refusal and drops it; false: enough, or the client has closed. */
static bool drop_input(struct acceptor *a, struct waiting *w)
{
    ssize_t n;
    while ((n = recv(w->source.fd, a->head, ACCEPTOR_HEAD_MAX, MSG_DONTWAIT)) > 0 &&
           w->dropped < DROP_MAX)
        w->dropped += (size_t)n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) && w->dropped < DROP_MAX;
}

/* Says that the head is too long. The socket stays in the epoll set until the client has closed its
 * side: closed at once, with input unread, it would be reset, and the answer with it. */
static void refuse_head(struct acceptor *a, struct waiting *w)
{
    bool target = !memchr(a->head, '\n', ACCEPTOR_HEAD_MAX);
    struct buf out;
    buf_init(&out);
    problem_whole_answer(&out, target ? "uri-too-long" : "headers-too-large",
                         target ? "the request's target does not end"
                                : "the request's headers do not end");
    ssize_t ignored = send(w->source.fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
    shutdown(w->source.fd, SHUT_WR);
    buf_release(&out);
    w->refused = true;
}

/* `ended`: nothing more will come, so what is no head by now never will be. */
static void on_input(struct acceptor *a, struct waiting *w, bool ended)
{
    int fd = w->source.fd;
    enum verdict verdict = w->refused ? VERDICT_TOO_LONG : look(a, fd);
    if (verdict == VERDICT_WAIT && !ended)
        return;
    if (verdict == VERDICT_TOO_LONG) {
        if (!w->refused)
            refuse_head(a, w);
        if (drop_input(a, w))
            return;
        verdict = VERDICT_CLOSE;
    }
    stop_waiting(a, w);
    hand_on(a, fd, verdict, true);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static size_t connections(const struct acceptor *a)
{
    size_t n = a->nwaiting;
    for (unsigned i = 0; i < a->nworkers; i++)
        n += atomic_load_explicit(&a->workers[i].connections, memory_order_relaxed);
    return n;
}

static void refuse(struct acceptor *a, int fd)
{
    struct buf out;
    buf_init(&out);
    problem_whole_answer(&out, "busy", "max number of clients reached");
    ssize_t ignored = send(fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
    buf_release(&out);
    close(fd);
    engine_count(a->engine, COUNTER_REJECTED, 1);
}

static void watch(struct acceptor *a, int fd)
{
    struct waiting *w = wait_for_head(a, fd);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = &w->source};
    if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return;
    stop_waiting(a, w);
    close(fd);
}

/* Out of descriptors the listener stays readable: without a pause this thread would spin. */
static void breathe(void)
{
    static const struct timespec pause = {.tv_nsec = 10 * 1000000L};
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        nanosleep(&pause, NULL);
}

static void on_accept(struct acceptor *a, int listener)
{
    size_t limit = (size_t)config_int(engine_config(a->engine), CONFIG_MAXCLIENTS);
    for (int i = 0; i < EVENTS_MAX; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            breathe();
            return;
        }
        if (connections(a) >= limit) {
            refuse(a, fd);
            continue;
        }
        engine_count(a->engine, COUNTER_CONNECTIONS, 1);
        enum verdict verdict = look(a, fd);
        if (verdict == VERDICT_WAIT ||
            verdict == VERDICT_TOO_LONG) /* looked at again as it is watched */
            watch(a, fd);
        else
            hand_on(a, fd, verdict, false);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* As long as a head may take, but no longer than ACCEPTOR_WAIT_MS. */
static uint64_t head_ms(const struct acceptor *a)
{
    uint64_t ms =
        (uint64_t)config_int(engine_config(a->engine), CONFIG_HTTP_REQUEST_SECONDS) * 1000;
    return ms < ACCEPTOR_WAIT_MS ? ms : ACCEPTOR_WAIT_MS;
}

/* Closes what has waited too long, here and at the workers; how long until the next look. */
static int close_late(struct acceptor *a)
{
    uint64_t now = now_ms(), wait_ms = head_ms(a);
    if (now - a->swept_at_ms >= DEADLINE_SWEEP_MS) {
        a->swept_at_ms = now;
        for (unsigned i = 0; i < a->nworkers; i++)
            deadline_sweep(&a->workers[i].links);
    }
    while (a->oldest && now - a->oldest->since_ms >= wait_ms) {
        close(a->oldest->source.fd);
        stop_waiting(a, a->oldest);
    }
    return DEADLINE_SWEEP_MS;
}

static bool dispatch(struct acceptor *a, const struct epoll_event *event)
{
    struct source *s = event->data.ptr;
    if (s->kind == SOURCE_WAKE)
        return false;
    if (s->kind == SOURCE_LISTENER)
        on_accept(a, s->fd);
    else
        on_input(a, (struct waiting *)s, event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    return true;
}

static void *acceptor_main(void *context)
{
    struct acceptor *a = context;
    struct epoll_event events[EVENTS_MAX];
    bool running = true;
    mem_thread_register();
    while (running) {
        int n = epoll_wait(a->epoll, events, EVENTS_MAX, close_late(a));
        for (int i = 0; i < n; i++)
            running &= dispatch(a, &events[i]);
    }
    return NULL;
}

static bool add_source(struct acceptor *a, struct source *s)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    return epoll_ctl(a->epoll, EPOLL_CTL_ADD, s->fd, &event) == 0;
}

static void release(struct acceptor *a)
{
    while (a->oldest) {
        close(a->oldest->source.fd);
        stop_waiting(a, a->oldest);
    }
    for (int i = 0; i < a->nlisteners; i++)
        close(a->listeners[i].fd);
    if (a->wake.fd >= 0)
        close(a->wake.fd);
    if (a->epoll >= 0)
        close(a->epoll);
    mem_free(a->head);
    mem_free(a);
}

struct acceptor *acceptor_start(struct engine *e, const int *listeners, int nlisteners,
                                struct worker *workers, unsigned nworkers, http_upgrade_fn *upgrade,
                                void *context)
{
    struct acceptor *a = mem_calloc(sizeof *a);
    a->engine = e;
    a->workers = workers;
    a->nworkers = nworkers;
    a->upgrade = upgrade;
    a->context = context;
    a->head = mem_alloc(ACCEPTOR_HEAD_MAX);
    a->epoll = epoll_create1(EPOLL_CLOEXEC);
    a->wake = (struct source){SOURCE_WAKE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    for (; a->nlisteners < nlisteners && a->nlisteners < LISTENERS_MAX; a->nlisteners++)
        a->listeners[a->nlisteners] = (struct source){SOURCE_LISTENER, listeners[a->nlisteners]};
    bool ok = a->epoll >= 0 && a->wake.fd >= 0 && add_source(a, &a->wake);
    for (int i = 0; ok && i < a->nlisteners; i++)
        ok = add_source(a, &a->listeners[i]);
    if (ok && pthread_create(&a->thread, NULL, acceptor_main, a) == 0)
        return a;
    release(a);
    return NULL;
}

void acceptor_stop(struct acceptor *a)
{
    uint64_t one = 1;
    ssize_t ignored = write(a->wake.fd, &one, sizeof one);
    (void)ignored;
    pthread_join(a->thread, NULL);
    release(a);
}
