/* SUBSCRIBE and its kin, PUBLISH, PUBSUB.
 *
 * Subscribing and unsubscribing answer once for each name: a push of the word, the name (null where
 * there was nothing to leave) and how many subscriptions the session has now. Channels and patterns
 * are counted together, sharded channels by themselves, as in Redis.
 *
 * Order: a publisher that subscribes to its own channel gets the push before PUBLISH's reply, so
 * PUBLISH drains its own thread's mailbox before it replies. Other threads' subscribers get theirs
 * when those threads wake. */
#include "engine.h"
#include "commands/exec.h"

static struct hub *hub_of(const struct exec *x)
{
    return engine_hub(x->engine);
}

/* ---- subscribing ------------------------------------------------------------------------------
 */

static void reply_membership(struct exec *x, const char *word, const struct bytes *name,
                             enum sub_kind kind)
{
    reply_push(x->reply, 3);
    reply_text(x->reply, word);
    if (name)
        reply_bulk(x->reply, *name);
    else
        reply_null(x->reply);
    reply_int(x->reply, (int64_t)hub_session_count(x->session, kind));
    reply_push_end(x->reply);
}

static void subscribe(struct exec *x, const char *word, enum sub_kind kind)
{
    for (int i = 1; i < x->argc; i++) {
        hub_subscribe(hub_of(x), x->session, kind, x->argv[i]);
        reply_membership(x, word, &x->argv[i], kind);
    }
}

struct name_list {
    struct bytes *names;
    size_t n;
};

static void count_name(struct bytes name, void *ctx)
{
    (void)name;
    ((struct name_list *)ctx)->n++;
}

static void add_name(struct bytes name, void *ctx)
{
    struct name_list *list = ctx;
    list->names[list->n++] = name;
}

/* The names that the session has now; copies, since each is freed by leaving it. */
static struct name_list own_names(struct exec *x, enum sub_kind kind)
{
    struct name_list list = {0};
    hub_session_each(x->session, kind, count_name, &list);
    list.names = exec_alloc(x, list.n * sizeof *list.names);
    list.n = 0;
    hub_session_each(x->session, kind, add_name, &list);
    for (size_t i = 0; i < list.n; i++) {
        struct bytes name = list.names[i];
        char *copy = exec_alloc(x, name.n);
        if (name.n)
            memcpy(copy, name.p, name.n);
        list.names[i].p = copy;
    }
    return list;
}

static void unsubscribe(struct exec *x, const char *word, enum sub_kind kind)
{
    struct name_list all = {0};
    const struct bytes *names = x->argv + 1;
    size_t n = (size_t)x->argc - 1;
    if (n == 0) {
        all = own_names(x, kind);
        names = all.names;
        n = all.n;
    }
    for (size_t i = 0; i < n; i++) {
        hub_unsubscribe(hub_of(x), x->session, kind, names[i]);
        reply_membership(x, word, &names[i], kind);
    }
    if (n == 0)
        reply_membership(x, word, NULL, kind);
}

static void cmd_subscribe(struct exec *x)
{
    subscribe(x, "subscribe", SUB_CHANNEL);
}

static void cmd_psubscribe(struct exec *x)
{
    subscribe(x, "psubscribe", SUB_PATTERN);
}

static void cmd_ssubscribe(struct exec *x)
{
    subscribe(x, "ssubscribe", SUB_SHARD);
}

static void cmd_unsubscribe(struct exec *x)
{
    unsubscribe(x, "unsubscribe", SUB_CHANNEL);
}

static void cmd_punsubscribe(struct exec *x)
{
    unsubscribe(x, "punsubscribe", SUB_PATTERN);
}

static void cmd_sunsubscribe(struct exec *x)
{
    unsubscribe(x, "sunsubscribe", SUB_SHARD);
}

/* ---- publishing -------------------------------------------------------------------------------
 */

static void publish(struct exec *x, enum sub_kind kind)
{
    size_t receivers = hub_publish(hub_of(x), kind, x->argv[1], x->argv[2]);
    engine_count(x->engine, COUNTER_PUBLISHED, 1);
    if (receivers && x->session->mailbox)
        mailbox_drain(x->session->mailbox);
    reply_int(x->reply, (int64_t)receivers);
}

static void cmd_publish(struct exec *x)
{
    publish(x, SUB_CHANNEL);
}

static void cmd_spublish(struct exec *x)
{
    publish(x, SUB_SHARD);
}

/* ---- questions --------------------------------------------------------------------------------
 */

struct listing {
    struct reply *reply;
    size_t n;
};

static void list_name(struct bytes name, void *ctx)
{
    struct listing *l = ctx;
    reply_bulk(l->reply, name);
    l->n++;
}

static void list_channels(struct exec *x, enum sub_kind kind)
{
    if (x->argc > 3) {
        reply_errorf(x->reply, ERROR_ARITY,
                     "unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
                     (int)x->argv[1].n, x->argv[1].p);
        return;
    }
    struct listing l = {.reply = x->reply};
    size_t mark = reply_begin(x->reply);
    hub_channels(hub_of(x), kind, x->argc == 3 ? &x->argv[2] : NULL, list_name, &l);
    reply_end(x->reply, mark, REPLY_ARRAY, l.n);
}

static void count_subscribers(struct exec *x, enum sub_kind kind)
{
    reply_array(x->reply, 2 * ((size_t)x->argc - 2));
    for (int i = 2; i < x->argc; i++) {
        reply_bulk(x->reply, x->argv[i]);
        reply_int(x->reply, (int64_t)hub_subscribers(hub_of(x), kind, x->argv[i]));
    }
}

static void cmd_channels(struct exec *x)
{
    list_channels(x, SUB_CHANNEL);
}

static void cmd_shardchannels(struct exec *x)
{
    list_channels(x, SUB_SHARD);
}

static void cmd_numsub(struct exec *x)
{
    count_subscribers(x, SUB_CHANNEL);
}

static void cmd_shardnumsub(struct exec *x)
{
    count_subscribers(x, SUB_SHARD);
}

static void cmd_numpat(struct exec *x)
{
    reply_int(x->reply, (int64_t)hub_pattern_count(hub_of(x)));
}

static void cmd_help(struct exec *x)
{
    static const char *const lines[] = {
        "PUBSUB <subcommand> [<arg> ...]. Subcommands are:",
        "CHANNELS [<pattern>]",
        "    Lists the channels that have subscribers, those matching <pattern> where it is given.",
        "NUMPAT",
        "    Counts the distinct patterns that are subscribed to.",
        "NUMSUB [<channel> ...]",
        "    Counts the subscribers of each channel, without those by pattern.",
        "SHARDCHANNELS [<pattern>]",
        "    Lists the sharded channels that have subscribers.",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Counts the subscribers of each sharded channel.",
        "HELP",
        "    Prints these lines.",
    };
    size_t n = sizeof lines / sizeof *lines;
    reply_array(x->reply, n);
    for (size_t i = 0; i < n; i++)
        reply_simple(x->reply, lines[i]);
}

/* ---- rows -------------------------------------------------------------------------------------
 */

const struct command_row pubsub_commands[] = {
    {"psubscribe", cmd_psubscribe, -2, "pubsub,noscript,loading,stale,stateful", "", "", "2.0.0",
     "pubsub", "pattern ...", "Subscribes to the channels that match patterns."},
    {"publish", cmd_publish, 3, "pubsub,loading,stale,fast,may_replicate", "", "", "2.0.0",
     "pubsub", "channel message",
     "Sends a message to a channel; returns how many subscriptions get it."},
    {"pubsub", NULL, -2, "", "", "", "2.8.0", "pubsub", "",
     "A container for the questions about channels and subscribers."},
    {"pubsub|channels", cmd_channels, -2, "pubsub,loading,stale", "", "", "2.8.0", "pubsub",
     "[pattern]", "Lists the channels that have subscribers."},
    {"pubsub|help", cmd_help, 2, "loading,stale", "", "", "6.2.0", "pubsub", "",
     "Explains PUBSUB's subcommands."},
    {"pubsub|numpat", cmd_numpat, 2, "pubsub,loading,stale", "", "", "2.8.0", "pubsub", "",
     "Counts the distinct patterns that are subscribed to."},
    {"pubsub|numsub", cmd_numsub, -2, "pubsub,loading,stale", "", "", "2.8.0", "pubsub",
     "[channel ...]", "Counts the subscribers of channels."},
    {"pubsub|shardchannels", cmd_shardchannels, -2, "pubsub,loading,stale", "", "", "7.0.0",
     "pubsub", "[pattern]", "Lists the sharded channels that have subscribers."},
    {"pubsub|shardnumsub", cmd_shardnumsub, -2, "pubsub,loading,stale", "", "", "7.0.0", "pubsub",
     "[shardchannel ...]", "Counts the subscribers of sharded channels."},
    {"punsubscribe", cmd_punsubscribe, -1, "pubsub,noscript,loading,stale,stateful", "", "",
     "2.0.0", "pubsub", "[pattern ...]", "Leaves patterns, or all of them."},
    {"spublish", cmd_spublish, 3, "pubsub,loading,stale,fast,may_replicate", "", "@1:0/1:NOT_KEY",
     "7.0.0", "pubsub", "shardchannel message", "Sends a message to a sharded channel."},
    {"ssubscribe", cmd_ssubscribe, -2, "pubsub,noscript,loading,stale,stateful", "",
     "@1:-1/1:NOT_KEY", "7.0.0", "pubsub", "shardchannel ...", "Subscribes to sharded channels."},
    {"subscribe", cmd_subscribe, -2, "pubsub,noscript,loading,stale,stateful", "", "", "2.0.0",
     "pubsub", "channel ...", "Subscribes to channels."},
    {"sunsubscribe", cmd_sunsubscribe, -1, "pubsub,noscript,loading,stale,stateful", "",
     "@1:-1/1:NOT_KEY", "7.0.0", "pubsub", "[shardchannel ...]",
     "Leaves sharded channels, or all of them."},
    {"unsubscribe", cmd_unsubscribe, -1, "pubsub,noscript,loading,stale,stateful", "", "", "2.0.0",
     "pubsub", "[channel ...]", "Leaves channels, or all of them."},
    {0},
};
