#include "http/upgrade.h"

/* Is `word` one of the comma-separated tokens? */
static bool has_token(struct bytes list, const char *word)
{
    while (list.n) {
        const char *comma = memchr(list.p, ',', list.n);
        size_t n = comma ? (size_t)(comma - list.p) : list.n;
        struct bytes token = bytes_of(list.p, n);
        while (token.n && (*token.p == ' ' || *token.p == '\t'))
            token = bytes_of(token.p + 1, token.n - 1);
        while (token.n && (token.p[token.n - 1] == ' ' || token.p[token.n - 1] == '\t'))
            token.n--;
        if (bytes_is(token, word))
            return true;
        size_t skip = comma ? n + 1 : n;
        list = bytes_of(list.p + skip, list.n - skip);
    }
    return false;
}

/* Cuts a line off the front of *s, without its line end; false where none is complete. */
static bool next_line(struct bytes *s, struct bytes *line)
{
    const char *end = s->n ? memchr(s->p, '\n', s->n) : NULL;
    if (!end)
        return false;
    size_t n = (size_t)(end - s->p);
    *line = bytes_of(s->p, n && s->p[n - 1] == '\r' ? n - 1 : n);
    *s = bytes_of(end + 1, s->n - n - 1);
    return true;
}

enum upgrade_verdict upgrade_look(struct bytes head)
{
    bool upgrade = false, connection = false;
    struct bytes line;
    if (head.n == 0 || memcmp(head.p, "GET ", head.n < 4 ? head.n : 4) != 0)
        return head.n ? UPGRADE_NONE : UPGRADE_UNKNOWN;
    if (!next_line(&head, &line))
        return UPGRADE_UNKNOWN;
    while (next_line(&head, &line)) {
        if (line.n == 0)
            return upgrade && connection ? UPGRADE_WEBSOCKET : UPGRADE_NONE;
        const char *colon = memchr(line.p, ':', line.n);
        if (!colon)
            continue;
        struct bytes name = bytes_of(line.p, (size_t)(colon - line.p));
        struct bytes value = bytes_of(colon + 1, line.n - name.n - 1);
        upgrade |= bytes_is(name, "upgrade") && has_token(value, "websocket");
        connection |= bytes_is(name, "connection") && has_token(value, "upgrade");
    }
    return UPGRADE_UNKNOWN;
}
