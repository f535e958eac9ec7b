#include "http/router.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/problem.h"
#include "http/resources.h"

#define PATHS_MAX 128

/* One pattern with the rows of its methods. */
struct path {
    const char *pattern;
    unsigned nsegments, nparams;
    struct bytes segments[TARGET_SEGMENTS_MAX]; /* p NULL: a name */
    bool rest;                                  /* ROUTE_REST */
    const struct route *rows[METHOD_OTHER];
    unsigned indexes[METHOD_OTHER]; /* of the rows */
};

#define ROWS_MAX 256

static const struct route *all_rows[ROWS_MAX];
static unsigned nrows = 1; /* the first is none */

static struct path paths[PATHS_MAX];
static unsigned npaths;

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

static const struct route *const tables[] = {
#define X(table) table,
    RESOURCES(X)
#undef X
};

static void wrong_row(const struct route *row)
{
    log_fatal("route %s %s cannot be built", method_names[row->method], row->pattern);
    abort();
}

static struct path *add_path(const struct route *row)
{
    if (npaths == PATHS_MAX)
        wrong_row(row);
    struct path *p = &paths[npaths++];
    p->pattern = row->pattern;
    p->rest = row->flags & ROUTE_REST;
    for (const char *at = row->pattern; *at;) {
        size_t n = strcspn(++at, "/");
        if (p->nsegments == TARGET_SEGMENTS_MAX)
            wrong_row(row);
        bool named = *at == '{';
        p->segments[p->nsegments++] = named ? (struct bytes){NULL, n} : bytes_of(at, n);
        p->nparams += named;
        at += n;
    }
    if (p->nparams > ROUTE_PARAMS_MAX)
        wrong_row(row);
    return p;
}

static struct path *path_of(const struct route *row)
{
    for (unsigned i = 0; i < npaths; i++)
        if (strcmp(paths[i].pattern, row->pattern) == 0)
            return &paths[i];
    return add_path(row);
}

static int by_names(const void *a, const void *b)
{
    const struct path *x = a, *y = b;
    return (int)x->nparams - (int)y->nparams;
}

static void add_row(const struct route *row, void *context)
{
    (void)context;
    struct path *p = path_of(row);
    if (p->rows[row->method])
        wrong_row(row);
    if (nrows == ROWS_MAX)
        wrong_row(row);
    p->rows[row->method] = row;
    p->indexes[row->method] = nrows;
    if (row->method == METHOD_GET) {
        p->rows[METHOD_HEAD] = row;
        p->indexes[METHOD_HEAD] = nrows;
    }
    all_rows[nrows++] = row;
}

void router_each(route_visit *visit, void *context)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct route *row = tables[t]; row->pattern; row++)
            visit(row, context);
}

void router_build(void)
{
    if (npaths)
        return;
    router_each(add_row, NULL);
    qsort(paths, npaths, sizeof *paths, by_names);
}

unsigned router_count(void)
{
    return nrows;
}

const struct route *router_row(unsigned index)
{
    return all_rows[index];
}

const char *router_method(enum http_method method)
{
    return method < METHOD_OTHER ? method_names[method] : "OTHER";
}

/* ---- finding --------------------------------------------------------------------------------- */

static bool fits(const struct path *p, const struct target *t)
{
    if (p->rest ? p->nsegments > t->nsegments : p->nsegments != t->nsegments || t->longer)
        return false;
    for (unsigned i = 0; i < p->nsegments; i++)
        if (p->segments[i].p && !bytes_eq(p->segments[i], t->segments[i]))
            return false;
    return true;
}

static bool take_params(struct request *r, const struct path *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->nsegments; i++) {
        if (p->segments[i].p)
            continue;
        if (!target_decode(&r->arena, r->target.segments[i], &r->params[n++])) {
            problem(r, "bad-target", "a %% in the path must be followed by two hexadecimal digits");
            return false;
        }
    }
    return true;
}

static bool refuse_method(struct request *r, const bool *allowed)
{
    char *list = arena_alloc(&r->arena, 64), *to = list;
    *to = 0;
    for (int m = 0; m < METHOD_OTHER; m++)
        if (allowed[m])
            to += sprintf(to, "%s%s", to == list ? "" : ", ", method_names[m]);
    answer_header(r, "Allow", list);
    problem(r, "method-not-allowed", "this path takes %s", list);
    return false;
}

bool router_find(struct request *r)
{
    bool known = false, allowed[METHOD_OTHER] = {0};
    for (unsigned i = 0; i < npaths; i++) {
        const struct path *p = &paths[i];
        if (!fits(p, &r->target))
            continue;
        if (r->method < METHOD_OTHER && p->rows[r->method]) {
            r->route = p->rows[r->method];
            r->route_index = p->indexes[r->method];
            return take_params(r, p);
        }
        known = true;
        for (int m = 0; m < METHOD_OTHER; m++)
            allowed[m] |= p->rows[m] != NULL;
    }
    if (known)
        return refuse_method(r, allowed);
    problem(r, "not-found", "there is nothing at this path");
    return false;
}
