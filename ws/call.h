/* One op of a client under way: its message, its reply. What the files of ops share.
 *
 * A handler parses all its fields, acts, and writes the members of its reply after ws_reply; or calls ws_fail, which is
 * the whole reply. Thread rule: the door's thread. */
#ifndef ATRIUM_WS_CALL_H
#define ATRIUM_WS_CALL_H

#include "http/json.h"
#include "ws/conn.h"
#include "ws/thread.h"

/* One whole message of a client, text or binary (frame.h has the layout). */
void ws_handle(struct ws_conn *c, struct bytes message, bool binary);

struct call {
    struct ws_thread *thread;
    struct ws_conn *conn;
    const cJSON *message;
    struct bytes data;    /* what a binary message carries beside it; p NULL: it was text */
    struct json_writer w; /* of the reply, in thread->reply */
    bool ended;           /* the reply is whole: it was an error */
};

/* Begins a reply that succeeds: members follow in o->w. */
void ws_reply(struct call *o);
/* Sends it. */
void ws_reply_end(struct call *o);
/* The whole reply of an op that failed. */
void ws_fail(struct call *o, const char *code, bool retryable, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Runs a command; false: the error has been answered. Its reply stands in thread->capture. */
bool ws_run(struct call *o, const struct bytes *argv, int argc);

/* ---- fields; false: the error has been answered ------------------------------------------------- */

/* A channel name or pattern. */
bool ws_take_name(struct call *o, const char *field, struct bytes *name);
/* Booleans and integers of which nothing stands there keep their value. */
bool ws_take_bool(struct call *o, const char *field, bool *value);
bool ws_take_int(struct call *o, const char *field, int64_t min, int64_t max, int64_t *value);
/* Is there something else than null? */
bool ws_has(const struct call *o, const char *field);

/* ---- the ops of channels, channel_ops.c -------------------------------------------------------- */

void ws_op_subscribe(struct call *o);
void ws_op_psubscribe(struct call *o);
void ws_op_unsubscribe(struct call *o);
void ws_op_publish(struct call *o);
void ws_op_history(struct call *o);
void ws_op_presence(struct call *o);

#endif
