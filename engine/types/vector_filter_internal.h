/* What the two halves of types/vector_filter.h share: the program and its values. */
#ifndef ATRIUM_TYPES_VECTOR_FILTER_INTERNAL_H
#define ATRIUM_TYPES_VECTOR_FILTER_INTERNAL_H

#include <stdint.h>

#include "types/vector_filter.h"

enum filter_kind { FILTER_NUMBER, FILTER_TEXT, FILTER_NULL, FILTER_LIST, FILTER_JSON_LIST };

struct filter_value {
    enum filter_kind kind;
    bool escaped; /* a text with JSON's backslashes still in it */
    double number;
    struct bytes text; /* FILTER_TEXT; FILTER_JSON_LIST: from behind the bracket on */
    const struct filter_value *items; /* FILTER_LIST */
    uint32_t n;
};

/* By the tightness of their binding; FILTER_OPEN is the parser's alone. */
enum filter_op {
    FILTER_PUSH,   /* a literal */
    FILTER_MEMBER, /* text is its name */
    FILTER_OPEN,
    FILTER_OR,
    FILTER_AND,
    FILTER_EQ,
    FILTER_NE,
    FILTER_LT,
    FILTER_LE,
    FILTER_GT,
    FILTER_GE,
    FILTER_IN,
    FILTER_ADD,
    FILTER_SUB,
    FILTER_MUL,
    FILTER_DIV,
    FILTER_MOD,
    FILTER_POW,
    FILTER_NOT,
};

struct filter_step {
    enum filter_op op;
    struct filter_value value; /* FILTER_PUSH, FILTER_MEMBER */
};

struct vector_filter {
    struct filter_step *step;
    size_t steps;
    struct filter_value *item; /* of literal lists */
    size_t items;
    char *text; /* the expression, with backslashes in literals resolved */
};

/* ---- vector_filter_json.c -------------------------------------------------------------------- */

/* The member of a JSON object; false: missing, an object, or the JSON cannot be read. */
bool filter_json_member(struct bytes json, struct bytes name, struct filter_value *v);
/* The first item of what is left of a list, which moves behind it; false at the end, or where it is no number, text, true,
 * false or null. */
bool filter_json_item(struct bytes *list, struct filter_value *v);
/* Bytes of a text one after the other, backslashes resolved. */
struct filter_text {
    const char *p, *end;
    bool escaped;
    unsigned char more[4]; /* of a \u sequence */
    unsigned n;
};
void filter_text_begin(struct filter_text *t, const struct filter_value *v);
/* -1 at the end. */
int filter_text_next(struct filter_text *t);

#endif
