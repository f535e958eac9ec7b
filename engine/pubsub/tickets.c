#include "pubsub/tickets.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "pubsub/hub_parts.h"

struct grant *grant_new(const struct grant *from)
{
    size_t bytes = from->user.n;
    for (size_t i = 0; i < from->n; i++)
        bytes += from->channels[i].n;
    struct grant *g = mem_alloc(sizeof *g + from->n * sizeof *g->channels + bytes);
    *g = (struct grant){.channels = (struct bytes *)(g + 1),
                        .n = from->n,
                        .until_ms = from->until_ms,
                        .session_ms = from->session_ms};
    char *p = (char *)(g->channels + g->n);
    for (size_t i = 0; i <= g->n; i++) {
        struct bytes text = i ? from->channels[i - 1] : from->user;
        if (text.n)
            memcpy(p, text.p, text.n);
        *(i ? &g->channels[i - 1] : &g->user) = bytes_of(p, text.n);
        p += text.n;
    }
    return g;
}

void grant_free(struct grant *g)
{
    mem_free(g);
}

bool grant_allows(const struct grant *g, struct bytes channel)
{
    if (!g || g->n == 0)
        return true;
    for (size_t i = 0; i < g->n; i++) {
        if (bytes_glob(g->channels[i], channel, false))
            return true;
    }
    return false;
}

static bool is_within_bounds(const struct grant *ask, uint64_t ttl_ms)
{
    bool ok = ttl_ms > 0 && ttl_ms <= TICKET_TTL_MAX_MS && ask->n <= TICKET_CHANNELS_MAX &&
              ask->user.n <= TICKET_NAME_MAX && ask->session_ms <= TICKET_SESSION_MAX_MS;
    for (size_t i = 0; ok && i < ask->n; i++)
        ok = ask->channels[i].n <= TICKET_NAME_MAX;
    return ok;
}

bool hub_ticket_issue(struct hub *h, const struct grant *ask, uint64_t ttl_ms, char to[TICKET_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[(TICKET_TEXT - 1) / 2];
    struct tickets *t = &h->tickets;
    if (!is_within_bounds(ask, ttl_ms))
        return false;
    rng_secret(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++) {
        to[2 * i] = digits[raw[i] >> 4];
        to[2 * i + 1] = digits[raw[i] & 15];
    }
    to[TICKET_TEXT - 1] = '\0';
    pthread_mutex_lock(&t->lock);
    bool room = t->map.n < TICKETS_MAX;
    if (room) {
        struct grant *g = grant_new(ask);
        g->until_ms = clock_wall_ms() + ttl_ms;
        namemap_get(&t->map, bytes_of(to, TICKET_TEXT - 1))->value = g;
    }
    pthread_mutex_unlock(&t->lock);
    return room;
}

struct grant *hub_ticket_redeem(struct hub *h, struct bytes text)
{
    struct tickets *t = &h->tickets;
    struct grant *g = NULL;
    pthread_mutex_lock(&t->lock);
    struct name_node *node = namemap_find(&t->map, text);
    if (node) {
        g = node->value;
        namemap_remove(&t->map, node);
    }
    pthread_mutex_unlock(&t->lock);
    if (g && clock_wall_ms() >= g->until_ms) {
        grant_free(g);
        g = NULL;
    }
    return g;
}

bool hub_ticket_exists(struct hub *h, struct bytes text)
{
    struct tickets *t = &h->tickets;
    pthread_mutex_lock(&t->lock);
    struct name_node *node = namemap_find(&t->map, text);
    bool there = node && clock_wall_ms() < ((struct grant *)node->value)->until_ms;
    pthread_mutex_unlock(&t->lock);
    return there;
}

void tickets_sweep(struct tickets *t, uint64_t now_ms)
{
    pthread_mutex_lock(&t->lock);
    for (struct name_node *node = namemap_first(&t->map), *next; node; node = next) {
        next = namemap_next(&t->map, node);
        struct grant *g = node->value;
        if (now_ms < g->until_ms)
            continue;
        grant_free(g);
        namemap_remove(&t->map, node);
    }
    pthread_mutex_unlock(&t->lock);
}

void tickets_release(struct tickets *t)
{
    tickets_sweep(t, UINT64_MAX);
    namemap_release(&t->map);
    pthread_mutex_destroy(&t->lock);
}
