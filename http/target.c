#include "http/target.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool target_decode(struct arena *arena, struct bytes raw, struct bytes *out)
{
    *out = raw;
    if (raw.n == 0 || !memchr(raw.p, '%', raw.n))
        return true;
    char *start = arena_alloc(arena, raw.n), *to = start;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] != '%') {
            *to++ = raw.p[i];
            continue;
        }
        int high = i + 2 < raw.n ? hex_value(raw.p[i + 1]) : -1;
        int low = i + 2 < raw.n ? hex_value(raw.p[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        *to++ = (char)(high << 4 | low);
        i += 2;
    }
    *out = bytes_of(start, (size_t)(to - start));
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~:@", c));
}

const char *target_join(struct arena *arena, const char *prefix, struct bytes s)
{
    static const char hex[] = "0123456789ABCDEF";
    char *start = arena_alloc(arena, strlen(prefix) + 3 * s.n + 1);
    char *to = stpcpy(start, prefix);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(s.p[i])) {
            *to++ = s.p[i];
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    *to = 0;
    return start;
}

/* Up to the first `c`; *rest is what follows it, with p NULL where there is none. */
static struct bytes cut(struct bytes s, char c, struct bytes *rest)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    if (!at) {
        *rest = (struct bytes){0};
        return s;
    }
    size_t n = (size_t)(at - s.p);
    *rest = bytes_of(at + 1, s.n - n - 1);
    return bytes_of(s.p, n);
}

/* "http://host:port/path" is the same as "/path". */
static struct bytes strip_authority(struct bytes raw)
{
    if (raw.n == 0 || raw.p[0] == '/')
        return raw;
    if (raw.n < 7 || !bytes_is(bytes_of(raw.p, 7), "http://"))
        return (struct bytes){0};
    struct bytes rest = bytes_of(raw.p + 7, raw.n - 7);
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    if (!slash)
        return BYTES("/");
    return bytes_of(slash, rest.n - (size_t)(slash - rest.p));
}

static enum target_result parse_query(struct target *t, struct arena *arena, struct bytes query)
{
    t->query = arena_alloc(arena, TARGET_QUERY_MAX * sizeof *t->query);
    while (query.p) {
        struct bytes value, item = cut(query, '&', &query);
        if (item.n == 0)
            continue;
        if (t->nquery == TARGET_QUERY_MAX)
            return TARGET_TOO_LONG;
        struct query_item *q = &t->query[t->nquery++];
        struct bytes name = cut(item, '=', &value);
        if (!target_decode(arena, name, &q->name) || !target_decode(arena, value, &q->value))
            return TARGET_BAD_ENCODING;
    }
    return TARGET_OK;
}

enum target_result target_parse(struct target *t, struct arena *arena, struct bytes raw)
{
    struct bytes query, rest;
    *t = (struct target){0};
    t->path = cut(strip_authority(raw), '?', &query);
    if (t->path.n == 0)
        return TARGET_NO_PATH;
    rest = bytes_of(t->path.p + 1, t->path.n - 1);
    while (rest.p) {
        t->longer = t->nsegments == TARGET_SEGMENTS_MAX;
        if (t->longer)
            break;
        t->segments[t->nsegments++] = cut(rest, '/', &rest);
    }
    return query.p ? parse_query(t, arena, query) : TARGET_OK;
}
