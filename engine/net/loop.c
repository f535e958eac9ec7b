#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define SLEEP_MS   1000 /* the longest sleep: idle clients are looked for once a second */
#define PAUSED_MS  2
#define SWEEP_MS   1000

#define NICE_OF_LONG 10

/* Gathering. Many clients that each wait for their reply keep a quick server busy with waking up:
 * one request, one wake-up, paid for by the client's own send. Where sleeps are that short in a row
 * and many clients are active, so that none of them notices, the loop naps instead and then serves
 * in one turn what has come. With few clients all of them would wait for the end of the nap, so the
 * active ones are counted, a window at a time. Clients that send whole pipelines pay for few wake-ups
 * and would only lose the nap: a turn that brought more than single requests starts the count anew. */
#define NAP_US      40
#define SHORT_US    50 /* a sleep that a request cut short */
#define SHORT_TURNS 4  /* so many of them in a row */
#define ACTIVE_MIN  24
#define WINDOW_US   1000
#define SMALL_BYTES 256 /* a client's share of a turn of single requests, at most */

void loop_wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t ignored = write(l->wake_fd, &one, sizeof one);
    (void)ignored;
}

static void wake(void *ctx)
{
    loop_wake(ctx);
}

bool loop_init(struct loop *l, struct engine *e)
{
    *l = (struct loop){.engine = e};
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->epoll_fd < 0 || l->wake_fd < 0)
        return false;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = l};
    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &ev);
    pthread_mutex_init(&l->lock, NULL);
    l->mailbox = mailbox_new(engine_hub(e), wake, l);
    wheel_init(&l->deadlines, clock_wall_ms());
    l->log.wake = wake;
    l->log.ctx = l;
    engine_log_listen(e, &l->log);
    return true;
}

void loop_release(struct loop *l)
{
    if (!l->mailbox) /* it was not made */
        return;
    engine_log_unlisten(l->engine, &l->log);
    mailbox_free(l->mailbox);
    wheel_release(&l->deadlines);
    close(l->epoll_fd);
    close(l->wake_fd);
    mem_free(l->handed);
    buf_release(&l->spare_in);
    buf_release(&l->spare_out);
    pthread_mutex_destroy(&l->lock);
}

void loop_listen(struct loop *l, struct listener *listeners, size_t n)
{
    l->listeners = listeners;
    l->nlisteners = n;
    for (size_t i = 0; i < n; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &listeners[i]};
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, listeners[i].fd, &ev);
    }
}

static void hand(struct loop *l, struct handed handed)
{
    pthread_mutex_lock(&l->lock);
    if (l->handed_n == l->handed_cap) {
        l->handed_cap = l->handed_cap ? l->handed_cap * 2 : 16;
        l->handed = mem_realloc(l->handed, l->handed_cap * sizeof *l->handed);
    }
    l->handed[l->handed_n++] = handed;
    pthread_mutex_unlock(&l->lock);
    loop_wake(l);
}

void loop_hand_over(struct loop *l, int fd, const struct protocol *protocol,
                    struct net_guest *guest)
{
    hand(l, (struct handed){fd, protocol, guest, NULL});
}

void loop_hand_conn(struct loop *l, struct conn *c)
{
    hand(l, (struct handed){.conn = c});
}

static void take_handed(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct handed *taken = l->handed;
    size_t n = l->handed_n;
    l->handed = NULL;
    l->handed_n = l->handed_cap = 0;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < n; i++) {
        if (taken[i].conn)
            conn_arrive(taken[i].conn);
        else
            conn_open(l, taken[i].fd, taken[i].protocol, taken[i].guest);
        mem_free(taken[i].guest);
    }
    mem_free(taken);
}

static void on_wake(struct loop *l)
{
    uint64_t ignored;
    ssize_t n = read(l->wake_fd, &ignored, sizeof ignored);
    (void)n;
    take_handed(l);
    mailbox_drain(l->mailbox);
}

#define ACCEPTS_PER_TURN 64

static void on_listener(struct listener *ls)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(ls->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE)
                log_warning("accept: no more file descriptors");
            return;
        }
        ls->accepted(ls->ctx, fd, ls->protocol);
    }
}

static struct listener *as_listener(const struct loop *l, void *p)
{
    struct listener *ls = p;
    return l->nlisteners && ls >= l->listeners && ls < l->listeners + l->nlisteners ? ls : NULL;
}

static void count_active(struct loop *l, struct conn *c)
{
    if (c->seen_in == l->window) /* an event has a source. NOLINT(clang-analyzer-core.*) */
        return;
    c->seen_in = l->window;
    l->active++;
}

static void dispatch(struct loop *l, const struct epoll_event *ev)
{
    struct listener *ls = as_listener(l, ev->data.ptr);
    if (ev->data.ptr == l) {
        on_wake(l);
    } else if (ls) {
        on_listener(ls);
    } else {
        count_active(l, ev->data.ptr);
        conn_on_event(ev->data.ptr, ev->events);
    }
}

static void flush_dirty(struct loop *l)
{
    while (l->dirty) {
        struct conn *c = l->dirty;
        l->dirty = c->next_dirty;
        c->dirty = false;
        if (!c->dead)
            conn_flush(c);
    }
}

/* Those whose answers wait for the log leave a turn later. */
static void send_off(struct loop *l)
{
    struct conn *moving = l->moving;
    l->moving = NULL;
    while (moving) {
        struct conn *c = moving;
        moving = c->next_moving;
        if (c->unsynced) {
            c->next_moving = l->moving;
            l->moving = c;
        } else if (!c->dead) {
            struct loop *to = l->for_long(l->for_long_ctx);
            conn_leave(c, to);
            loop_hand_conn(to, c);
        }
    }
}

static void free_dead(struct loop *l)
{
    while (l->dead) {
        struct conn *c = l->dead;
        l->dead = c->next_dead;
        conn_free(c);
    }
}

static void resume_paused(struct loop *l)
{
    if (!l->any_paused)
        return;
    l->any_paused = false;
    for (struct conn *c = l->conns; c; c = c->next) {
        if (c->paused && !c->dead)
            conn_resume(c);
    }
}

static void sweep(struct loop *l)
{
    uint64_t now_ms = clock_wall_ms();
    if (now_ms - l->swept_at_ms < SWEEP_MS)
        return;
    l->swept_at_ms = now_ms;
    conn_sweep(l, now_ms);
}

/* Until the next deadline of a blocked command, at most SLEEP_MS. */
static int sleep_ms(const struct loop *l)
{
    uint64_t next = wheel_next_ms(&l->deadlines), now = next ? clock_wall_ms() : 0;
    if (l->any_paused)
        return PAUSED_MS;
    if (!next || next > now + SLEEP_MS)
        return SLEEP_MS;
    return next > now ? (int)(next - now) : 0;
}

static void next_window(struct loop *l, uint64_t now_us)
{
    if (now_us / WINDOW_US == l->window)
        return;
    l->was_active = now_us / WINDOW_US == l->window + 1 ? l->active : 0;
    l->window = now_us / WINDOW_US;
    l->active = 0;
}

static int wait_for_events(struct loop *l, struct epoll_event *events)
{
    uint64_t began_us = clock_mono_us();
    next_window(l, began_us);
    if (l->short_turns >= SHORT_TURNS && l->was_active >= ACTIVE_MIN) {
        struct timespec nap = {0, NAP_US * 1000};
        nanosleep(&nap, NULL);
        int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, 0);
        if (n > 0)
            return n;
    }
    int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, sleep_ms(l));
    l->short_turns = clock_mono_us() - began_us < SHORT_US ? l->short_turns + 1 : 0;
    return n;
}

static void end_turn(struct loop *l, int events)
{
    if (l->turn_bytes > (size_t)events * SMALL_BYTES)
        l->short_turns = 0;
    l->turn_bytes = 0;
}

static void *loop_main(void *arg)
{
    struct loop *l = arg;
    struct epoll_event events[EVENTS_MAX];
    mem_thread_register();
    prctl(PR_SET_TIMERSLACK, 1000); /* ns: naps are short */
    if (l->yields)
        setpriority(PRIO_PROCESS, 0, NICE_OF_LONG); /* of this thread, on Linux */
    while (!atomic_load_explicit(&l->stop, memory_order_relaxed)) {
        int n = wait_for_events(l, events);
        for (int i = 0; i < n; i++)
            dispatch(l, &events[i]);
        resume_paused(l);
        conn_serve_woken(l);
        if (l->unsynced)
            conn_serve_synced(l);
        sweep(l);
        flush_dirty(l);
        send_off(l);
        free_dead(l);
        end_turn(l, n);
    }
    take_handed(l);
    flush_dirty(l);
    for (struct conn *c = l->conns; c; c = c->next)
        conn_kill(c);
    free_dead(l);
    return NULL;
}

bool loop_start(struct loop *l)
{
    return pthread_create(&l->thread, NULL, loop_main, l) == 0;
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    loop_wake(l);
    pthread_join(l->thread, NULL);
}
