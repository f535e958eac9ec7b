/* Publish and subscribe. Each name that is subscribed or unsubscribed is answered by a push of its own. */
#include <stdlib.h>

#include "base/mem.h"
#include "commands/exec.h"
#include "commands/session.h"
#include "internal.h"

/* psubscribe, punsubscribe; ssubscribe, sunsubscribe; subscribe, unsubscribe. */
static enum sub_kind kind_of(const struct exec *x)
{
    const char *name = x->cmd->row->name;
    if (name[0] == 'p')
        return SUB_PATTERN;
    return name[0] == 's' && name[1] != 'u' ? SUB_SHARD
           : strncmp(name, "sun", 3) == 0   ? SUB_SHARD
                                            : SUB_CHANNEL;
}

static void reply_subscription(struct exec *x, const char *verb, const struct bytes *name, enum sub_kind kind)
{
    reply_push(x->reply, 3);
    reply_text(x->reply, verb);
    if (name)
        reply_bulk(x->reply, *name);
    else
        reply_null(x->reply);
    reply_int(x->reply, (int64_t)hub_session_count(x->session, kind));
}

static void cmd_subscribe(struct exec *x)
{
    enum sub_kind kind = kind_of(x);
    for (int i = 1; i < x->argc; i++) {
        hub_subscribe(x->engine->hub, x->session, kind, x->argv[i]);
        reply_subscription(x, x->cmd->row->name, &x->argv[i], kind);
    }
}

/* ---- unsubscribing ------------------------------------------------------------------------------------- */

struct names {
    struct exec *x;
    struct bytes *at;
    size_t n, cap;
};

/* Copies: the session's own storage goes as they are unsubscribed. */
static void collect_name(struct bytes name, void *ctx)
{
    struct names *l = ctx;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct bytes *more = exec_alloc(l->x, cap * sizeof *more);
        if (l->n)
            memcpy(more, l->at, l->n * sizeof *more);
        l->at = more;
        l->cap = cap;
    }
    char *text = exec_alloc(l->x, name.n);
    if (name.n)
        memcpy(text, name.p, name.n);
    l->at[l->n++] = bytes_of(text, name.n);
}

static void cmd_unsubscribe(struct exec *x)
{
    enum sub_kind kind = kind_of(x);
    struct names all = {.x = x};
    const struct bytes *names = x->argv + 1;
    size_t n = (size_t)x->argc - 1;
    if (n == 0) {
        hub_session_each(x->session, kind, collect_name, &all);
        names = all.at;
        n = all.n;
    }
    for (size_t i = 0; i < n; i++) {
        hub_unsubscribe(x->engine->hub, x->session, kind, names[i]);
        reply_subscription(x, x->cmd->row->name, &names[i], kind);
    }
    if (n == 0)
        reply_subscription(x, x->cmd->row->name, NULL, kind);
}

/* ---- publishing ------------------------------------------------------------------------------------------ */

static void cmd_publish(struct exec *x)
{
    enum sub_kind kind = x->cmd->row->name[0] == 's' ? SUB_SHARD : SUB_CHANNEL;
    size_t n = hub_publish(x->engine->hub, kind, x->argv[1], x->argv[2]);
    engine_count(x->engine, COUNTER_PUBLISHED, 1);
    if (x->session->mailbox)
        mailbox_drain(x->session->mailbox);
    reply_int(x->reply, (int64_t)n);
}

/* ---- PUBSUB ------------------------------------------------------------------------------------------------ */

static void cmd_pubsub_channels(struct exec *x)
{
    enum sub_kind kind = exec_is(x, 1, "shardchannels") ? SUB_SHARD : SUB_CHANNEL;
    struct names all = {.x = x};
    if (x->argc > 3) {
        reply_errorf(x->reply, ERROR_ARITY,
                     "unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
                     (int)x->argv[1].n, x->argv[1].p);
        return;
    }
    hub_channels(x->engine->hub, kind, x->argc == 3 ? &x->argv[2] : NULL, collect_name, &all);
    reply_array(x->reply, all.n);
    for (size_t i = 0; i < all.n; i++)
        reply_bulk(x->reply, all.at[i]);
}

static void cmd_pubsub_numsub(struct exec *x)
{
    enum sub_kind kind = exec_is(x, 1, "shardnumsub") ? SUB_SHARD : SUB_CHANNEL;
    reply_array(x->reply, (size_t)(x->argc - 2) * 2);
    for (int i = 2; i < x->argc; i++) {
        reply_bulk(x->reply, x->argv[i]);
        reply_int(x->reply, (int64_t)hub_subscribers(x->engine->hub, kind, x->argv[i]));
    }
}

static void cmd_pubsub_numpat(struct exec *x)
{
    reply_int(x->reply, (int64_t)hub_pattern_count(x->engine->hub));
}

static void cmd_pubsub_help(struct exec *x)
{
    static const char *const lines[] = {
        "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
        "HELP",
        "    Print this help.",
    };
    size_t n = sizeof lines / sizeof *lines;
    reply_array(x->reply, n);
    for (size_t i = 0; i < n; i++)
        reply_simple(x->reply, lines[i]);
}

#define SUBSCRIBING "pubsub,noscript,loading,stale,stateful"

const struct command_row pubsub_commands[] = {
    {"psubscribe", cmd_subscribe, -2, SUBSCRIBING, "", "", "2.0.0", "pubsub", "pattern ...",
     "Subscribes to the channels that match patterns."},
    {"publish", cmd_publish, 3, "pubsub,loading,stale,fast,may_replicate", "", "", "2.0.0", "pubsub",
     "channel message", "Publishes a message to a channel."},
    {"pubsub", NULL, -2, "", "", "", "2.8.0", "pubsub", "", "Container of the commands that look at channels."},
    {"pubsub|channels", cmd_pubsub_channels, -2, "pubsub,loading,stale", "", "", "2.8.0", "pubsub",
     "[pattern]", "Lists the channels that have subscribers."},
    {"pubsub|help", cmd_pubsub_help, 2, "loading,stale", "", "", "6.2.0", "pubsub", "",
     "Shows help about the subcommands."},
    {"pubsub|numpat", cmd_pubsub_numpat, 2, "pubsub,loading,stale", "", "", "2.8.0", "pubsub", "",
     "Counts the patterns that have subscribers."},
    {"pubsub|numsub", cmd_pubsub_numsub, -2, "pubsub,loading,stale", "", "", "2.8.0", "pubsub",
     "[channel ...]", "Counts the subscribers of channels."},
    {"pubsub|shardchannels", cmd_pubsub_channels, -2, "pubsub,loading,stale", "", "", "7.0.0", "pubsub",
     "[pattern]", "Lists the sharded channels that have subscribers."},
    {"pubsub|shardnumsub", cmd_pubsub_numsub, -2, "pubsub,loading,stale", "", "", "7.0.0", "pubsub",
     "[shardchannel ...]", "Counts the subscribers of sharded channels."},
    {"punsubscribe", cmd_unsubscribe, -1, SUBSCRIBING, "", "", "2.0.0", "pubsub", "[pattern ...]",
     "Ends subscriptions to patterns, or all of them."},
    {"spublish", cmd_publish, 3, "pubsub,loading,stale,fast,may_replicate", "", "@1:0/1:NOT_KEY",
     "7.0.0", "pubsub", "shardchannel message", "Publishes a message to a sharded channel."},
    {"ssubscribe", cmd_subscribe, -2, SUBSCRIBING, "", "@1:-1/1:NOT_KEY", "7.0.0", "pubsub",
     "shardchannel ...", "Subscribes to sharded channels."},
    {"subscribe", cmd_subscribe, -2, SUBSCRIBING, "", "", "2.0.0", "pubsub", "channel ...",
     "Subscribes to channels."},
    {"sunsubscribe", cmd_unsubscribe, -1, SUBSCRIBING, "", "@1:-1/1:NOT_KEY", "7.0.0", "pubsub",
     "[shardchannel ...]", "Ends subscriptions to sharded channels, or all of them."},
    {"unsubscribe", cmd_unsubscribe, -1, SUBSCRIBING, "", "", "2.0.0", "pubsub", "[channel ...]",
     "Ends subscriptions to channels, or all of them."},
    {0},
};
