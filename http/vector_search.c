/* Searches in vector sets: the nearest elements to a vector or to a stored one, one search or
 * several in a request ("searches"). The score is (1 + cosine) / 2. A set that is not there has no
 * elements. */
#include <stdio.h>

#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/vectors.h"

#define LIMIT_MAX     1000
#define SEARCHES_MAX  100
#define EF_MAX        1000000
#define FILTER_EF_MAX 100000000

struct search {
    struct bytes id, vector, filter; /* the id counts where there is no vector */
    int64_t limit, ef, filter_ef;
    double threshold;
    bool attributes, vectors, exact;
};

struct found {
    struct bytes id, attributes;
    double score;
    float *values;
    size_t n_values;
};

struct outcome {
    struct found *items;
    size_t n;
    uint64_t took_us;
    bool failed;
    enum error_code code;
    struct bytes error; /* the engine's line */
};

/* ---- what is searched for -------------------------------------------------------------------- */

static bool take_target(struct request *r, const cJSON *object, const char *where, struct search *s)
{
    const cJSON *id = json_get(object, "id");
    if (!id)
        return vector_take(r, object, where, &s->vector);
    if (!json_get(object, "vector") && !json_get(object, "vector_b64") &&
        json_argument(&r->arena, id, &s->id))
        return true;
    problem(r, "bad-arguments",
            "%sid must be a string, a number or {\"b64\":\"...\"}, and without a vector", where);
    return false;
}

static bool take_filter(struct request *r, const cJSON *object, struct search *s)
{
    const cJSON *filter = json_get(object, "filter");
    if (!filter)
        return true;
    if (cJSON_IsString(filter))
        s->filter = json_string(filter);
    else
        problem(r, "bad-arguments", "\"filter\" must be a string");
    return cJSON_IsString(filter);
}

static bool take_search(struct request *r, const cJSON *object, const char *where, struct search *s)
{
    *s = (struct search){.limit = 10, .threshold = 0, .attributes = true};
    if (!cJSON_IsObject(object)) {
        problem(r, "bad-arguments", "each of \"searches\" must be an object");
        return false;
    }
    return take_target(r, object, where, s) && take_filter(r, object, s) &&
           request_member_int(r, object, "limit", 1, LIMIT_MAX, &s->limit) &&
           request_member_int(r, object, "ef", 1, EF_MAX, &s->ef) &&
           request_member_int(r, object, "filter_ef", 1, FILTER_EF_MAX, &s->filter_ef) &&
           request_member_double(r, object, "score_threshold", &s->threshold) &&
           request_member_bool(r, object, "with_attributes", &s->attributes) &&
           request_member_bool(r, object, "with_vectors", &s->vectors) &&
           request_member_bool(r, object, "exact", &s->exact);
}

/* ---- searching ------------------------------------------------------------------------------- */

static void call_option(struct request *r, const char *word, int64_t v)
{
    if (v == 0)
        return;
    call_word(r, word);
    call_int(r, v);
}

/* EPSILON is 1 - score; a little more of it, for the threshold itself is looked at below. */
static void call_threshold(struct request *r, double threshold)
{
    double epsilon = 1 - threshold + 1e-6;
    if (threshold <= 0 || epsilon <= 0)
        return;
    call_word(r, "EPSILON");
    call_double(r, epsilon);
}

static void call_search(struct request *r, const struct search *s)
{
    call_start(r, "VSIM");
    call_arg(r, r->params[0]);
    call_word(r, s->vector.n ? "FP32" : "ELE");
    call_arg(r, s->vector.n ? s->vector : s->id);
    call_word(r, "WITHSCORES");
    if (s->attributes)
        call_word(r, "WITHATTRIBS");
    call_option(r, "COUNT", s->limit);
    call_option(r, "EF", s->ef);
    call_option(r, "FILTER-EF", s->filter_ef);
    call_threshold(r, s->threshold);
    if (s->filter.n) {
        call_word(r, "FILTER");
        call_arg(r, s->filter);
    }
    if (s->exact)
        call_word(r, "TRUTH");
}

/* VSIM's map: id -> score, or id -> [score, attributes]. */
static void take_found(struct request *r, const struct search *s, struct outcome *o)
{
    const struct reply_node *node = r->reply.nodes;
    size_t n = node->kind == NODE_MAP ? node->count / 2 : 0;
    o->items = arena_alloc(&r->arena, n * sizeof *o->items);
    for (size_t i = 0, at = 1; i < n; i++) {
        struct found *f = &o->items[o->n];
        *f = (struct found){.id = arena_copy(&r->arena, call_text(r, &node[at++]))};
        at += s->attributes;
        call_double_of(r, &node[at++], &f->score);
        if (s->attributes && node[at].kind == NODE_BULK)
            f->attributes = arena_copy(&r->arena, call_text(r, &node[at]));
        at += s->attributes;
        o->n += f->score >= s->threshold;
    }
}

static bool add_vectors(struct request *r, struct outcome *o, size_t *values)
{
    for (size_t i = 0; i < o->n; i++) {
        struct found *f = &o->items[i];
        if (!vector_values(r, f->id, &f->values, &f->n_values))
            return false;
        *values += f->n_values;
        if (*values > VECTOR_VALUES_MAX) {
            problem(r, "too-large", "the vectors have more than %u values together",
                    VECTOR_VALUES_MAX);
            return false;
        }
    }
    return true;
}

/* Is an error of one search a problem of the request, or its own? */
static bool run_search(struct request *r, const struct search *s, bool alone, size_t *values,
                       struct outcome *o)
{
    uint64_t from = clock_mono_us();
    *o = (struct outcome){0};
    call_search(r, s);
    const struct reply_node *node = alone ? vector_run(r) : call_try(r);
    o->took_us = clock_mono_us() - from;
    if (!node)
        return false;
    if (node->kind == NODE_ERROR) {
        o->failed = true;
        o->code = node->code;
        o->error = arena_copy(&r->arena, call_text(r, node));
        return true;
    }
    take_found(r, s, o);
    return !s->vectors || add_vectors(r, o, values);
}

/* ---- answering ------------------------------------------------------------------------------- */

static void put_found(struct request *r, struct json_writer *w, const struct search *s,
                      const struct found *f)
{
    json_open_object(w);
    json_key(w, "id");
    json_put_bytes(w, f->id);
    json_key(w, "score");
    json_put_double(w, f->score);
    if (s->attributes) {
        json_key(w, "attributes");
        vector_put_attributes(r, w, f->attributes);
    }
    if (s->vectors && f->n_values) {
        json_key(w, "vector");
        vector_put(w, f->values, f->n_values);
    }
    json_close_object(w);
}

static void put_outcome(struct request *r, struct json_writer *w, const struct search *s,
                        const struct outcome *o)
{
    json_open_object(w);
    if (o->failed) {
        json_key(w, "error");
        problem_item(w, o->code, o->error);
    } else {
        json_key(w, "items");
        json_open_array(w);
        for (size_t i = 0; i < o->n; i++)
            put_found(r, w, s, &o->items[i]);
        json_close_array(w);
    }
    json_key(w, "took_us");
    json_put_count(w, o->took_us);
    json_close_object(w);
}

static void search_one(struct request *r)
{
    struct search s;
    struct outcome o;
    size_t values = 0;
    if (take_search(r, r->json, "", &s) && run_search(r, &s, true, &values, &o))
        put_outcome(r, answer_json(r, 200), &s, &o);
}

static void search_many(struct request *r)
{
    const cJSON *array;
    char where[32];
    size_t n = 0, values = 0;
    uint64_t took_us = 0;
    if (!request_member_array(r, "searches", SEARCHES_MAX, &array))
        return;
    struct search *s = arena_alloc(&r->arena, SEARCHES_MAX * sizeof *s);
    struct outcome *o = arena_alloc(&r->arena, SEARCHES_MAX * sizeof *o);
    for (const cJSON *item = array->child; item; item = item->next, n++) {
        snprintf(where, sizeof where, "searches[%zu].", n);
        if (!take_search(r, item, where, &s[n]))
            return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!run_search(r, &s[i], false, &values, &o[i]))
            return;
        took_us += o[i].took_us;
    }
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "results");
    json_open_array(w);
    for (size_t i = 0; i < n; i++)
        put_outcome(r, w, &s[i], &o[i]);
    json_close_array(w);
    json_key(w, "took_us");
    json_put_count(w, took_us);
    json_close_object(w);
}

static void search(struct request *r)
{
    if (!request_json(r, false))
        return;
    if (json_get(r->json, "searches"))
        search_many(r);
    else
        search_one(r);
}

const struct route vector_search_routes[] = {
    {METHOD_POST, "/v1/vectors/{key}/search", search, "searchVectors", 0},
    {0},
};
