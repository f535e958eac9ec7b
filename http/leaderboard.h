/* What the two files of the leaderboards share. */
#ifndef ATRIUM_HTTP_LEADERBOARD_H
#define ATRIUM_HTTP_LEADERBOARD_H

#include "http/request.h"

struct leaderboard_entry {
    struct bytes member;
    double score;
    int64_t rank; /* from 1 */
};

/* The query's order=desc (the default) or asc. False: answered. */
bool leaderboard_order(struct request *r, bool *ascending);

/* "rank","member","score" into an open object. */
void leaderboard_put(struct json_writer *w, const struct leaderboard_entry *entry);

#endif
