/* JSON for the HTTP and WebSocket doors: a strict reader that fills a cJSON tree, and a writer.
 *
 * Why not cJSON_Parse and cJSON_Print: they cut strings at "\u0000", round integers beyond 2^53,
 * pass ill-formed UTF-8 through and take trailing junk. The reader here checks RFC 8259 byte by
 * byte, and builds the tree from cJSON's own nodes, so looking up, walking and freeing are cJSON's:
 *   - a string's bytes stand in the document's arena with their length before them (json_string,
 * json_name);
 *   - a number keeps its own text (json_int is exact for all of int64);
 *   - of equal names in one object the first is found, as cJSON does it.
 *
 * Bytes in JSON: a string where it is well-formed UTF-8, else {"b64":"..."} (RFC 4648, with
 * padding); both are taken wherever bytes go in. Integers beyond +-(2^53-1) leave as decimal
 * strings. Doubles leave in their shortest form; infinities as "inf" and "-inf".
 *
 * Thread rule: one owner a document, a writer. */
#ifndef ATRIUM_HTTP_JSON_H
#define ATRIUM_HTTP_JSON_H

#include <cjson/cJSON.h>

#include "engine/engine.h"
#include "http/arena.h"

/* ---- reading --------------------------------------------------------------------------------- */

struct json_limits {
    unsigned depth; /* of arrays and objects */
    size_t values;  /* all of them together: a node takes 64 bytes, whatever its text */
};

struct json_error {
    size_t offset; /* of the first byte that does not fit */
    const char *reason;
    bool too_large; /* a limit, not a mistake */
};

/* Reads the whole text as one JSON value; NULL with `error` filled where it is none. The text may
 * go away afterwards; the tree's strings live in `arena`. Free the tree by cJSON_Delete before the
 * arena is cleared. O(n). */
cJSON *json_read(struct arena *arena, struct bytes text, struct json_limits limits,
                 struct json_error *error);

/* The bytes of a string, of a member's name. The item must be one / be an object's member. */
struct bytes json_string(const cJSON *item);
struct bytes json_name(const cJSON *item);
/* A number's text as it stood there. */
struct bytes json_number(const cJSON *item);

/* The member of that name; NULL where there is none or `object` is none. */
const cJSON *json_get(const cJSON *object, const char *name);

/* These take the value out of `item`; false where it has another form (or is NULL).
 * json_bytes: a string or {"b64":"..."}; the result lives as long as the arena.
 * json_argument: the same, and numbers by their text: a command's argument.
 * json_int: an integer, or its decimal string. json_double: a number, or "inf", "-inf" and decimals
 * as a string. */
bool json_bytes(struct arena *arena, const cJSON *item, struct bytes *out);
bool json_argument(struct arena *arena, const cJSON *item, struct bytes *out);
bool json_int(const cJSON *item, int64_t *out);
bool json_double(const cJSON *item, double *out);
bool json_bool(const cJSON *item, bool *out);

/* ---- writing --------------------------------------------------------------------------------- */

/* Writes compact JSON onto `out` (borrowed), commas by itself. */
struct json_writer {
    struct buf *out;
    bool comma;         /* a value stands before this one */
    bool int64_strings; /* every integer that a command answered as a decimal string */
    bool int64_numbers; /* none of them so, whatever their size */
    bool base64;        /* every byte string as {"b64":...} */
};

void json_writer_init(struct json_writer *w, struct buf *out);

void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
/* A member's name: a literal of ours, or (json_put_name) well-formed UTF-8 of a client. */
void json_key(struct json_writer *w, const char *name);
void json_put_name(struct json_writer *w, struct bytes name);

void json_put_bytes(struct json_writer *w, struct bytes s);  /* any bytes, by the rule above */
void json_put_text(struct json_writer *w, const char *s);    /* our own text: UTF-8 for certain */
void json_put_plain(struct json_writer *w, struct bytes s);  /* the same: never as {"b64":...} */
void json_put_base64(struct json_writer *w, struct bytes s); /* a string that is its base64 */
void json_put_lossy(struct json_writer *w, struct bytes s);  /* U+FFFD for what is no UTF-8 */
void json_put_int(struct json_writer *w, int64_t v);         /* a data integer: by the rule above */
void json_put_count(struct json_writer *w, uint64_t v);      /* a count, a time: always a number */
void json_put_double(struct json_writer *w, double v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);

/* A value as the reader took it, its numbers by their own text. */
void json_put_tree(struct json_writer *w, const cJSON *item);

/* The captured value at node `at`. Arrays, sets and pushes are arrays; a map is an object where all
 * its names are text, else an array of [name, value]. An error within is
 * {"error":{"code","message"}}. */
void json_put_reply(struct json_writer *w, const struct capture *c, size_t at);

#endif
