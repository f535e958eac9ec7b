/* Freeing what was unlinked: outside of locks, and in a thread of its own where it takes long.
 *
 * A thread's garbage is thread-local until garbage_flush. The reclaimer's queue has one lock, a leaf. */
#include <stdlib.h>

#include "base/mem.h"
#include "keyspace/internal.h"

/* Objects of more elements than this are the reclaimer's. */
#define CHEAP_EFFORT 64

/* The first ones stand in the thread's own storage; only a command that unlinks many takes heap. */
#define INLINE_GARBAGE 16

static _Thread_local struct {
    struct entry *few[INLINE_GARBAGE];
    struct entry **more;
    size_t n, cap;
} garbage;

static struct entry **garbage_at(size_t i)
{
    return i < INLINE_GARBAGE ? &garbage.few[i] : &garbage.more[i - INLINE_GARBAGE];
}

void garbage_add(struct entry *e)
{
    if (e->type == TYPE_STRING && e->encoding != ENTRY_POINTER) {
        entry_free_shell(e);
        return;
    }
    if (garbage.n >= INLINE_GARBAGE + garbage.cap) {
        garbage.cap = garbage.cap ? garbage.cap * 2 : INLINE_GARBAGE;
        garbage.more = mem_realloc(garbage.more, garbage.cap * sizeof *garbage.more);
    }
    *garbage_at(garbage.n++) = e;
}

void keyspace_discard(enum value_type type, void *object)
{
    garbage_add(entry_new_object(BYTES(""), type, object, 0));
}

struct job {
    struct job *next;
    struct slice *slice;
    struct entry *entry;
};

struct reclaimer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *head, **tail; /* lock */
    size_t pending;           /* lock */
    bool stop;                /* lock */
};

static void run_job(struct job *j)
{
    if (j->slice)
        slice_free(j->slice);
    else
        entry_free(j->entry);
    mem_free(j);
}

static void *reclaimer_main(void *arg)
{
    struct reclaimer *r = arg;
    mem_thread_register();
    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (!r->head && !r->stop)
            pthread_cond_wait(&r->wake, &r->lock);
        struct job *j = r->head;
        if (!j)
            break;
        r->head = j->next;
        if (!r->head)
            r->tail = &r->head;
        pthread_mutex_unlock(&r->lock);
        run_job(j);
        pthread_mutex_lock(&r->lock);
        r->pending--;
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct reclaimer *reclaimer_new(void)
{
    struct reclaimer *r = mem_calloc(sizeof *r);
    r->tail = &r->head;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, NULL);
    if (pthread_create(&r->thread, NULL, reclaimer_main, r) != 0)
        abort();
    return r;
}

void reclaimer_free(struct reclaimer *r)
{
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static void push_job(struct reclaimer *r, struct slice *slice, struct entry *entry)
{
    struct job *j = mem_alloc(sizeof *j);
    *j = (struct job){.slice = slice, .entry = entry};
    pthread_mutex_lock(&r->lock);
    *r->tail = j;
    r->tail = &j->next;
    r->pending++;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

void reclaimer_slice(struct reclaimer *r, struct slice *s)
{
    push_job(r, s, NULL);
}

size_t reclaimer_pending(struct reclaimer *r)
{
    pthread_mutex_lock(&r->lock);
    size_t n = r->pending;
    pthread_mutex_unlock(&r->lock);
    return n;
}

void garbage_flush(struct reclaimer *r)
{
    while (garbage.n) {
        struct entry *e = *garbage_at(--garbage.n);
        if (entry_free_effort(e) > CHEAP_EFFORT)
            push_job(r, NULL, e);
        else
            entry_free(e);
    }
    if (garbage.cap) {
        mem_free(garbage.more);
        garbage.more = NULL;
        garbage.cap = 0;
    }
}
