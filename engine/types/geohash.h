/* Geohashes of 52 bits: longitude and latitude as 26 bits each, interleaved, the longitude's first. Near places have near
 * numbers, so a sorted set by this number is an index of places.
 *
 * Latitudes are those of web maps, +-85.05112878. Distances are along great circles of a sphere of 6372797.560856 m
 * (haversine), as Redis has them.
 *
 * geo_areas: a shape is covered by up to nine cells of one size, that of its middle and the neighbours; cells that the
 * shape's bounding box does not reach are left out. Pure functions. */
#ifndef ATRIUM_TYPES_GEOHASH_H
#define ATRIUM_TYPES_GEOHASH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define GEO_BITS     52
#define GEO_STEP_MAX 26
#define GEO_LON_MAX  180.0
#define GEO_LAT_MAX  85.05112878

struct geo_point {
    double lon, lat;
};

static inline bool geo_valid(struct geo_point p)
{
    return p.lon >= -GEO_LON_MAX && p.lon <= GEO_LON_MAX && p.lat >= -GEO_LAT_MAX &&
           p.lat <= GEO_LAT_MAX;
}

uint64_t geo_encode(struct geo_point p);
/* The number that a score stands for; one that is none stands for 0. */
static inline uint64_t geo_of_score(double score)
{
    return fabs(score) < 9223372036854775808.0 ? (uint64_t)(int64_t)score : 0;
}
/* The middle of the cell. */
struct geo_point geo_decode(uint64_t bits);
/* The standard text form, 11 characters and no NUL: latitudes of +-90, the last character always 0. */
void geo_text(struct geo_point p, char *to);
/* In m. */
double geo_distance(struct geo_point a, struct geo_point b);

struct geo_shape {
    struct geo_point middle;
    bool box;        /* else a circle */
    double radius_m; /* circle */
    double width_m, height_m;
};

/* Is p within the shape? *distance_m from the middle is set then. */
bool geo_within(const struct geo_shape *s, struct geo_point p, double *distance_m);

/* Numbers [from, to) of a cell. */
struct geo_range {
    uint64_t from, to;
};
#define GEO_AREAS 9
/* Ranges that hold all of the shape, in the order in which to look; returns how many. */
unsigned geo_areas(const struct geo_shape *s, struct geo_range *areas);

#endif
