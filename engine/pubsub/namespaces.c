#include "pubsub/namespaces.h"

#include <stddef.h>

#include "base/mem.h"
#include "base/num.h"

struct namespaces {
    struct namespace *at;
    size_t n;
    char *text;
};

static const struct namespace plain = {.ws_publish = true, .ws_subscribe = true};

enum option_kind { OPTION_COUNT, OPTION_YES_NO };

static const struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
    int64_t most;
} options[] = {
    {"history_size", OPTION_COUNT, offsetof(struct namespace, history_size), HISTORY_SIZE_MAX},
    {"history_ttl_ms", OPTION_COUNT, offsetof(struct namespace, history_ttl_ms), INT64_MAX / 4},
    {"presence", OPTION_YES_NO, offsetof(struct namespace, presence), 0},
    {"join_leave", OPTION_YES_NO, offsetof(struct namespace, join_leave), 0},
    {"ws_publish", OPTION_YES_NO, offsetof(struct namespace, ws_publish), 0},
    {"ws_subscribe", OPTION_YES_NO, offsetof(struct namespace, ws_subscribe), 0},
};

static bool next_word(struct bytes *text, struct bytes *word)
{
    size_t i = 0, from;
    while (i < text->n && (text->p[i] == ' ' || text->p[i] == '\t'))
        i++;
    from = i;
    while (i < text->n && text->p[i] != ' ' && text->p[i] != '\t')
        i++;
    *word = bytes_of(text->p + from, i - from);
    *text = bytes_of(text->p + i, text->n - i);
    return word->n > 0;
}

static bool set_value(struct namespace *ns, const struct option *o, struct bytes value)
{
    char *to = (char *)ns + o->offset;
    int64_t count;
    if (o->kind == OPTION_YES_NO) {
        *(bool *)to = bytes_is(value, "yes");
        return bytes_is(value, "yes") || bytes_is(value, "no");
    }
    if (!num_parse_int(value, &count) || count < 0 || count > o->most)
        return false;
    *(uint64_t *)(void *)to = (uint64_t)count;
    return true;
}

static bool set_option(struct namespace *ns, struct bytes word, const char *equals,
                       struct buf *error)
{
    struct bytes name = bytes_of(word.p, (size_t)(equals - word.p));
    struct bytes value = bytes_of(equals + 1, word.n - name.n - 1);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!bytes_is(name, options[i].name))
            continue;
        if (set_value(ns, &options[i], value))
            return true;
        buf_printf(error, "channel-namespace: %s has no value '%.*s'", options[i].name,
                   (int)value.n, value.p);
        return false;
    }
    buf_printf(error, "channel-namespace: unknown option '%.*s'", (int)name.n, name.p);
    return false;
}

static struct namespace *add_namespace(struct namespaces *set, struct bytes prefix,
                                       struct buf *error)
{
    if (bytes_eq(prefix, BYTES("*")))
        prefix.n = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (!bytes_eq(set->at[i].prefix, prefix))
            continue;
        buf_printf(error, "channel-namespace: '%.*s' is named twice", (int)prefix.n, prefix.p);
        return NULL;
    }
    set->at = mem_realloc(set->at, (set->n + 1) * sizeof *set->at);
    set->at[set->n] = plain;
    set->at[set->n].prefix = prefix;
    return &set->at[set->n++];
}

static bool read_words(struct namespaces *set, struct bytes text, struct buf *error)
{
    struct namespace *ns = NULL;
    struct bytes word;
    while (next_word(&text, &word)) {
        const char *equals = memchr(word.p, '=', word.n);
        if (!equals)
            ns = add_namespace(set, word, error);
        else if (!ns)
            buf_add_str(error, "channel-namespace: a prefix comes first, then its options");
        else if (!set_option(ns, word, equals, error))
            ns = NULL;
        if (!ns)
            return false;
    }
    return true;
}

struct namespaces *namespaces_parse(struct bytes text, struct buf *error)
{
    struct namespaces *set = mem_calloc(sizeof *set);
    set->text = mem_alloc(text.n);
    if (text.n)
        memcpy(set->text, text.p, text.n);
    if (read_words(set, bytes_of(set->text, text.n), error))
        return set;
    namespaces_free(set);
    return NULL;
}

void namespaces_free(struct namespaces *set)
{
    if (!set)
        return;
    mem_free(set->at);
    mem_free(set->text);
    mem_free(set);
}

const struct namespace *namespaces_find(const struct namespaces *set, struct bytes channel)
{
    const struct namespace *best = &plain;
    for (size_t i = 0; set && i < set->n; i++) {
        const struct namespace *ns = &set->at[i];
        bool fits = channel.n >= ns->prefix.n &&
                    (ns->prefix.n == 0 || memcmp(channel.p, ns->prefix.p, ns->prefix.n) == 0);
        if (fits && (best == &plain || ns->prefix.n > best->prefix.n))
            best = ns;
    }
    return best;
}
