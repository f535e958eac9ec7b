/* Every error of the engine, once: how each door says it.
 *
 * X(code, RESP prefix, HTTP status, problem slug, retryable, memcached word, default text). The text is what
 * Redis says after the prefix; handlers with a text of their own use reply_errorf. */
#ifndef ATRIUM_COMMANDS_ERROR_H
#define ATRIUM_COMMANDS_ERROR_H

#include <stdbool.h>

/* clang-format off */
#define ERROR_TABLE(X)                                                                                           \
    X(GENERIC, "ERR", 400, "bad-arguments", false, "CLIENT_ERROR", "error")                                      \
    X(SYNTAX, "ERR", 400, "bad-arguments", false, "CLIENT_ERROR", "syntax error")                                \
    X(ARITY, "ERR", 400, "bad-arguments", false, "CLIENT_ERROR", "wrong number of arguments")                    \
    X(UNKNOWN_COMMAND, "ERR", 400, "unknown-command", false, "ERROR", "unknown command")                         \
    X(NOT_ALLOWED, "ERR", 400, "command-not-allowed", false, "CLIENT_ERROR", "command not allowed at this door") \
    X(NOT_INTEGER, "ERR", 422, "not-a-number", false, "CLIENT_ERROR",                                            \
      "value is not an integer or out of range")                                                                 \
    X(DIMENSION, "ERR", 422, "vector-dimension", false, "CLIENT_ERROR", "Vector dimension mismatch")             \
    X(NOT_FLOAT, "ERR", 422, "not-a-number", false, "CLIENT_ERROR", "value is not a valid float")                \
    X(OVERFLOW, "ERR", 409, "overflow", false, "CLIENT_ERROR", "increment or decrement would overflow")          \
    X(OUT_OF_BOUNDS, "ERR", 409, "out-of-bounds", false, "CLIENT_ERROR", "value is out of range")                \
    X(NO_SUCH_KEY, "ERR", 404, "not-found", false, "NOT_FOUND", "no such key")                                   \
    X(TOO_BIG, "ERR", 413, "too-large", false, "SERVER_ERROR",                                                   \
      "string exceeds maximum allowed size (proto-max-bulk-len)")                                                \
    X(WRONGTYPE, "WRONGTYPE", 409, "wrong-type", false, "SERVER_ERROR",                                          \
      "Operation against a key holding the wrong kind of value")                                                 \
    X(NOAUTH, "NOAUTH", 401, "unauthenticated", false, "CLIENT_ERROR", "Authentication required.")               \
    X(WRONGPASS, "WRONGPASS", 401, "wrong-credentials", false, "CLIENT_ERROR",                                   \
      "invalid username-password pair or user is disabled.")                                                     \
    X(NOPERM, "NOPERM", 403, "no-permission", false, "CLIENT_ERROR", "this user has no permissions")             \
    X(NOPROTO, "NOPROTO", 400, "bad-arguments", false, "CLIENT_ERROR", "unsupported protocol version")           \
    X(OOM, "OOM", 507, "out-of-memory", true, "SERVER_ERROR",                                                    \
      "command not allowed when used memory > 'maxmemory'.")                                                     \
    X(LOADING, "LOADING", 503, "loading", true, "SERVER_ERROR", "Redis is loading the dataset in memory")        \
    X(BUSY, "BUSY", 503, "busy", true, "SERVER_ERROR", "the server is busy")                                     \
    X(MISCONF, "MISCONF", 503, "persistence-failing", true, "SERVER_ERROR",                                     \
      "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may " \
      "modify the data set are disabled, because this instance is configured to report errors during writes if RDB " \
      "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the " \
      "RDB error.")                                                                                              \
    X(READONLY, "READONLY", 503, "read-only", true, "SERVER_ERROR", "You can't write against a read only replica.") \
    X(INVALIDOBJ, "INVALIDOBJ", 409, "wrong-type", false, "SERVER_ERROR", "Corrupted HLL object detected")       \
    X(UNBLOCKED, "UNBLOCKED", 503, "unblocked", true, "SERVER_ERROR",                                            \
      "client unblocked via CLIENT UNBLOCK")                                                                     \
    X(EXECABORT, "EXECABORT", 400, "tx-rejected", false, "CLIENT_ERROR",                                         \
      "Transaction discarded because of previous errors.")                                                       \
    X(BUSYGROUP, "BUSYGROUP", 409, "group-exists", false, "CLIENT_ERROR", "Consumer Group name already exists")  \
    X(BUSYKEY, "BUSYKEY", 409, "key-exists", false, "CLIENT_ERROR", "Target key name already exists.")           \
    X(NOGROUP, "NOGROUP", 404, "no-group", false, "CLIENT_ERROR", "No such consumer group")                      \
    X(NOSCRIPT, "NOSCRIPT", 404, "no-script", false, "CLIENT_ERROR", "No matching script.")                      \
    X(KEY_REUSED, "ERR", 422, "idempotency-key-reused", false, "CLIENT_ERROR",                                     \
      "the idempotency key was used for another message")                                                        \
    X(TIMEOUT, "ERR", 504, "timeout", true, "SERVER_ERROR", "the request took too long")
/* clang-format on */

enum error_code {
#define X(code, prefix, status, slug, retry, word, text) ERROR_##code,
    ERROR_TABLE(X)
#undef X
        ERROR_COUNT
};

struct error_info {
    const char *prefix;
    int http_status;
    const char *slug;
    bool retryable;
    const char *memcached_word;
    const char *text;
};

/* Never NULL for a code below ERROR_COUNT. */
const struct error_info *error_info(enum error_code code);

#endif
