#include "commands/zset_args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct zset_limits zset_limits_of(const struct exec *x)
{
    return (struct zset_limits){
        .entries = (size_t)config_int(x->engine->config, CONFIG_ZSET_MAX_LISTPACK_ENTRIES),
        .value = (size_t)config_int(x->engine->config, CONFIG_ZSET_MAX_LISTPACK_VALUE)};
}

bool zset_read(struct exec *x, unsigned k, struct zset **z)
{
    void *object;
    if (!exec_read_object(x, k, TYPE_ZSET, &object))
        return false;
    *z = object;
    return true;
}

bool zset_write(struct exec *x, unsigned k, struct zset **z)
{
    void *object;
    if (!exec_peek_object(x, k, TYPE_ZSET, &object))
        return false;
    *z = object;
    return true;
}

void zset_removed(struct exec *x, unsigned k, struct zset *z, const char *event)
{
    exec_changed(x, k, EVENT_ZSET, event);
    if (zset_length(z))
        return;
    exec_delete(x, k);
    exec_event(x, k, EVENT_GENERIC, "del");
}

void zset_store(struct exec *x, unsigned k, struct zset *z, const char *event)
{
    size_t n = zset_length(z);
    if (n) {
        exec_put_object(x, k, TYPE_ZSET, z);
        exec_changed(x, k, EVENT_ZSET, event);
    } else {
        zset_free(z);
        if (exec_delete(x, k))
            exec_changed(x, k, EVENT_GENERIC, "del");
    }
    reply_int(x->reply, (int64_t)n);
}

/* ---- bounds -------------------------------------------------------------------------------------------- */

/* What strtod takes whole, as in Redis: nothing at all is 0, blanks before the number are passed over, and what is
 * too large is infinite. */
static bool parse_score_bound(struct bytes s, double *v, bool *open)
{
    char text[512], *end;
    *open = s.n && s.p[0] == '(';
    size_t n = s.n - *open;
    if (n >= sizeof text)
        return false;
    memcpy(text, s.p + *open, n);
    text[n] = 0;
    *v = strtod(text, &end);
    return *end == 0 && !isnan(*v);
}

bool zset_parse_scores(struct exec *x, int min_at, int max_at, struct zset_score_range *r)
{
    if (parse_score_bound(x->argv[min_at], &r->min, &r->min_open) &&
        parse_score_bound(x->argv[max_at], &r->max, &r->max_open))
        return true;
    reply_errorf(x->reply, ERROR_NOT_FLOAT, "min or max is not a float");
    return false;
}

static bool parse_lex_bound(struct bytes s, struct zset_lex_bound *b)
{
    *b = (struct zset_lex_bound){.kind = LEX_MEMBER};
    if (s.n == 1 && (s.p[0] == '-' || s.p[0] == '+')) {
        b->kind = s.p[0] == '-' ? LEX_LOWEST : LEX_HIGHEST;
        return true;
    }
    if (s.n == 0 || (s.p[0] != '[' && s.p[0] != '('))
        return false;
    b->open = s.p[0] == '(';
    b->member = bytes_of(s.p + 1, s.n - 1);
    return true;
}

bool zset_parse_lex(struct exec *x, int min_at, int max_at, struct zset_lex_bound *min,
                    struct zset_lex_bound *max)
{
    if (parse_lex_bound(x->argv[min_at], min) && parse_lex_bound(x->argv[max_at], max))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "min or max not valid string range item");
    return false;
}

bool zset_parse_ranks(struct exec *x, int start_at, int stop_at, int64_t *start, int64_t *stop)
{
    return exec_int(x, start_at, start) && exec_int(x, stop_at, stop);
}

/* ---- replies -------------------------------------------------------------------------------------------- */

void zset_reply_open(struct exec *x, size_t n, bool with_scores)
{
    reply_array(x->reply, with_scores && x->reply->resp < 3 ? n * 2 : n);
}

void zset_reply_item(struct exec *x, const struct zset_item *item, bool with_scores)
{
    if (with_scores && x->reply->resp >= 3)
        reply_array(x->reply, 2);
    reply_bulk(x->reply, item->member);
    if (with_scores)
        reply_double(x->reply, item->score);
}

void zset_reply_span(struct exec *x, const struct zset *z, size_t from, size_t to, bool reverse,
                     bool with_scores)
{
    struct zset_iter it;
    struct zset_item item;
    zset_reply_open(x, to - from, with_scores);
    if (from == to)
        return;
    zset_iter_init(&it, z, reverse ? zset_length(z) - 1 - from : from, reverse);
    for (size_t i = from; i < to && zset_iter_next(&it, &item); i++)
        zset_reply_item(x, &item, with_scores);
}
