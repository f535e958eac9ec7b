/* Who may open a WebSocket: path, version, subprotocol, origin, credential. All before the 101. */
#include "ws/handshake.h"

#define PATH       "/v1/ws"
#define JSON_NAME  "atrium.v1.json"
#define RESP3_NAME "atrium.v1.resp3"
#define BEARER     "atrium.bearer."
#define HEADER_MAX 8192

/* A header's value, NUL-terminated in `arena`; n 0 where it is absent, empty or too long. */
static struct bytes header(struct ws_thread *t, struct lws *wsi, enum lws_token_indexes token)
{
    int n = lws_hdr_total_length(wsi, token);
    if (n <= 0 || n > HEADER_MAX)
        return (struct bytes){0};
    char *text = arena_alloc(&t->arena, (size_t)n + 1);
    n = lws_hdr_copy(wsi, text, n + 1, token);
    return n > 0 ? bytes_of(text, (size_t)n) : (struct bytes){0};
}

static bool same_nocase(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        char x = a.p[i], y = b.p[i];
        x = (char)(x >= 'A' && x <= 'Z' ? x + 32 : x);
        y = (char)(y >= 'A' && y <= 'Z' ? y + 32 : y);
        if (x != y)
            return false;
    }
    return true;
}

/* The next part of `list` between separators, blanks around it cut; false at the end. */
static bool next_part(struct bytes *list, char separator, struct bytes *part)
{
    while (list->n) {
        const char *end = memchr(list->p, separator, list->n);
        size_t n = end ? (size_t)(end - list->p) : list->n;
        *part = bytes_of(list->p, n);
        n += end != NULL;
        *list = bytes_of(list->p + n, list->n - n);
        while (part->n && (*part->p == ' ' || *part->p == '\t'))
            *part = bytes_of(part->p + 1, part->n - 1);
        while (part->n && (part->p[part->n - 1] == ' ' || part->p[part->n - 1] == '\t'))
            part->n--;
        if (part->n)
            return true;
    }
    return false;
}

/* ---- origin -----------------------------------------------------------------------------------
 */

static bool is_own_origin(struct bytes origin, struct bytes host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (origin.n > n && memcmp(origin.p, schemes[i], n) == 0)
            return same_nocase(bytes_of(origin.p + n, origin.n - n), host);
    }
    return false;
}

static bool is_listed_origin(struct ws_thread *t, struct bytes origin)
{
    struct buf list;
    struct bytes rest, part;
    bool found = false;
    buf_init(&list);
    config_string(t->config, CONFIG_WS_ORIGINS, &list);
    rest = buf_bytes(&list);
    while (!found && next_part(&rest, ' ', &part))
        found = bytes_eq(part, BYTES("*")) || same_nocase(part, origin);
    buf_release(&list);
    return found;
}

/* Browsers always send the origin of the page; programs send none. */
static bool origin_allowed(struct ws_thread *t, struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0)
        return true;
    struct bytes origin = header(t, wsi, WSI_TOKEN_ORIGIN);
    return is_own_origin(origin, header(t, wsi, WSI_TOKEN_HOST)) || is_listed_origin(t, origin);
}

/* ---- credential -------------------------------------------------------------------------------
 */

static bool decode_token(struct ws_thread *t, struct bytes text, struct bytes *token)
{
    size_t padded = (text.n + 3) / 4 * 4;
    char *plain = arena_alloc(&t->arena, padded + 1), *out = arena_alloc(&t->arena, padded + 4);
    for (size_t i = 0; i < padded; i++) {
        char c = i < text.n ? text.p[i] : '=';
        plain[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    return base64_decode(bytes_of(plain, padded), out, token);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

enum subprotocol { SPEAKS_NONE, SPEAKS_JSON, SPEAKS_RESP3 };

static enum subprotocol subprotocol_of(struct bytes name)
{
    return bytes_eq(name, BYTES(JSON_NAME))    ? SPEAKS_JSON
           : bytes_eq(name, BYTES(RESP3_NAME)) ? SPEAKS_RESP3
                                               : SPEAKS_NONE;
}

/* Which of ours is named first, and the credential among them. Who names nothing speaks JSON. */
static enum subprotocol read_subprotocols(struct ws_thread *t, struct lws *wsi, bool *bears,
                                          struct bytes *bearer)
{
    struct bytes list = header(t, wsi, WSI_TOKEN_PROTOCOL), part;
    enum subprotocol first = list.n ? SPEAKS_NONE : SPEAKS_JSON;
    *bears = false;
    while (next_part(&list, ',', &part)) {
        size_t n = sizeof BEARER - 1;
        if (first == SPEAKS_NONE)
            first = subprotocol_of(part);
        if (part.n > n && memcmp(part.p, BEARER, n) == 0) {
            *bears = true;
            *bearer = bytes_of(part.p + n, part.n - n);
        }
    }
    return first;
}

bool ws_speaks_resp3(struct ws_thread *t, struct lws *wsi)
{
    struct bytes bearer;
    bool bears;
    return read_subprotocols(t, wsi, &bears, &bearer) == SPEAKS_RESP3;
}

/* The ticket= of the request's query; p NULL where there is none. */
static struct bytes ticket_of(struct ws_thread *t, struct lws *wsi)
{
    int n = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS);
    if (n <= 0 || n > HEADER_MAX)
        return (struct bytes){0};
    char *text = arena_alloc(&t->arena, (size_t)n + 1);
    const char *value = lws_get_urlarg_by_name(wsi, "ticket=", text, n + 1);
    return value ? bytes_str(value) : (struct bytes){0};
}

struct grant *ws_redeem_ticket(struct ws_thread *t, struct lws *wsi)
{
    struct bytes ticket = ticket_of(t, wsi);
    return ticket.p ? hub_ticket_redeem(engine_hub(t->engine), ticket) : NULL;
}

static bool has_wrong_ticket(struct ws_thread *t, struct lws *wsi)
{
    struct bytes ticket = ticket_of(t, wsi);
    return ticket.p && !hub_ticket_exists(engine_hub(t->engine), ticket);
}

static bool is_full(struct ws_thread *t)
{
    size_t n = 0;
    for (int door = DOOR_RESP; door <= DOOR_WEBSOCKET; door++)
        n += session_count(t->engine, (enum door)door);
    return n >= (size_t)config_int(t->config, CONFIG_MAXCLIENTS);
}

static const char *refuse(const char *status, const char *why, const char **reason)
{
    *reason = why;
    return status;
}

/* A smaller window of ours would be one that what is compressed for all does not keep to. */
static bool fits_deflate_option(struct bytes option)
{
    struct bytes name;
    return next_part(&option, '=', &name) &&
           (bytes_is(name, "client_max_window_bits") ||
            (option.n == 0 && (bytes_is(name, "server_no_context_takeover") ||
                               bytes_is(name, "client_no_context_takeover"))));
}

static bool fits_deflate(struct bytes offer)
{
    struct bytes part;
    if (!next_part(&offer, ';', &part) || !bytes_is(part, "permessage-deflate"))
        return true; /* another extension, which is not agreed to anyway */
    while (next_part(&offer, ';', &part)) {
        if (!fits_deflate_option(part))
            return false;
    }
    return true;
}

bool ws_may_deflate(struct ws_thread *t, struct lws *wsi)
{
    struct bytes offers = header(t, wsi, WSI_TOKEN_EXTENSIONS), offer;
    bool may = !ws_speaks_resp3(t, wsi);
    while (may && next_part(&offers, ',', &offer))
        may = fits_deflate(offer);
    arena_clear(&t->arena);
    return may;
}

bool ws_bears_token(struct ws_thread *t, struct lws *wsi)
{
    struct bytes bearer = {0}, token;
    bool bears;
    read_subprotocols(t, wsi, &bears, &bearer);
    return bears && decode_token(t, bearer, &token) &&
           session_authenticate(t->visitor, BYTES("default"), token);
}

const char *ws_check_handshake(struct ws_thread *t, struct lws *wsi, const char **reason)
{
    struct bytes bearer = {0};
    bool bears;
    if (!bytes_eq(header(t, wsi, WSI_TOKEN_GET_URI), BYTES(PATH)))
        return refuse("404 Not Found", "WebSocket is served at " PATH, reason);
    if (!bytes_eq(header(t, wsi, WSI_TOKEN_HTTP), BYTES("HTTP/1.1")))
        return refuse("400 Bad Request", "WebSocket begins with a request of HTTP/1.1", reason);
    if (!bytes_eq(header(t, wsi, WSI_TOKEN_VERSION), BYTES("13")))
        return refuse("426 Upgrade Required", "Sec-WebSocket-Version 13 is the one served", reason);
    if (header(t, wsi, WSI_TOKEN_KEY).n != 24)
        return refuse("400 Bad Request", "Sec-WebSocket-Key is not 16 bytes in base64", reason);
    if (!origin_allowed(t, wsi))
        return refuse("403 Forbidden", "pages of this origin may not connect (ws-origins)", reason);
    enum subprotocol speaks = read_subprotocols(t, wsi, &bears, &bearer);
    if (speaks == SPEAKS_NONE)
        return refuse("400 Bad Request",
                      "the subprotocols served are " JSON_NAME " and " RESP3_NAME, reason);
    if (bears && !ws_bears_token(t, wsi))
        return refuse("401 Unauthorized", "the bearer token is wrong", reason);
    if (has_wrong_ticket(t, wsi))
        return refuse("401 Unauthorized", "the ticket is wrong, used up or too old", reason);
    if (speaks == SPEAKS_RESP3 && ticket_of(t, wsi).p)
        return refuse("403 Forbidden", "a ticket is good for channels alone", reason);
    if (speaks == SPEAKS_RESP3 && !bears && !config_is_empty(t->config, CONFIG_REQUIREPASS))
        return refuse("401 Unauthorized", RESP3_NAME " needs " BEARER "<password> beside it",
                      reason);
    if (atomic_load(&t->stop))
        return refuse("503 Service Unavailable", "the server ends", reason);
    if (is_full(t))
        return refuse("503 Service Unavailable", "max number of clients reached", reason);
    return NULL;
}
