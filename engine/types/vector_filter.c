/* Compiling filters: text to a program in postfix order. */
#include "types/vector_filter.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "types/vector_filter_internal.h"

struct parser {
    struct vector_filter *f;
    const char *at, *end;
    enum filter_op *open; /* operators that wait for their right side */
    size_t nopen;
    size_t depth; /* of the stack when the program runs */
    bool want_operand;
};

static void emit(struct parser *p, enum filter_op op, struct filter_value v)
{
    p->f->step[p->f->steps++] = (struct filter_step){op, v};
    if (op == FILTER_PUSH || op == FILTER_MEMBER)
        p->depth++;
    else if (op != FILTER_NOT)
        p->depth--;
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && isspace((unsigned char)*p->at))
        p->at++;
}

static bool name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool take(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
        return false;
    if (name_byte(word[0]) && p->at + n < p->end && name_byte(p->at[n]))
        return false;
    p->at += n;
    return true;
}

/* ---- literals -------------------------------------------------------------------------------- */

static bool number(struct parser *p, struct filter_value *v)
{
    const char *to = p->at;
    if (to < p->end && (*to == '-' || *to == '+'))
        to++;
    if (to == p->end || (!isdigit((unsigned char)*to) && *to != '.'))
        return false;
    while (to < p->end && (isdigit((unsigned char)*to) || *to == '.' || *to == 'e' || *to == 'E' ||
                           ((*to == '-' || *to == '+') && (to[-1] == 'e' || to[-1] == 'E'))))
        to++;
    struct bytes s = bytes_of(p->at, (size_t)(to - p->at));
    if (*s.p == '+')
        s = bytes_of(s.p + 1, s.n - 1);
    if (!num_parse_double(s, &v->number))
        return false;
    v->kind = FILTER_NUMBER;
    p->at = to;
    return true;
}

/* Resolves backslashes in place: p->at points into the filter's own copy. */
static bool text(struct parser *p, struct filter_value *v)
{
    char quote = *p->at, *to = p->f->text + (p->at - p->f->text) + 1;
    char *from = to, *begin = to;
    for (; from < p->end && *from != quote; from++) {
        if (*from == '\\' && ++from == p->end)
            return false;
        *to++ = *from;
    }
    if (from == p->end)
        return false;
    *v = (struct filter_value){.kind = FILTER_TEXT, .text = bytes_of(begin, (size_t)(to - begin))};
    p->at = from + 1;
    return true;
}

static bool scalar(struct parser *p, struct filter_value *v)
{
    *v = (struct filter_value){.kind = FILTER_NULL};
    skip_blanks(p);
    if (p->at == p->end)
        return false;
    if (*p->at == '"' || *p->at == '\'')
        return text(p, v);
    if (take(p, "null"))
        return true;
    bool truth = take(p, "true");
    if (truth || take(p, "false")) {
        *v = (struct filter_value){.kind = FILTER_NUMBER, .number = truth};
        return true;
    }
    return number(p, v);
}

static bool list(struct parser *p, struct filter_value *v)
{
    struct vector_filter *f = p->f;
    struct filter_value *first = f->item + f->items;
    bool more = true;
    p->at++;
    skip_blanks(p);
    if (p->at < p->end && *p->at == ']') {
        p->at++;
        more = false;
    }
    while (more) {
        if (!scalar(p, &f->item[f->items]))
            return false;
        f->items++;
        skip_blanks(p);
        if (p->at == p->end || (*p->at != ',' && *p->at != ']'))
            return false;
        more = *p->at++ == ',';
    }
    *v = (struct filter_value){
        .kind = FILTER_LIST, .items = first, .n = (uint32_t)(f->item + f->items - first)};
    return true;
}

static bool member(struct parser *p)
{
    const char *from = p->at + 1, *to = from;
    while (to < p->end && name_byte(*to))
        to++;
    if (to == from)
        return false;
    p->at = to;
    emit(p, FILTER_MEMBER, (struct filter_value){.text = bytes_of(from, (size_t)(to - from))});
    return true;
}

/* ---- the yard -------------------------------------------------------------------------------- */

static int binding(enum filter_op op)
{
    if (op <= FILTER_AND)
        return op; /* each its own */
    return op <= FILTER_IN    ? FILTER_EQ
           : op <= FILTER_SUB ? FILTER_ADD
           : op <= FILTER_MOD ? FILTER_MUL
                              : (int)op;
}

static void push(struct parser *p, enum filter_op op)
{
    p->open[p->nopen++] = op;
}

static void pop(struct parser *p)
{
    emit(p, p->open[--p->nopen], (struct filter_value){0});
}

static bool operand(struct parser *p)
{
    struct filter_value v;
    if (*p->at == '(') {
        p->at++;
        push(p, FILTER_OPEN);
        return true;
    }
    if (take(p, "not") || take(p, "!")) {
        push(p, FILTER_NOT);
        return true;
    }
    p->want_operand = false;
    if (*p->at == '.' && p->at + 1 < p->end && !isdigit((unsigned char)p->at[1]))
        return member(p);
    if (*p->at == '[' ? !list(p, &v) : !scalar(p, &v))
        return false;
    emit(p, FILTER_PUSH, v);
    return true;
}

static const struct {
    const char *word;
    enum filter_op op;
} operators[] = {{"**", FILTER_POW},  {"||", FILTER_OR}, {"or", FILTER_OR}, {"&&", FILTER_AND},
                 {"and", FILTER_AND}, {"==", FILTER_EQ}, {"!=", FILTER_NE}, {"<=", FILTER_LE},
                 {">=", FILTER_GE},   {"<", FILTER_LT},  {">", FILTER_GT},  {"in", FILTER_IN},
                 {"+", FILTER_ADD},   {"-", FILTER_SUB}, {"*", FILTER_MUL}, {"/", FILTER_DIV},
                 {"%", FILTER_MOD}};

static bool closing(struct parser *p)
{
    p->at++;
    while (p->nopen && p->open[p->nopen - 1] != FILTER_OPEN)
        pop(p);
    if (p->nopen == 0)
        return false;
    p->nopen--;
    return true;
}

static bool operator(struct parser *p)
{
    if (*p->at == ')')
        return closing(p);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!take(p, operators[i].word))
            continue;
        enum filter_op op = operators[i].op;
        while (p->nopen && p->open[p->nopen - 1] != FILTER_OPEN &&
               binding(p->open[p->nopen - 1]) >= binding(op) + (op == FILTER_POW))
            pop(p);
        push(p, op);
        p->want_operand = true;
        return true;
    }
    return false;
}

/* Where it went wrong; p->end where nothing did. */
static const char *parse(struct parser *p)
{
    const char *began = p->at;
    for (skip_blanks(p); p->at < p->end; skip_blanks(p)) {
        began = p->at;
        bool good = p->want_operand ? operand(p) : operator(p);
        if (!good || p->depth > FILTER_DEPTH_MAX)
            return began;
    }
    while (p->nopen && p->open[p->nopen - 1] != FILTER_OPEN)
        pop(p);
    return p->want_operand || p->nopen ? began : p->end;
}

struct vector_filter *vector_filter_compile(struct bytes expression, struct bytes *near)
{
    *near = expression;
    if (expression.n == 0 || expression.n > FILTER_BYTES_MAX)
        return NULL;
    struct vector_filter *f = mem_calloc(sizeof *f);
    size_t n = expression.n; /* no step, item or operator takes less than a byte */
    f->text = mem_alloc(n);
    f->step = mem_alloc(n * sizeof *f->step);
    f->item = mem_alloc(n * sizeof *f->item);
    memcpy(f->text, expression.p, n);
    struct parser p = {.f = f, .at = f->text, .end = f->text + n, .want_operand = true};
    p.open = mem_alloc(n * sizeof *p.open);
    const char *wrong = parse(&p);
    mem_free(p.open);
    if (wrong == p.end)
        return f;
    size_t skip = (size_t)(wrong - f->text);
    *near = bytes_of(expression.p + skip, n - skip);
    vector_filter_free(f);
    return NULL;
}

void vector_filter_free(struct vector_filter *f)
{
    if (!f)
        return;
    mem_free(f->text);
    mem_free(f->step);
    mem_free(f->item);
    mem_free(f);
}
