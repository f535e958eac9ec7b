/* A reader-writer lock for an object that lives under another lock (its key's shard), so that long reads need not hold
 * that one.
 *
 *   reserve_lock_shared     a read without the outer lock: many at once
 *   reserve_lock_reserve    a write's first half, without the outer lock: keeps new reads out and waits for those under
 *                           way. The write itself is then done under the outer lock, and unreserve ends it.
 *   reserve_lock_exclude    a whole write under the outer lock, for those who hold it already (a transaction): waits for
 *                           the reads under way while holding it
 *
 * Who reads under the outer lock needs nothing of this: all writes are done under it. Nobody waits for the outer lock
 * while it keeps others from unlocking: readers take none, and a reservation is only waited for without it. Reads cannot
 * starve writes, nor the other way round for longer than a write takes.
 *
 * Thread rule: any thread. */
#ifndef ATRIUM_BASE_RESERVE_LOCK_H
#define ATRIUM_BASE_RESERVE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

struct reserve_lock {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned readers, excluding;
    bool reserved;
};

void reserve_lock_init(struct reserve_lock *l);
void reserve_lock_release(struct reserve_lock *l);

void reserve_lock_shared(struct reserve_lock *l);
void reserve_lock_unshared(struct reserve_lock *l);

void reserve_lock_reserve(struct reserve_lock *l);
void reserve_lock_unreserve(struct reserve_lock *l);

void reserve_lock_exclude(struct reserve_lock *l);
void reserve_lock_include(struct reserve_lock *l);

#endif
