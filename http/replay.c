#include "http/replay.h"

#include <pthread.h>

#include "http/problem.h"
#include "http/worker.h"

#define BUCKETS 4096u /* a power of two */

struct kept {
    struct kept *next_in_bucket, *older, *newer;
    uint64_t id, request; /* hashes: of who and his key, of what it was sent with */
    uint64_t at_ms;       /* monotonic: when it was answered */
    struct bytes key;
    bool answered, too_large;
    int status;
    const char *content_type; /* a literal, as in struct request */
    struct bytes headers;     /* name NUL value NUL, ... */
    struct bytes body;
    size_t bytes; /* of all of it */
};

struct replays {
    pthread_mutex_t lock; /* everything below */
    struct kept *buckets[BUCKETS];
    struct kept *oldest, *newest; /* answered ones, by at_ms */
    size_t bytes;
};

struct replays *replays_new(void)
{
    struct replays *all = mem_calloc(sizeof *all);
    pthread_mutex_init(&all->lock, NULL);
    return all;
}

static struct kept **place_of(struct replays *all, uint64_t id, struct bytes key)
{
    struct kept **at = &all->buckets[id & (BUCKETS - 1)];
    while (*at && !((*at)->id == id && bytes_eq((*at)->key, key)))
        at = &(*at)->next_in_bucket;
    return at;
}

static void unlink_age(struct replays *all, struct kept *k)
{
    *(k->older ? &k->older->newer : &all->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &all->newest) = k->older;
}

static void drop(struct replays *all, struct kept *k)
{
    struct kept **at = place_of(all, k->id, k->key);
    *at = k->next_in_bucket;
    if (k->answered)
        unlink_age(all, k);
    all->bytes -= k->bytes;
    mem_free((void *)k->headers.p);
    mem_free((void *)k->body.p);
    mem_free(k);
}

void replays_free(struct replays *all)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        while (all->buckets[i])
            drop(all, all->buckets[i]);
    pthread_mutex_destroy(&all->lock);
    mem_free(all);
}

/* ---- entering -------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t both[2] = {a, b};
    return hash_bytes(bytes_of(both, sizeof both));
}

static uint64_t header_hash(struct request *r, const char *name)
{
    struct bytes text;
    return request_header(r, name, &text) ? hash_bytes(text) : 0;
}

static uint64_t request_hash(struct request *r)
{
    uint64_t h = mix(hash_bytes(buf_bytes(&r->raw_target)), hash_bytes(buf_bytes(&r->body)));
    return mix(h, header_hash(r, "Content-Type"));
}

static void forget_old(struct replays *all, uint64_t now_ms, uint64_t life_ms)
{
    while (all->oldest && now_ms - all->oldest->at_ms >= life_ms)
        drop(all, all->oldest);
}

/* A new key, at its place. */
static struct kept *take(struct replays *all, struct kept **at, uint64_t id, struct bytes key)
{
    struct kept *k = mem_calloc(sizeof *k + key.n);
    memcpy(k + 1, key.p, key.n);
    k->key = bytes_of(k + 1, key.n);
    k->id = id;
    k->bytes = sizeof *k + key.n;
    all->bytes += k->bytes;
    *at = k;
    return k;
}

static void replay_headers(struct request *r, struct bytes headers)
{
    struct bytes copy = arena_copy(&r->arena, headers);
    for (const char *at = copy.p; at < copy.p + copy.n;) {
        const char *value = at + strlen(at) + 1;
        answer_header(r, at, value);
        at = value + strlen(value) + 1;
    }
}

/* The key is there already: the answer that it got. */
static void answer_again(struct request *r, const struct kept *k, uint64_t request)
{
    if (k->request != request) {
        problem(r, "idempotency-key-reused", "this Idempotency-Key was sent with another request");
    } else if (!k->answered) {
        problem(r, "idempotency-in-progress", "the request with this Idempotency-Key still runs");
    } else if (k->too_large) {
        problem(r, "idempotency-answer-lost",
                "the request has run; its answer had more than %d bytes", REPLAY_BODY_MAX);
    } else {
        replay_headers(r, k->headers);
        answer_header(r, "Idempotency-Replayed", "true");
        answer_bytes(r, k->status, k->content_type, k->body);
    }
}

static bool is_key(struct request *r, struct bytes key)
{
    size_t i = 0;
    while (i < key.n && key.p[i] >= ' ' && key.p[i] <= '~')
        i++;
    if (key.n && key.n <= REPLAY_KEY_MAX && i == key.n)
        return true;
    problem(r, "bad-arguments", "Idempotency-Key has 1 to %d printable characters", REPLAY_KEY_MAX);
    return false;
}

static bool enter_locked(struct request *r, struct replays *all, struct bytes key)
{
    const struct config *c = engine_config(r->worker->engine);
    uint64_t id = mix(header_hash(r, "Authorization"), hash_bytes(key));
    uint64_t request = request_hash(r);
    forget_old(all, clock_mono_us() / 1000,
               (uint64_t)config_int(c, CONFIG_HTTP_IDEMPOTENCY_SECONDS) * 1000);
    struct kept **at = place_of(all, id, key);
    if (*at) {
        answer_again(r, *at, request);
        return false;
    }
    if (all->bytes >= (size_t)config_int(c, CONFIG_HTTP_IDEMPOTENCY_MEMORY)) {
        problem(r, "busy", "too many answers are kept for Idempotency-Keys; nothing has run");
        return false;
    }
    r->kept = take(all, at, id, key);
    r->kept->request = request;
    r->kept_headers_from = r->nheaders;
    return true;
}

bool replay_enter(struct request *r)
{
    struct bytes key;
    struct replays *all = r->worker->replays;
    if (r->method != METHOD_POST || !request_header(r, "Idempotency-Key", &key))
        return true;
    if (!is_key(r, key))
        return false;
    pthread_mutex_lock(&all->lock);
    bool fresh = enter_locked(r, all, key);
    pthread_mutex_unlock(&all->lock);
    return fresh;
}

/* ---- leaving --------------------------------------------------------------------------------- */

static struct bytes copy_of(struct bytes s)
{
    char *p = s.n ? mem_alloc(s.n) : NULL;
    if (p)
        memcpy(p, s.p, s.n);
    return bytes_of(p, s.n);
}

/* Nothing has changed (but where the log of writes failed behind a change), and another try may do better. */
static bool is_passing(int status)
{
    return status == 429 || status == 503 || status == 507;
}

static struct bytes pack_headers(const struct request *r)
{
    struct buf out;
    buf_init(&out);
    for (unsigned i = r->kept_headers_from; i < r->nheaders; i++) {
        buf_add(&out, r->headers[i].name, strlen(r->headers[i].name) + 1);
        buf_add(&out, r->headers[i].value, strlen(r->headers[i].value) + 1);
    }
    return buf_bytes(&out); /* its memory is the caller's */
}

static void keep(struct replays *all, struct kept *k, const struct request *r)
{
    k->too_large = r->out.n > REPLAY_BODY_MAX;
    if (!k->too_large) {
        k->headers = pack_headers(r);
        k->body = copy_of(buf_bytes(&r->out));
    }
    k->status = r->status;
    k->content_type = r->content_type;
    k->at_ms = clock_mono_us() / 1000;
    pthread_mutex_lock(&all->lock);
    k->bytes += k->headers.n + k->body.n;
    all->bytes += k->headers.n + k->body.n;
    k->older = all->newest;
    *(k->older ? &k->older->newer : &all->oldest) = k;
    all->newest = k;
    k->answered = true;
    pthread_mutex_unlock(&all->lock);
}

void replay_forget(struct request *r)
{
    struct replays *all = r->worker->replays;
    if (!r->kept)
        return;
    pthread_mutex_lock(&all->lock);
    drop(all, r->kept);
    pthread_mutex_unlock(&all->lock);
    r->kept = NULL;
}

void replay_leave(struct request *r)
{
    if (!r->kept)
        return;
    bool kept = !r->feed && (!is_passing(r->status) || r->log_position);
    if (!kept) {
        replay_forget(r);
        return;
    }
    keep(r->worker->replays, r->kept, r);
    r->kept = NULL;
}
