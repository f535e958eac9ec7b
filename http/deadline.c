#include "http/deadline.h"

#include <sys/socket.h>

#include "http/worker.h"

#define SECOND_US           1000000u
#define BODY_BYTES_A_SECOND 16384u

void deadline_init(struct links *all)
{
    *all = (struct links){0};
    pthread_mutex_init(&all->lock, NULL);
}

void deadline_release(struct links *all)
{
    pthread_mutex_destroy(&all->lock);
}

static void set(struct link *l, uint64_t at_us)
{
    atomic_store_explicit(&l->at_us, at_us, memory_order_relaxed);
}

struct link *deadline_open(struct links *all, int fd)
{
    struct link *l = mem_calloc(sizeof *l);
    l->fd = fd;
    set(l, clock_mono_us() + DEADLINE_IDLE_SECONDS * SECOND_US);
    pthread_mutex_lock(&all->lock);
    l->next = all->first;
    if (l->next)
        l->next->prev = l;
    all->first = l;
    pthread_mutex_unlock(&all->lock);
    return l;
}

void deadline_close(struct links *all, struct link *l)
{
    pthread_mutex_lock(&all->lock);
    *(l->prev ? &l->prev->next : &all->first) = l->next;
    if (l->next)
        l->next->prev = l->prev;
    pthread_mutex_unlock(&all->lock);
    mem_free(l);
}

static uint64_t request_us(const struct request *r)
{
    return (uint64_t)config_int(engine_config(r->worker->engine), CONFIG_HTTP_REQUEST_SECONDS) *
           SECOND_US;
}

void deadline_head(struct request *r)
{
    set(r->link, r->started_at_us + request_us(r));
}

void deadline_body(struct request *r)
{
    uint64_t more_us = (uint64_t)r->body.n * SECOND_US / BODY_BYTES_A_SECOND;
    set(r->link, r->started_at_us + request_us(r) + more_us);
}

void deadline_none(struct request *r)
{
    set(r->link, 0);
}

/* Counted from the request's begin, which saves a look at the clock, where it was short. */
void deadline_idle(struct request *r)
{
    uint64_t from_us = r->waited || r->body.n ? clock_mono_us() : r->started_at_us;
    set(r->link, from_us + DEADLINE_IDLE_SECONDS * SECOND_US + request_us(r));
}

void deadline_sweep(struct links *all)
{
    uint64_t now_us = clock_mono_us();
    pthread_mutex_lock(&all->lock);
    for (struct link *l = all->first; l; l = l->next) {
        uint64_t at_us = atomic_load_explicit(&l->at_us, memory_order_relaxed);
        if (at_us && at_us <= now_us)
            shutdown(l->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&all->lock);
}
