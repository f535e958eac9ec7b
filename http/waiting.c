#include "http/waiting.h"

#include <limits.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http/call.h"
#include "http/problem.h"
#include "http/worker.h"

#define EVENTS_MAX 64

/* A request in the room. */
struct guest {
    struct guest *next, *prev; /* in the room; `next` also among the newcomers */
    struct guest *next_woken;
    struct request *request;
    struct session *session;
    int fd;
    uint64_t deadline_ms;
    bool woken, gone;
    enum wake_reason reason;
};

struct waiting_room {
    struct engine *engine;
    struct mailbox *mailbox;
    int epoll, wake_fd;
    pthread_t thread;
    struct guest *guests, *woken;
    uint64_t next_deadline_ms; /* no guest's is earlier */

    pthread_mutex_t lock;
    struct guest *newcomers; /* lock; the last first */
    bool closed;             /* lock */
};

/* ---- leaving --------------------------------------------------------------------------------- */

/* Back to the worker. The request is not ours from here on. */
static void hand_back(struct guest *g, enum wait_outcome outcome)
{
    struct MHD_Connection *connection = g->request->connection;
    g->request->outcome = outcome;
    mem_free(g);
    MHD_resume_connection(connection);
}

static void leave(struct waiting_room *w, struct guest *g, enum wait_outcome outcome)
{
    if (g->prev)
        g->prev->next = g->next;
    else
        w->guests = g->next;
    if (g->next)
        g->next->prev = g->prev;
    epoll_ctl(w->epoll, EPOLL_CTL_DEL, g->fd, NULL);
    session_free(g->session);
    hand_back(g, outcome);
}

/* ---- waking ---------------------------------------------------------------------------------- */

/* An answer beats a deadline, which the engine finds out by itself. */
static void wake_guest(struct waiting_room *w, struct guest *g, enum wake_reason reason)
{
    if (!g->woken || reason != WAKE_RETRY)
        g->reason = reason;
    if (g->woken)
        return;
    g->woken = true;
    g->next_woken = w->woken;
    w->woken = g;
}

static struct waiting_room *room_of(const struct guest *g)
{
    return g->request->worker->waiting;
}

static void on_wake(struct session *s, uint64_t wait_id, enum wake_reason reason)
{
    struct guest *g = s->context;
    if (wait_id == engine_wait_id(s))
        wake_guest(room_of(g), g, reason);
}

static void on_kill(struct session *s)
{
    struct guest *g = s->context;
    g->gone = true;
    wake_guest(room_of(g), g, WAKE_RETRY);
}

static const struct session_ops guest_ops = {.close = on_kill, .wake = on_wake};

/* Until the end of the guest's wait, or its next try. */
static void set_deadline(struct waiting_room *w, struct guest *g)
{
    uint64_t deadline_ms = engine_wait_deadline_ms(g->session);
    g->deadline_ms = deadline_ms ? deadline_ms : UINT64_MAX;
    if (g->deadline_ms < w->next_deadline_ms)
        w->next_deadline_ms = g->deadline_ms;
}

static void answer(struct waiting_room *w, struct guest *g)
{
    g->request->log_position = g->session->log_position;
    leave(w, g, WAIT_ANSWERED);
}

static void serve_guest(struct waiting_room *w, struct guest *g)
{
    struct capture *reply = &g->request->reply;
    g->woken = false;
    capture_clear(reply);
    if (g->gone)
        leave(w, g, WAIT_GONE);
    else if (engine_wake(g->session, g->reason, &reply->base))
        answer(w, g);
    else
        set_deadline(w, g);
}

static void serve_woken(struct waiting_room *w)
{
    while (w->woken) {
        struct guest *g = w->woken;
        w->woken = g->next_woken;
        serve_guest(w, g);
    }
}

/* Wakes whose time is over; how long the thread may sleep, in ms, -1: until it is woken. */
static int check_deadlines(struct waiting_room *w)
{
    uint64_t now_ms = clock_wall_ms(), next = UINT64_MAX;
    if (now_ms >= w->next_deadline_ms) {
        for (struct guest *g = w->guests; g; g = g->next) {
            if (g->deadline_ms <= now_ms)
                wake_guest(w, g, WAKE_DUE);
            else if (g->deadline_ms < next)
                next = g->deadline_ms;
        }
        w->next_deadline_ms = next;
        serve_woken(w);
    }
    if (!w->guests)
        return -1;
    uint64_t left = w->next_deadline_ms > now_ms ? w->next_deadline_ms - now_ms : 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

/* ---- entering -------------------------------------------------------------------------------- */

static void watch(struct waiting_room *w, struct guest *g)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = g};
    epoll_ctl(w->epoll, EPOLL_CTL_ADD, g->fd, &event);
    g->next = w->guests;
    g->prev = NULL;
    if (g->next)
        g->next->prev = g;
    w->guests = g;
    set_deadline(w, g);
}

static void enter(struct waiting_room *w, struct guest *g)
{
    struct request *r = g->request;
    g->session = session_new(w->engine, DOOR_HTTP, &guest_ops, g, w->mailbox, "http", "http");
    g->session->resp = 3;
    g->session->db = r->db;
    g->session->authenticated = true;
    capture_clear(&r->reply);
    enum engine_result result = engine_execute(g->session, r->argv, r->argc, &r->reply.base);
    if (result == ENGINE_BLOCKED) {
        watch(w, g);
        return;
    }
    r->log_position = g->session->log_position;
    session_free(g->session);
    hand_back(g, result == ENGINE_PAUSED ? WAIT_PAUSED : WAIT_ANSWERED);
}

/* In the order in which they came. */
static void take_newcomers(struct waiting_room *w)
{
    struct guest *ordered = NULL;
    pthread_mutex_lock(&w->lock);
    struct guest *taken = w->newcomers;
    w->newcomers = NULL;
    pthread_mutex_unlock(&w->lock);
    while (taken) {
        struct guest *g = taken;
        taken = g->next;
        g->next = ordered;
        ordered = g;
    }
    while (ordered) {
        struct guest *g = ordered;
        ordered = g->next;
        enter(w, g);
    }
}

static void wake_thread(void *ctx)
{
    struct waiting_room *w = ctx;
    uint64_t one = 1;
    ssize_t ignored = write(w->wake_fd, &one, sizeof one);
    (void)ignored;
}

/* False: the door is about to close. */
static bool admit(struct waiting_room *w, struct guest *g)
{
    pthread_mutex_lock(&w->lock);
    bool open = !w->closed, first = !w->newcomers;
    if (open) {
        g->next = w->newcomers;
        w->newcomers = g;
    }
    pthread_mutex_unlock(&w->lock);
    if (open && first)
        wake_thread(w);
    return open;
}

void waiting_call(struct request *r, void (*then)(struct request *r))
{
    struct guest *g = mem_calloc(sizeof *g);
    g->request = r;
    g->fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    r->then = then;
    MHD_suspend_connection(r->connection);
    if (!admit(r->worker->waiting, g))
        hand_back(g, WAIT_GONE);
}

bool waiting_resume(struct request *r)
{
    void (*then)(struct request *) = r->then;
    const struct reply_node *node = r->reply.nodes;
    r->then = NULL;
    if (r->outcome == WAIT_GONE)
        return false;
    if (r->outcome == WAIT_PAUSED)
        problem(r, "paused", "commands are paused");
    else if (node->kind == NODE_ERROR)
        problem_engine(r, node->code, call_text(r, node));
    else
        then(r);
    return true;
}

bool waiting_resume_feed(struct request *r)
{
    void (*then)(struct request *) = r->then;
    r->then = NULL;
    if (r->outcome != WAIT_ANSWERED)
        return false;
    then(r);
    return true;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool is_closed(struct waiting_room *w)
{
    pthread_mutex_lock(&w->lock);
    bool closed = w->closed;
    pthread_mutex_unlock(&w->lock);
    return closed;
}

static void on_thread_woken(struct waiting_room *w)
{
    uint64_t ignored;
    ssize_t n = read(w->wake_fd, &ignored, sizeof ignored);
    (void)n;
    take_newcomers(w);
    mailbox_drain(w->mailbox);
}

static void dispatch(struct waiting_room *w, const struct epoll_event *event)
{
    struct guest *g = event->data.ptr;
    if (event->data.ptr == w) {
        on_thread_woken(w);
        return;
    }
    g->gone = true;
    wake_guest(w, g, WAKE_RETRY);
}

static void *waiting_main(void *context)
{
    struct waiting_room *w = context;
    struct epoll_event events[EVENTS_MAX];
    mem_thread_register();
    while (!is_closed(w)) {
        int n = epoll_wait(w->epoll, events, EVENTS_MAX, check_deadlines(w));
        for (int i = 0; i < n; i++)
            dispatch(w, &events[i]);
        serve_woken(w);
    }
    take_newcomers(w);
    for (struct guest *g = w->guests; g; g = g->next)
        wake_guest(w, g, WAKE_TIMEOUT);
    serve_woken(w);
    return NULL;
}

static bool start(struct waiting_room *w)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
    return w->epoll >= 0 && w->wake_fd >= 0 &&
           epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake_fd, &event) == 0 &&
           pthread_create(&w->thread, NULL, waiting_main, w) == 0;
}

struct waiting_room *waiting_open(struct engine *e)
{
    struct waiting_room *w = mem_calloc(sizeof *w);
    w->engine = e;
    w->next_deadline_ms = UINT64_MAX;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->mailbox = mailbox_new(engine_hub(e), wake_thread, w);
    pthread_mutex_init(&w->lock, NULL);
    if (start(w))
        return w;
    waiting_free(w);
    return NULL;
}

void waiting_end(struct waiting_room *w)
{
    pthread_mutex_lock(&w->lock);
    w->closed = true;
    pthread_mutex_unlock(&w->lock);
    wake_thread(w);
    pthread_join(w->thread, NULL);
}

void waiting_free(struct waiting_room *w)
{
    mailbox_free(w->mailbox);
    if (w->epoll >= 0)
        close(w->epoll);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}
