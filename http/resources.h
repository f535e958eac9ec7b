/* The resources: each file exports one table of routes, ended by an empty row. A new resource is
 * one file and one line here. */
#ifndef ATRIUM_HTTP_RESOURCES_H
#define ATRIUM_HTTP_RESOURCES_H

#include "http/router.h"

#define RESOURCES(X)                                                                               \
    X(keys_routes)                                                                                 \
    X(keys_many_routes)                                                                            \
    X(counters_routes)                                                                             \
    X(ratelimits_routes)                                                                           \
    X(hashes_routes)                                                                               \
    X(hash_fields_routes)                                                                          \
    X(lists_routes)                                                                                \
    X(sets_routes)                                                                                 \
    X(streams_routes)                                                                              \
    X(stream_groups_routes)                                                                        \
    X(stream_events_routes)                                                                        \
    X(leaderboards_routes)                                                                         \
    X(leaderboard_members_routes)                                                                  \
    X(vectors_routes)                                                                              \
    X(vector_items_routes)                                                                         \
    X(vector_search_routes)                                                                        \
    X(vector_projection_routes)                                                                    \
    X(commands_routes)                                                                             \
    X(transactions_routes)                                                                         \
    X(upstash_events_routes)                                                                       \
    X(upstash_routes)                                                                              \
    X(tickets_routes)                                                                              \
    X(events_routes)                                                                               \
    X(channels_routes)                                                                             \
    X(metrics_routes)                                                                              \
    X(health_routes)                                                                               \
    X(pages_routes)                                                                                \
    X(problem_routes)

#define X(table) extern const struct route table[];
RESOURCES(X)
#undef X

#endif
