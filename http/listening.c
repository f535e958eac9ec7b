#include "http/listening.h"

#include <microhttpd.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/feed.h"
#include "http/worker.h"

#define EVENTS_MAX  64
#define PIECE_BYTES 65536u /* of a feed */
#define LOOK_MS     1000   /* how exact heartbeats are */

struct listener {
    struct listening_room *room;
    struct listener *next, *prev;                /* in the room; the thread's */
    struct listener *next_coming, *next_leaving; /* lock */
    struct session *session;                     /* the thread's */
    struct bytes *names;                         /* channels, then patterns */
    unsigned nchannels, npatterns;
    struct bytes user;
    struct listening_place *places; /* of channels; the worker's before the listener has come, and
                                       when it is ready */
    bool resumes;
    int fd;

    struct request *request; /* these under the lock */
    struct message **queue;
    unsigned head, n, cap;
    size_t bytes;
    uint64_t quiet_since_ms;
    bool suspended, ready, told, over, beat;
};

struct listening_room {
    struct engine *engine;
    struct mailbox *mailbox;
    int epoll, wake_fd;
    pthread_t thread;
    struct listener *listeners; /* the thread's */

    pthread_mutex_t lock;
    struct listener *coming, *leaving; /* lock */
    bool closed;                       /* lock */
};

static uint64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

/* The lock is held. */
static void go_on(struct listener *l)
{
    if (!l->suspended)
        return;
    l->suspended = false;
    l->request->outcome = WAIT_ANSWERED;
    MHD_resume_connection(l->request->connection);
}

static void finish(struct listener *l)
{
    pthread_mutex_lock(&l->room->lock);
    l->over = true;
    go_on(l);
    pthread_mutex_unlock(&l->room->lock);
}

/* ---- messages -------------------------------------------------------------------------------- */

static struct message *pop(struct listener *l)
{
    struct message *m = l->queue[l->head];
    l->head = (l->head + 1) % l->cap;
    l->n--;
    l->bytes -= m->data.n;
    return m;
}

static void append(struct listener *l, struct message *m)
{
    if (l->n == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 8;
        struct message **queue = mem_alloc(cap * sizeof(struct message *));
        for (unsigned i = 0; i < l->n; i++)
            queue[i] = l->queue[(l->head + i) % l->cap];
        mem_free(l->queue);
        l->queue = queue;
        l->head = 0;
        l->cap = cap;
    }
    message_ref(m);
    l->queue[(l->head + l->n++) % l->cap] = m;
    l->bytes += m->data.n;
}

static void push(struct listener *l, struct message *m)
{
    if (l->n >= LISTENING_QUEUE_MESSAGES || l->bytes + m->data.n > LISTENING_QUEUE_BYTES) {
        while (l->n)
            message_unref(pop(l));
        l->over = true;
        shutdown(l->fd,
                 SHUT_RDWR); /* its worker would wait for the socket, up to the idle timeout */
        return;
    }
    append(l, m);
}

static void on_message(struct session *s, struct message *m)
{
    struct listener *l = s->context;
    pthread_mutex_lock(&l->room->lock);
    if (l->request && !l->over && m->kind == MESSAGE_PUBLISHED) {
        push(l, m);
        go_on(l);
    }
    pthread_mutex_unlock(&l->room->lock);
}

static void on_kill(struct session *s)
{
    finish(s->context);
}

static const struct session_ops listener_ops = {.deliver = on_message, .close = on_kill};

enum listening_news listening_next(struct request *r, bool wait, struct message **m)
{
    struct listener *l = r->listener;
    enum listening_news news = LISTENING_NOTHING;
    pthread_mutex_lock(&l->room->lock);
    if (l->over) {
        news = LISTENING_OVER;
    } else if (l->ready && !l->told) {
        l->told = true;
        news = LISTENING_READY;
    } else if (l->ready && l->n) { /* what is there before waits for the other channels */
        *m = pop(l);
        news = LISTENING_MESSAGE;
    } else if (l->beat) {
        news = LISTENING_QUIET;
    } else if (wait) {
        l->suspended = true;
        MHD_suspend_connection(r->connection);
        news = LISTENING_WAIT;
    }
    if (news != LISTENING_NOTHING && news != LISTENING_WAIT) {
        l->beat = false;
        l->quiet_since_ms = now_ms();
    }
    pthread_mutex_unlock(&l->room->lock);
    return news;
}

/* ---- coming and leaving ---------------------------------------------------------------------- */

static void wake_thread(void *ctx)
{
    struct listening_room *room = ctx;
    uint64_t one = 1;
    ssize_t ignored = write(room->wake_fd, &one, sizeof one);
    (void)ignored;
}

static struct bytes copy_of(struct bytes s)
{
    char *p = s.p ? mem_alloc(s.n + 1) : NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    return bytes_of(p, s.n);
}

static struct listening_place *copy_places(const struct listening_ask *ask)
{
    struct listening_place *places = mem_calloc(ask->nchannels * sizeof *places);
    for (unsigned i = 0; ask->from && i < ask->nchannels; i++)
        places[i].at = ask->from[i];
    return places;
}

struct listening_place listening_place(const struct request *r, unsigned channel)
{
    return r->listener->places[channel];
}

static struct bytes *copy_names(const struct listening_ask *ask)
{
    unsigned n = ask->nchannels + ask->npatterns;
    size_t bytes = n * sizeof(struct bytes);
    for (unsigned i = 0; i < n; i++)
        bytes += i < ask->nchannels ? ask->channels[i].n : ask->patterns[i - ask->nchannels].n;
    struct bytes *names = mem_alloc(bytes);
    char *to = (char *)(names + n);
    for (unsigned i = 0; i < n; i++) {
        struct bytes name =
            i < ask->nchannels ? ask->channels[i] : ask->patterns[i - ask->nchannels];
        if (name.n)
            memcpy(to, name.p, name.n);
        names[i] = bytes_of(to, name.n);
        to += name.n;
    }
    return names;
}

void listening_join(struct request *r, const struct listening_ask *ask)
{
    struct listening_room *room = r->worker->listening;
    struct listener *l = mem_calloc(sizeof *l);
    l->room = room;
    l->request = r;
    l->names = copy_names(ask);
    l->nchannels = ask->nchannels;
    l->npatterns = ask->npatterns;
    l->places = copy_places(ask);
    l->resumes = ask->from != NULL;
    l->user = copy_of(ask->user);
    l->quiet_since_ms = now_ms();
    l->fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    r->listener = l;
    pthread_mutex_lock(&room->lock);
    l->over = room->closed;
    l->next_coming = room->coming;
    room->coming = l;
    pthread_mutex_unlock(&room->lock);
    wake_thread(room);
}

/* The socket leaves the epoll set here, before libmicrohttpd closes it and its number is another's. */
void listening_leave(struct request *r)
{
    struct listener *l = r->listener;
    if (!l)
        return;
    struct listening_room *room = l->room;
    r->listener = NULL;
    pthread_mutex_lock(&room->lock);
    l->request = NULL;
    l->suspended = false;
    epoll_ctl(room->epoll, EPOLL_CTL_DEL, l->fd, NULL);
    l->next_leaving = room->leaving;
    room->leaving = l;
    pthread_mutex_unlock(&room->lock);
    wake_thread(room);
}

/* What came since the listener was last there goes first; where that cannot be known, nothing of
 * it does. */
static void join_channel(struct hub *hub, struct listener *l, unsigned i)
{
    struct listening_place *place = &l->places[i];
    struct history_page page;
    struct subscribe_ask ask = {.user = l->user,
                                .resume = l->resumes,
                                .from = place->at,
                                .bytes_max = LISTENING_QUEUE_BYTES};
    if (!hub_subscribe_with(hub, l->session, l->names[i], &ask, &page))
        return; /* named twice */
    place->gap = l->resumes && (!page.kept || !page.complete);
    pthread_mutex_lock(&l->room->lock);
    for (size_t m = 0; m < page.n; m++)
        append(l, page.messages[m]);
    pthread_mutex_unlock(&l->room->lock);
    if (!l->resumes || place->gap)
        place->at = page.kept ? page.at : (struct position){0};
    history_page_release(&page);
}

static void enter(struct listening_room *room, struct listener *l)
{
    struct hub *hub = engine_hub(room->engine);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = l};
    l->session =
        session_new(room->engine, DOOR_HTTP, &listener_ops, l, room->mailbox, "http", "http");
    l->session->authenticated = true;
    for (unsigned i = 0; i < l->nchannels; i++)
        join_channel(hub, l, i);
    for (unsigned i = 0; i < l->npatterns; i++)
        hub_subscribe(hub, l->session, SUB_PATTERN, l->names[l->nchannels + i]);
    l->next = room->listeners;
    if (l->next)
        l->next->prev = l;
    room->listeners = l;
    pthread_mutex_lock(&room->lock);
    l->ready = true;
    if (l->request) {
        epoll_ctl(room->epoll, EPOLL_CTL_ADD, l->fd, &event);
        go_on(l);
    }
    pthread_mutex_unlock(&room->lock);
}

static void release(struct listening_room *room, struct listener *l)
{
    *(l->prev ? &l->prev->next : &room->listeners) = l->next;
    if (l->next)
        l->next->prev = l->prev;
    session_free(l->session);
    while (l->n)
        message_unref(pop(l));
    mem_free(l->queue);
    mem_free(l->names);
    mem_free((void *)l->user.p);
    mem_free(l->places);
    mem_free(l);
}

/* Who left while coming is among both: first in, then out. */
static void pass(struct listening_room *room)
{
    pthread_mutex_lock(&room->lock);
    struct listener *coming = room->coming, *leaving = room->leaving;
    room->coming = room->leaving = NULL;
    pthread_mutex_unlock(&room->lock);
    while (coming) {
        struct listener *l = coming;
        coming = l->next_coming;
        enter(room, l);
    }
    while (leaving) {
        struct listener *l = leaving;
        leaving = l->next_leaving;
        release(room, l);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void beat_quiet_ones(struct listening_room *room)
{
    uint64_t now = now_ms();
    pthread_mutex_lock(&room->lock);
    for (struct listener *l = room->listeners; l; l = l->next) {
        if (!l->suspended || now - l->quiet_since_ms < FEED_HEARTBEAT_MS)
            continue;
        l->beat = true;
        go_on(l);
    }
    pthread_mutex_unlock(&room->lock);
}

static bool is_closed(struct listening_room *room)
{
    pthread_mutex_lock(&room->lock);
    bool closed = room->closed;
    pthread_mutex_unlock(&room->lock);
    return closed;
}

/* Listeners are released after the events of a round, which may still name them. */
static void serve(struct listening_room *room, const struct epoll_event *events, int n)
{
    uint64_t ignored;
    bool woken = false;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == room)
            woken = true;
        else
            finish(events[i].data.ptr);
    }
    if (!woken)
        return;
    ssize_t got = read(room->wake_fd, &ignored, sizeof ignored);
    (void)got;
    pass(room);
    mailbox_drain(room->mailbox);
}

static void *listening_main(void *context)
{
    struct listening_room *room = context;
    struct epoll_event events[EVENTS_MAX];
    uint64_t looked_ms = 0;
    mem_thread_register();
    while (!is_closed(room)) {
        int n = epoll_wait(room->epoll, events, EVENTS_MAX, room->listeners ? LOOK_MS : -1);
        serve(room, events, n);
        if (now_ms() - looked_ms >= LOOK_MS) {
            looked_ms = now_ms();
            beat_quiet_ones(room);
        }
    }
    pass(room);
    for (struct listener *l = room->listeners; l; l = l->next)
        finish(l);
    return NULL;
}

static bool start(struct listening_room *room)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = room};
    return room->epoll >= 0 && room->wake_fd >= 0 &&
           epoll_ctl(room->epoll, EPOLL_CTL_ADD, room->wake_fd, &event) == 0 &&
           pthread_create(&room->thread, NULL, listening_main, room) == 0;
}

struct listening_room *listening_open(struct engine *e)
{
    struct listening_room *room = mem_calloc(sizeof *room);
    room->engine = e;
    room->epoll = epoll_create1(EPOLL_CLOEXEC);
    room->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    room->mailbox = mailbox_new(engine_hub(e), wake_thread, room);
    pthread_mutex_init(&room->lock, NULL);
    if (start(room))
        return room;
    listening_free(room);
    return NULL;
}

void listening_end(struct listening_room *room)
{
    pthread_mutex_lock(&room->lock);
    room->closed = true;
    pthread_mutex_unlock(&room->lock);
    wake_thread(room);
    pthread_join(room->thread, NULL);
}

void listening_free(struct listening_room *room)
{
    pass(room);
    mailbox_free(room->mailbox);
    if (room->epoll >= 0)
        close(room->epoll);
    if (room->wake_fd >= 0)
        close(room->wake_fd);
    pthread_mutex_destroy(&room->lock);
    mem_free(room);
}

/* ---- feeds ------------------------------------------------------------------------------------- */

static void look_again(struct request *r)
{
    (void)r; /* resumed: the feed is asked again */
}

void listening_write(struct request *r, const struct listening_form *form)
{
    struct message *m;
    while (r->out.n < PIECE_BYTES) {
        bool wait = r->out.n == 0;
        r->then = wait ? look_again : NULL;
        enum listening_news news = listening_next(r, wait, &m);
        if (news == LISTENING_WAIT)
            return;
        r->then = NULL;
        if (news == LISTENING_MESSAGE) {
            form->message(r, m);
            message_unref(m);
        } else if (news == LISTENING_READY) {
            form->start(r);
        } else if (news == LISTENING_QUIET) {
            feed_heartbeat(r);
        }
        r->feed_ended = news == LISTENING_OVER;
        if (news == LISTENING_OVER || news == LISTENING_NOTHING)
            return;
    }
}

bool listening_is_closed(const struct request *r, struct bytes channel)
{
    return !hub_namespace(engine_hub(r->worker->engine), channel)->ws_subscribe;
}

bool listening_has_password(const struct request *r)
{
    return !config_is_empty(engine_config(r->worker->engine), CONFIG_REQUIREPASS);
}
