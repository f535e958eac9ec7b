/* LCS: the longest common subsequence of two strings, its length, or where its runs lie.
 *
 * The textbook table of (n + 1) x (m + 1) lengths, walked back from its far corner; on a tie the
 * walk drops the last byte of the second string, which decides among subsequences of equal length
 * as Redis does. Time and memory are O(n * m): the table is limited to proto-max-bulk-len. */
#include "commands/exec.h"
#include "internal.h"

struct lcs {
    struct bytes a, b;
    uint32_t
        *lengths; /* lengths[i * (b.n + 1) + j]: of the first i bytes of a and the first j of b */
};

/* A run of bytes that match side by side, as offsets of its first and last byte. */
struct run {
    size_t a_first, a_last, b_first, b_last;
};

static uint32_t *cell(const struct lcs *l, size_t i, size_t j)
{
    return &l->lengths[i * (l->b.n + 1) + j];
}

static void fill(struct lcs *l)
{
    for (size_t j = 0; j <= l->b.n; j++)
        *cell(l, 0, j) = 0;
    for (size_t i = 1; i <= l->a.n; i++) {
        const uint32_t *above = cell(l, i - 1, 0);
        uint32_t *row = cell(l, i, 0);
        row[0] = 0;
        for (size_t j = 1; j <= l->b.n; j++) {
            if (l->a.p[i - 1] == l->b.p[j - 1])
                row[j] = above[j - 1] + 1;
            else
                row[j] = above[j] > row[j - 1] ? above[j] : row[j - 1];
        }
    }
}

/* The next run on the way back from (*i, *j), which are moved before it; false at the beginning. */
static bool next_run(const struct lcs *l, size_t *i, size_t *j, struct run *run)
{
    while (*i > 0 && *j > 0 && l->a.p[*i - 1] != l->b.p[*j - 1]) {
        if (*cell(l, *i - 1, *j) > *cell(l, *i, *j - 1))
            --*i;
        else
            --*j;
    }
    if (*i == 0 || *j == 0)
        return false;
    run->a_last = *i - 1;
    run->b_last = *j - 1;
    while (*i > 0 && *j > 0 && l->a.p[*i - 1] == l->b.p[*j - 1]) {
        --*i;
        --*j;
    }
    run->a_first = *i;
    run->b_first = *j;
    return true;
}

static void reply_subsequence(struct exec *x, const struct lcs *l)
{
    size_t i = l->a.n, j = l->b.n, left = *cell(l, i, j);
    struct bytes text = {.n = left};
    char *to = exec_alloc(x, left);
    struct run run;
    while (next_run(l, &i, &j, &run)) {
        size_t n = run.a_last - run.a_first + 1;
        left -= n;
        memcpy(to + left, l->a.p + run.a_first, n);
    }
    text.p = to;
    reply_bulk(x->reply, text);
}

static void reply_range(struct reply *r, size_t first, size_t last)
{
    reply_array(r, 2);
    reply_int(r, (int64_t)first);
    reply_int(r, (int64_t)last);
}

static void reply_runs(struct reply *r, const struct lcs *l, int64_t least, bool with_length)
{
    size_t i = l->a.n, j = l->b.n, count = 0;
    struct run run;
    reply_map(r, 2);
    reply_text(r, "matches");
    size_t mark = reply_begin(r);
    while (next_run(l, &i, &j, &run)) {
        int64_t n = (int64_t)(run.a_last - run.a_first + 1);
        if (n < least)
            continue;
        reply_array(r, with_length ? 3 : 2);
        reply_range(r, run.a_first, run.a_last);
        reply_range(r, run.b_first, run.b_last);
        if (with_length)
            reply_int(r, n);
        count++;
    }
    reply_end(r, mark, REPLY_ARRAY, count);
    reply_text(r, "len");
    reply_int(r, *cell(l, l->a.n, l->b.n));
}

/* Room for the table; false: the error has been answered. */
static bool allocate(struct exec *x, struct lcs *l)
{
    size_t cells, size;
    size_t limit = (size_t)config_int(x->engine->config, CONFIG_PROTO_MAX_BULK_LEN);
    if (l->a.n >= UINT32_MAX - 1 || l->b.n >= UINT32_MAX - 1) {
        reply_errorf(x->reply, ERROR_TOO_BIG, "String too long for LCS");
        return false;
    }
    if (__builtin_mul_overflow(l->a.n + 1, l->b.n + 1, &cells) ||
        __builtin_mul_overflow(cells, sizeof *l->lengths, &size) || size > limit) {
        reply_errorf(x->reply, ERROR_TOO_BIG,
                     "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
        return false;
    }
    l->lengths = mem_try_alloc(size);
    if (!l->lengths)
        reply_errorf(x->reply, ERROR_OOM,
                     "Insufficient memory, failed allocating transient memory for LCS");
    return l->lengths != NULL;
}

struct request {
    bool length, runs, with_length;
    int64_t least;
};

/* Word by word, so that the first mistake from the left is the one that is answered. */
static bool parse(struct exec *x, struct request *q)
{
    for (int i = 3; i < x->argc; i++) {
        if (exec_is(x, i, "LEN")) {
            q->length = true;
        } else if (exec_is(x, i, "IDX")) {
            q->runs = true;
        } else if (exec_is(x, i, "WITHMATCHLEN")) {
            q->with_length = true;
        } else if (exec_is(x, i, "MINMATCHLEN") && i + 1 < x->argc) {
            if (!exec_int(x, ++i, &q->least))
                return false;
        } else {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    if (q->length && q->runs) {
        reply_errorf(x->reply, ERROR_SYNTAX,
                     "If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

static void cmd_lcs(struct exec *x)
{
    char scratch[2][NUM_INT_MAX];
    struct lcs l = {0};
    struct request q = {0};
    const struct entry *a = exec_read(x, 0), *b = exec_read(x, 1);
    if ((a && a->type != TYPE_STRING) || (b && b->type != TYPE_STRING)) {
        reply_errorf(x->reply, ERROR_GENERIC, "The specified keys must contain string values");
        return;
    }
    if (!parse(x, &q))
        return;
    l.a = a ? entry_string(a, scratch[0]) : BYTES("");
    l.b = b ? entry_string(b, scratch[1]) : BYTES("");
    if (!allocate(x, &l))
        return;
    fill(&l);
    if (q.length)
        reply_int(x->reply, *cell(&l, l.a.n, l.b.n));
    else if (q.runs)
        reply_runs(x->reply, &l, q.least, q.with_length);
    else
        reply_subsequence(x, &l);
    mem_free(l.lengths);
}

const struct command_row lcs_commands[] = {
    {"lcs", cmd_lcs, -3, "readonly", "string", "@1:1/1:RO+ACCESS", "7.0.0", "string",
     "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     "Finds the longest common subsequence of two strings."},
    {0},
};
