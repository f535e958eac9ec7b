#include "commands/hash_fields_arg.h"

bool fields_arg_parse(struct exec *x, int i, const char *not_positive, struct fields_arg *f)
{
    int64_t n;
    if (!exec_is(x, i, "FIELDS")) {
        reply_errorf(x->reply, ERROR_SYNTAX,
                     "Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (i + 1 >= x->argc) {
        hash_wrong_arity(x);
        return false;
    }
    if (!num_parse_int(x->argv[i + 1], &n) || n < 1) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "%s", not_positive);
        return false;
    }
    if (n != x->argc - (i + 2)) {
        reply_errorf(x->reply, ERROR_SYNTAX,
                     "The `numfields` parameter must match the number of arguments");
        return false;
    }
    f->first = i + 2;
    f->n = (int)n;
    return true;
}

/* Redis's bound on the deadline of a field. */
#define WHEN_MAX_MS ((((int64_t)1 << 48) - 2) >> 2)

bool hash_parse_when(struct exec *x, int i, enum time_unit unit, bool absolute, uint64_t *when_ms)
{
    int64_t v, base_ms = absolute ? 0 : (int64_t)x->now_ms;
    if (!exec_int(x, i, &v))
        return false;
    if (v < 0) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "invalid expire time, must be >= 0");
        return false;
    }
    if (v > WHEN_MAX_MS / (unit == TIME_SECONDS ? 1000 : 1) ||
        (unit == TIME_SECONDS ? v * 1000 : v) > WHEN_MAX_MS - base_ms) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "invalid expire time in '%s' command",
                     x->cmd->row->name);
        return false;
    }
    *when_ms = (uint64_t)(base_ms + (unit == TIME_SECONDS ? v * 1000 : v));
    return true;
}

bool hash_time_word(const struct exec *x, int i, enum time_unit *unit, bool *absolute)
{
    static const char *const words[] = {"EX", "PX", "EXAT", "PXAT"};
    for (int k = 0; k < 4; k++) {
        if (!exec_is(x, i, words[k]))
            continue;
        *unit = k % 2 == 0 ? TIME_SECONDS : TIME_MILLISECONDS;
        *absolute = k >= 2;
        return true;
    }
    return false;
}
