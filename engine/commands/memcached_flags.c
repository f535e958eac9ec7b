#include "commands/memcached_flags.h"

#include <string.h>

#include "commands/memcached.h"

#define BAD_LINE  "CLIENT_ERROR bad command line format"
#define BAD_TOKEN "CLIENT_ERROR bad token in command line format"
#define BAD_FLAG  "CLIENT_ERROR invalid flag"

#define KNOWN "bcfhIklLNOPqRstuvCDFJMT"

static const char *take_exptime(struct bytes token, bool *has, int64_t *exptime)
{
    *has = true;
    return memcached_int(token, exptime) ? NULL : BAD_TOKEN;
}

static const char *take_unsigned(struct bytes token, uint64_t *v, const char *error)
{
    return memcached_uint(token, v) ? NULL : error;
}

static const char *take_client_flags(struct bytes token, uint32_t *flags)
{
    uint64_t v = 0;
    bool good = memcached_uint(token, &v) && v <= UINT32_MAX;
    *flags = (uint32_t)v;
    return good ? NULL : BAD_LINE;
}

static const char *take_mode(struct bytes token, char *mode)
{
    *mode = token.n == 1 ? token.p[0] : 0;
    return *mode ? NULL : "CLIENT_ERROR incorrect length for M token";
}

static const char *take_token(struct memcached_flags *f, char letter, struct bytes token)
{
    switch (letter) {
    case 'N':
        return take_exptime(token, &f->vivifies, &f->vivify_ttl);
    case 'R':
        return take_exptime(token, &f->recaches, &f->recache_ttl);
    case 'T':
        return take_exptime(token, &f->has_ttl, &f->ttl);
    case 'F':
        return take_client_flags(token, &f->client_flags);
    case 'C':
        f->has_unique = true;
        return take_unsigned(token, &f->unique, BAD_TOKEN);
    case 'D':
        return take_unsigned(token, &f->delta, "CLIENT_ERROR invalid numeric delta value");
    case 'J':
        return take_unsigned(token, &f->initial, "CLIENT_ERROR invalid numeric initial value");
    case 'M':
        return take_mode(token, &f->mode);
    case 'O':
        return token.n < MEMCACHED_OPAQUE_MAX ? NULL : "CLIENT_ERROR opaque token too long";
    default:
        break;
    }
    f->base64 |= letter == 'b';
    f->quiet |= letter == 'q';
    f->value |= letter == 'v';
    f->keeps |= letter == 'u';
    f->stale |= letter == 'I';
    return NULL;
}

static const char *check_mode(const struct memcached_flags *f, enum memcached_meta verb)
{
    if (!f->mode)
        return NULL;
    if (verb == MEMCACHED_META_SET && !strchr("EAPRS", f->mode))
        return "CLIENT_ERROR invalid mode for ms M token";
    if (verb == MEMCACHED_META_COUNT && !strchr("I+D-", f->mode))
        return "CLIENT_ERROR invalid mode for ma M token";
    return NULL;
}

/* A flag that is unknown or there twice ends it; of other mistakes the last one is told. */
static const char *parse(struct memcached_flags *f, enum memcached_meta verb)
{
    bool seen[128] = {false};
    const char *error = NULL;
    for (size_t i = 0; i < f->nwords; i++) {
        if (f->words[i].n == 0) /* not from the door */
            return BAD_FLAG;
        unsigned char letter = (unsigned char)f->words[i].p[0];
        if (letter >= sizeof seen || seen[letter])
            return "CLIENT_ERROR duplicate flag";
        seen[letter] = true;
        if (!letter || !strchr(KNOWN, letter))
            return BAD_FLAG;
        const char *mistake =
            take_token(f, (char)letter, bytes_of(f->words[i].p + 1, f->words[i].n - 1));
        error = mistake ? mistake : error;
    }
    return error ? error : check_mode(f, verb);
}

const char *memcached_flags_parse(struct memcached_flags *f, enum memcached_meta verb,
                                  const struct bytes *words, size_t nwords)
{
    *f = (struct memcached_flags){.words = words, .nwords = nwords, .delta = 1};
    return parse(f, verb);
}
