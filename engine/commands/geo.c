/* Places: adding them, and asking about one or two. Searching is in geo_search.c. */
#include "commands/geo_args.h"

#include <stdio.h>

static const struct {
    const char *name;
    double metres;
} units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};

bool geo_unit(struct exec *x, int i, double *metres)
{
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        *metres = units[k].metres;
        if (exec_is(x, i, units[k].name))
            return true;
    }
    reply_errorf(x->reply, ERROR_GENERIC, "unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

bool geo_point_arg(struct exec *x, int i, struct geo_point *p)
{
    if (!exec_double(x, i, &p->lon) || !exec_double(x, i + 1, &p->lat))
        return false;
    if (geo_valid(*p))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "invalid longitude,latitude pair %f,%f", p->lon, p->lat);
    return false;
}

bool geo_member(const struct zset *z, struct bytes member, struct geo_point *p)
{
    double score;
    if (!z || !zset_score(z, member, &score))
        return false;
    *p = geo_decode(geo_of_score(score));
    return true;
}

void geo_reply_distance(struct exec *x, double distance)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%.4f", distance);
    reply_bulk(x->reply, bytes_of(text, (size_t)n));
}

/* As text with all digits in RESP2, as doubles in RESP3. */
void geo_reply_point(struct exec *x, struct geo_point p)
{
    char text[64];
    double parts[] = {p.lon, p.lat};
    reply_array(x->reply, 2);
    for (int i = 0; i < 2; i++) {
        if (x->reply->resp >= 3)
            reply_double(x->reply, parts[i]);
        else
            reply_bulk(x->reply, bytes_of(text, num_format_long_double(text, parts[i])));
    }
}

/* ---- GEOADD ----------------------------------------------------------------------------------- */

struct geoadd {
    unsigned flags;
    bool changed; /* CH */
    int at, n;    /* the first longitude; places */
    double *scores;
};

static bool parse_geoadd(struct exec *x, struct geoadd *a)
{
    *a = (struct geoadd){.at = 2};
    for (;; a->at++) {
        if (exec_is(x, a->at, "NX"))
            a->flags |= ZSET_NX;
        else if (exec_is(x, a->at, "XX"))
            a->flags |= ZSET_XX;
        else if (exec_is(x, a->at, "CH"))
            a->changed = true;
        else
            break;
    }
    bool both = a->flags == (ZSET_NX | ZSET_XX);
    if (a->at >= x->argc || (x->argc - a->at) % 3 || both) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    a->n = (x->argc - a->at) / 3;
    a->scores = exec_alloc(x, (size_t)a->n * sizeof *a->scores);
    for (int i = 0; i < a->n; i++) {
        struct geo_point p;
        if (!geo_point_arg(x, a->at + 3 * i, &p))
            return false;
        a->scores[i] = (double)geo_encode(p);
    }
    return true;
}

static void cmd_geoadd(struct exec *x)
{
    struct geoadd a;
    struct zset *z;
    int64_t added = 0, updated = 0;
    if (!parse_geoadd(x, &a) || !zset_write(x, 0, &z))
        return;
    bool fresh = z == NULL;
    if (fresh)
        z = zset_new();
    for (int i = 0; i < a.n; i++) {
        enum zset_result r =
            zset_add(z, zset_limits_of(x), x->argv[a.at + 3 * i + 2], &a.scores[i], a.flags);
        added += r == ZSET_ADDED;
        updated += r == ZSET_UPDATED;
    }
    if (fresh && zset_length(z))
        exec_put_object(x, 0, TYPE_ZSET, z);
    else if (fresh)
        zset_free(z);
    if (added || updated)
        exec_changed(x, 0, EVENT_ZSET, "zadd");
    reply_int(x->reply, a.changed ? added + updated : added);
}

/* ---- asking ----------------------------------------------------------------------------------- */

static void cmd_geopos(struct exec *x)
{
    struct zset *z;
    struct geo_point p;
    if (!zset_read(x, 0, &z))
        return;
    reply_array(x->reply, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        if (geo_member(z, x->argv[i], &p))
            geo_reply_point(x, p);
        else
            reply_null_array(x->reply);
    }
}

static void cmd_geohash(struct exec *x)
{
    struct zset *z;
    struct geo_point p;
    char text[11];
    if (!zset_read(x, 0, &z))
        return;
    reply_array(x->reply, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        if (geo_member(z, x->argv[i], &p)) {
            geo_text(p, text);
            reply_bulk(x->reply, bytes_of(text, sizeof text));
        } else {
            reply_null(x->reply);
        }
    }
}

/* GEODIST key member member [unit] */
static void cmd_geodist(struct exec *x)
{
    struct zset *z;
    struct geo_point a, b;
    double metres = 1;
    if (x->argc > 5) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if ((x->argc == 5 && !geo_unit(x, 4, &metres)) || !zset_read(x, 0, &z))
        return;
    if (geo_member(z, x->argv[2], &a) && geo_member(z, x->argv[3], &b))
        geo_reply_distance(x, geo_distance(a, b) / metres);
    else
        reply_null(x->reply);
}

const struct command_row geo_commands[] = {
    {"geoadd", cmd_geoadd, -5, "write,denyoom", GEO_ACL, "@1:0/1:RW+UPDATE", "3.2.0", GEO_GROUP,
     "key [(NX | XX)] [CH] (longitude latitude member) ...", "Adds places, or moves them."},
    {"geodist", cmd_geodist, -4, "readonly", GEO_ACL, "@1:0/1:RO+ACCESS", "3.2.0", GEO_GROUP,
     "key member1 member2 [(m | km | ft | mi)]", "Answers the distance between two places."},
    {"geohash", cmd_geohash, -2, "readonly", GEO_ACL, "@1:0/1:RO+ACCESS", "3.2.0", GEO_GROUP,
     "key [member ...]", "Answers places as geohash texts."},
    {"geopos", cmd_geopos, -2, "readonly", GEO_ACL, "@1:0/1:RO+ACCESS", "3.2.0", GEO_GROUP,
     "key [member ...]", "Answers the longitudes and latitudes of places."},
    {0},
};
