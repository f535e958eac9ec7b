/* Counters: numbers kept in strings. INCR and its relatives, and INCREX with bounds and expiry. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "commands/exec.h"

/* ---- integers --------------------------------------------------------------------------------------- */

/* The integer at key 0, 0 where missing; false: the error has been answered. */
static bool present_int(struct exec *x, struct entry **e, int64_t *v)
{
    *v = 0;
    if (!exec_peek_typed(x, 0, TYPE_STRING, e))
        return false;
    if (*e && !entry_string_int(*e, v)) {
        reply_error(x->reply, ERROR_NOT_INTEGER);
        return false;
    }
    return true;
}

static struct entry *store_int(struct exec *x, struct entry *e, int64_t v)
{
    if (e)
        return keyspace_set_int_locked(x->ks, x->db, &x->keys[0], e, v);
    char text[NUM_INT_MAX];
    return exec_set_string(x, 0, bytes_of(text, num_format_int(text, v)), 0, false);
}

static void add(struct exec *x, int64_t by)
{
    struct entry *e;
    int64_t v;
    if (!present_int(x, &e, &v))
        return;
    if (__builtin_add_overflow(v, by, &v)) {
        reply_error(x->reply, ERROR_OVERFLOW);
        return;
    }
    store_int(x, e, v);
    exec_changed(x, 0, EVENT_STRING, "incrby");
    reply_int(x->reply, v);
}

static void cmd_incr(struct exec *x)
{
    add(x, 1);
}

static void cmd_decr(struct exec *x)
{
    add(x, -1);
}

static void cmd_incrby(struct exec *x)
{
    int64_t by;
    if (exec_int(x, 2, &by))
        add(x, by);
}

static void cmd_decrby(struct exec *x)
{
    int64_t by;
    if (!exec_int(x, 2, &by))
        return;
    if (by == INT64_MIN) {
        reply_errorf(x->reply, ERROR_OVERFLOW, "decrement would overflow");
        return;
    }
    add(x, -by);
}

/* ---- floats ------------------------------------------------------------------------------------------ */

static bool present_float(struct exec *x, struct entry **e, long double *v)
{
    char scratch[NUM_INT_MAX];
    *v = 0;
    if (!exec_peek_typed(x, 0, TYPE_STRING, e))
        return false;
    if (*e && !num_parse_long_double(entry_string(*e, scratch), v)) {
        reply_error(x->reply, ERROR_NOT_FLOAT);
        return false;
    }
    return true;
}

/* Keeps the deadline; the text is what INCRBYFLOAT answers. */
static struct bytes store_float(struct exec *x, struct entry *e, long double v, char *text)
{
    struct bytes s = bytes_of(text, num_format_long_double(text, v));
    if (e)
        exec_edit_string(x, 0, s);
    else
        exec_set_string(x, 0, s, 0, false);
    return s;
}

static void cmd_incrbyfloat(struct exec *x)
{
    struct entry *e;
    long double v, by;
    char text[NUM_LONG_DOUBLE_MAX];
    if (!present_float(x, &e, &v))
        return;
    if (!num_parse_long_double(x->argv[2], &by)) {
        reply_error(x->reply, ERROR_NOT_FLOAT);
        return;
    }
    v += by;
    if (isnan(v) || isinf(v)) {
        reply_errorf(x->reply, ERROR_OVERFLOW, "increment would produce NaN or Infinity");
        return;
    }
    struct bytes s = store_float(x, e, v, text);
    exec_changed(x, 0, EVENT_STRING, "incrbyfloat");
    reply_bulk(x->reply, s);
}

/* ---- INCREX ------------------------------------------------------------------------------------------ */

enum increx_option { BYINT, BYFLOAT, LBOUND, UBOUND, SATURATE, EX, PX, EXAT, PXAT, PERSIST, ENX };
enum { GROUP_BY = 1, GROUP_EXPIRY = 2 };

struct increx {
    struct option o[12];
    uint64_t deadline_ms;
    int64_t by, low, high;
    long double fby, flow, fhigh;
};

static bool bound_int(struct exec *x, const struct option *o, const char *what, int64_t *v)
{
    if (!o->at || num_parse_int(x->argv[o->at + 1], v))
        return true;
    reply_errorf(x->reply, ERROR_NOT_INTEGER, "%s is not an integer or out of range", what);
    return false;
}

static bool bound_float(struct exec *x, const struct option *o, const char *what, long double *v)
{
    if (!o->at || num_parse_long_double(x->argv[o->at + 1], v))
        return true;
    reply_errorf(x->reply, ERROR_NOT_FLOAT, "%s is not a valid float", what);
    return false;
}

static bool parse_bounds(struct exec *x, struct increx *ix)
{
    struct option *o = ix->o;
    bool ok, crossed;
    if (o[BYFLOAT].at) {
        ok = bound_float(x, &o[BYFLOAT], "Increment", &ix->fby) &&
             bound_float(x, &o[LBOUND], "LBOUND", &ix->flow) &&
             bound_float(x, &o[UBOUND], "UBOUND", &ix->fhigh);
        crossed = ix->flow > ix->fhigh;
        if (ok && isinf(ix->fby)) {
            reply_errorf(x->reply, ERROR_NOT_FLOAT, "BYFLOAT increment cannot be Infinity");
            return false;
        }
    } else {
        ok = bound_int(x, &o[BYINT], "Increment", &ix->by) &&
             bound_int(x, &o[LBOUND], "LBOUND", &ix->low) &&
             bound_int(x, &o[UBOUND], "UBOUND", &ix->high);
        crossed = ix->low > ix->high;
    }
    if (ok && crossed) {
        reply_errorf(x->reply, ERROR_GENERIC, "LBOUND can't be greater than UBOUND");
        return false;
    }
    return ok;
}

static bool parse_increx(struct exec *x, struct increx *ix)
{
    struct option *o = ix->o;
    if (!exec_options(x, 2, o))
        return false;
    if (o[PERSIST].at && o[ENX].at) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    for (int i = EX; i <= PXAT; i++) {
        if (o[i].at && !exec_deadline(x, o[i].word, o[i].at + 1, &ix->deadline_ms))
            return false;
    }
    if (o[ENX].at && !ix->deadline_ms) {
        reply_errorf(x->reply, ERROR_SYNTAX, "ENX flag requires an expiration");
        return false;
    }
    return parse_bounds(x, ix);
}

/* After the value was stored: sets or removes the deadline as asked. */
static void apply_expiry(struct exec *x, const struct increx *ix)
{
    struct entry *e = exec_peek(x, 0);
    uint64_t present = entry_deadline_ms(e);
    if (ix->deadline_ms && !(ix->o[ENX].at && present)) {
        if (ix->deadline_ms <= x->now_ms) {
            exec_delete(x, 0);
            exec_event(x, 0, EVENT_GENERIC, "del");
            return;
        }
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, ix->deadline_ms);
        exec_event(x, 0, EVENT_GENERIC, "expire");
    } else if (ix->o[PERSIST].at && present) {
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, 0);
        exec_event(x, 0, EVENT_GENERIC, "persist");
    }
}

static void increx_int(struct exec *x, struct increx *ix)
{
    struct entry *e;
    int64_t old, v, applied;
    if (!present_int(x, &e, &old))
        return;
    bool over = __builtin_add_overflow(old, ix->by, &v);
    bool above = over ? ix->by > 0 : v > ix->high, below = over ? ix->by < 0 : v < ix->low;
    if ((above || below) && !ix->o[SATURATE].at) {
        reply_array(x->reply, 2);
        reply_int(x->reply, old);
        reply_int(x->reply, 0);
        return;
    }
    v = above ? ix->high : below ? ix->low : v;
    if (__builtin_sub_overflow(v, old, &applied)) {
        reply_errorf(x->reply, ERROR_OVERFLOW, "applied increment would overflow");
        return;
    }
    store_int(x, e, v);
    exec_changed(x, 0, EVENT_STRING, "incrby");
    apply_expiry(x, ix);
    reply_array(x->reply, 2);
    reply_int(x->reply, v);
    reply_int(x->reply, applied);
}

static void reply_floats(struct exec *x, long double v, long double applied)
{
    reply_array(x->reply, 2);
    reply_double(x->reply, (double)v);
    reply_double(x->reply, (double)applied);
}

static void increx_float(struct exec *x, struct increx *ix)
{
    struct entry *e;
    long double old;
    char text[NUM_LONG_DOUBLE_MAX];
    if (!present_float(x, &e, &old))
        return;
    if (isinf(old)) {
        reply_errorf(x->reply, ERROR_NOT_FLOAT, "value cannot be Infinity");
        return;
    }
    long double v = old + ix->fby;
    if (isnan(v)) {
        reply_errorf(x->reply, ERROR_OVERFLOW, "increment would produce NaN or Infinity");
        return;
    }
    bool above = v > ix->fhigh, below = v < ix->flow;
    if ((above || below) && !ix->o[SATURATE].at) {
        reply_floats(x, old, 0);
        return;
    }
    v = above ? ix->fhigh : below ? ix->flow : v;
    store_float(x, e, v, text);
    exec_changed(x, 0, EVENT_STRING, "incrbyfloat");
    apply_expiry(x, ix);
    reply_floats(x, v, v - old);
}

static void cmd_increx(struct exec *x)
{
    struct increx ix = {
        .o = {[BYINT] = {"BYINT", GROUP_BY, 1, false, 0},
              [BYFLOAT] = {"BYFLOAT", GROUP_BY, 1, false, 0},
              [LBOUND] = {"LBOUND", 0, 1, false, 0},
              [UBOUND] = {"UBOUND", 0, 1, false, 0},
              [SATURATE] = {"SATURATE", 0, 0, false, 0},
              [EX] = {"EX", GROUP_EXPIRY, 1, false, 0},
              [PX] = {"PX", GROUP_EXPIRY, 1, false, 0},
              [EXAT] = {"EXAT", GROUP_EXPIRY, 1, false, 0},
              [PXAT] = {"PXAT", GROUP_EXPIRY, 1, false, 0},
              [PERSIST] = {"PERSIST", GROUP_EXPIRY, 0, false, 0},
              [ENX] = {"ENX", 0, 0, false, 0}},
        .by = 1,
        .low = INT64_MIN,
        .high = INT64_MAX,
        .fby = 1,
        .flow = -LDBL_MAX,
        .fhigh = LDBL_MAX,
    };
    if (!parse_increx(x, &ix))
        return;
    if (ix.o[BYFLOAT].at)
        increx_float(x, &ix);
    else
        increx_int(x, &ix);
}

/* ---- rows ------------------------------------------------------------------------------------------- */

const struct command_row counter_commands[] = {
    {"decr", cmd_decr, 2, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE", "1.0.0",
     "string", "key", "Subtracts one from a counter."},
    {"decrby", cmd_decrby, 3, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE", "1.0.0",
     "string", "key decrement", "Subtracts an integer from a counter."},
    {"incr", cmd_incr, 2, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE", "1.0.0",
     "string", "key", "Adds one to a counter."},
    {"incrby", cmd_incrby, 3, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE", "1.0.0",
     "string", "key increment", "Adds an integer to a counter."},
    {"incrbyfloat", cmd_incrbyfloat, 3, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE",
     "2.6.0", "string", "key increment", "Adds a floating-point number to a counter."},
    {"increx", cmd_increx, -2, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE", "8.8.0",
     "string",
     "key [(BYFLOAT increment | BYINT increment)] [LBOUND lowerbound] [UBOUND upperbound] "
     "[SATURATE] "
     "[(EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | "
     "PERSIST)] "
     "[ENX]",
     "Adds to a counter within bounds and sets its expiration, in one step."},
    {0},
};
