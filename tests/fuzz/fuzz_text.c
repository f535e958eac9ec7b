/* Texts of clients that are read everywhere: numbers and glob patterns.
 *
 * Input: a length, a pattern or number of it, the rest is the text that the pattern is tried on. */
#include <math.h>

#include "base/num.h"
#include "tests/fuzz/input.h"

/* ---- numbers --------------------------------------------------------------------------------- */

static void check_integers(struct bytes s)
{
    char text[NUM_INT_MAX];
    int64_t v;
    uint64_t u;
    if (num_parse_int(s, &v))
        MUST(bytes_eq(bytes_of(text, num_format_int(text, v)), s));
    if (num_parse_uint(s, &u))
        MUST(bytes_eq(bytes_of(text, num_format_uint(text, u)), s));
}

static void check_doubles(struct bytes s)
{
    char text[NUM_DOUBLE_MAX], *wide;
    double v, again;
    long double w;
    if (num_parse_double(s, &v)) {
        unsigned n = num_format_double(text, v);
        MUST(n <= sizeof text && num_parse_double(bytes_of(text, n), &again));
        MUST(memcmp(&again, &v, sizeof v) == 0);
    }
    if (num_parse_long_double(s, &w)) {
        wide = malloc(NUM_LONG_DOUBLE_MAX);
        MUST(wide && num_format_long_double(wide, w) < NUM_LONG_DOUBLE_MAX);
        free(wide);
    }
}

/* ---- globs: the pattern's pieces one by one, and every way to share the text among them ------ */

#define PIECES_MAX 64
#define TEXT_MAX   64

/* How many bytes of the pattern stand for one byte of text. */
static size_t piece_bytes(struct bytes pattern)
{
    size_t i = 1;
    if (pattern.p[0] == '\\')
        return pattern.n > 1 ? 2 : 1;
    if (pattern.p[0] != '[')
        return 1;
    if (i < pattern.n && pattern.p[i] == '^')
        i++;
    while (i < pattern.n && pattern.p[i] != ']') {
        bool escaped = pattern.p[i] == '\\' && i + 1 < pattern.n;
        bool range = !escaped && i + 2 < pattern.n && pattern.p[i + 1] == '-';
        i += range ? 3 : escaped ? 2 : 1;
    }
    return i < pattern.n ? i + 1 : i;
}

static bool match_slowly(const struct bytes *pieces, size_t n, struct bytes s, bool nocase)
{
    bool now[TEXT_MAX + 1] = {true},
                        next[TEXT_MAX + 1]; /* [k]: so far the first k bytes can be taken */
    for (size_t i = 0; i < n; i++) {
        bool star = pieces[i].p[0] == '*';
        next[0] = star && now[0];
        for (size_t k = 0; k < s.n; k++)
            next[k + 1] = star ? next[k] || now[k + 1]
                               : now[k] && bytes_glob(pieces[i], bytes_of(s.p + k, 1), nocase);
        memcpy(now, next, sizeof now);
    }
    return now[s.n];
}

static void check_glob(struct bytes pattern, struct bytes s, bool nocase)
{
    struct bytes pieces[PIECES_MAX];
    size_t n = 0;
    bool matches = bytes_glob(pattern, s, nocase);
    if (s.n == 0)
        MUST(matches == (pattern.n == 0));
    for (struct bytes rest = pattern; rest.n > 0; n++) {
        if (n == PIECES_MAX || s.n > TEXT_MAX)
            return;
        pieces[n] = bytes_of(rest.p, piece_bytes(rest));
        rest = bytes_of(rest.p + pieces[n].n, rest.n - pieces[n].n);
    }
    if (s.n > 0 && s.n <= TEXT_MAX)
        MUST(matches == match_slowly(pieces, n, s, nocase));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct bytes first = input_bytes(&in, input_byte(&in));
    char *exact = input_exact(first.p, first.n), *rest = input_exact(in.p, in.n);
    first.p = exact;
    check_integers(first);
    check_doubles(first);
    check_glob(first, bytes_of(rest, in.n), false);
    check_glob(first, bytes_of(rest, in.n), true);
    MUST(bytes_utf8_check(first) <= first.n);
    free(exact);
    free(rest);
    return 0;
}
