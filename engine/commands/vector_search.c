/* VSIM: the elements nearest to a vector. */
#include "base/mem.h"
#include "commands/vector_args.h"
#include "types/vector_filter.h"

#define COUNT_DEFAULT 10
#define EF_DEFAULT    100
#define EF_MAX        1000000

struct search {
    struct vectorset *set; /* pinned */
    struct hnsw_query query;
    struct vector_filter *filter;
    int64_t count, ef, filter_ef; /* 0: by default */
    double epsilon;
    bool scores, attributes, truth;
};

static void search_release(struct search *s)
{
    hnsw_query_release(&s->query);
    vector_filter_free(s->filter);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool positive(struct exec *x, int at, int64_t max, const char *name, int64_t *to)
{
    if (num_parse_int(x->argv[at], to) && *to > 0 && *to <= max)
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "invalid %s", name);
    return false;
}

static bool epsilon(struct exec *x, int at, double *to)
{
    if (num_parse_double(x->argv[at], to) && *to > 0)
        return true;
    vector_refuse(x, "invalid EPSILON");
    return false;
}

static bool filter(struct exec *x, int at, struct search *s)
{
    struct bytes near;
    vector_filter_free(s->filter);
    s->filter = vector_filter_compile(x->argv[at], &near);
    if (s->filter)
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "syntax error in FILTER expression near: %.*s",
                 (int)near.n, near.p);
    return false;
}

static bool search_option(struct exec *x, struct search *s, int *i)
{
    bool more = *i + 1 < x->argc;
    if (exec_is(x, *i, "WITHSCORES"))
        return s->scores = true;
    if (exec_is(x, *i, "WITHATTRIBS"))
        return s->attributes = true;
    if (exec_is(x, *i, "TRUTH"))
        return s->truth = true;
    if (exec_is(x, *i, "NOTHREAD")) /* a search never holds its key, whoever runs it */
        return true;
    if (exec_is(x, *i, "COUNT") && more)
        return positive(x, ++*i, INT64_MAX, "COUNT", &s->count);
    if (exec_is(x, *i, "EF") && more)
        return positive(x, ++*i, EF_MAX, "EF", &s->ef);
    if (exec_is(x, *i, "FILTER-EF") && more)
        return positive(x, ++*i, INT64_MAX, "FILTER-EF", &s->filter_ef);
    if (exec_is(x, *i, "EPSILON") && more)
        return epsilon(x, ++*i, &s->epsilon);
    if (exec_is(x, *i, "FILTER") && more)
        return filter(x, ++*i, s);
    vector_refuse(x, "syntax error in VSIM command");
    return false;
}

/* What is searched for, into s->query; the argument after it, 0 where an error has been answered. */
static int search_vector(struct exec *x, struct search *s)
{
    struct vector_arg v;
    if (exec_is(x, 2, "ELE")) {
        uint32_t id = vectorset_find(s->set, x->argv[3]);
        if (id == HNSW_NONE) {
            reply_errorf(x->reply, ERROR_NO_SUCH_KEY, "element not found in set");
            return 0;
        }
        hnsw_query_of_node(&s->query, s->set->graph, id);
        return 4;
    }
    if (!vector_arg(x, 2, &v) || !vector_fits(x, s->set, v.dim, true))
        return 0;
    if (s->set->projection && v.dim != s->set->input_dim)
        hnsw_query_init(&s->query, s->set->graph, v.values);
    else
        vectorset_query(&s->query, s->set, v.values);
    return v.end;
}

/* ---- the search ------------------------------------------------------------------------------ */

static bool matches(void *ctx, void *item)
{
    const struct vector_element *e = item;
    return e->attributes_n && vector_filter_match(ctx, vector_element_attributes(e));
}

static void reply_found(struct exec *x, const struct search *s, const struct hnsw_near *near,
                        size_t n)
{
    struct reply *r = x->reply;
    bool map = r->resp == 3 && (s->scores || s->attributes);
    if (map)
        reply_map(r, n);
    else
        reply_array(r, n * (1u + s->scores + s->attributes));
    for (size_t i = 0; i < n; i++) {
        const struct vector_element *e = vectorset_element(s->set, near[i].id);
        struct bytes attributes = vector_element_attributes(e);
        reply_bulk(r, vector_element_name(e));
        if (map && s->scores && s->attributes)
            reply_array(r, 2);
        if (s->scores)
            reply_double(r, 1 - (double)near[i].distance / 2);
        if (s->attributes && attributes.n)
            reply_bulk(r, attributes);
        else if (s->attributes)
            reply_null(r);
    }
}

static size_t at_most(int64_t want, size_t max)
{
    return (uint64_t)want < max ? (size_t)want : max;
}

static void search_now(struct exec *x, const struct search *s)
{
    size_t size = vectorset_count(s->set);
    struct hnsw_params p = {.limit = at_most(s->count, size), .farthest = (float)(s->epsilon * 2)};
    p.ef = at_most(s->ef ? s->ef : EF_DEFAULT, size);
    p.accept = s->filter ? matches : NULL;
    p.ctx = s->filter;
    int64_t most;
    if (__builtin_mul_overflow(s->count, 100, &most))
        most = INT64_MAX;
    p.accept_max = (size_t)(s->filter_ef ? s->filter_ef : most);
    struct hnsw_near *near = mem_alloc(p.limit * sizeof *near);
    size_t n = s->truth ? hnsw_search_exact(s->set->graph, &s->query, &p, near)
                        : hnsw_search(s->set->graph, &s->query, &p, near);
    reply_found(x, s, near, n);
    mem_free(near);
}

static bool search_outside(struct exec *x, void *ctx)
{
    struct search *s = ctx;
    if (x->stepped_out)
        reserve_lock_shared(&s->set->lock);
    search_now(x, s);
    if (x->stepped_out)
        reserve_lock_unshared(&s->set->lock);
    vector_unpin(s->set);
    search_release(s);
    return false;
}

static void cmd_vsim(struct exec *x)
{
    struct search *s = exec_alloc(x, sizeof *s);
    *s = (struct search){.count = COUNT_DEFAULT, .epsilon = 2};
    if (!vector_read(x, &s->set))
        return;
    if (!s->set) {
        reply_array(x->reply, 0);
        return;
    }
    bool good = true;
    int i = search_vector(x, s);
    for (good = i > 0; good && i < x->argc; i++)
        good = search_option(x, s, &i);
    if (!good) {
        search_release(s);
        return;
    }
    vectorset_pin(s->set);
    exec_outside(x, search_outside, s);
}

const struct command_row vector_search_commands[] = {
    {"vsim", cmd_vsim, -4, "readonly,long", VECTOR_ACL, ONE_KEY "RO+ACCESS", "8.0.0", VECTOR_GROUP,
     "key (ELE element | FP32 vector | VALUES num value ...) [WITHSCORES] [WITHATTRIBS] [COUNT "
     "count] [EPSILON delta] [EF search-exploration-factor] [FILTER expression] [FILTER-EF "
     "max-filtering-effort] [TRUTH] [NOTHREAD]",
     "Answers the elements nearest to a vector."},
    {0},
};
