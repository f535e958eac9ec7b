/* Vector sets: adding, removing, attributes. */
#include "commands/vector_args.h"

/* ---- VADD ------------------------------------------------------------------------------------ */

#define EF_DEFAULT 200
#define EF_MAX     1000000
#define M_DEFAULT  16

struct add {
    struct vector_write write;
    struct vector_arg vector;
    int64_t reduce; /* 0: not asked */
    struct bytes name, attributes;
    bool set_attributes;
    enum hnsw_form form;
    int64_t ef, m;
    struct hnsw_query query;
    struct hnsw_plan plan;
};

static bool add_number(struct exec *x, int at, int64_t min, int64_t max, const char *error,
                       int64_t *to)
{
    if (num_parse_int(x->argv[at], to) && *to >= min && *to <= max)
        return true;
    vector_refuse(x, error);
    return false;
}

static bool add_option(struct exec *x, struct add *a, int *i)
{
    bool more = *i + 1 < x->argc;
    if (exec_is(x, *i, "CAS")) /* always so: the search for neighbours holds no lock */
        return true;
    if (exec_is(x, *i, "NOQUANT") || exec_is(x, *i, "Q8") || exec_is(x, *i, "BIN")) {
        a->form = exec_is(x, *i, "Q8") ? HNSW_INT8 : exec_is(x, *i, "BIN") ? HNSW_BITS : HNSW_F32;
        return true;
    }
    if (exec_is(x, *i, "EF") && more)
        return add_number(x, ++*i, 1, EF_MAX, "invalid EF", &a->ef);
    if (exec_is(x, *i, "M") && more)
        return add_number(x, ++*i, HNSW_M_MIN, HNSW_M_MAX, "invalid M", &a->m);
    if (exec_is(x, *i, "SETATTR") && more) {
        a->attributes = x->argv[++*i];
        a->set_attributes = true;
        return true;
    }
    vector_refuse(x, "invalid option after element");
    return false;
}

static bool add_vector(struct exec *x, struct add *a)
{
    int at = 2;
    if (exec_is(x, at, "REDUCE") && x->argc > at + 2) {
        if (!num_parse_int(x->argv[at + 1], &a->reduce) || a->reduce < 1) {
            vector_refuse(x, "invalid vector specification");
            return false;
        }
        at += 2;
    }
    if (!vector_arg(x, at, &a->vector))
        return false;
    if (a->reduce <= a->vector.dim)
        return true;
    vector_refuse(x, "invalid vector specification");
    return false;
}

static bool add_parse(struct exec *x, struct add *a)
{
    *a = (struct add){.form = HNSW_INT8, .ef = EF_DEFAULT, .m = M_DEFAULT};
    if (!add_vector(x, a))
        return false;
    int i = a->vector.end;
    if (i >= x->argc) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for 'vadd' command");
        return false;
    }
    a->name = x->argv[i];
    for (i++; i < x->argc; i++) {
        if (!add_option(x, a, &i))
            return false;
    }
    return true;
}

/* Does what was asked go with the set that is there? */
static bool add_fits(struct exec *x, const struct add *a, const struct vectorset *v)
{
    if (v->graph->form != a->form) {
        vector_refuse(x, "asked quantization mismatch with existing vector set");
        return false;
    }
    if (v->graph->m != a->m) {
        vector_refuse(x, "asked M value mismatch with existing vector set");
        return false;
    }
    if (v->projection && a->reduce != v->graph->dim) {
        reply_errorf(x->reply, ERROR_DIMENSION, "Vector dimension mismatch - got %u but set has %u",
                     a->vector.dim, v->graph->dim);
        return false;
    }
    if (!vector_fits(x, v, a->vector.dim, false))
        return false;
    if (!a->reduce || v->projection)
        return true;
    vector_refuse(x, "cannot add projection to existing set without projection");
    return false;
}

static void add_prepare(struct exec *x, struct vector_write *w)
{
    struct add *a = (struct add *)w;
    (void)x;
    vectorset_query(&a->query, w->set, a->vector.values);
    hnsw_plan_begin(&a->plan, w->set->graph);
    hnsw_plan(&a->plan, w->set->graph, &a->query, (size_t)a->ef);
}

static void add_act(struct exec *x, struct add *a, struct vectorset *v)
{
    bool added = vectorset_add(v, a->name, &a->query, (size_t)a->ef, &a->plan);
    if (a->set_attributes)
        vectorset_set_attributes(v, vectorset_find(v, a->name), a->attributes);
    hnsw_query_release(&a->query);
    reply_bool(x->reply, added);
    exec_changed(x, 0, EVENT_MODULE, "vadd");
}

static void add_first(struct exec *x, struct add *a)
{
    uint32_t dim = a->reduce ? (uint32_t)a->reduce : a->vector.dim;
    struct vectorset *v =
        vectorset_new(dim, (uint32_t)a->m, a->form, a->reduce ? a->vector.dim : 0);
    vectorset_query(&a->query, v, a->vector.values);
    hnsw_plan_begin(&a->plan, v->graph);
    exec_put_object(x, 0, TYPE_VECTORSET, v);
    add_act(x, a, v);
}

static void cmd_vadd(struct exec *x)
{
    struct vectorset *v;
    struct add *a = x->resumed;
    if (a) {
        v = vector_write_begin(x, &a->write);
        if (v) {
            add_act(x, a, v);
            vector_write_end(&a->write);
            return;
        }
        hnsw_query_release(&a->query);
        hnsw_plan_release(&a->plan);
    }
    a = exec_alloc(x, sizeof *a);
    if (!add_parse(x, a) || !vector_peek(x, &v))
        return;
    if (!v)
        add_first(x, a);
    else if (add_fits(x, a, v))
        vector_write(x, &a->write, v, add_prepare);
}

/* ---- VREM, VSETATTR -------------------------------------------------------------------------- */

/* True: the element is there. Else false has been answered, or an error. */
static bool find_for_write(struct exec *x, struct vectorset **v)
{
    if (!vector_peek(x, v))
        return false;
    if (*v && vectorset_find(*v, x->argv[2]) != HNSW_NONE)
        return true;
    reply_bool(x->reply, false);
    return false;
}

static void cmd_vrem(struct exec *x)
{
    struct vector_write *w = x->resumed;
    struct vectorset *v;
    if (w && (v = vector_write_begin(x, w))) {
        bool removed = vectorset_remove(v, x->argv[2]);
        reply_bool(x->reply, removed);
        if (removed) {
            exec_changed(x, 0, EVENT_MODULE, "vrem");
            exec_delete_if_empty(x, 0, exec_peek(x, 0));
        }
        vector_write_end(w);
        return;
    }
    if (find_for_write(x, &v))
        vector_write(x, exec_alloc(x, sizeof *w), v, NULL);
}

static void cmd_vsetattr(struct exec *x)
{
    struct vector_write *w = x->resumed;
    struct vectorset *v;
    if (w && (v = vector_write_begin(x, w))) {
        uint32_t id = vectorset_find(v, x->argv[2]);
        if (id != HNSW_NONE) {
            vectorset_set_attributes(v, id, x->argv[3]);
            exec_changed(x, 0, EVENT_MODULE, "vsetattr");
        }
        reply_bool(x->reply, id != HNSW_NONE);
        vector_write_end(w);
        return;
    }
    if (find_for_write(x, &v))
        vector_write(x, exec_alloc(x, sizeof *w), v, NULL);
}

const struct command_row vector_commands[] = {
    {"vadd", cmd_vadd, -5, "write,denyoom,long", VECTOR_ACL, ONE_KEY "RW+INSERT", "8.0.0", VECTOR_GROUP,
     "key [REDUCE dim] (FP32 vector | VALUES num value ...) element [CAS] [NOQUANT | Q8 | BIN] [EF "
     "build-exploration-factor] [SETATTR attributes] [M numlinks]",
     "Adds an element with its vector, or gives it another one."},
    {"vrem", cmd_vrem, 3, "write", VECTOR_ACL, ONE_KEY "RW+DELETE", "8.0.0", VECTOR_GROUP,
     "key element", "Removes an element."},
    {"vsetattr", cmd_vsetattr, 4, "write,fast", VECTOR_ACL, ONE_KEY "RW+UPDATE", "8.0.0",
     VECTOR_GROUP, "key element json", "Sets or removes an element's attributes."},
    {0},
};
