/* CLIENT: the connections, as their clients and an operator see them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/exec.h"
#include "commands/session.h"
#include "internal.h"

/* ---- one line a client
 * ------------------------------------------------------------------------------------- */

static uint32_t subs_of(const struct session *s, enum sub_kind kind)
{
    return atomic_load_explicit(&s->sub_counts[kind], memory_order_relaxed);
}

static bool is_subscriber(const struct session *s)
{
    return subs_of(s, SUB_CHANNEL) || subs_of(s, SUB_PATTERN) || subs_of(s, SUB_SHARD);
}

static void describe_flags(const struct session *s, struct buf *out)
{
    size_t mark = out->n;
    if (s->monitor)
        buf_add_char(out, 'O');
    if (is_subscriber(s))
        buf_add_char(out, 'P');
    if (atomic_load(&s->queued) >= 0)
        buf_add_char(out, 'x');
    if (session_waits(s))
        buf_add_char(out, 'b');
    if (s->no_evict)
        buf_add_char(out, 'e');
    if (s->no_touch)
        buf_add_char(out, 'T');
    if (out->n == mark)
        buf_add_char(out, 'N');
}

/* Under the registry lock. Other threads' sessions: what is not atomic or under that lock may be a
 * moment old. */
static void describe(const struct session *s, struct buf *out)
{
    struct session_buffers b = session_buffers(s);
    uint64_t now = clock_wall_ms(), active = atomic_load(&s->active_at_ms);
    const struct command *cmd = atomic_load(&s->last_command);
    buf_printf(out, "id=%llu addr=%s laddr=%s fd=%d name=", (unsigned long long)s->id, s->addr,
               s->laddr, b.fd);
    buf_add_bytes(out, s->name);
    buf_printf(out,
               " age=%llu idle=%llu flags=", (unsigned long long)(now - s->created_at_ms) / 1000,
               (unsigned long long)(now > active ? now - active : 0) / 1000);
    describe_flags(s, out);
    buf_printf(out, " db=%d sub=%u psub=%u ssub=%u multi=%d watch=%u", s->db,
               subs_of(s, SUB_CHANNEL), subs_of(s, SUB_PATTERN), subs_of(s, SUB_SHARD),
               atomic_load(&s->queued), atomic_load(&s->watching));
    buf_printf(out, " qbuf=%zu qbuf-free=%zu argv-mem=0 multi-mem=0 rbs=0 rbp=0", b.in, b.in_free);
    buf_printf(out, " obl=0 oll=%d omem=%zu tot-mem=%zu events=%s cmd=%s", b.out > 0, b.out,
               session_bytes(s), b.out ? "rw" : "r", cmd ? cmd->row->name : "NULL");
    buf_printf(out, " user=default redir=-1 resp=%d lib-name=", s->resp);
    buf_add_bytes(out, s->lib_name);
    buf_add_str(out, " lib-ver=");
    buf_add_bytes(out, s->lib_ver);
    buf_add_char(out, '\n');
}

static void cmd_client_id(struct exec *x)
{
    reply_int(x->reply, (int64_t)x->session->id);
}

static void cmd_client_info(struct exec *x)
{
    struct buf out;
    buf_init(&out);
    session_lock(x->engine);
    describe(x->session, &out);
    session_unlock(x->engine);
    reply_verbatim(x->reply, "txt", buf_bytes(&out));
    buf_release(&out);
}

/* ---- LIST and KILL: which clients
 * ----------------------------------------------------------------------------- */

enum client_type { TYPE_ANY, CLIENT_NORMAL, CLIENT_PUBSUB, CLIENT_MASTER, CLIENT_REPLICA };

struct filter {
    struct exec *x;
    enum client_type type;
    int ids_from, ids_to; /* arguments that hold ids; from 0: no filter */
    struct bytes addr, laddr;
    int64_t max_age_s; /* 0: no filter */
    bool skip_me;
    struct buf *out; /* LIST */
    int64_t killed;  /* KILL */
};

static bool parse_type(struct exec *x, int i, enum client_type *type)
{
    static const struct {
        const char *word;
        enum client_type type;
    } types[] = {{"normal", CLIENT_NORMAL},
                 {"pubsub", CLIENT_PUBSUB},
                 {"master", CLIENT_MASTER},
                 {"replica", CLIENT_REPLICA},
                 {"slave", CLIENT_REPLICA}};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        if (exec_is(x, i, types[t].word)) {
            *type = types[t].type;
            return true;
        }
    }
    reply_errorf(x->reply, ERROR_GENERIC, "Unknown client type '%.*s'", (int)x->argv[i].n,
                 x->argv[i].p);
    return false;
}

static bool has_id(const struct filter *f, const struct session *s)
{
    for (int i = f->ids_from; i < f->ids_to; i++) {
        int64_t id;
        if (num_parse_int(f->x->argv[i], &id) && (uint64_t)id == s->id)
            return true;
    }
    return f->ids_from == 0;
}

static bool selected(const struct filter *f, const struct session *s)
{
    enum client_type type = is_subscriber(s) ? CLIENT_PUBSUB : CLIENT_NORMAL;
    uint64_t age_s = (f->x->now_ms - s->created_at_ms) / 1000;
    return !s->killed && (f->type == TYPE_ANY || f->type == type) && has_id(f, s) &&
           (!f->addr.p || bytes_eq(f->addr, bytes_str(s->addr))) &&
           (!f->laddr.p || bytes_eq(f->laddr, bytes_str(s->laddr))) &&
           (!f->max_age_s || age_s >= (uint64_t)f->max_age_s) &&
           !(f->skip_me && s == f->x->session);
}

static void list_one(struct session *s, void *ctx)
{
    struct filter *f = ctx;
    if (selected(f, s))
        describe(s, f->out);
}

static bool check_ids(struct exec *x, int from)
{
    for (int i = from; i < x->argc; i++) {
        int64_t id;
        if (!num_parse_int(x->argv[i], &id)) {
            reply_errorf(x->reply, ERROR_GENERIC, "Invalid client ID");
            return false;
        }
    }
    return true;
}

static void cmd_client_list(struct exec *x)
{
    struct buf out;
    struct filter f = {.x = x, .out = &out};
    if (x->argc == 4 && exec_is(x, 2, "TYPE")) {
        if (!parse_type(x, 3, &f.type))
            return;
    } else if (x->argc > 3 && exec_is(x, 2, "ID")) {
        if (!check_ids(x, 3))
            return;
        f.ids_from = 3;
        f.ids_to = x->argc;
    } else if (x->argc != 2) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    buf_init(&out);
    session_each(x->engine, list_one, &f);
    reply_verbatim(x->reply, "txt", buf_bytes(&out));
    buf_release(&out);
}

struct victims {
    struct filter f;
    uint64_t *ids;
    size_t n, cap;
};

static void note_victim(struct session *s, void *ctx)
{
    struct victims *v = ctx;
    if (!selected(&v->f, s))
        return;
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 16;
        v->ids = mem_realloc(v->ids, v->cap * sizeof *v->ids);
    }
    v->ids[v->n++] = s->id;
}

/* Kills what the filter selects; the caller itself leaves after its reply. */
static int64_t kill_selected(struct exec *x, const struct filter *f)
{
    struct victims v = {.f = *f};
    int64_t killed = 0;
    session_each(x->engine, note_victim, &v);
    for (size_t i = 0; i < v.n; i++) {
        if (v.ids[i] == x->session->id) {
            x->session->close_after_reply = true;
            killed++;
        } else {
            killed += session_kill(x->engine, v.ids[i]);
        }
    }
    mem_free(v.ids);
    return killed;
}

/* One "filter value" pair of CLIENT KILL's new form. */
static bool kill_option(struct exec *x, int i, struct filter *f)
{
    int64_t n;
    if (exec_is(x, i, "ID")) {
        if (!num_parse_int(x->argv[i + 1], &n) || n < 1) {
            reply_errorf(x->reply, ERROR_GENERIC, "client-id should be greater than 0");
            return false;
        }
        f->ids_from = i + 1;
        f->ids_to = i + 2;
    } else if (exec_is(x, i, "TYPE")) {
        return parse_type(x, i + 1, &f->type);
    } else if (exec_is(x, i, "ADDR")) {
        f->addr = x->argv[i + 1];
    } else if (exec_is(x, i, "LADDR")) {
        f->laddr = x->argv[i + 1];
    } else if (exec_is(x, i, "USER")) {
        if (bytes_eq(x->argv[i + 1], BYTES("default")))
            return true;
        reply_errorf(x->reply, ERROR_GENERIC, "No such user '%.*s'", (int)x->argv[i + 1].n,
                     x->argv[i + 1].p);
        return false;
    } else if (exec_is(x, i, "SKIPME") && exec_is(x, i + 1, "yes")) {
        f->skip_me = true;
    } else if (exec_is(x, i, "SKIPME") && exec_is(x, i + 1, "no")) {
        f->skip_me = false;
    } else if (exec_is(x, i, "MAXAGE")) {
        return exec_int_in(x, i + 1, 1, INT64_MAX, "maxage should be greater than 0",
                           &f->max_age_s);
    } else {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    return true;
}

static void cmd_client_kill(struct exec *x)
{
    struct filter f = {.x = x, .skip_me = true};
    if (x->argc == 3) { /* the old form: an address */
        f.addr = x->argv[2];
        f.skip_me = false;
        if (kill_selected(x, &f))
            reply_ok(x->reply);
        else
            reply_errorf(x->reply, ERROR_GENERIC, "No such client");
        return;
    }
    for (int i = 2; i < x->argc; i += 2) {
        if (i + 1 == x->argc) {
            reply_error(x->reply, ERROR_SYNTAX);
            return;
        }
        if (!kill_option(x, i, &f))
            return;
    }
    reply_int(x->reply, kill_selected(x, &f));
}

/* ---- names and modes
 * --------------------------------------------------------------------------------------------- */

static void cmd_client_setname(struct exec *x)
{
    if (session_set_name(x, x->argv[2]))
        reply_ok(x->reply);
}

static void cmd_client_getname(struct exec *x)
{
    if (x->session->name.n)
        reply_bulk(x->reply, x->session->name);
    else
        reply_null(x->reply);
}

static bool printable(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '!' || s.p[i] > '~')
            return false;
    }
    return true;
}

static void cmd_client_setinfo(struct exec *x)
{
    struct bytes *to = exec_is(x, 2, "LIB-NAME")  ? &x->session->lib_name
                       : exec_is(x, 2, "LIB-VER") ? &x->session->lib_ver
                                                  : NULL;
    struct bytes value = x->argv[3];
    if (!to) {
        reply_errorf(x->reply, ERROR_GENERIC, "Unrecognized option '%.*s'", (int)x->argv[2].n,
                     x->argv[2].p);
        return;
    }
    if (!printable(value)) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "%s cannot contain spaces, newlines or special characters.",
                     to == &x->session->lib_name ? "lib-name" : "lib-ver");
        return;
    }
    char *copy = value.n ? mem_alloc(value.n) : NULL;
    if (copy)
        memcpy(copy, value.p, value.n);
    session_lock(x->engine);
    mem_free((void *)(uintptr_t)to->p);
    *to = bytes_of(copy, value.n);
    session_unlock(x->engine);
    reply_ok(x->reply);
}

/* ON or OFF at argument 2; false: the error has been answered. */
static bool on_off(struct exec *x, bool *on)
{
    *on = exec_is(x, 2, "ON");
    if (*on || exec_is(x, 2, "OFF"))
        return true;
    reply_error(x->reply, ERROR_SYNTAX);
    return false;
}

static void cmd_client_no_evict(struct exec *x)
{
    bool on;
    if (!on_off(x, &on))
        return;
    x->session->no_evict = on;
    reply_ok(x->reply);
}

static void cmd_client_no_touch(struct exec *x)
{
    bool on;
    if (!on_off(x, &on))
        return;
    x->session->no_touch = on;
    reply_ok(x->reply);
}

static void cmd_client_reply(struct exec *x)
{
    if (exec_is(x, 2, "ON")) {
        x->session->reply_mode = REPLY_MODE_ON;
        reply_ok(x->reply);
    } else if (exec_is(x, 2, "OFF")) {
        x->session->reply_mode = REPLY_MODE_OFF;
    } else if (exec_is(x, 2, "SKIP")) {
        if (x->session->reply_mode != REPLY_MODE_OFF)
            x->session->reply_mode = REPLY_MODE_SKIP_NEXT;
    } else {
        reply_error(x->reply, ERROR_SYNTAX);
    }
}

static void cmd_client_getredir(struct exec *x)
{
    reply_int(x->reply, -1); /* there is no client-side tracking, so nothing is redirected */
}

/* As a server answers whose client has not turned tracking on. */
static void cmd_client_trackinginfo(struct exec *x)
{
    reply_map(x->reply, 3);
    reply_bulk(x->reply, BYTES("flags"));
    reply_set(x->reply, 1);
    reply_bulk(x->reply, BYTES("off"));
    reply_bulk(x->reply, BYTES("redirect"));
    reply_int(x->reply, -1);
    reply_bulk(x->reply, BYTES("prefixes"));
    reply_array(x->reply, 0);
}

/* True, and answered, where more arguments stand than `most`. */
static bool too_many(struct exec *x, int most)
{
    if (x->argc <= most)
        return false;
    reply_errorf(x->reply, ERROR_ARITY,
                 "unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT HELP.",
                 (int)x->argv[1].n, x->argv[1].p);
    return true;
}

static void cmd_client_unblock(struct exec *x)
{
    int64_t id;
    if (too_many(x, 4))
        return;
    if (x->argc == 4 && !exec_is(x, 3, "TIMEOUT") && !exec_is(x, 3, "ERROR")) {
        reply_errorf(x->reply, ERROR_SYNTAX, "CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    enum wake_reason reason = exec_is(x, 3, "ERROR") ? WAKE_ERROR : WAKE_TIMEOUT;
    if (exec_int(x, 2, &id))
        reply_int(x->reply, id > 0 && session_unblock(x->engine, (uint64_t)id, reason));
}

/* ---- PAUSE
 * -----------------------------------------------------------------------------------------------------------
 */

static void cmd_client_pause(struct exec *x)
{
    int64_t ms;
    bool writes_only = x->argc == 4 && exec_is(x, 3, "WRITE");
    if (too_many(x, 4))
        return;
    if (x->argc == 4 && !writes_only && !exec_is(x, 3, "ALL")) {
        reply_errorf(x->reply, ERROR_SYNTAX, "CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!num_parse_int(x->argv[2], &ms)) {
        reply_errorf(x->reply, ERROR_NOT_INTEGER, "timeout is not an integer or out of range");
        return;
    }
    if (ms < 0) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "timeout is negative");
        return;
    }
    engine_pause(x->engine, x->now_ms + (uint64_t)ms, !writes_only);
    reply_ok(x->reply);
}

static void cmd_client_unpause(struct exec *x)
{
    engine_pause(x->engine, 0, false);
    reply_ok(x->reply);
}

static void cmd_client_help(struct exec *x)
{
    static const char *const lines[] = {
        "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GETNAME",
        "    Return the name of the current connection.",
        "GETREDIR",
        "    Return the client ID we are redirecting to when tracking is enabled.",
        "ID",
        "    Return the ID of the current connection.",
        "INFO",
        "    Return information about the current client connection.",
        "KILL <ip:port>",
        "    Kill connection made from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Kill connections. Options are: ADDR, LADDR, ID, TYPE, USER, SKIPME, MAXAGE.",
        "LIST [options ...]",
        "    Return information about client connections. Options: TYPE, ID.",
        "NO-EVICT (ON|OFF)",
        "    Protect current client connection from eviction.",
        "NO-TOUCH (ON|OFF)",
        "    Will not touch LRU/LFU stats when this mode is on.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Suspend all, or just write, clients for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Control the replies sent to the current connection.",
        "SETINFO <option> <value>",
        "    Set client meta attr. Options are: LIB-NAME, LIB-VER.",
        "SETNAME <name>",
        "    Assign the name <name> to the current connection.",
        "TRACKINGINFO",
        "    Report tracking status for the current connection.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    Unblock the specified blocked client.",
        "UNPAUSE",
        "    Stop the current client pause, resuming traffic.",
        "HELP",
        "    Print this help.",
    };
    reply_lines(x->reply, lines, sizeof lines / sizeof *lines);
}

#define PLAIN "noscript,loading,stale"
#define ADMIN "admin,noscript,loading,stale"
#define CONN  "connection"

const struct command_row client_commands[] = {
    {"client", NULL, -2, "", "", "", "2.4.0", CONN, "", "Container of the connection commands."},
    {"client|getname", cmd_client_getname, 2, PLAIN, CONN, "", "2.6.9", CONN, "",
     "Returns the connection's name."},
    {"client|getredir", cmd_client_getredir, 2, PLAIN, CONN, "", "6.0.0", CONN, "",
     "Returns the client that tracking is redirected to."},
    {"client|help", cmd_client_help, 2, "loading,stale", CONN, "", "5.0.0", CONN, "",
     "Shows help about the subcommands."},
    {"client|id", cmd_client_id, 2, PLAIN, CONN, "", "5.0.0", CONN, "",
     "Returns the connection's id."},
    {"client|info", cmd_client_info, 2, PLAIN, CONN, "", "6.2.0", CONN, "",
     "Describes the connection."},
    {"client|kill", cmd_client_kill, -3, ADMIN, CONN, "", "2.4.0", CONN,
     "(ip:port | [[ID client-id] | [TYPE type] | [USER username] | [ADDR addr] | [LADDR laddr] | "
     "[SKIPME yes-no] | [MAXAGE maxage] ...])",
     "Closes connections."},
    {"client|list", cmd_client_list, -2, ADMIN, CONN, "", "2.4.0", CONN,
     "[TYPE type] [ID client-id ...]", "Describes the connections."},
    {"client|no-evict", cmd_client_no_evict, 3, ADMIN ",stateful", CONN, "", "7.0.0", CONN,
     "(ON | OFF)", "Spares the connection when clients are evicted."},
    {"client|no-touch", cmd_client_no_touch, 3, PLAIN ",stateful", CONN, "", "7.2.0", CONN,
     "(ON | OFF)", "Leaves the access clocks of keys alone."},
    {"client|pause", cmd_client_pause, -3, ADMIN, CONN, "", "3.0.0", CONN,
     "timeout [(WRITE | ALL)]", "Holds commands back for a time."},
    {"client|reply", cmd_client_reply, 3, PLAIN ",stateful", CONN, "", "3.2.0", CONN,
     "(ON | OFF | SKIP)", "Tells whether commands are answered."},
    {"client|setinfo", cmd_client_setinfo, 4, PLAIN ",stateful", CONN, "", "7.2.0", CONN,
     "(LIB-NAME libname | LIB-VER libver)", "Names the client's library."},
    {"client|setname", cmd_client_setname, 3, PLAIN ",stateful", CONN, "", "2.6.9", CONN,
     "connection-name", "Names the connection."},
    {"client|trackinginfo", cmd_client_trackinginfo, 2, PLAIN, CONN, "", "6.2.0", CONN, "",
     "Tells whether the connection's keys are tracked."},
    {"client|unblock", cmd_client_unblock, -3, ADMIN, CONN, "", "5.0.0", CONN,
     "client-id [(TIMEOUT | ERROR)]", "Ends the waiting of a blocked client."},
    {"client|unpause", cmd_client_unpause, 2, ADMIN, CONN, "", "6.2.0", CONN, "", "Ends a pause."},
    {0},
};
