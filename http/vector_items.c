/* The elements of vector sets: put, looked at, changed and removed, one or many.
 *
 * What a request says of the set (quantization, m, reduce) counts where it makes it; later requests
 * can leave it out, and are refused where they say otherwise. Many items are checked all before the
 * first is put. */
#include <stdio.h>

#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/vectors.h"

#define EF_MAX 1000000
#define M_MIN  4
#define M_MAX  4096

struct item {
    struct bytes id, vector, attributes;
    bool set_attributes;
};

/* How elements are put; 0 and NULL: by default. */
struct how {
    const char *quantization;
    int64_t m, ef, reduce;
    int64_t dim; /* what vectors must have */
};

static void not_found(struct request *r)
{
    problem(r, "not-found", "there is no such element");
}

/* ---- putting --------------------------------------------------------------------------------- */

/* From the body, and from the set that is there. */
static bool take_how(struct request *r, struct how *h)
{
    struct vector_facts f;
    int form = -1;
    *h = (struct how){0};
    if (!request_member_word(r, r->json, "quantization", vector_quantizations, &form) ||
        !request_member_int(r, r->json, "m", M_MIN, M_MAX, &h->m) ||
        !request_member_int(r, r->json, "ef", 1, EF_MAX, &h->ef) ||
        !request_member_int(r, r->json, "reduce", 1, VECTOR_DIM_MAX, &h->reduce) ||
        !vector_facts_read(r, &f))
        return false;
    if (form >= 0)
        h->quantization = vector_quantizations[form];
    if (!f.there)
        return true;
    h->quantization = h->quantization ? h->quantization : f.quantization;
    h->m = h->m ? h->m : f.m;
    h->dim = f.input_dim;
    if (f.input_dim != f.dim && !h->reduce)
        h->reduce = f.dim;
    return true;
}

static bool take_item(struct request *r, const cJSON *object, const char *where, struct how *h,
                      struct item *item)
{
    if (!vector_take(r, object, where, &item->vector) ||
        !vector_take_attributes(r, object, where, &item->attributes, &item->set_attributes))
        return false;
    int64_t dim = vector_dim_of(item->vector);
    if (!h->dim)
        h->dim = dim;
    if (dim != h->dim)
        vector_refuse_dimension(r, h->dim, dim);
    return dim == h->dim;
}

static void call_vadd(struct request *r, const struct how *h, const struct item *item)
{
    call_start(r, "VADD");
    call_arg(r, r->params[0]);
    if (h->reduce) {
        call_word(r, "REDUCE");
        call_int(r, h->reduce);
    }
    call_word(r, "FP32");
    call_arg(r, item->vector);
    call_arg(r, item->id);
    if (h->quantization)
        call_word(r, vector_form_word(h->quantization));
    if (h->ef) {
        call_word(r, "EF");
        call_int(r, h->ef);
    }
    if (h->m) {
        call_word(r, "M");
        call_int(r, h->m);
    }
    if (item->set_attributes) {
        call_word(r, "SETATTR");
        call_arg(r, item->attributes);
    }
}

static void put_outcome(struct request *r, struct json_writer *w, struct bytes id,
                        const struct reply_node *node)
{
    json_open_object(w);
    json_key(w, "id");
    json_put_bytes(w, id);
    json_key(w, "created");
    json_put_bool(w, node->kind != NODE_ERROR && node->integer != 0);
    if (node->kind == NODE_ERROR) {
        json_key(w, "error");
        problem_item(w, node->code, call_text(r, node));
    }
    json_close_object(w);
}

static void put_item(struct request *r)
{
    struct how h;
    struct item item = {.id = r->params[1]};
    if (!request_json(r, false) || !take_how(r, &h) || !take_item(r, r->json, "", &h, &item))
        return;
    call_vadd(r, &h, &item);
    const struct reply_node *node = vector_run(r);
    if (node)
        put_outcome(r, answer_json(r, node->integer ? 201 : 200), item.id, node);
}

static struct item *take_items(struct request *r, struct how *h, size_t *n)
{
    const cJSON *array;
    char where[32];
    if (!request_member_array(r, "items", VECTOR_ITEMS_MAX, &array))
        return NULL;
    struct item *items = arena_alloc(&r->arena, (size_t)cJSON_GetArraySize(array) * sizeof *items);
    *n = 0;
    for (const cJSON *object = array->child; object; object = object->next, ++*n) {
        snprintf(where, sizeof where, "items[%zu].", *n);
        if (!json_argument(&r->arena, json_get(object, "id"), &items[*n].id)) {
            problem(r, "bad-arguments", "%sid must be a string, a number or {\"b64\":\"...\"}",
                    where);
            return NULL;
        }
        if (!take_item(r, object, where, h, &items[*n]))
            return NULL;
    }
    return items;
}

/* The first item's error is the request's, so that a mistake that all share is a problem. */
static void put_items(struct request *r)
{
    struct how h;
    size_t n;
    if (!request_json(r, false) || !take_how(r, &h))
        return;
    struct item *items = take_items(r, &h, &n);
    if (!items)
        return;
    call_vadd(r, &h, items);
    const struct reply_node *node = vector_run(r);
    if (!node)
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "items");
    json_open_array(w);
    put_outcome(r, w, items[0].id, node);
    for (size_t i = 1; i < n; i++) {
        call_vadd(r, &h, &items[i]);
        node = call_try(r);
        if (!node)
            return;
        put_outcome(r, w, items[i].id, node);
    }
    json_close_array(w);
    json_close_object(w);
}

/* ---- one element ----------------------------------------------------------------------------- */

static void get_item(struct request *r)
{
    float *values;
    size_t n;
    if (!vector_values(r, r->params[1], &values, &n))
        return;
    if (n == 0) {
        not_found(r);
        return;
    }
    call_start(r, "VGETATTR");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    struct bytes attributes = {0};
    if (node->kind == NODE_BULK)
        attributes = call_text(r, node);
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "id");
    json_put_bytes(w, r->params[1]);
    json_key(w, "vector");
    vector_put(w, values, n);
    json_key(w, "attributes");
    vector_put_attributes(r, w, attributes);
    json_close_object(w);
}

static void patch_item(struct request *r)
{
    struct bytes attributes;
    bool given;
    if (!request_json(r, false) || !vector_take_attributes(r, r->json, "", &attributes, &given))
        return;
    if (!given) {
        problem(r, "bad-arguments", "attributes must be an object or null");
        return;
    }
    call_start(r, "VSETATTR");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    call_arg(r, attributes);
    const struct reply_node *node = call_run(r);
    if (node && node->integer)
        answer_empty(r, 204);
    else if (node)
        not_found(r);
}

static void delete_item(struct request *r)
{
    call_start(r, "VREM");
    call_arg(r, r->params[0]);
    call_arg(r, r->params[1]);
    const struct reply_node *node = call_run(r);
    if (node && node->integer)
        answer_empty(r, 204);
    else if (node)
        not_found(r);
}

const struct route vector_items_routes[] = {
    {METHOD_POST, "/v1/vectors/{key}/items", put_items, "putVectors", 0},
    {METHOD_GET, "/v1/vectors/{key}/items/{id}", get_item, "getVector", 0},
    {METHOD_PUT, "/v1/vectors/{key}/items/{id}", put_item, "putVector", 0},
    {METHOD_PATCH, "/v1/vectors/{key}/items/{id}", patch_item, "patchVector", 0},
    {METHOD_DELETE, "/v1/vectors/{key}/items/{id}", delete_item, "deleteVector", 0},
    {0},
};
