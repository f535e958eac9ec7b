/* Places within a circle or a box: GEOSEARCH, GEOSEARCHSTORE, and the older GEORADIUS family. */
#include <stdlib.h>

#include "commands/geo_args.h"

enum order { UNORDERED, ASCENDING, DESCENDING };

struct found {
    struct bytes member;
    struct geo_point at;
    double distance_m;
    double score;
    size_t place; /* keeps the order of equals */
};

struct search {
    bool is_search, stores; /* GEOSEARCH and GEOSEARCHSTORE; may it store? */
    struct zset *z;         /* NULL: the source is missing */
    struct geo_shape shape;
    double metres; /* of the unit */
    bool from_member, from_point, by_radius, by_box;
    bool with_dist, with_hash, with_coord, any, store_distances;
    int64_t count; /* 0: all */
    enum order order;
    int store_key; /* ordinal, -1: none */
    struct found *found;
    size_t n, cap;
};

/* ---- parsing ---------------------------------------------------------------------------------- */

static bool number(struct exec *x, int i, const char *error, double *out)
{
    if (num_parse_double(x->argv[i], out))
        return true;
    reply_errorf(x->reply, ERROR_NOT_FLOAT, "%s", error);
    return false;
}

static bool not_negative(struct exec *x, double v, const char *error)
{
    if (v >= 0)
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "%s", error);
    return false;
}

/* A radius and its unit at arguments i and i + 1. */
static bool parse_radius(struct exec *x, int i, struct search *s)
{
    double radius;
    if (!number(x, i, "need numeric radius", &radius) ||
        !not_negative(x, radius, "radius cannot be negative") || !geo_unit(x, i + 1, &s->metres))
        return false;
    s->shape.radius_m = radius * s->metres;
    s->by_radius = true;
    return true;
}

static bool parse_box(struct exec *x, int i, struct search *s)
{
    double width, height;
    const char *negative = "height or width cannot be negative";
    if (!number(x, i, "need numeric width", &width) ||
        !number(x, i + 1, "need numeric height", &height) || !not_negative(x, width, negative) ||
        !not_negative(x, height, negative) || !geo_unit(x, i + 2, &s->metres))
        return false;
    s->shape.width_m = width * s->metres;
    s->shape.height_m = height * s->metres;
    s->shape.box = s->by_box = true;
    return true;
}

/* The member's place becomes the middle. Without a source it is looked for in vain later. */
static bool parse_member(struct exec *x, int i, struct search *s)
{
    s->from_member = true;
    if (!s->z || geo_member(s->z, x->argv[i], &s->shape.middle))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "could not decode requested zset member");
    return false;
}

static bool parse_count(struct exec *x, int i, struct search *s)
{
    if (!exec_int(x, i, &s->count))
        return false;
    if (s->count > 0)
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "COUNT must be > 0");
    return false;
}

/* Words that stand alone; false: it is none. */
static bool take_flag(struct exec *x, int i, struct search *s)
{
    struct {
        const char *word;
        bool *flag;
    } flags[] = {{"WITHDIST", &s->with_dist},
                 {"WITHHASH", &s->with_hash},
                 {"WITHCOORD", &s->with_coord},
                 {"ANY", &s->any}};
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
        if (exec_is(x, i, flags[k].word)) {
            *flags[k].flag = true;
            return true;
        }
    }
    if (exec_is(x, i, "ASC") || exec_is(x, i, "DESC"))
        s->order = exec_is(x, i, "ASC") ? ASCENDING : DESCENDING;
    else if (s->is_search && s->stores && exec_is(x, i, "STOREDIST"))
        s->store_distances = true;
    else
        return false;
    return true;
}

/* STORE key and STOREDIST key of the old family; their keys stand in this order among the command's. */
static void take_store(struct exec *x, int i, struct search *s)
{
    s->store_distances = exec_is(x, i, "STOREDIST");
    s->store_key = 1;
    while (!bytes_eq(x->keys[s->store_key].name, x->argv[i + 1]) &&
           (unsigned)s->store_key + 1 < x->nkeys)
        s->store_key++;
}

/* The option at argument i; returns how many arguments it has, 0: there is no such, -1: the error has been answered. */
static int parse_option(struct exec *x, int i, struct search *s)
{
    int left = x->argc - i - 1;
    if (take_flag(x, i, s))
        return 1;
    if (left >= 1 && exec_is(x, i, "COUNT"))
        return parse_count(x, i + 1, s) ? 2 : -1;
    if (!s->is_search) {
        if (!s->stores || left < 1 || (!exec_is(x, i, "STORE") && !exec_is(x, i, "STOREDIST")))
            return 0;
        take_store(x, i, s);
        return 2;
    }
    if (left >= 1 && exec_is(x, i, "FROMMEMBER") && !s->from_point)
        return parse_member(x, i + 1, s) ? 2 : -1;
    if (left >= 2 && exec_is(x, i, "FROMLONLAT") && !s->from_member) {
        s->from_point = true;
        return geo_point_arg(x, i + 1, &s->shape.middle) ? 3 : -1;
    }
    if (left >= 2 && exec_is(x, i, "BYRADIUS") && !s->by_box)
        return parse_radius(x, i + 1, s) ? 3 : -1;
    if (left >= 3 && exec_is(x, i, "BYBOX") && !s->by_radius)
        return parse_box(x, i + 1, s) ? 4 : -1;
    return 0;
}

/* `text` and then `what`. */
static bool fail(struct exec *x, const char *text, struct bytes what)
{
    reply_errorf(x->reply, ERROR_GENERIC, "%s%.*s", text, (int)what.n, what.p);
    return false;
}

/* What the options say together. */
static bool consistent(struct exec *x, const struct search *s)
{
    if (s->store_key >= 0 && (s->with_dist || s->with_hash || s->with_coord))
        return fail(x, s->is_search ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS",
                    BYTES(" is not compatible with WITHDIST, WITHHASH and WITHCOORD options"));
    if (s->is_search && !s->from_member && !s->from_point)
        return fail(x, "exactly one of FROMMEMBER or FROMLONLAT can be specified for ", x->argv[0]);
    if (s->is_search && !s->by_radius && !s->by_box)
        return fail(x, "exactly one of BYRADIUS and BYBOX can be specified for ", x->argv[0]);
    if (s->any && !s->count)
        return fail(x, "the ANY argument requires COUNT argument", BYTES(""));
    return true;
}

static bool parse_options(struct exec *x, int from, struct search *s)
{
    for (int i = from; i < x->argc;) {
        int used = parse_option(x, i, s);
        if (used == 0)
            reply_error(x->reply, ERROR_SYNTAX);
        if (used <= 0)
            return false;
        i += used;
    }
    if (s->count && s->order == UNORDERED && !s->any)
        s->order = ASCENDING;
    return consistent(x, s);
}

/* ---- searching -------------------------------------------------------------------------------- */

static void keep(struct exec *x, struct search *s, const struct zset_item *item,
                 const struct found *f)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        struct found *more = exec_alloc(x, cap * sizeof *more);
        if (s->n)
            memcpy(more, s->found, s->n * sizeof *more);
        s->found = more;
        s->cap = cap;
    }
    s->found[s->n] = *f;
    s->found[s->n].member = item->member;
    s->found[s->n].place = s->n;
    if (item->member.p == item->scratch) { /* an integer's text */
        char *copy = exec_alloc(x, item->member.n);
        memcpy(copy, item->member.p, item->member.n);
        s->found[s->n].member.p = copy;
    }
    s->n++;
}

static bool enough(const struct search *s)
{
    return s->any && s->n >= (size_t)s->count;
}

static void search_area(struct exec *x, struct search *s, const struct geo_range *area)
{
    struct zset_score_range range = {(double)area->from, (double)area->to, false, true};
    size_t from, to;
    struct zset_iter it;
    struct zset_item item;
    zset_score_span(s->z, &range, &from, &to);
    if (from == to)
        return;
    zset_iter_init(&it, s->z, from, false);
    for (; from < to && !enough(s) && zset_iter_next(&it, &item); from++) {
        struct found f = {.score = item.score, .at = geo_decode(geo_of_score(item.score))};
        if (geo_within(&s->shape, f.at, &f.distance_m))
            keep(x, s, &item, &f);
    }
}

static int by_distance(const void *pa, const void *pb)
{
    const struct found *a = pa, *b = pb;
    int order = (a->distance_m > b->distance_m) - (a->distance_m < b->distance_m);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int by_distance_down(const void *pa, const void *pb)
{
    const struct found *a = pa, *b = pb;
    int order = (a->distance_m < b->distance_m) - (a->distance_m > b->distance_m);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static void search(struct exec *x, struct search *s)
{
    struct geo_range areas[GEO_AREAS];
    unsigned n = s->z ? geo_areas(&s->shape, areas) : 0;
    for (unsigned i = 0; i < n && !enough(s); i++)
        search_area(x, s, &areas[i]);
    if (s->order != UNORDERED && s->n)
        qsort(s->found, s->n, sizeof *s->found,
              s->order == ASCENDING ? by_distance : by_distance_down);
    if (s->count && s->n > (size_t)s->count)
        s->n = (size_t)s->count;
}

/* ---- results ---------------------------------------------------------------------------------- */

static void reply_found(struct exec *x, const struct search *s)
{
    size_t parts = (size_t)s->with_dist + s->with_hash + s->with_coord;
    reply_array(x->reply, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const struct found *f = &s->found[i];
        if (parts)
            reply_array(x->reply, parts + 1);
        reply_bulk(x->reply, f->member);
        if (s->with_dist)
            geo_reply_distance(x, f->distance_m / s->metres);
        if (s->with_hash)
            reply_int(x->reply, (int64_t)geo_of_score(f->score));
        if (s->with_coord)
            geo_reply_point(x, f->at);
    }
}

static void store_found(struct exec *x, const struct search *s)
{
    struct zset *z = zset_new();
    for (size_t i = 0; i < s->n; i++) {
        const struct found *f = &s->found[i];
        double score = s->store_distances ? f->distance_m / s->metres : f->score;
        zset_add(z, zset_limits_of(x), f->member, &score, 0);
    }
    zset_store(x, (unsigned)s->store_key, z, s->is_search ? "geosearchstore" : "georadiusstore");
}

static void run(struct exec *x, int options_at, struct search *s)
{
    if (!parse_options(x, options_at, s))
        return;
    search(x, s);
    if (s->store_key >= 0)
        store_found(x, s);
    else
        reply_found(x, s);
}

/* ---- commands --------------------------------------------------------------------------------- */

static void cmd_geosearch(struct exec *x)
{
    struct search s = {.is_search = true, .store_key = -1};
    if (zset_read(x, 0, &s.z))
        run(x, 2, &s);
}

static void cmd_geosearchstore(struct exec *x)
{
    struct search s = {.is_search = true, .stores = true, .store_key = 0};
    if (zset_read(x, 1, &s.z))
        run(x, 3, &s);
}

static bool may_store(const struct exec *x)
{
    return x->cmd->flags & CMD_WRITE;
}

/* GEORADIUS key longitude latitude radius unit ... */
static void cmd_georadius(struct exec *x)
{
    struct search s = {.store_key = -1, .stores = may_store(x)};
    if (zset_read(x, 0, &s.z) && geo_point_arg(x, 2, &s.shape.middle) && parse_radius(x, 4, &s))
        run(x, 6, &s);
}

/* GEORADIUSBYMEMBER key member radius unit ... */
static void cmd_georadiusbymember(struct exec *x)
{
    struct search s = {.store_key = -1, .stores = may_store(x)};
    if (!zset_read(x, 0, &s.z) || !parse_member(x, 2, &s))
        return;
    if (!s.z ||
        parse_radius(x, 3, &s)) /* without a source only the options are looked at, as in Redis */
        run(x, 5, &s);
}

#define UNIT   "(m | km | ft | mi)"
#define SHOWN  "[WITHCOORD] [WITHDIST] [WITHHASH] "
#define SOME   "[COUNT count [ANY]] "
#define SORTED "[(ASC | DESC)] "
#define WHERE                                                                                      \
    "(FROMMEMBER member | FROMLONLAT longitude latitude) (BYRADIUS radius " UNIT                   \
    " | BYBOX width height " UNIT ") "
#define READ  "@1:0/1:RO+ACCESS"
#define WRITE(from) READ " ; kw:STORE@" from ":0/1:OW+UPDATE ; kw:STOREDIST@" from ":0/1:OW+UPDATE"
#define STORE "[(STORE storekey | STOREDIST storedistkey)]"

const struct command_row geo_search_commands[] = {
    {"georadius", cmd_georadius, -6, "write,denyoom", GEO_ACL, WRITE("6"), "3.2.0", GEO_GROUP,
     "key longitude latitude radius " UNIT " " SHOWN SOME SORTED STORE,
     "Finds or stores the places around a point."},
    {"georadius_ro", cmd_georadius, -6, "readonly", GEO_ACL, READ, "3.2.10", GEO_GROUP,
     "key longitude latitude radius " UNIT " " SHOWN SOME SORTED,
     "Finds the places around a point."},
    {"georadiusbymember", cmd_georadiusbymember, -5, "write,denyoom", GEO_ACL, WRITE("5"), "3.2.0",
     GEO_GROUP, "key member radius " UNIT " " SHOWN SOME SORTED STORE,
     "Finds or stores the places around another one."},
    {"georadiusbymember_ro", cmd_georadiusbymember, -5, "readonly", GEO_ACL, READ, "3.2.10",
     GEO_GROUP, "key member radius " UNIT " " SHOWN SOME SORTED,
     "Finds the places around another one."},
    {"geosearch", cmd_geosearch, -7, "readonly", GEO_ACL, READ, "6.2.0", GEO_GROUP,
     "key " WHERE SORTED SOME SHOWN, "Finds the places within a circle or a box."},
    {"geosearchstore", cmd_geosearchstore, -8, "write,denyoom", GEO_ACL,
     "@1:0/1:OW+UPDATE ; @2:0/1:RO+ACCESS", "6.2.0", GEO_GROUP,
     "destination source " WHERE SORTED SOME "[STOREDIST]",
     "Stores the places within a circle or a box."},
    {0},
};
