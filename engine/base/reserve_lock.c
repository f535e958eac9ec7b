#include "base/reserve_lock.h"

void reserve_lock_init(struct reserve_lock *l)
{
    *l = (struct reserve_lock){0};
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
}

void reserve_lock_release(struct reserve_lock *l)
{
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
}

void reserve_lock_shared(struct reserve_lock *l)
{
    pthread_mutex_lock(&l->lock);
    while (l->reserved || l->excluding)
        pthread_cond_wait(&l->changed, &l->lock);
    l->readers++;
    pthread_mutex_unlock(&l->lock);
}

void reserve_lock_unshared(struct reserve_lock *l)
{
    pthread_mutex_lock(&l->lock);
    if (--l->readers == 0 && (l->reserved || l->excluding))
        pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void reserve_lock_reserve(struct reserve_lock *l)
{
    pthread_mutex_lock(&l->lock);
    while (l->reserved)
        pthread_cond_wait(&l->changed, &l->lock);
    l->reserved = true;
    while (l->readers)
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

void reserve_lock_unreserve(struct reserve_lock *l)
{
    pthread_mutex_lock(&l->lock);
    l->reserved = false;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void reserve_lock_exclude(struct reserve_lock *l)
{
    pthread_mutex_lock(&l->lock);
    l->excluding++;
    while (l->readers)
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

void reserve_lock_include(struct reserve_lock *l)
{
    pthread_mutex_lock(&l->lock);
    l->excluding--;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}
