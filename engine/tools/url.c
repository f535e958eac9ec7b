#include "tools/url.h"

#include "base/num.h"

#define DEFAULT_PORT "6379"

static bool copy(char *to, size_t room, struct bytes s)
{
    if (s.n >= room || memchr(s.n ? s.p : "", '\0', s.n))
        return false;
    if (s.n)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return true;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* The same with %XX decoded. */
static bool copy_decoded(char *to, size_t room, struct bytes s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++, n++) {
        if (n + 1 >= room)
            return false;
        to[n] = s.p[i];
        if (s.p[i] != '%')
            continue;
        if (i + 2 >= s.n || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
            return false;
        to[n] = (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
        i += 2;
    }
    to[n] = '\0';
    return true;
}

/* Cuts off what stands before `c`, the first one or the last one; empty where there is none. */
static struct bytes cut(struct bytes *s, char c, bool last)
{
    const char *at = last ? memrchr(s->p, c, s->n) : memchr(s->p, c, s->n);
    if (!at)
        return (struct bytes){s->p, 0};
    struct bytes head = bytes_of(s->p, (size_t)(at - s->p));
    *s = bytes_of(at + 1, s->n - head.n - 1);
    return head;
}

static bool parse_credentials(struct redis_url *u, struct bytes s)
{
    bool named = memchr(s.p, ':', s.n) != NULL;
    struct bytes user = cut(&s, ':', false);
    return named ? copy_decoded(u->user, sizeof u->user, user) &&
                       copy_decoded(u->password, sizeof u->password, s)
                 : copy_decoded(u->user, sizeof u->user, s);
}

static bool parse_place(struct redis_url *u, struct bytes s)
{
    uint64_t port;
    bool ok;
    if (s.n && s.p[0] == '[') {
        s = bytes_of(s.p + 1, s.n - 1);
        struct bytes host = cut(&s, ']', false);
        ok = host.n && copy(u->host, sizeof u->host, host) && (s.n == 0 || s.p[0] == ':');
        s = s.n ? bytes_of(s.p + 1, s.n - 1) : s;
    } else {
        const char *colon = memrchr(s.p, ':', s.n);
        size_t n = colon ? (size_t)(colon - s.p) : s.n;
        ok = n && copy(u->host, sizeof u->host, bytes_of(s.p, n));
        s = colon ? bytes_of(colon + 1, s.n - n - 1) : bytes_of(s.p, 0);
    }
    if (s.n == 0)
        s = BYTES(DEFAULT_PORT);
    return ok && num_parse_uint(s, &port) && port > 0 && port <= 65535 &&
           copy(u->port, sizeof u->port, s);
}

static bool parse(struct redis_url *u, struct bytes s)
{
    uint64_t db;
    const char *slash = memrchr(s.p, '/', s.n);
    if (slash) {
        struct bytes number = bytes_of(slash + 1, s.n - (size_t)(slash - s.p) - 1);
        if (number.n && (!num_parse_uint(number, &db) || db > 1000000))
            return false;
        u->db = number.n ? (int)db : -1;
        s.n = (size_t)(slash - s.p);
    }
    if (memchr(s.p, '@', s.n) && !parse_credentials(u, cut(&s, '@', true)))
        return false;
    return parse_place(u, s);
}

bool url_parse(struct redis_url *u, const char *text, struct buf *error)
{
    static const char scheme[] = "redis://";
    *u = (struct redis_url){.db = -1};
    if (strncmp(text, "rediss://", 9) == 0) {
        buf_add_str(error, "rediss:// is not possible: there is no TLS; use a tunnel");
        return false;
    }
    if (strncmp(text, scheme, sizeof scheme - 1) == 0 &&
        parse(u, bytes_str(text + sizeof scheme - 1)))
        return true;
    buf_add_str(error, "expected redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]");
    return false;
}
