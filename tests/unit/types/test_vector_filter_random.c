/* The FILTER language with all kinds of values: random trees whose text is compiled, beside a naive evaluator that walks
 * the tree over decoded values; and long texts with escapes. */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/vector_filter.h"

/* 1, 0, or -1 where it does not compile. */
static int verdict(const char *expr, const char *json)
{
    struct bytes near;
    struct vector_filter *f = vector_filter_compile(bytes_str(expr), &near);
    if (!f)
        return -1;
    int answer = vector_filter_match(f, bytes_str(json));
    vector_filter_free(f);
    return answer;
}

static struct buf repeated(const char *head, const char *mark, unsigned n, const char *tail)
{
    struct buf b = {0};
    buf_add_str(&b, head);
    for (unsigned i = 0; i < n; i++)
        buf_add_str(&b, mark);
    buf_add_str(&b, tail);
    buf_add_char(&b, '\0');
    return b;
}

/* Equal, contained across the edges of what is decoded at a time, and too long to be looked for. */
START_TEST(long_escaped_texts)
{
    struct buf text = repeated("{\"a\":\"\\u0041", "0123456789", 1500, "\\u0042\"}");
    struct buf same = repeated(".a == 'A", "0123456789", 1500, "B'");
    struct buf part = repeated("'", "0123456789", 200, "B' in .a");
    struct buf other = repeated("'1", "0123456789", 200, "B' in .a");
    struct buf long_part = repeated("'", "0123456789", 1400, "B' in .a");
    struct buf number = repeated("{\"a\":\"\\u0031", "0", 300, "\"}");
    ck_assert_int_eq(verdict(same.p, text.p), 1);
    ck_assert_int_eq(verdict(part.p, text.p), 1);
    ck_assert_int_eq(verdict(other.p, text.p), 0);
    ck_assert_int_eq(verdict(long_part.p, text.p), 0);
    ck_assert_int_eq(verdict("'' in .a and 'A0' in .a and '9B' in .a and not ('B0' in .a)", text.p),
                     1);
    ck_assert_int_eq(verdict(".a + 1 == 13", "{\"a\":\"\\u00312\"}"), 1);
    ck_assert_int_eq(verdict(".a == 0", number.p), 1);
    buf_release(&text);
    buf_release(&same);
    buf_release(&part);
    buf_release(&other);
    buf_release(&long_part);
    buf_release(&number);
}
END_TEST

enum { NONE, NUL, NUM, STR, LIST, OBJECT };

struct plain { /* a value of the model: strings are C strings */
    int kind;
    double number;
    char text[16];
    int n;
    struct plain *items;
};

#define FIELDS 6

static struct plain fields[FIELDS];
static struct plain pool[64];
static int pool_n;

static struct plain random_scalar(void)
{
    static const char *const texts[] = {"", "a", "ab", "b", "1", "2.5", "é", "aéb\"", "\n\\", "😀"};
    struct plain v = {.kind = NUL + (int)rng_below(3)};
    if (v.kind == NUM)
        v.number = rng_below(3) ? (double)rng_below(4) : (double)((int)rng_below(4000) - 2000) / 8;
    if (v.kind == STR)
        strcpy(v.text, texts[rng_below(sizeof texts / sizeof *texts)]);
    return v;
}

static struct plain random_plain(void)
{
    struct plain v = random_scalar();
    if (rng_below(5) == 0 && pool_n < 56) {
        v = (struct plain){.kind = LIST, .n = (int)rng_below(4), .items = pool + pool_n};
        pool_n += v.n;
        for (int i = 0; i < v.n; i++)
            v.items[i] = random_scalar();
    }
    return v;
}

static void add_blank(struct buf *b)
{
    for (uint64_t n = rng_below(3) ? 0 : rng_below(3); n > 0; n--)
        buf_add_char(b, " \t\n"[rng_below(3)]);
}

static void add_number(struct buf *b, double v)
{
    char text[NUM_DOUBLE_MAX];
    buf_add(b, text, num_format_double(text, v));
}

static void add_json_text(struct buf *b, const char *s)
{
    buf_add_char(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == 0xf0)
            buf_add_str(b, "\\ud83d\\uDE00"), s += 3;
        else if (c == 0xc3 && rng_below(2))
            buf_add_str(b, "\\u00E9"), s++;
        else if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < 0x20 || (c < 0x80 && rng_below(4) == 0))
            buf_printf(b, "\\u%04x", c);
        else
            buf_add_char(b, *s);
    }
    buf_add_char(b, '"');
}

static void add_text(struct buf *b, const char *s)
{
    char quote = rng_below(2) ? '"' : '\'';
    buf_add_char(b, quote);
    for (; *s; s++) {
        if (*s == quote || *s == '\\' || rng_below(8) == 0)
            buf_add_char(b, '\\');
        buf_add_char(b, *s);
    }
    buf_add_char(b, quote);
}

static void add_value(struct buf *b, const struct plain *v, bool json)
{
    add_blank(b);
    if (v->kind == NUL)
        buf_add_str(b, "null");
    else if (v->kind == NUM && (v->number == 0 || v->number == 1) && rng_below(2))
        buf_add_str(b, v->number != 0 ? "true" : "false");
    else if (v->kind == NUM)
        add_number(b, v->number);
    else if (v->kind == STR)
        (json ? add_json_text : add_text)(b, v->text);
    else if (v->kind == OBJECT)
        buf_add_str(b, rng_below(2) ? "{\"f0\":1}" : "[1,[]]");
    else {
        buf_add_char(b, '[');
        for (int i = 0; i < v->n; i++) {
            buf_add_str(b, i ? "," : "");
            add_value(b, v->items + i, json);
        }
        add_blank(b);
        buf_add_char(b, ']');
    }
    add_blank(b);
}

static void random_fields(struct buf *json)
{
    bool first = true;
    buf_clear(json);
    buf_add_char(json, '{');
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = random_plain();
        if (rng_below(12) == 0)
            fields[i].kind = rng_below(2) ? NONE : OBJECT;
        if (fields[i].kind == NONE)
            continue;
        buf_printf(json, "%s\"%s%d\":", first ? "" : ",", rng_below(3) ? "f" : "\\u0066", i);
        first = false;
        add_value(json, &fields[i], true);
    }
    buf_add_char(json, '}');
}

static double model_number(const struct plain *v)
{
    double d = 0;
    if (v->kind == NUM)
        return v->number;
    return v->kind == STR && num_parse_double(bytes_str(v->text), &d) ? d : 0;
}

static bool model_truth(const struct plain *v)
{
    return v->kind == LIST || (v->kind == NUM && v->number != 0) || (v->kind == STR && v->text[0]);
}

static bool model_equal(const struct plain *a, const struct plain *b)
{
    if (a->kind == STR && b->kind == STR)
        return strcmp(a->text, b->text) == 0;
    if (a->kind == LIST || b->kind == LIST)
        return false;
    if (a->kind == NUL || b->kind == NUL)
        return a->kind == b->kind;
    return model_number(a) == model_number(b);
}

static bool model_in(const struct plain *a, const struct plain *b)
{
    if (b->kind == STR)
        return a->kind == STR && strstr(b->text, a->text);
    for (int i = 0; b->kind == LIST && i < b->n; i++)
        if (model_equal(a, b->items + i))
            return true;
    return false;
}

static const struct {
    const char *text, *other;
    int level; /* higher binds tighter */
} operators[] = {{"or", "||", 0}, {"and", "&&", 1}, {">", ">", 2},   {">=", ">=", 2},
                 {"<", "<", 2},   {"<=", "<=", 2},  {"==", "==", 2}, {"!=", "!=", 2},
                 {"in", "in", 2}, {"+", "+", 3},    {"-", "-", 3},   {"*", "*", 4},
                 {"/", "/", 4},   {"%", "%", 4},    {"**", "**", 5}};

static struct plain model_result(int op, const struct plain *a, const struct plain *b)
{
    double x = model_number(a), y = model_number(b);
    double all[] = {model_truth(a) || model_truth(b),
                    model_truth(a) && model_truth(b),
                    x > y,
                    x >= y,
                    x < y,
                    x <= y,
                    model_equal(a, b),
                    !model_equal(a, b),
                    model_in(a, b),
                    x + y,
                    x - y,
                    x * y,
                    x / y,
                    fmod(x, y),
                    pow(x, y)};
    return (struct plain){.kind = NUM, .number = all[op]};
}

/* Writes a random expression that stands where `level` binds already; its value, NONE for none. */
static struct plain random_tree(struct buf *b, int depth, int level);

static struct plain random_operand(struct buf *b)
{
    if (rng_below(2)) {
        struct plain v = random_plain();
        add_value(b, &v, false);
        return v;
    }
    int field = (int)rng_below(FIELDS);
    buf_printf(b, ".f%d", field);
    struct plain v = fields[field];
    if (v.kind == OBJECT)
        v.kind = NONE;
    return v;
}

static struct plain random_not(struct buf *b, int depth)
{
    buf_add_str(b, rng_below(2) ? "!" : " not ");
    struct plain v = random_tree(b, depth - 1, 6);
    if (v.kind != NONE)
        v = (struct plain){.kind = NUM, .number = !model_truth(&v)};
    return v;
}

static struct plain random_tree(struct buf *b, int depth, int level)
{
    if (depth == 0 || rng_below(6) == 0)
        return random_operand(b);
    if (rng_below(6) == 0)
        return random_not(b, depth);
    int op = (int)rng_below(sizeof operators / sizeof *operators), own = operators[op].level;
    bool right = own == 5, parens = own < level || rng_below(5) == 0;
    buf_add_str(b, parens ? "(" : "");
    struct plain x = random_tree(b, depth - 1, right ? own + 1 : own);
    buf_printf(b, " %s ", rng_below(2) ? operators[op].text : operators[op].other);
    struct plain y = random_tree(b, depth - 1, right ? own : own + 1);
    buf_add_str(b, parens ? ")" : "");
    if (x.kind == NONE || y.kind == NONE)
        return (struct plain){.kind = NONE};
    return model_result(op, &x, &y);
}

START_TEST(random_expressions)
{
    struct buf json = {0}, expr = {0};
    struct bytes near;
    int matched = 0;
    for (int i = 0; i < UNIT_STEPS(100000); i++) {
        pool_n = 0;
        random_fields(&json);
        buf_clear(&expr);
        struct plain want = random_tree(&expr, 4, 0);
        struct vector_filter *f = vector_filter_compile(buf_bytes(&expr), &near);
        if (!f)
            ck_abort_msg("%.*s near %.*s", (int)expr.n, expr.p, (int)near.n, near.p);
        bool got = vector_filter_match(f, buf_bytes(&json));
        if (got != model_truth(&want))
            ck_abort_msg("%.*s of %.*s is not %d", (int)expr.n, expr.p, (int)json.n, json.p, got);
        matched += got;
        vector_filter_free(f);
    }
    ck_assert_int_gt(matched, UNIT_STEPS(100000) / 10);
    buf_release(&json);
    buf_release(&expr);
}
END_TEST

/* A number in the attributes is the double that the same text is elsewhere. */
START_TEST(numbers_to_the_last_bit)
{
    char text[64], json[80], expr[80], plain[80];
    double v;
    for (int i = 0; i < UNIT_STEPS(50000); i++) {
        snprintf(text, sizeof text, "%s%llu.%0*llu%s", rng_below(2) ? "-" : "",
                 (unsigned long long)rng_below(1u << rng_below(31)), (int)rng_below(14) + 1,
                 (unsigned long long)rng_below(1000000), rng_below(8) ? "" : "e-3");
        ck_assert(num_parse_double(bytes_str(text), &v));
        snprintf(json, sizeof json, "{\"a\":%s%s}", text, rng_below(2) ? " " : "");
        snprintf(expr, sizeof expr, ".a == %.17g", v);
        snprintf(plain, sizeof plain, ".a == %s", text);
        if (verdict(expr, json) != 1 || verdict(plain, json) != 1)
            ck_abort_msg("%s of %s", expr, json);
    }
}
END_TEST

Suite *suite_vector_filter_random(void)
{
    Suite *s = suite_create("types/vector_filter, random");
    TCase *t = tcase_create("random");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, long_escaped_texts);
    tcase_add_test(t, random_expressions);
    tcase_add_test(t, numbers_to_the_last_bit);
    suite_add_tcase(s, t);
    return s;
}
