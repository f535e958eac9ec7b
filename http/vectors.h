/* What the files of the vector sets share: vectors and attributes as they come in and go out.
 *
 * A vector comes in as "vector", an array of JSON numbers, or as "vector_b64", base64 of
 * little-endian f32; it goes out as an array of the shortest numbers that read back as the same
 * f32. Attributes are a JSON object; what RESP clients have stored beside it goes out as bytes. */
#ifndef ATRIUM_HTTP_VECTORS_H
#define ATRIUM_HTTP_VECTORS_H

#include "http/request.h"

#define VECTOR_DIM_MAX    65536
#define VECTOR_ITEMS_MAX  10000      /* in one request */
#define VECTOR_VALUES_MAX (4u << 20) /* of all vectors in an answer */

/* A set as VINFO tells it. */
struct vector_facts {
    bool there;
    int64_t dim,
        input_dim; /* input_dim: what vectors must have; another one than dim with "reduce" */
    int64_t m, count, attributes, max_level;
    const char *quantization; /* q8, f32 or bin */
};

extern const char *const vector_quantizations[]; /* ended by NULL */
/* The word of VADD for the name. */
const char *vector_form_word(const char *quantization);

/* False: answered. */
bool vector_facts_read(struct request *r, struct vector_facts *facts);

/* The object's vector as bytes of f32 in the arena. `where` comes before the names of members in problems ("items[3].").
 * False: it has none, or both forms, or what is no vector; answered. */
bool vector_take(struct request *r, const cJSON *object, const char *where, struct bytes *out);

/* The object's attributes as JSON text: empty for null. *given tells whether there are any. False: answered. */
bool vector_take_attributes(struct request *r, const cJSON *object, const char *where,
                            struct bytes *out, bool *given);

static inline int64_t vector_dim_of(struct bytes blob)
{
    return (int64_t)(blob.n / sizeof(float));
}

/* Answers 422 with both. */
void vector_refuse_dimension(struct request *r, int64_t expected, int64_t got);
/* As call_run, but a dimension that does not fit is told with both numbers. */
const struct reply_node *vector_run(struct request *r);

/* The values of VEMB for the element, in the arena; *n is 0 where there is none. False: answered. */
bool vector_values(struct request *r, struct bytes id, float **values, size_t *n);

void vector_put(struct json_writer *w, const float *values, size_t n);
/* `text` is what is stored; empty for none, which goes out as null. */
void vector_put_attributes(struct request *r, struct json_writer *w, struct bytes text);

#endif
