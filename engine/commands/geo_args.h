/* What the geo commands share: places in sorted sets, units, numbers as they are shown. */
#ifndef ATRIUM_COMMANDS_GEO_ARGS_H
#define ATRIUM_COMMANDS_GEO_ARGS_H

#include "commands/zset_args.h"
#include "types/geohash.h"

/* Metres of the unit at argument i. False: the error has been answered. */
bool geo_unit(struct exec *x, int i, double *metres);
/* Longitude and latitude at arguments i and i + 1. False: the error has been answered. */
bool geo_point_arg(struct exec *x, int i, struct geo_point *p);
/* Where the member is; false where there is no such member (z may be NULL). */
bool geo_member(const struct zset *z, struct bytes member, struct geo_point *p);

/* A distance with four decimals; a place as longitude and latitude. */
void geo_reply_distance(struct exec *x, double distance);
void geo_reply_point(struct exec *x, struct geo_point p);

#define GEO_ACL   "geo"
#define GEO_GROUP "geo"

#endif
