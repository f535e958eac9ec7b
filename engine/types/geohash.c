#include "types/geohash.h"

#include <math.h>

#define EARTH_RADIUS_M 6372797.560856
#define MERCATOR_MAX_M 20037726.37

static double radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

static double degrees(double rad)
{
    return rad / (M_PI / 180.0);
}

/* ---- interleaving ------------------------------------------------------------------------------ */

/* The bits of v at the even places. */
static uint64_t spread(uint32_t v)
{
    uint64_t x = v;
    x = (x | x << 16) & 0x0000ffff0000ffffULL;
    x = (x | x << 8) & 0x00ff00ff00ff00ffULL;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fULL;
    x = (x | x << 2) & 0x3333333333333333ULL;
    return (x | x << 1) & 0x5555555555555555ULL;
}

static uint32_t gather(uint64_t x)
{
    x &= 0x5555555555555555ULL;
    x = (x | x >> 1) & 0x3333333333333333ULL;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fULL;
    x = (x | x >> 4) & 0x00ff00ff00ff00ffULL;
    x = (x | x >> 8) & 0x0000ffff0000ffffULL;
    return (uint32_t)(x | x >> 16);
}

/* A cell: which one of 2^step columns and rows. */
struct cell {
    uint32_t column, row;
    unsigned step;
};

static uint32_t place(double v, double max, unsigned step)
{
    double offset = (v + max) / (2 * max) * (double)(1ULL << step);
    return (uint32_t)offset;
}

static struct cell cell_of(struct geo_point p, unsigned step)
{
    return (struct cell){place(p.lon, GEO_LON_MAX, step), place(p.lat, GEO_LAT_MAX, step), step};
}

static uint64_t bits_of(struct cell c)
{
    return spread(c.row) | spread(c.column) << 1;
}

uint64_t geo_encode(struct geo_point p)
{
    return bits_of(cell_of(p, GEO_STEP_MAX));
}

/* Where place i of 2^step begins. */
static double edge(double i, double max, unsigned step)
{
    return -max + i / (double)(1ULL << step) * (2 * max);
}

static double clamp(double v, double max)
{
    return v > max ? max : v < -max ? -max : v;
}

struct geo_point geo_decode(uint64_t bits)
{
    double row = gather(bits), column = gather(bits >> 1);
    double lon =
        (edge(column, GEO_LON_MAX, GEO_STEP_MAX) + edge(column + 1, GEO_LON_MAX, GEO_STEP_MAX)) / 2;
    double lat =
        (edge(row, GEO_LAT_MAX, GEO_STEP_MAX) + edge(row + 1, GEO_LAT_MAX, GEO_STEP_MAX)) / 2;
    return (struct geo_point){clamp(lon, GEO_LON_MAX), clamp(lat, GEO_LAT_MAX)};
}

void geo_text(struct geo_point p, char *to)
{
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    struct cell c = {place(p.lon, GEO_LON_MAX, GEO_STEP_MAX), place(p.lat, 90, GEO_STEP_MAX),
                     GEO_STEP_MAX};
    uint64_t bits = bits_of(c);
    for (int i = 0; i < 10; i++)
        to[i] = digits[bits >> (GEO_BITS - (i + 1) * 5) & 31];
    to[10] = '0'; /* 52 bits are 10 characters and 2 bits */
}

/* ---- distances --------------------------------------------------------------------------------- */

static double meridian_distance(double lat1, double lat2)
{
    return EARTH_RADIUS_M * fabs(radians(lat2) - radians(lat1));
}

double geo_distance(struct geo_point a, struct geo_point b)
{
    double v = sin((radians(b.lon) - radians(a.lon)) / 2);
    if (v == 0)
        return meridian_distance(a.lat, b.lat);
    double u = sin((radians(b.lat) - radians(a.lat)) / 2);
    double h = u * u + cos(radians(a.lat)) * cos(radians(b.lat)) * v * v;
    return 2 * EARTH_RADIUS_M * asin(sqrt(h));
}

bool geo_within(const struct geo_shape *s, struct geo_point p, double *distance_m)
{
    if (!s->box) {
        *distance_m = geo_distance(s->middle, p);
        return *distance_m <= s->radius_m;
    }
    struct geo_point level = {s->middle.lon, p.lat};
    if (meridian_distance(p.lat, s->middle.lat) > s->height_m / 2 ||
        geo_distance(p, level) > s->width_m / 2)
        return false;
    *distance_m = geo_distance(s->middle, p);
    return true;
}

/* ---- cells that cover a shape ------------------------------------------------------------------- */

struct bounds {
    struct geo_point low, high;
};

static struct bounds bounds_of(const struct geo_shape *s)
{
    double height = s->box ? s->height_m / 2 : s->radius_m,
           width = s->box ? s->width_m / 2 : s->radius_m;
    double lat = s->middle.lat, lon = s->middle.lon, lat_delta = degrees(height / EARTH_RADIUS_M);
    double top = degrees(width / EARTH_RADIUS_M / cos(radians(lat + lat_delta)));
    double bottom = degrees(width / EARTH_RADIUS_M / cos(radians(lat - lat_delta)));
    double lon_delta = lat < 0 ? bottom : top;
    return (struct bounds){{lon - lon_delta, lat - lat_delta}, {lon + lon_delta, lat + lat_delta}};
}

/* The finest step at which nine cells cover the radius; cells are narrower towards the poles. */
static unsigned step_for(double radius_m, double lat)
{
    int step = 1;
    if (radius_m == 0)
        return GEO_STEP_MAX;
    for (; radius_m < MERCATOR_MAX_M; radius_m *= 2)
        step++;
    step -= 2;
    step -= fabs(lat) > 66;
    step -= fabs(lat) > 80;
    return step < 1 ? 1 : step > GEO_STEP_MAX ? GEO_STEP_MAX : (unsigned)step;
}

/* Around the globe, but only in the direction that moves: the cell of longitude 180 itself has one bit more, and so
 * have the scores that lie in it. */
static struct cell neighbour(struct cell c, int east, int north)
{
    uint32_t mask = (uint32_t)((1ULL << c.step) - 1);
    if (east)
        c.column = (c.column + (uint32_t)east) & mask;
    if (north)
        c.row = (c.row + (uint32_t)north) & mask;
    return c;
}

static struct bounds cell_bounds(struct cell c)
{
    return (struct bounds){
        {edge(c.column, GEO_LON_MAX, c.step), edge(c.row, GEO_LAT_MAX, c.step)},
        {edge(c.column + 1.0, GEO_LON_MAX, c.step), edge(c.row + 1.0, GEO_LAT_MAX, c.step)},
    };
}

/* Do the neighbours reach as far as the shape? */
static bool reaches(struct cell c, const struct bounds *b)
{
    return cell_bounds(neighbour(c, 0, 1)).high.lat >= b->high.lat &&
           cell_bounds(neighbour(c, 0, -1)).low.lat <= b->low.lat &&
           cell_bounds(neighbour(c, 1, 0)).high.lon >= b->high.lon &&
           cell_bounds(neighbour(c, -1, 0)).low.lon <= b->low.lon;
}

unsigned geo_areas(const struct geo_shape *s, struct geo_range *areas)
{
    static const struct {
        int east, north;
    } order[GEO_AREAS] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                          {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    struct bounds b = bounds_of(s);
    double radius =
        s->box ? sqrt(s->width_m / 2 * (s->width_m / 2) + s->height_m / 2 * (s->height_m / 2))
               : s->radius_m;
    struct cell c = cell_of(s->middle, step_for(radius, s->middle.lat));
    if (c.step > 1 && !reaches(c, &b))
        c = cell_of(s->middle, c.step - 1);
    struct bounds mine = cell_bounds(c);
    bool south = mine.low.lat<b.low.lat, north = mine.high.lat> b.high.lat;
    bool west = mine.low.lon<b.low.lon, east = mine.high.lon> b.high.lon;
    unsigned n = 0, shift = GEO_BITS - 2 * c.step;
    for (int i = 0; i < GEO_AREAS; i++) {
        bool left_out = (south && order[i].north < 0) || (north && order[i].north > 0) ||
                        (west && order[i].east < 0) || (east && order[i].east > 0);
        if (c.step >= 2 && left_out)
            continue;
        uint64_t bits = bits_of(neighbour(c, order[i].east, order[i].north));
        struct geo_range r = {bits << shift, (bits + 1) << shift};
        bool seen = false;
        for (unsigned k = 0; k < n; k++)
            seen |= areas[k].from == r.from;
        if (!seen) /* with few cells, neighbours meet on the other side */
            areas[n++] = r;
    }
    return n;
}
