/* Geohashes: round trips, and areas that hold every place of a shape, by brute force. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "tests/unit/suites.h"
#include "types/geohash.h"

static double random_between(double low, double high)
{
    return low + (high - low) * ((double)rng_below(1u << 30) / (1u << 30));
}

static struct geo_point random_point(double lat_max)
{
    return (struct geo_point){random_between(-179.99, 179.99), random_between(-lat_max, lat_max)};
}

START_TEST(a_place_comes_back_within_a_metre)
{
    for (size_t i = 0; i < UNIT_STEPS(50000); i++) {
        struct geo_point p = random_point(85);
        uint64_t bits = geo_encode(p);
        ck_assert(bits < (1ULL << GEO_BITS));
        ck_assert_double_lt(geo_distance(p, geo_decode(bits)), 1);
        ck_assert_uint_eq(geo_encode(geo_decode(bits)), bits);
    }
}
END_TEST

START_TEST(known_places)
{
    struct geo_point palermo = {13.361389, 38.115556}, catania = {15.087269, 37.502669};
    char text[11];
    ck_assert_uint_eq(geo_encode(palermo), 3479099956230698ULL);
    ck_assert_double_eq_tol(geo_distance(geo_decode(geo_encode(palermo)), geo_decode(geo_encode(catania))), 166274.1516,
                            0.0001);
    geo_text(geo_decode(geo_encode(palermo)), text);
    ck_assert(memcmp(text, "sqc8b49rny0", 11) == 0);
}
END_TEST

/* Whatever is within the shape is within its areas. */
START_TEST(areas_hold_the_shape)
{
    for (size_t i = 0; i < UNIT_STEPS(3000); i++) {
        struct geo_shape s = {.middle = random_point(75), .box = rng_below(2)};
        double size = pow(10, random_between(1, 6));
        struct geo_range areas[GEO_AREAS];
        s.radius_m = size;
        s.width_m = size * random_between(0.2, 2);
        s.height_m = size * random_between(0.2, 2);
        unsigned n = geo_areas(&s, areas);
        double degrees = size / 100000 * 2;
        for (int k = 0; k < 50; k++) {
            double distance;
            struct geo_point p = {s.middle.lon + random_between(-degrees, degrees),
                                  s.middle.lat + random_between(-degrees, degrees)};
            if (!geo_valid(p) || p.lon >= 179.99 || !geo_within(&s, p, &distance))
                continue;
            uint64_t bits = geo_encode(p);
            bool found = false;
            for (unsigned a = 0; a < n; a++)
                found |= bits >= areas[a].from && bits < areas[a].to;
            if (!found)
                ck_abort_msg("%f %f is %f m from %f %f, within %f, and in no area", p.lon, p.lat, distance, s.middle.lon,
                             s.middle.lat, size);
        }
    }
}
END_TEST

Suite *suite_geohash(void)
{
    Suite *s = suite_create("types/geohash");
    TCase *t = tcase_create("geohash");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_place_comes_back_within_a_metre);
    tcase_add_test(t, known_places);
    tcase_add_test(t, areas_hold_the_shape);
    suite_add_tcase(s, t);
    return s;
}
