#include "http/durable.h"

#include <microhttpd.h>

#include "http/request.h"

static bool goes_on(const struct durable *d, const struct request *r)
{
    return d->closed || engine_log_failing(d->engine) ||
           engine_synced_at(d->engine, r->log_position);
}

/* The lock is held. */
static void resume_ready(struct durable *d)
{
    struct request **at = &d->parked;
    while (*at) {
        struct request *r = *at;
        if (!goes_on(d, r)) {
            at = &r->next_parked;
            continue;
        }
        *at = r->next_parked;
        MHD_resume_connection(r->connection);
    }
    if (d->parked)
        engine_log_await(d->engine, &d->listener);
}

static void wake(void *ctx)
{
    struct durable *d = ctx;
    pthread_mutex_lock(&d->lock);
    resume_ready(d);
    pthread_mutex_unlock(&d->lock);
}

void durable_init(struct durable *d, struct engine *e)
{
    d->engine = e;
    d->listener = (struct log_listener){.wake = wake, .ctx = d};
    pthread_mutex_init(&d->lock, NULL);
    engine_log_listen(e, &d->listener);
}

void durable_close(struct durable *d)
{
    pthread_mutex_lock(&d->lock);
    d->closed = true;
    resume_ready(d);
    pthread_mutex_unlock(&d->lock);
}

void durable_release(struct durable *d)
{
    engine_log_unlisten(d->engine, &d->listener);
    pthread_mutex_destroy(&d->lock);
}

bool durable_park(struct durable *d, struct request *r)
{
    pthread_mutex_lock(&d->lock);
    bool parks = !goes_on(d, r);
    if (parks) {
        MHD_suspend_connection(r->connection);
        r->next_parked = d->parked;
        d->parked = r;
        engine_log_await(d->engine, &d->listener);
        resume_ready(d); /* what was synced since */
    }
    pthread_mutex_unlock(&d->lock);
    return parks;
}

bool durable_holds(const struct durable *d, const struct request *r)
{
    return engine_sync_at(d->engine, r->log_position);
}
