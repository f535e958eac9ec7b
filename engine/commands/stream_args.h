/* What the stream commands share: the key's stream, ids as clients write them, trimming, entries as replies. */
#ifndef ATRIUM_COMMANDS_STREAM_ARGS_H
#define ATRIUM_COMMANDS_STREAM_ARGS_H

#include "commands/exec.h"
#include "types/stream.h"
#include "types/stream_group.h"

#define STREAM_ACL    "stream"
#define STREAM_BAD_ID "Invalid stream ID specified as stream command argument"

struct stream_limits stream_limits_of(const struct exec *x);

/* The stream under key k, NULL where missing; false: WRONGTYPE has been answered. */
bool stream_read(struct exec *x, unsigned k, struct stream **s);
bool stream_write(struct exec *x, unsigned k, struct stream **s);
/* The same with a group of it; false: NOGROUP or WRONGTYPE has been answered. */
bool stream_group_open(struct exec *x, unsigned k, struct bytes name, struct stream **s,
                       struct stream_group **g);
/* The group's consumer, made (with its event) where it is new; it was seen now. */
struct stream_consumer *stream_consumer_open(struct exec *x, unsigned k, struct stream_group *g,
                                             struct bytes name);

/* ---- ids ---------------------------------------------------------------------------------------- */

/* "ms" or "ms-seq" as Redis takes it; a missing seq is `seq`. False where it is none. */
bool stream_parse_id(struct bytes s, uint64_t seq, struct id *id);
/* Argument i so; false: the error has been answered. */
bool stream_id_arg(struct exec *x, int i, uint64_t seq, struct id *id);
/* Arguments [from, to) so; NULL: the error has been answered. Lives until the command ends. */
struct id *stream_ids_arg(struct exec *x, int from, int to);
/* Bounds of a range: also "-", "+", and "(" before an id that is left out; false: the error has been answered. */
bool stream_low_arg(struct exec *x, int i, struct id *id);
bool stream_high_arg(struct exec *x, int i, struct id *id);

/* ---- trimming and deleting ---------------------------------------------------------------------- */

/* KEEPREF, DELREF or ACKED at argument i? Twice of them is not one. */
bool stream_refs_arg(struct exec *x, int i, bool *given, enum stream_refs *refs);

/* [KEEPREF | DELREF | ACKED] IDS n id ... from argument `from` on. */
struct stream_ids {
    enum stream_refs refs;
    struct id *ids;
    int n;
};

bool stream_ids_parse(struct exec *x, int from, struct stream_ids *list);
/* Deletes the entry as refs says: 1, 2 where it is still needed, -1 where it is not there. */
int stream_delete_refs(struct stream *s, struct id id, enum stream_refs refs);

/* ---- replies ------------------------------------------------------------------------------------ */

void stream_reply_id(struct exec *x, struct id id);
/* The fields of the walk's present entry, as a flat array. */
void stream_reply_fields(struct exec *x, struct stream_iter *it);
/* Id and fields. */
void stream_reply_entry(struct exec *x, struct stream_iter *it);
/* Entries of a range, at most `count` (0: all), as an array. */
void stream_reply_range(struct exec *x, const struct stream *s, struct id low, struct id high,
                        bool reverse, uint64_t count);
/* That one entry; false, and no reply, where it is not there. */
bool stream_reply_one(struct exec *x, const struct stream *s, struct id id);

#endif
