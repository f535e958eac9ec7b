#include "commands/stream_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct stream_limits stream_limits_of(const struct exec *x)
{
    const struct config *c = x->engine->config;
    return (struct stream_limits){(size_t)config_int(c, CONFIG_STREAM_NODE_MAX_BYTES),
                                  (size_t)config_int(c, CONFIG_STREAM_NODE_MAX_ENTRIES)};
}

bool stream_read(struct exec *x, unsigned k, struct stream **s)
{
    void *object;
    if (!exec_read_object(x, k, TYPE_STREAM, &object))
        return false;
    *s = object;
    return true;
}

bool stream_write(struct exec *x, unsigned k, struct stream **s)
{
    void *object;
    if (!exec_peek_object(x, k, TYPE_STREAM, &object))
        return false;
    *s = object;
    return true;
}

bool stream_group_open(struct exec *x, unsigned k, struct bytes name, struct stream **s,
                       struct stream_group **g)
{
    if (!stream_read(x, k, s))
        return false;
    *g = *s ? stream_group_find(*s, name) : NULL;
    if (*g)
        return true;
    struct bytes key = x->keys[k].name;
    reply_errorf(x->reply, ERROR_NOGROUP, "No such key '%.*s' or consumer group '%.*s'", (int)key.n,
                 key.p, (int)name.n, name.p);
    return false;
}

struct stream_consumer *stream_consumer_open(struct exec *x, unsigned k, struct stream_group *g,
                                             struct bytes name)
{
    struct stream_consumer *c = stream_consumer_find(g, name);
    if (!c) {
        c = stream_consumer_create(g, name, (int64_t)x->now_ms);
        exec_changed(x, k, EVENT_STREAM, "xgroup-createconsumer");
    }
    c->seen_at_ms = (int64_t)x->now_ms;
    return c;
}

/* ---- ids ---------------------------------------------------------------------------------------- */

/* An unsigned number; what num_parse_int refuses strtoull may still take, as in Redis (leading zeros). */
static bool parse_part(const char *s, uint64_t *v)
{
    int64_t strict;
    char *end;
    if (num_parse_int(bytes_str(s), &strict)) {
        *v = (uint64_t)strict;
        return strict >= 0;
    }
    errno = 0;
    *v = strtoull(s, &end, 10);
    return errno == 0 && *s && *end == '\0';
}

bool stream_parse_id(struct bytes s, uint64_t seq, struct id *id)
{
    char text[128], *dash;
    if (s.n >= sizeof text)
        return false;
    memcpy(text, s.n ? s.p : "", s.n);
    text[s.n] = '\0';
    if ((dash = strchr(text, '-')))
        *dash = '\0';
    id->seq = seq;
    return parse_part(text, &id->ms) && (!dash || parse_part(dash + 1, &id->seq));
}

static bool bad_id(struct exec *x)
{
    reply_errorf(x->reply, ERROR_GENERIC, STREAM_BAD_ID);
    return false;
}

bool stream_id_arg(struct exec *x, int i, uint64_t seq, struct id *id)
{
    return stream_parse_id(x->argv[i], seq, id) || bad_id(x);
}

struct id *stream_ids_arg(struct exec *x, int from, int to)
{
    struct id *ids = exec_alloc(x, (size_t)(to - from) * sizeof *ids);
    for (int i = from; i < to; i++) {
        if (!stream_id_arg(x, i, 0, &ids[i - from]))
            return NULL;
    }
    return ids;
}

/* A bound; *open where "(" stood before it. */
static bool bound_arg(struct exec *x, int i, uint64_t seq, struct id *id, bool *open)
{
    struct bytes s = x->argv[i];
    *open = s.n > 1 && s.p[0] == '(';
    if (*open)
        s = bytes_of(s.p + 1, s.n - 1);
    if (!*open && bytes_eq(s, BYTES("-")))
        *id = ID_MIN;
    else if (!*open && bytes_eq(s, BYTES("+")))
        *id = ID_MAX;
    else
        return stream_parse_id(s, seq, id) || bad_id(x);
    return true;
}

bool stream_low_arg(struct exec *x, int i, struct id *id)
{
    bool open;
    if (!bound_arg(x, i, 0, id, &open))
        return false;
    if (!open || id_increment(id))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "invalid start ID for the interval");
    return false;
}

bool stream_high_arg(struct exec *x, int i, struct id *id)
{
    bool open;
    if (!bound_arg(x, i, UINT64_MAX, id, &open))
        return false;
    if (!open || id_decrement(id))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "invalid end ID for the interval");
    return false;
}

/* ---- deleting ----------------------------------------------------------------------------------- */

bool stream_refs_arg(struct exec *x, int i, bool *given, enum stream_refs *refs)
{
    static const char *const words[] = {
        [STREAM_KEEP_REFS] = "KEEPREF", [STREAM_DELETE_REFS] = "DELREF", [STREAM_ACKED] = "ACKED"};
    for (unsigned k = 0; k < 3 && !*given; k++) {
        if (exec_is(x, i, words[k])) {
            *given = true;
            *refs = (enum stream_refs)k;
            return true;
        }
    }
    return false;
}

/* How many ids follow IDS at argument i; -1: the error has been answered. */
static int parse_count(struct exec *x, int i)
{
    int64_t n;
    if (!num_parse_int(x->argv[i + 1], &n) || n < 1 || n > INT32_MAX) {
        reply_errorf(x->reply, ERROR_GENERIC, "Number of IDs must be a positive integer");
        return -1;
    }
    if (n > x->argc - i - 2) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "The `numids` parameter must match the number of arguments");
        return -1;
    }
    return (int)n;
}

bool stream_ids_parse(struct exec *x, int from, struct stream_ids *list)
{
    bool given = false;
    int at = 0;
    *list = (struct stream_ids){.refs = STREAM_KEEP_REFS};
    for (int i = from; i < x->argc; i++) {
        if (stream_refs_arg(x, i, &given, &list->refs))
            continue;
        if (!exec_is(x, i, "IDS") || i + 1 >= x->argc) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
        if ((list->n = parse_count(x, i)) < 0)
            return false;
        at = i + 2;
        i += 1 + list->n;
    }
    if (at == 0) {
        reply_errorf(x->reply, ERROR_GENERIC, "IDS option is required");
        return false;
    }
    list->ids = stream_ids_arg(x, at, at + list->n);
    return list->ids != NULL;
}

int stream_delete_refs(struct stream *s, struct id id, enum stream_refs refs)
{
    if (refs == STREAM_DELETE_REFS)
        stream_drop_refs(s, id);
    if (refs == STREAM_ACKED && stream_has(s, id) && stream_is_needed(s, id))
        return 2;
    return stream_delete(s, id) ? 1 : -1;
}

/* ---- replies ------------------------------------------------------------------------------------ */

void stream_reply_id(struct exec *x, struct id id)
{
    char text[ID_TEXT_MAX];
    reply_bulk(x->reply, bytes_of(text, id_format(text, id)));
}

void stream_reply_fields(struct exec *x, struct stream_iter *it)
{
    struct stream_item item;
    reply_array(x->reply, 2 * it->entry.nfields);
    while (stream_iter_field(it, &item)) {
        reply_bulk(x->reply, item.field);
        reply_bulk(x->reply, item.value);
    }
}

void stream_reply_entry(struct exec *x, struct stream_iter *it)
{
    reply_array(x->reply, 2);
    stream_reply_id(x, it->entry.id);
    stream_reply_fields(x, it);
}

void stream_reply_range(struct exec *x, const struct stream *s, struct id low, struct id high,
                        bool reverse, uint64_t count)
{
    struct stream_iter it;
    uint64_t n = 0;
    size_t mark = reply_begin(x->reply);
    stream_iter_init(&it, s, low, high, reverse);
    for (; (count == 0 || n < count) && stream_iter_next(&it); n++)
        stream_reply_entry(x, &it);
    reply_end(x->reply, mark, REPLY_ARRAY, n);
}

bool stream_reply_one(struct exec *x, const struct stream *s, struct id id)
{
    struct stream_iter it;
    stream_iter_init(&it, s, id, id, false);
    if (!stream_iter_next(&it))
        return false;
    stream_reply_entry(x, &it);
    return true;
}
