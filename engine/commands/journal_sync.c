/* Replies that wait for the disk: appendfsync always, and WAITAOF. */
#include "commands/journal.h"
#include "internal.h"
#include "persist/aof.h"

bool engine_synced_at(const struct engine *e, uint64_t position)
{
    const struct journal *j = &e->journal;
    return position == 0 || !j->aof || config_int(e->config, CONFIG_APPENDFSYNC) != AOF_ALWAYS ||
           aof_synced(j->aof) >= position;
}

bool engine_sync_at(struct engine *e, uint64_t position)
{
    return engine_synced_at(e, position) || aof_wait(e->journal.aof, position, 0) ||
           engine_synced_at(e, position);
}

bool engine_synced(const struct session *s)
{
    return engine_synced_at(s->engine, s->log_position);
}

bool engine_sync(struct session *s)
{
    return engine_sync_at(s->engine, s->log_position);
}

int engine_log_failing(const struct engine *e)
{
    return journal_is_on(&e->journal) ? aof_failing(e->journal.aof) : 0;
}

void engine_log_listen(struct engine *e, struct log_listener *l)
{
    pthread_mutex_lock(&e->log_listeners_lock);
    l->next = e->log_listeners;
    e->log_listeners = l;
    pthread_mutex_unlock(&e->log_listeners_lock);
}

void engine_log_await(struct engine *e, struct log_listener *l)
{
    if (!atomic_exchange(&l->waiting, true) && e->journal.aof)
        aof_kick(e->journal.aof);
}

void engine_log_unlisten(struct engine *e, struct log_listener *l)
{
    pthread_mutex_lock(&e->log_listeners_lock);
    struct log_listener **at = &e->log_listeners;
    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
    pthread_mutex_unlock(&e->log_listeners_lock);
}

void engine_log_progress(struct engine *e)
{
    pthread_mutex_lock(&e->log_listeners_lock);
    for (struct log_listener *l = e->log_listeners; l; l = l->next) {
        if (atomic_exchange(&l->waiting, false))
            l->wake(l->ctx);
    }
    pthread_mutex_unlock(&e->log_listeners_lock);
}
