#include "http/accept.h"

#include <strings.h>

#include "http/problem.h"

/* How well one media type is liked: thousandths, and how exactly the range named it. */
struct liking {
    const char *type;
    int quality, exactness;
};

static struct bytes trim(struct bytes s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s = bytes_of(s.p + 1, s.n - 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Cuts the part before `c` off the front of *s. */
static struct bytes next_part(struct bytes *s, char c)
{
    const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
    size_t n = at ? (size_t)(at - s->p) : s->n;
    struct bytes part = bytes_of(s->p, n);
    size_t skip = at ? n + 1 : n;
    *s = bytes_of(s->p + skip, s->n - skip);
    return trim(part);
}

static int quality_of(struct bytes params)
{
    double q = 1;
    while (params.n) {
        struct bytes param = next_part(&params, ';');
        if (param.n > 2 && (param.p[0] | 0x20) == 'q' && param.p[1] == '=' &&
            num_parse_double(bytes_of(param.p + 2, param.n - 2), &q))
            break;
    }
    return q <= 0 ? 0 : q >= 1 ? 1000 : (int)(q * 1000);
}

/* "text/" and a star, for a type that begins so. */
static bool is_group_of(struct bytes range, const char *type)
{
    size_t n = strcspn(type, "/") + 1;
    return range.n == n + 1 && range.p[n] == '*' && strncasecmp(range.p, type, n) == 0;
}

static void weigh(struct liking *l, struct bytes range, int quality)
{
    int exactness = bytes_is(range, l->type)      ? 3
                    : is_group_of(range, l->type) ? 2
                    : bytes_is(range, "*/*")      ? 1
                                                  : 0;
    if (exactness > l->exactness) {
        l->exactness = exactness;
        l->quality = quality;
    }
}

enum accepted accept_choose(struct request *r)
{
    struct bytes header;
    struct liking json = {"application/json", 0, 0}, raw = {"application/octet-stream", 0, 0};
    if (!request_header(r, "Accept", &header) || header.n == 0)
        return ACCEPTED_JSON;
    while (header.n) {
        struct bytes params = next_part(&header, ',');
        struct bytes range = next_part(&params, ';');
        int quality = quality_of(params);
        weigh(&json, range, quality);
        weigh(&raw, range, quality);
    }
    if (json.quality == 0 && raw.quality == 0)
        return ACCEPTED_NEITHER;
    return raw.quality > json.quality ? ACCEPTED_RAW : ACCEPTED_JSON;
}

bool accept_type(struct request *r, const char *type)
{
    struct bytes header;
    struct liking l = {type, 0, 0};
    if (!request_header(r, "Accept", &header) || header.n == 0)
        return true;
    while (header.n) {
        struct bytes params = next_part(&header, ',');
        struct bytes range = next_part(&params, ';');
        weigh(&l, range, quality_of(params));
    }
    if (l.quality)
        return true;
    problem(r, "not-acceptable", "this path answers %s", type);
    return false;
}

bool accept_json(struct request *r)
{
    return accept_type(r, "application/json");
}

bool accept_coding(struct request *r, const char *coding)
{
    struct bytes header;
    int named = -1, any = 0;
    if (!request_header(r, "Accept-Encoding", &header))
        return false;
    while (header.n) {
        struct bytes params = next_part(&header, ',');
        struct bytes name = next_part(&params, ';');
        if (bytes_is(name, coding))
            named = quality_of(params);
        else if (bytes_eq(name, BYTES("*")))
            any = quality_of(params);
    }
    return named >= 0 ? named > 0 : any > 0;
}
