/* What channels keep, for every door: see pubsub/channels.h.
 *
 * ATR.PUBLISH channel message [FROM user] [KEY idempotency-key] [NOECHO]
 *     a map: receivers, epoch, offset (both null where the channel has no history), repeated
 * ATR.HISTORY channel [SINCE offset] [EPOCH epoch] [LIMIT limit] [REV]
 *     a map: epoch, offset (of the newest), complete, messages: maps of offset, time_ms, from, data. Those after SINCE,
 *     oldest first; REV: those before it, newest first. Null where the channel keeps none.
 * ATR.PRESENCE channel [LIMIT limit]
 *     a map: clients, users, members: maps of client, user. Null where the channel knows no presence.
 * ATR.CHANNELS [MATCH pattern] [LIMIT limit]
 *     an array of maps: channel, subscribers, clients, messages, epoch, offset
 *
 * An epoch is opaque text. */
#include "engine.h"
#include "commands/exec.h"

#define HISTORY_LIMIT      100
#define HISTORY_LIMIT_MAX  1000
#define MEMBERS_LIMIT      100
#define MEMBERS_LIMIT_MAX  10000
#define CHANNELS_LIMIT     1000
#define CHANNELS_LIMIT_MAX 100000

static void reply_position(struct exec *x, struct position p)
{
    char text[EPOCH_TEXT];
    reply_text(x->reply, "epoch");
    if (p.epoch)
        reply_bulk(x->reply, epoch_format(text, p.epoch));
    else
        reply_null(x->reply);
    reply_text(x->reply, "offset");
    if (p.epoch)
        reply_int(x->reply, (int64_t)p.offset);
    else
        reply_null(x->reply);
}

static bool take_limit(struct exec *x, const struct option *o, int64_t most, size_t *limit)
{
    int64_t n;
    if (!o->at)
        return true;
    if (!exec_int_in(x, o->at + 1, 1, most, "limit is out of range", &n))
        return false;
    *limit = (size_t)n;
    return true;
}

/* ---- publishing -------------------------------------------------------------------------------- */

static bool parse_publisher(struct exec *x, struct publisher *by)
{
    struct option o[] = {
        {.word = "FROM", .takes = 1}, {.word = "KEY", .takes = 1}, {.word = "NOECHO"}, {0}};
    if (!exec_options(x, 3, o))
        return false;
    if (o[0].at)
        by->from = x->argv[o[0].at + 1];
    if (o[1].at)
        by->idempotency_key = x->argv[o[1].at + 1];
    if (o[1].at && (by->idempotency_key.n == 0 || by->idempotency_key.n > IDEMPOTENCY_KEY_MAX)) {
        reply_errorf(x->reply, ERROR_GENERIC, "idempotency key must have 1 to %d bytes",
                     IDEMPOTENCY_KEY_MAX);
        return false;
    }
    by->except = o[2].at ? x->session->id : 0;
    return true;
}

static void cmd_atr_publish(struct exec *x)
{
    struct publisher by = {0};
    if (!parse_publisher(x, &by))
        return;
    struct publication p = hub_publish_from(engine_hub(x->engine), x->argv[1], x->argv[2], &by);
    if (p.conflict) {
        reply_error(x->reply, ERROR_KEY_REUSED);
        return;
    }
    if (!p.repeated)
        engine_count(x->engine, COUNTER_PUBLISHED, 1);
    if (p.receivers && x->session->mailbox)
        mailbox_drain(x->session->mailbox);
    reply_map(x->reply, 4);
    reply_text(x->reply, "receivers");
    reply_int(x->reply, (int64_t)p.receivers);
    reply_position(x, p.at);
    reply_text(x->reply, "repeated");
    reply_bool(x->reply, p.repeated);
}

/* ---- history ----------------------------------------------------------------------------------- */

static bool parse_history(struct exec *x, struct history_ask *ask)
{
    struct option o[] = {{.word = "SINCE", .takes = 1},
                         {.word = "EPOCH", .takes = 1},
                         {.word = "LIMIT", .takes = 1},
                         {.word = "REV"},
                         {0}};
    int64_t since = 0;
    if (!exec_options(x, 2, o) ||
        (o[0].at && !exec_int_in(x, o[0].at + 1, 0, INT64_MAX, "offset is out of range", &since)) ||
        !take_limit(x, &o[2], HISTORY_LIMIT_MAX, &ask->limit))
        return false;
    if (o[1].at && !epoch_parse(x->argv[o[1].at + 1], &ask->from.epoch))
        ask->from.epoch = EPOCH_UNKNOWN;
    ask->since = o[0].at != 0;
    ask->from.offset = (uint64_t)since;
    ask->reverse = o[3].at != 0;
    return true;
}

static void reply_message(struct exec *x, const struct message *m)
{
    reply_map(x->reply, 4);
    reply_text(x->reply, "offset");
    reply_int(x->reply, (int64_t)m->offset);
    reply_text(x->reply, "time_ms");
    reply_int(x->reply, (int64_t)m->published_at_ms);
    reply_text(x->reply, "from");
    if (m->from.n)
        reply_bulk(x->reply, m->from);
    else
        reply_null(x->reply);
    reply_text(x->reply, "data");
    reply_bulk(x->reply, m->data);
}

static void cmd_atr_history(struct exec *x)
{
    struct history_ask ask = {.limit = HISTORY_LIMIT};
    struct history_page page;
    if (!parse_history(x, &ask))
        return;
    hub_history(engine_hub(x->engine), x->argv[1], &ask, &page);
    if (!page.kept) {
        reply_null(x->reply);
        return;
    }
    reply_map(x->reply, 4);
    reply_position(x, page.at);
    reply_text(x->reply, "complete");
    reply_bool(x->reply, page.complete);
    reply_text(x->reply, "messages");
    reply_array(x->reply, page.n);
    for (size_t i = 0; i < page.n; i++)
        reply_message(x, page.messages[i]);
    history_page_release(&page);
}

/* ---- presence ---------------------------------------------------------------------------------- */

static void cmd_atr_presence(struct exec *x)
{
    struct option o[] = {{.word = "LIMIT", .takes = 1}, {0}};
    size_t limit = MEMBERS_LIMIT;
    struct presence p;
    if (!exec_options(x, 2, o) || !take_limit(x, &o[0], MEMBERS_LIMIT_MAX, &limit))
        return;
    hub_presence(engine_hub(x->engine), x->argv[1], limit, &p);
    if (!p.kept) {
        reply_null(x->reply);
        return;
    }
    reply_map(x->reply, 3);
    reply_text(x->reply, "clients");
    reply_int(x->reply, (int64_t)p.clients);
    reply_text(x->reply, "users");
    reply_int(x->reply, (int64_t)p.users);
    reply_text(x->reply, "members");
    reply_array(x->reply, p.n);
    for (size_t i = 0; i < p.n; i++) {
        reply_map(x->reply, 2);
        reply_text(x->reply, "client");
        reply_int(x->reply, (int64_t)p.members[i].client);
        reply_text(x->reply, "user");
        reply_bulk(x->reply, p.members[i].user);
    }
    presence_release(&p);
}

/* ---- channels ---------------------------------------------------------------------------------- */

struct listing {
    struct exec *x;
    size_t n, limit;
};

static void list_channel(const struct channel_facts *f, void *ctx)
{
    struct listing *l = ctx;
    struct exec *x = l->x;
    if (l->n == l->limit)
        return;
    l->n++;
    reply_map(x->reply, 6);
    reply_text(x->reply, "channel");
    reply_bulk(x->reply, f->name);
    reply_text(x->reply, "subscribers");
    reply_int(x->reply, (int64_t)f->subscribers);
    reply_text(x->reply, "clients");
    reply_int(x->reply, (int64_t)f->clients);
    reply_text(x->reply, "messages");
    reply_int(x->reply, (int64_t)f->messages);
    reply_position(x, f->at);
}

static void cmd_atr_channels(struct exec *x)
{
    struct option o[] = {{.word = "MATCH", .takes = 1}, {.word = "LIMIT", .takes = 1}, {0}};
    struct listing l = {.x = x, .limit = CHANNELS_LIMIT};
    if (!exec_options(x, 1, o) || !take_limit(x, &o[1], CHANNELS_LIMIT_MAX, &l.limit))
        return;
    size_t mark = reply_begin(x->reply);
    hub_each_channel(engine_hub(x->engine), o[0].at ? &x->argv[o[0].at + 1] : NULL, list_channel,
                     &l);
    reply_end(x->reply, mark, REPLY_ARRAY, l.n);
}

const struct command_row channel_commands[] = {
    {"atr.publish", cmd_atr_publish, -3, "pubsub,loading,stale,fast,may_replicate", "", "", "0.1.0",
     "pubsub", "channel message [FROM user] [KEY idempotency-key] [NOECHO]",
     "Sends a message to a channel; returns how many subscriptions get it and its place in the "
     "history."},
    {"atr.history", cmd_atr_history, -2, "pubsub,loading,stale", "", "", "0.1.0", "pubsub",
     "channel [SINCE offset] [EPOCH epoch] [LIMIT limit] [REV]",
     "Returns messages of a channel's history."},
    {"atr.presence", cmd_atr_presence, -2, "pubsub,loading,stale", "", "", "0.1.0", "pubsub",
     "channel [LIMIT limit]", "Returns who is on a channel."},
    {"atr.channels", cmd_atr_channels, -1, "pubsub,loading,stale", "", "", "0.1.0", "pubsub",
     "[MATCH pattern] [LIMIT limit]",
     "Lists the channels that have subscribers or a history, with figures."},
    {0},
};
