/* What the sorted set's commands share: the key's set, limits, bounds of ranges, replies. */
#ifndef ATRIUM_COMMANDS_ZSET_ARGS_H
#define ATRIUM_COMMANDS_ZSET_ARGS_H

#include "commands/exec.h"
#include "types/zset.h"

struct zset_limits zset_limits_of(const struct exec *x);

/* Key k's set, NULL where missing; false: WRONGTYPE has been answered. */
bool zset_read(struct exec *x, unsigned k, struct zset **z);
bool zset_write(struct exec *x, unsigned k, struct zset **z);
/* After members were removed from key k: tells of it, and deletes the key where it is empty. */
void zset_removed(struct exec *x, unsigned k, struct zset *z, const char *event);
/* Puts the set under key k, or deletes the key where it is empty (and frees it); replies its length. */
void zset_store(struct exec *x, unsigned k, struct zset *z, const char *event);

/* Bounds at arguments min_at and max_at; false: the error has been answered. */
bool zset_parse_scores(struct exec *x, int min_at, int max_at, struct zset_score_range *range);
bool zset_parse_lex(struct exec *x, int min_at, int max_at, struct zset_lex_bound *min,
                    struct zset_lex_bound *max);
/* Ranks at two arguments, negative ones from the end, as Redis takes them; exec_span clips them. */
bool zset_parse_ranks(struct exec *x, int start_at, int stop_at, int64_t *start, int64_t *stop);

/* Members of ranks [from, to) as a reply; with scores as pairs in RESP3, flat in RESP2. `reverse` counts the
 * ranks from the highest score on. */
void zset_reply_span(struct exec *x, const struct zset *z, size_t from, size_t to, bool reverse,
                     bool with_scores);

/* The reply of `n` members with scores is announced so: pairs of their own in RESP3. */
void zset_reply_open(struct exec *x, size_t n, bool with_scores);
void zset_reply_item(struct exec *x, const struct zset_item *item, bool with_scores);

#endif
