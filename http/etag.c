#include "http/etag.h"

#include "http/problem.h"

struct bytes etag_of(struct request *r, struct bytes value)
{
    static const char hex[] = "0123456789abcdef";
    char *text = arena_alloc(&r->arena, ETAG_DIGEST_CHARS);
    uint64_t digest = hash_digest(value);
    for (int i = ETAG_DIGEST_CHARS - 1; i >= 0; i--, digest >>= 4)
        text[i] = hex[digest & 15];
    return bytes_of(text, ETAG_DIGEST_CHARS);
}

/* The inside of a quoted tag that could be a digest. */
static bool is_digest(struct bytes tag)
{
    if (tag.n != ETAG_DIGEST_CHARS)
        return false;
    for (size_t i = 0; i < tag.n; i++)
        if (!strchr("0123456789abcdef", tag.p[i]))
            return false;
    return true;
}

bool etag_condition(struct request *r, const char *header, struct condition *c)
{
    struct bytes text;
    *c = (struct condition){0};
    if (!request_header(r, header, &text))
        return true;
    if (bytes_eq(text, BYTES("*"))) {
        c->kind = CONDITION_ANY;
        return true;
    }
    bool quoted = text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"';
    c->digest = quoted ? bytes_of(text.p + 1, text.n - 2) : text;
    if (memchr(text.p, ',', text.n)) {
        problem(r, "bad-arguments", "%s takes one ETag here, or *", header);
        return false;
    }
    c->kind = quoted && is_digest(c->digest) ? CONDITION_ETAG : CONDITION_NEVER;
    return true;
}

bool etag_unchanged(struct request *r, struct bytes digest)
{
    struct bytes text;
    if (!request_header(r, "If-None-Match", &text))
        return false;
    if (bytes_eq(text, BYTES("*")))
        return true;
    const char *at = text.p, *end = text.p + text.n;
    while ((at = memmem(at, (size_t)(end - at), digest.p, digest.n))) {
        const char *after = at + digest.n;
        if (at > text.p && at[-1] == '"' && after < end && *after == '"')
            return true;
        at = after;
    }
    return false;
}
