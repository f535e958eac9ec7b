/* The connection: PING, ECHO, AUTH, HELLO, SELECT, QUIT, RESET. CLIENT is in client.c. */
#include <stdlib.h>

#include "base/mem.h"
#include "commands/exec.h"
#include "commands/session.h"
#include "internal.h"

static void cmd_ping(struct exec *x)
{
    if (x->argc > 2) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for 'ping' command");
    } else if (x->session->resp == 2 && session_subscribed(x->session)) {
        reply_array(x->reply, 2);
        reply_text(x->reply, "pong");
        reply_bulk(x->reply, x->argc == 2 ? x->argv[1] : (struct bytes){0});
    } else if (x->argc == 2) {
        reply_bulk(x->reply, x->argv[1]);
    } else {
        reply_simple(x->reply, "PONG");
    }
}

static void cmd_echo(struct exec *x)
{
    reply_bulk(x->reply, x->argv[1]);
}

static void cmd_select(struct exec *x)
{
    int64_t db;
    if (!exec_int(x, 1, &db))
        return;
    if (db < INT32_MIN || db > INT32_MAX) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS,
                     "value is out of range, value must between %d and %d", INT32_MIN, INT32_MAX);
        return;
    }
    if (db < 0 || db >= DB_COUNT) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "DB index is out of range");
        return;
    }
    x->session->db = (uint8_t)db;
    reply_ok(x->reply);
}

static void cmd_quit(struct exec *x)
{
    x->session->close_after_reply = true;
    reply_ok(x->reply);
}

static void cmd_reset(struct exec *x)
{
    session_reset(x->session);
    x->reply->resp = x->session->resp;
    reply_simple(x->reply, "RESET");
}

/* ---- passwords ---------------------------------------------------------------------------------------------- */

static bool authenticate(struct exec *x, struct bytes user, struct bytes password)
{
    bool fits = session_authenticate(x->session, user, password);
    if (!fits)
        reply_error(x->reply, ERROR_WRONGPASS);
    return fits;
}

static void cmd_auth(struct exec *x)
{
    if (x->argc > 3) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (x->argc == 2 && config_is_empty(x->engine->config, CONFIG_REQUIREPASS)) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "AUTH <password> called without any password configured for the default user. "
                     "Are you sure your configuration is correct?");
        return;
    }
    struct bytes user = x->argc == 3 ? x->argv[1] : BYTES("default");
    if (authenticate(x, user, x->argv[x->argc - 1]))
        reply_ok(x->reply);
}

/* ---- HELLO --------------------------------------------------------------------------------------------------- */

static void reply_hello(struct exec *x)
{
    reply_map(x->reply, 7);
    reply_text(x->reply, "server");
    reply_text(x->reply, "redis");
    reply_text(x->reply, "version");
    reply_text(x->reply, ATRIUM_REDIS_VERSION);
    reply_text(x->reply, "proto");
    reply_int(x->reply, x->session->resp);
    reply_text(x->reply, "id");
    reply_int(x->reply, (int64_t)x->session->id);
    reply_text(x->reply, "mode");
    reply_text(x->reply, "standalone");
    reply_text(x->reply, "role");
    reply_text(x->reply, "master");
    reply_text(x->reply, "modules");
    reply_array(x->reply, 0);
}

bool session_set_name(struct exec *x, struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < '!' || name.p[i] > '~') {
            reply_errorf(x->reply, ERROR_GENERIC,
                         "Client names cannot contain spaces, newlines or special characters.");
            return false;
        }
    }
    char *copy = name.n ? mem_alloc(name.n) : NULL;
    if (copy)
        memcpy(copy, name.p, name.n);
    session_lock(x->engine);
    mem_free((void *)(uintptr_t)x->session->name.p);
    x->session->name = bytes_of(copy, name.n);
    session_unlock(x->engine);
    return true;
}

static void cmd_hello(struct exec *x)
{
    int64_t version = x->session->resp;
    int name_at = 0;
    if (x->argc > 1 && !num_parse_int(x->argv[1], &version)) {
        reply_errorf(x->reply, ERROR_NOT_INTEGER,
                     "Protocol version is not an integer or out of range");
        return;
    }
    if (version < 2 || version > 3) {
        reply_error(x->reply, ERROR_NOPROTO);
        return;
    }
    for (int i = 2; i < x->argc; i++) {
        if (exec_is(x, i, "AUTH") && i + 2 < x->argc) {
            if (!authenticate(x, x->argv[i + 1], x->argv[i + 2]))
                return;
            i += 2;
        } else if (exec_is(x, i, "SETNAME") && i + 1 < x->argc) {
            name_at = ++i;
        } else {
            reply_errorf(x->reply, ERROR_SYNTAX, "Syntax error in HELLO option '%.*s'",
                         (int)x->argv[i].n, x->argv[i].p);
            return;
        }
    }
    if (!x->session->authenticated) {
        reply_errorf(
            x->reply, ERROR_NOAUTH,
            "HELLO must be called with the client already authenticated, otherwise the "
            "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client "
            "and select the RESP protocol version at the same time");
        return;
    }
    if (name_at && !session_set_name(x, x->argv[name_at]))
        return;
    x->session->resp = x->reply->resp = (uint8_t)version;
    reply_hello(x);
}

#define ANYTIME "noscript,loading,stale,fast"

const struct command_row connection_commands[] = {
    {"auth", cmd_auth, -2, ANYTIME ",no_auth,allow_busy,stateful", "connection", "", "1.0.0",
     "connection", "[username] password", "Authenticates the connection."},
    {"echo", cmd_echo, 2, "loading,stale,fast", "connection", "", "1.0.0", "connection", "message",
     "Returns the message."},
    {"hello", cmd_hello, -1, ANYTIME ",no_auth,allow_busy,stateful", "connection", "", "6.0.0",
     "connection", "[protover [AUTH username password] [SETNAME clientname]]",
     "Chooses the protocol version and tells about the server."},
    {"ping", cmd_ping, -1, "fast", "connection", "", "1.0.0", "connection", "[message]",
     "Returns PONG or the message."},
    {"quit", cmd_quit, -1, ANYTIME ",no_auth,allow_busy,stateful", "connection", "", "1.0.0",
     "connection", "", "Closes the connection."},
    {"reset", cmd_reset, 1, ANYTIME ",no_auth,allow_busy,stateful", "connection", "", "6.2.0",
     "connection", "", "Puts the connection back to its first state."},
    {"select", cmd_select, 2, "loading,stale,fast,stateful", "connection", "", "1.0.0",
     "connection", "index", "Chooses the connection's database."},
    {0},
};
