/* The ops of channels: subscribe, psubscribe, unsubscribe, publish, history, presence. */
#include "ws/call.h"

#define HISTORY_MAX     300
#define MEMBERS_MAX     1000
#define OFFSET_MAX      ((int64_t)1 << 53)
#define PUBLISH_OPTIONS 5

static struct hub *hub_of(const struct call *o)
{
    return engine_hub(o->thread->engine);
}

/* ---- what may be used --------------------------------------------------------------------------- */

bool ws_may_subscribe(const struct ws_conn *c, struct bytes channel)
{
    const struct namespace *ns = hub_namespace(engine_hub(c->thread->engine), channel);
    if (!ns->ws_subscribe && !(c->grant && c->grant->n))
        return false;
    return grant_allows(c->grant, channel);
}

static bool check_subscribe(struct call *o, struct bytes channel)
{
    if (ws_may_subscribe(o->conn, channel))
        return true;
    ws_fail(o, "forbidden", false, "this channel needs a ticket that names it");
    return false;
}

static bool check_publish(struct call *o, struct bytes channel)
{
    if (hub_namespace(hub_of(o), channel)->ws_publish && grant_allows(o->conn->grant, channel))
        return true;
    ws_fail(o, "forbidden", false, "this channel may not be published to from here");
    return false;
}

/* ---- positions and messages --------------------------------------------------------------------- */

static void put_position(struct json_writer *w, struct position p)
{
    char text[EPOCH_TEXT];
    if (!p.epoch)
        return;
    json_key(w, "epoch");
    json_put_plain(w, epoch_format(text, p.epoch));
    json_key(w, "offset");
    json_put_count(w, p.offset);
}

static void put_messages(struct json_writer *w, const struct history_page *page)
{
    json_key(w, "messages");
    json_open_array(w);
    for (size_t i = 0; i < page->n; i++) {
        const struct message *m = page->messages[i];
        json_open_object(w);
        json_key(w, "data");
        json_put_bytes(w, m->data);
        json_key(w, "offset");
        json_put_count(w, m->offset);
        json_key(w, "time_ms");
        json_put_count(w, m->published_at_ms);
        if (m->from.n) {
            json_key(w, "from");
            json_put_bytes(w, m->from);
        }
        json_close_object(w);
    }
    json_close_array(w);
}

/* An epoch that is none of ours is one that is no more. */
static uint64_t read_epoch(const cJSON *item)
{
    uint64_t epoch;
    return cJSON_IsString(item) && epoch_parse(json_string(item), &epoch) ? epoch : EPOCH_UNKNOWN;
}

static bool take_recover(struct call *o, struct subscribe_ask *ask)
{
    const cJSON *recover = json_get(o->message, "recover");
    int64_t offset;
    if (!ws_has(o, "recover") || cJSON_IsFalse(recover))
        return true;
    if (!cJSON_IsString(json_get(recover, "epoch")) ||
        !json_int(json_get(recover, "offset"), &offset) || offset < 0 || offset > OFFSET_MAX) {
        ws_fail(o, "bad-arguments", false, "recover must be an object with epoch and offset");
        return false;
    }
    ask->resume = true;
    ask->from = (struct position){read_epoch(json_get(recover, "epoch")), (uint64_t)offset};
    return true;
}

/* ---- presence ------------------------------------------------------------------------------------ */

static void put_presence(struct call *o, struct bytes channel)
{
    struct presence p;
    struct json_writer *w = &o->w;
    hub_presence(hub_of(o), channel, MEMBERS_MAX, &p);
    json_key(w, "clients");
    json_put_count(w, p.clients);
    json_key(w, "users");
    json_put_count(w, p.users);
    json_key(w, "members");
    json_open_array(w);
    for (size_t i = 0; i < p.n; i++) {
        json_open_object(w);
        json_key(w, "client");
        json_put_count(w, p.members[i].client);
        json_key(w, "user");
        json_put_bytes(w, p.members[i].user);
        json_close_object(w);
    }
    json_close_array(w);
    presence_release(&p);
}

void ws_op_presence(struct call *o)
{
    struct bytes channel;
    if (!ws_take_name(o, "channel", &channel) || !check_subscribe(o, channel))
        return;
    if (!hub_namespace(hub_of(o), channel)->presence) {
        ws_fail(o, "not-kept", false, "this channel knows no presence");
        return;
    }
    ws_reply(o);
    json_key(&o->w, "channel");
    json_put_bytes(&o->w, channel);
    put_presence(o, channel);
}

/* ---- subscribing --------------------------------------------------------------------------------- */

static bool take_on_slow(struct call *o, unsigned *flags)
{
    const cJSON *item = json_get(o->message, "on_slow");
    if (!ws_has(o, "on_slow") ||
        (cJSON_IsString(item) && bytes_is(json_string(item), "disconnect")))
        return true;
    if (cJSON_IsString(item) && bytes_is(json_string(item), "drop")) {
        *flags |= SUBSCRIBE_DROPS;
        return true;
    }
    ws_fail(o, "bad-arguments", false, "on_slow is \"disconnect\" or \"drop\"");
    return false;
}

static bool take_binary(struct call *o, unsigned *flags)
{
    bool binary = false;
    if (!ws_take_bool(o, "binary", &binary))
        return false;
    *flags |= binary ? SUBSCRIBE_BINARY : 0;
    return true;
}

static void note_binary(struct call *o, unsigned flags)
{
    o->conn->binary |= (flags & SUBSCRIBE_BINARY) != 0;
}

static bool has_room(struct call *o)
{
    int64_t most = config_int(o->thread->config, CONFIG_WS_MAX_CHANNELS);
    if (hub_session_count(o->conn->session, SUB_CHANNEL) < (size_t)most)
        return true;
    ws_fail(o, "too-many-channels", false, "%lld channels and patterns at most", (long long)most);
    return false;
}

static bool take_subscription(struct call *o, struct bytes channel, struct subscribe_ask *ask,
                              bool *presence)
{
    int64_t history = 0;
    if (!take_recover(o, ask) || !ws_take_int(o, "history", 0, HISTORY_MAX, &history) ||
        !ws_take_bool(o, "presence", presence) || !take_on_slow(o, &ask->flags) ||
        !take_binary(o, &ask->flags))
        return false;
    const struct namespace *ns = hub_namespace(hub_of(o), channel);
    if ((*presence && !ns->presence) || (history && !ns->history_size)) {
        ws_fail(o, "not-kept", false, "this channel keeps no %s",
                *presence && !ns->presence ? "presence" : "history");
        return false;
    }
    ask->history = (size_t)history;
    ask->bytes_max = (size_t)config_int(o->thread->config, CONFIG_WS_QUEUE_BYTES) / 2;
    ask->user = ws_conn_user(o->conn);
    ask->flags |= *presence ? SUBSCRIBE_PRESENCE : 0;
    return true;
}

static void put_subscription(struct call *o, const struct subscribe_ask *ask,
                             const struct history_page *page)
{
    put_position(&o->w, page->at);
    if (ask->resume) {
        json_key(&o->w, "recovered");
        json_put_bool(&o->w, page->complete);
    }
    if (page->kept)
        put_messages(&o->w, page);
}

void ws_op_subscribe(struct call *o)
{
    struct subscribe_ask ask = {0};
    struct history_page page = {0};
    struct bytes channel;
    bool presence = false;
    if (!ws_take_name(o, "channel", &channel) || !check_subscribe(o, channel) ||
        !take_subscription(o, channel, &ask, &presence))
        return;
    bool fresh = !hub_is_subscribed(o->conn->session, SUB_CHANNEL, channel);
    if (!fresh && (ask.resume || ask.history)) {
        ws_fail(o, "already-subscribed", false, "unsubscribe first to read what was missed");
        return;
    }
    if (fresh && !has_room(o))
        return;
    if (fresh) {
        note_binary(o, ask.flags);
        hub_subscribe_with(hub_of(o), o->conn->session, channel, &ask, &page);
    }
    ws_reply(o);
    json_key(&o->w, "channel");
    json_put_bytes(&o->w, channel);
    put_subscription(o, &ask, &page);
    if (presence)
        put_presence(o, channel);
    history_page_release(&page);
}

void ws_op_psubscribe(struct call *o)
{
    struct bytes pattern;
    unsigned flags = 0;
    if (!ws_take_name(o, "pattern", &pattern) || !take_on_slow(o, &flags) ||
        !take_binary(o, &flags))
        return;
    if (ws_has(o, "recover") || ws_has(o, "history") || ws_has(o, "presence")) {
        ws_fail(o, "bad-arguments", false, "patterns are live only");
        return;
    }
    if (!hub_is_subscribed(o->conn->session, SUB_PATTERN, pattern) && !has_room(o))
        return;
    note_binary(o, flags);
    hub_subscribe_flags(hub_of(o), o->conn->session, SUB_PATTERN, pattern, flags);
    ws_reply(o);
    json_key(&o->w, "pattern");
    json_put_bytes(&o->w, pattern);
}

void ws_op_unsubscribe(struct call *o)
{
    bool is_pattern = json_get(o->message, "pattern") != NULL;
    const char *field = is_pattern ? "pattern" : "channel";
    struct bytes name;
    if (is_pattern && json_get(o->message, "channel")) {
        ws_fail(o, "bad-arguments", false, "either channel or pattern");
        return;
    }
    if (!ws_take_name(o, field, &name))
        return;
    bool was =
        hub_unsubscribe(hub_of(o), o->conn->session, is_pattern ? SUB_PATTERN : SUB_CHANNEL, name);
    ws_reply(o);
    json_key(&o->w, field);
    json_put_bytes(&o->w, name);
    json_key(&o->w, "was_subscribed");
    json_put_bool(&o->w, was);
}

/* ---- publishing ---------------------------------------------------------------------------------- */

static bool take_key(struct call *o, struct bytes *key)
{
    const cJSON *item = json_get(o->message, "idempotency_key");
    *key = (struct bytes){0};
    if (!ws_has(o, "idempotency_key"))
        return true;
    if (cJSON_IsString(item) && json_string(item).n > 0 &&
        json_string(item).n <= IDEMPOTENCY_KEY_MAX) {
        *key = json_string(item);
        return true;
    }
    ws_fail(o, "bad-arguments", false, "idempotency_key must be a string of 1 to %d bytes",
            IDEMPOTENCY_KEY_MAX);
    return false;
}

/* ATR.PUBLISH's reply: receivers, epoch, offset, repeated. */
static void put_publication(struct call *o)
{
    const struct capture *c = &o->thread->capture;
    ws_reply(o);
    json_key(&o->w, "receivers");
    json_put_count(&o->w, (uint64_t)c->nodes[2].integer);
    if (c->nodes[4].kind == NODE_BULK) {
        json_key(&o->w, "epoch");
        json_put_plain(&o->w, capture_text(c, &c->nodes[4]));
        json_key(&o->w, "offset");
        json_put_count(&o->w, (uint64_t)c->nodes[6].integer);
    }
    if (c->nodes[8].integer) {
        json_key(&o->w, "repeated");
        json_put_bool(&o->w, true);
    }
}

/* The data: the field, or what stands behind the JSON of a binary message. */
static bool take_data(struct call *o, struct bytes *data)
{
    if (o->data.p && !ws_has(o, "data")) {
        *data = o->data;
        return true;
    }
    if (!o->data.n && json_bytes(&o->thread->arena, json_get(o->message, "data"), data))
        return true;
    ws_fail(o, "bad-arguments", false,
            o->data.n ? "data stands in the JSON and behind it"
                      : "data must be a string or {\"b64\":...}");
    return false;
}

void ws_op_publish(struct call *o)
{
    struct bytes argv[3 + PUBLISH_OPTIONS] = {BYTES("ATR.PUBLISH")}, key;
    bool echo = true;
    int argc = 3;
    if (!ws_take_name(o, "channel", &argv[1]) || !ws_take_bool(o, "echo", &echo) ||
        !take_key(o, &key) || !take_data(o, &argv[2]))
        return;
    if (!check_publish(o, argv[1]))
        return;
    if (o->conn->user.n) {
        argv[argc++] = BYTES("FROM");
        argv[argc++] = buf_bytes(&o->conn->user);
    }
    if (key.n) {
        argv[argc++] = BYTES("KEY");
        argv[argc++] = key;
    }
    if (!echo)
        argv[argc++] = BYTES("NOECHO");
    if (ws_run(o, argv, argc))
        put_publication(o);
}

/* ---- history -------------------------------------------------------------------------------------- */

static bool take_since(struct call *o, struct history_ask *ask)
{
    const cJSON *since = json_get(o->message, "since");
    int64_t offset;
    if (!ws_has(o, "since"))
        return true;
    bool whole = cJSON_IsObject(since);
    if (!json_int(whole ? json_get(since, "offset") : since, &offset) || offset < 0 ||
        offset > OFFSET_MAX) {
        ws_fail(o, "bad-arguments", false,
                "since must be an offset, or an object with epoch and offset");
        return false;
    }
    ask->since = true;
    ask->from.offset = (uint64_t)offset;
    ask->from.epoch = whole ? read_epoch(json_get(since, "epoch")) : 0;
    return true;
}

void ws_op_history(struct call *o)
{
    struct history_ask ask = {0};
    struct history_page page;
    struct bytes channel;
    int64_t limit = 100;
    if (!ws_take_name(o, "channel", &channel) || !check_subscribe(o, channel) ||
        !take_since(o, &ask) || !ws_take_int(o, "limit", 1, HISTORY_MAX, &limit) ||
        !ws_take_bool(o, "reverse", &ask.reverse))
        return;
    ask.limit = (size_t)limit;
    ask.bytes_max = (size_t)config_int(o->thread->config, CONFIG_WS_QUEUE_BYTES) / 2;
    hub_history(hub_of(o), channel, &ask, &page);
    if (!page.kept) {
        ws_fail(o, "not-kept", false, "this channel keeps no history");
        return;
    }
    ws_reply(o);
    json_key(&o->w, "channel");
    json_put_bytes(&o->w, channel);
    put_position(&o->w, page.at);
    json_key(&o->w, "complete");
    json_put_bool(&o->w, page.complete);
    put_messages(&o->w, &page);
    history_page_release(&page);
}
