#include "http/auth.h"

#include "http/cors.h"
#include "http/problem.h"
#include "http/router.h"
#include "http/worker.h"

static bool refuse(struct request *r, const char *slug, const char *detail)
{
    answer_header(r, "WWW-Authenticate", "Bearer realm=\"atrium\"");
    answer_header(r, "WWW-Authenticate", "Basic realm=\"atrium\", charset=\"UTF-8\"");
    problem(r, slug, "%s", detail);
    return false;
}

/* The scheme's word and one blank or more. */
static bool take_scheme(struct bytes *header, const char *scheme)
{
    size_t n = strlen(scheme);
    if (header->n <= n || header->p[n] != ' ' || !bytes_is(bytes_of(header->p, n), scheme))
        return false;
    while (n < header->n && header->p[n] == ' ')
        n++;
    *header = bytes_of(header->p + n, header->n - n);
    return true;
}

static bool parse_basic(struct request *r, struct bytes text, struct bytes *user,
                        struct bytes *password)
{
    struct bytes both;
    if (!base64_decode(text, arena_alloc(&r->arena, base64_decoded_max(text.n)), &both))
        return false;
    const char *colon = both.n ? memchr(both.p, ':', both.n) : NULL;
    if (!colon)
        return false;
    *user = bytes_of(both.p, (size_t)(colon - both.p));
    *password = bytes_of(colon + 1, both.n - user->n - 1);
    return true;
}

/* Upstash's, in the query. */
static bool take_token(struct request *r, struct bytes *password)
{
    return r->route->flags & ROUTE_UPSTASH && request_query(r, "_token", password);
}

/* False: answered. */
static bool take_credentials(struct request *r, struct bytes *user, struct bytes *password)
{
    struct bytes header;
    if (!request_header(r, "Authorization", &header))
        return take_token(r, password) ||
               refuse(r, "unauthenticated", "a password is set and the request has none");
    if (take_scheme(&header, "Bearer")) {
        *password = header;
        return true;
    }
    return (take_scheme(&header, "Basic") && parse_basic(r, header, user, password)) ||
           refuse(r, "unauthenticated", "Authorization must be Bearer or Basic");
}

static bool authenticate(struct request *r)
{
    struct bytes user = {0}, password;
    if (!take_credentials(r, &user, &password))
        return false;
    if (session_authenticate(request_session(r), user.n ? user : BYTES("default"), password))
        return true;
    return refuse(r, "wrong-credentials", "no such user, or another password");
}

static bool select_db(struct request *r)
{
    int64_t db = 0;
    if (!request_query_int(r, "db", 0, 15, &db))
        return false;
    r->db = (uint8_t)db;
    return true;
}

void auth_enter(struct request *r)
{
    struct session *s = request_session(r);
    s->resp = 3;
    s->no_evict = s->no_touch = false;
    s->reply_mode = REPLY_MODE_ON;
    s->authenticated = true;
    s->db = r->db;
}

/* Is there one at least? The handler spends it. */
static bool has_ticket(struct request *r)
{
    struct bytes ticket;
    return r->route->flags & ROUTE_TICKET && request_query(r, "ticket", &ticket) &&
           hub_ticket_exists(engine_hub(r->worker->engine), ticket);
}

bool auth_check(struct request *r)
{
    bool open = config_is_empty(engine_config(r->worker->engine), CONFIG_REQUIREPASS);
    return cors_check(r) && (open || has_ticket(r) || authenticate(r)) && select_db(r);
}
