/* Running filters. */
#include <math.h>

#include "base/num.h"
#include "types/vector_filter_internal.h"

/* Longer parts with backslashes in them, or looked for in a text with some, are in none: so looking takes
 * time in proportion to the text, and room on the stack. */
#define PART_MAX 2048

static size_t decode(struct filter_text *t, char *to, size_t max)
{
    size_t n = 0;
    int c;
    while (n < max && (c = filter_text_next(t)) >= 0)
        to[n++] = (char)c;
    return n;
}

static double as_number(const struct filter_value *v)
{
    char plain[256];
    double number;
    if (v->kind == FILTER_NUMBER)
        return v->number;
    if (v->kind != FILTER_TEXT)
        return 0;
    struct bytes text = v->text;
    if (v->escaped) {
        struct filter_text t;
        filter_text_begin(&t, v);
        text = bytes_of(plain, decode(&t, plain, sizeof plain));
        if (filter_text_next(&t) >= 0)
            return 0;
    }
    return num_parse_double(text, &number) ? number : 0;
}

static bool as_truth(const struct filter_value *v)
{
    if (v->kind == FILTER_NUMBER)
        return v->number != 0;
    return v->kind == FILTER_TEXT ? v->text.n > 0 : v->kind != FILTER_NULL;
}

static bool texts_equal(const struct filter_value *a, const struct filter_value *b)
{
    if (!a->escaped && !b->escaped)
        return bytes_eq(a->text, b->text);
    struct filter_text x, y;
    filter_text_begin(&x, a);
    filter_text_begin(&y, b);
    for (;;) {
        int c = filter_text_next(&x);
        if (c != filter_text_next(&y))
            return false;
        if (c < 0)
            return true;
    }
}

static bool is_list(const struct filter_value *v)
{
    return v->kind == FILTER_LIST || v->kind == FILTER_JSON_LIST;
}

static bool equal(const struct filter_value *a, const struct filter_value *b)
{
    if (a->kind == FILTER_TEXT && b->kind == FILTER_TEXT)
        return texts_equal(a, b);
    if (is_list(a) || is_list(b))
        return false;
    if (a->kind == FILTER_NULL || b->kind == FILTER_NULL)
        return a->kind == b->kind;
    return as_number(a) == as_number(b);
}

static bool contains(const struct filter_value *text, const struct filter_value *part)
{
    char needle[PART_MAX], window[2 * PART_MAX];
    struct filter_text t, p;
    if (!text->escaped && !part->escaped)
        return part->text.n == 0 ||
               memmem(text->text.p, text->text.n, part->text.p, part->text.n) != NULL;
    filter_text_begin(&t, text);
    filter_text_begin(&p, part);
    size_t n = decode(&p, needle, sizeof needle), held = 0, more;
    if (n == 0 || filter_text_next(&p) >= 0)
        return n == 0;
    do {
        more = decode(&t, window + held, sizeof window - held);
        held += more;
        if (memmem(window, held, needle, n))
            return true;
        size_t keep = held < n - 1 ? held : n - 1;
        memmove(window, window + held - keep, keep);
        held = keep;
    } while (more);
    return false;
}

static bool in(const struct filter_value *a, const struct filter_value *b)
{
    if (b->kind == FILTER_TEXT)
        return a->kind == FILTER_TEXT && contains(b, a);
    if (b->kind == FILTER_LIST) {
        for (uint32_t i = 0; i < b->n; i++) {
            if (equal(a, &b->items[i]))
                return true;
        }
    } else if (b->kind == FILTER_JSON_LIST) {
        struct bytes left = b->text;
        struct filter_value item;
        while (filter_json_item(&left, &item)) {
            if (equal(a, &item))
                return true;
        }
    }
    return false;
}

static double apply(enum filter_op op, const struct filter_value *a, const struct filter_value *b)
{
    double x = as_number(a), y = as_number(b);
    switch (op) {
    case FILTER_OR:
        return as_truth(a) || as_truth(b);
    case FILTER_AND:
        return as_truth(a) && as_truth(b);
    case FILTER_EQ:
        return equal(a, b);
    case FILTER_NE:
        return !equal(a, b);
    case FILTER_LT:
        return x < y;
    case FILTER_LE:
        return x <= y;
    case FILTER_GT:
        return x > y;
    case FILTER_GE:
        return x >= y;
    case FILTER_IN:
        return in(a, b);
    case FILTER_ADD:
        return x + y;
    case FILTER_SUB:
        return x - y;
    case FILTER_MUL:
        return x * y;
    case FILTER_DIV:
        return x / y;
    case FILTER_MOD:
        return fmod(x, y);
    default:
        return pow(x, y);
    }
}

bool vector_filter_match(const struct vector_filter *f, struct bytes attributes)
{
    struct filter_value stack[FILTER_DEPTH_MAX];
    size_t n = 0;
    for (size_t i = 0; i < f->steps; i++) {
        const struct filter_step *step = &f->step[i];
        if (step->op == FILTER_PUSH) {
            stack[n++] = step->value;
        } else if (step->op == FILTER_MEMBER) {
            if (!filter_json_member(attributes, step->value.text, &stack[n++]))
                return false;
        } else if (step->op == FILTER_NOT) {
            stack[n - 1] =
                (struct filter_value){.kind = FILTER_NUMBER, .number = !as_truth(&stack[n - 1])};
        } else {
            double number = apply(step->op, &stack[n - 2], &stack[n - 1]);
            stack[--n - 1] = (struct filter_value){.kind = FILTER_NUMBER, .number = number};
        }
    }
    return as_truth(&stack[0]);
}
