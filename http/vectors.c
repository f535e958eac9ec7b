/* Vector sets: what they are, and the forms of vectors and attributes. The elements are in
 * vector_items.c, searches in vector_search.c. */
#include "http/vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"

static const struct json_limits attribute_limits = {.depth = 64, .values = 100000};

/* ---- quantizations, facts -------------------------------------------------------------------- */

const char *const vector_quantizations[] = {"q8", "f32", "bin", NULL};

const char *vector_form_word(const char *quantization)
{
    if (strcmp(quantization, "f32") == 0)
        return "NOQUANT";
    return strcmp(quantization, "bin") == 0 ? "BIN" : "Q8";
}

static int64_t fact(const struct request *r, const char *name)
{
    const struct reply_node *node = call_field(r, name);
    return node ? node->integer : 0;
}

bool vector_facts_read(struct request *r, struct vector_facts *f)
{
    call_start(r, "VINFO");
    call_arg(r, r->params[0]);
    const struct reply_node *node = call_run(r);
    *f = (struct vector_facts){0};
    if (!node || node->kind == NODE_NULL)
        return node != NULL;
    struct bytes form = call_text(r, call_field(r, "quant-type"));
    f->there = true;
    f->dim = fact(r, "vector-dim");
    f->input_dim = fact(r, "projection-input-dim");
    if (f->input_dim == 0)
        f->input_dim = f->dim;
    f->m = fact(r, "hnsw-m");
    f->count = fact(r, "size");
    f->attributes = fact(r, "attributes-count");
    f->max_level = fact(r, "max-level");
    f->quantization = bytes_is(form, "int8") ? "q8" : bytes_is(form, "f32") ? "f32" : "bin";
    return true;
}

/* ---- vectors coming in ----------------------------------------------------------------------- */

static bool refuse(struct request *r, const char *where, const char *why)
{
    problem(r, "bad-arguments", "%s%s", where, why);
    return false;
}

static bool take_numbers(struct request *r, const cJSON *array, const char *where,
                         struct bytes *out)
{
    size_t n = 0;
    double v;
    for (const cJSON *item = array->child; item; item = item->next)
        n++;
    if (n > VECTOR_DIM_MAX)
        return refuse(r, where, "vector has too many values");
    float *values = arena_alloc(&r->arena, n * sizeof *values);
    *out = bytes_of(values, n * sizeof *values);
    for (const cJSON *item = array->child; item; item = item->next) {
        if (!cJSON_IsNumber(item) || !json_double(item, &v) || !isfinite((float)v))
            return refuse(r, where, "vector must be an array of numbers within the range of f32");
        *values++ = (float)v;
    }
    return true;
}

static bool take_base64(struct request *r, struct bytes text, const char *where, struct bytes *out)
{
    float v;
    char *to = arena_alloc(&r->arena, base64_decoded_max(text.n));
    if (!base64_decode(text, to, out) || out->n % sizeof(float) ||
        out->n > VECTOR_DIM_MAX * sizeof(float))
        return refuse(r, where, "vector_b64 must be base64 of little-endian f32 values");
    for (size_t i = 0; i < out->n; i += sizeof v) {
        memcpy(&v, out->p + i, sizeof v);
        if (!isfinite(v))
            return refuse(r, where, "vector_b64 has a value that is not finite");
    }
    return true;
}

bool vector_take(struct request *r, const cJSON *object, const char *where, struct bytes *out)
{
    const cJSON *numbers = json_get(object, "vector"), *b64 = json_get(object, "vector_b64");
    if (!numbers == !b64)
        return refuse(r, where, "vector or vector_b64 must be there, and not both");
    if (numbers ? !cJSON_IsArray(numbers) : !cJSON_IsString(b64))
        return refuse(r, where,
                      numbers ? "vector must be an array of numbers"
                              : "vector_b64 must be a string");
    if (numbers ? !take_numbers(r, numbers, where, out)
                : !take_base64(r, json_string(b64), where, out))
        return false;
    return out->n > 0 || refuse(r, where, "vector must not be empty");
}

bool vector_take_attributes(struct request *r, const cJSON *object, const char *where,
                            struct bytes *out, bool *given)
{
    const cJSON *item = json_get(object, "attributes");
    struct buf text;
    struct json_writer w;
    *given = item != NULL;
    *out = (struct bytes){0};
    if (!item || cJSON_IsNull(item))
        return true;
    if (!cJSON_IsObject(item))
        return refuse(r, where, "attributes must be an object or null");
    buf_init(&text);
    json_writer_init(&w, &text);
    json_put_tree(&w, item);
    *out = arena_copy(&r->arena, buf_bytes(&text));
    buf_release(&text);
    return true;
}

/* ---- dimensions ------------------------------------------------------------------------------ */

void vector_refuse_dimension(struct request *r, int64_t expected, int64_t got)
{
    char detail[80];
    snprintf(detail, sizeof detail, "the vector has %lld values, the set's have %lld",
             (long long)got, (long long)expected);
    struct json_writer *w = problem_open(r, "vector-dimension", bytes_str(detail));
    json_key(w, "expected");
    json_put_count(w, (uint64_t)expected);
    json_key(w, "got");
    json_put_count(w, (uint64_t)got);
    problem_close(r);
}

/* The engine's line ends with both: "... got 3 but set has 4". */
static void refuse_by_line(struct request *r, struct bytes line)
{
    struct bytes copy = arena_copy(&r->arena, line);
    int64_t numbers[2] = {0, 0};
    int n = 0;
    for (const char *p = copy.p; *p && n < 2; p++) {
        if (*p < '0' || *p > '9')
            continue;
        char *end;
        numbers[n++] = strtoll(p, &end, 10);
        p = end - 1;
    }
    vector_refuse_dimension(r, numbers[1], numbers[0]);
}

const struct reply_node *vector_run(struct request *r)
{
    const struct reply_node *node = call_try(r);
    if (!node || node->kind != NODE_ERROR)
        return node;
    if (node->code == ERROR_DIMENSION)
        refuse_by_line(r, call_text(r, node));
    else
        problem_engine(r, node->code, call_text(r, node));
    return NULL;
}

/* ---- going out ------------------------------------------------------------------------------- */

bool vector_values(struct request *r, struct bytes id, float **values, size_t *n)
{
    call_start(r, "VEMB");
    call_arg(r, r->params[0]);
    call_arg(r, id);
    const struct reply_node *node = call_run(r);
    *n = 0;
    if (!node || node->kind == NODE_NULL)
        return node != NULL;
    *n = node->count;
    *values = arena_alloc(&r->arena, *n * sizeof **values);
    for (size_t i = 0; i < *n; i++)
        (*values)[i] = (float)node[1 + i].real;
    return true;
}

/* The double whose shortest text is the float's. */
static double shortest(float v)
{
    char text[32];
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            return strtod(text, NULL);
    }
    snprintf(text, sizeof text, "%.9g", (double)v);
    return strtod(text, NULL);
}

void vector_put(struct json_writer *w, const float *values, size_t n)
{
    json_open_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_double(w, shortest(values[i]));
    json_close_array(w);
}

void vector_put_attributes(struct request *r, struct json_writer *w, struct bytes text)
{
    struct json_error error;
    if (text.n == 0) {
        json_put_null(w);
        return;
    }
    cJSON *tree = json_read(&r->arena, text, attribute_limits, &error);
    if (tree)
        json_put_tree(w, tree);
    else
        json_put_bytes(w, text);
    cJSON_Delete(tree);
}

static void get_set(struct request *r)
{
    struct vector_facts f;
    if (!vector_facts_read(r, &f))
        return;
    if (!f.there) {
        problem(r, "not-found", "there is no such vector set");
        return;
    }
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "dim");
    json_put_count(w, (uint64_t)f.dim);
    json_key(w, "input_dim");
    json_put_count(w, (uint64_t)f.input_dim);
    json_key(w, "count");
    json_put_count(w, (uint64_t)f.count);
    json_key(w, "quantization");
    json_put_text(w, f.quantization);
    json_key(w, "m");
    json_put_count(w, (uint64_t)f.m);
    json_key(w, "max_level");
    json_put_count(w, (uint64_t)f.max_level);
    json_key(w, "with_attributes");
    json_put_count(w, (uint64_t)f.attributes);
    json_close_object(w);
}

const struct route vectors_routes[] = {
    {METHOD_GET, "/v1/vectors/{key}", get_set, "getVectorSet", 0},
    {0},
};
