/* POST /v1/tickets {"user","channels","ttl_ms","session_ttl_ms"}: what a page shows once in place of the password, as
 * ?ticket= of a WebSocket or of /v1/events. */
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/worker.h"

/* Patterns of channels; none: every channel. */
static bool take_channels(struct request *r, struct grant *g)
{
    const cJSON *list = json_get(r->json, "channels");
    if (!list)
        return true;
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (n < 1 || n > TICKET_CHANNELS_MAX) {
        problem(r, "bad-arguments", "\"channels\" must be an array of 1 to %d patterns",
                TICKET_CHANNELS_MAX);
        return false;
    }
    g->channels = arena_alloc(&r->arena, (size_t)n * sizeof *g->channels);
    for (const cJSON *item = list->child; item; item = item->next) {
        struct bytes *name = &g->channels[g->n++];
        if (json_bytes(&r->arena, item, name) && name->n && name->n <= TICKET_NAME_MAX)
            continue;
        problem(r, "bad-arguments", "a pattern of channels has 1 to %d bytes", TICKET_NAME_MAX);
        return false;
    }
    return true;
}

static bool take_user(struct request *r, struct grant *g)
{
    const cJSON *item = json_get(r->json, "user");
    if (!item ||
        (json_bytes(&r->arena, item, &g->user) && g->user.n && g->user.n <= TICKET_NAME_MAX))
        return true;
    problem(r, "bad-arguments", "\"user\" must be a string of 1 to %d bytes", TICKET_NAME_MAX);
    return false;
}

static void say_ticket(struct request *r, const char *ticket, int64_t ttl_ms, uint64_t session_ms)
{
    struct json_writer *w = answer_json(r, 201);
    json_open_object(w);
    json_key(w, "ticket");
    json_put_text(w, ticket);
    json_key(w, "ttl_ms");
    json_put_count(w, (uint64_t)ttl_ms);
    if (session_ms) {
        json_key(w, "session_ttl_ms");
        json_put_count(w, session_ms);
    }
    json_close_object(w);
}

static void issue(struct request *r)
{
    struct grant g = {0};
    char ticket[TICKET_TEXT];
    int64_t ttl_ms = TICKET_TTL_MS, session_ms = 0;
    if (r->body.n && !request_json(r, false))
        return;
    if (!request_member_int(r, r->json, "ttl_ms", 1, TICKET_TTL_MAX_MS, &ttl_ms) ||
        !request_member_int(r, r->json, "session_ttl_ms", 1, TICKET_SESSION_MAX_MS, &session_ms) ||
        !take_user(r, &g) || !take_channels(r, &g))
        return;
    g.session_ms = (uint64_t)session_ms;
    if (hub_ticket_issue(engine_hub(r->worker->engine), &g, (uint64_t)ttl_ms, ticket))
        say_ticket(r, ticket, ttl_ms, g.session_ms);
    else
        problem(r, "busy", "too many tickets are out");
}

const struct route tickets_routes[] = {
    {METHOD_POST, "/v1/tickets", issue, "issueTicket", 0},
    {0},
};
