/* The picture of points that were spread along known axes, beside exact sums. */
#include "ds/principal.h"

#include <math.h>

#include "base/rng.h"
#include "tests/unit/suites.h"

#define DIM  40
#define ROWS 300

static double normal(void)
{
    return sqrt(-2 * log(1 - rng_unit())) * cos(6.283185307179586 * rng_unit());
}

/* Spread 10 along one random direction, 4 along another one at a right angle, 0.1 in all others. */
START_TEST(known_axes)
{
    static float rows[ROWS * DIM], xy[ROWS * 2];
    double axes[2][DIM], at[ROWS][2], share[2], along = 0, between = 0;
    for (int i = 0; i < DIM; i++) {
        axes[0][i] = normal();
        axes[1][i] = normal();
    }
    for (int i = 0; i < DIM; i++) {
        along += axes[0][i] * axes[0][i];
        between += axes[0][i] * axes[1][i];
    }
    double other = 0;
    for (int i = 0; i < DIM; i++) {
        axes[1][i] -= axes[0][i] * between / along;
        other += axes[1][i] * axes[1][i];
    }
    for (int k = 0; k < ROWS; k++) {
        at[k][0] = 10 * normal();
        at[k][1] = 4 * normal();
        for (int i = 0; i < DIM; i++)
            rows[k * DIM + i] = (float)(7 + at[k][0] * axes[0][i] / sqrt(along) +
                                        at[k][1] * axes[1][i] / sqrt(other) + 0.1 * normal());
    }
    principal_picture(rows, ROWS, DIM, xy, share);
    ck_assert(share[0] > 0.75 && share[0] < 0.95 && share[0] + share[1] > 0.99 &&
              share[0] + share[1] <= 1);
    /* Distances in the picture are those in the plane, whatever the axes' signs and a small turn. */
    for (int k = 1; k < ROWS; k++) {
        double wanted = hypot(at[k][0] - at[0][0], at[k][1] - at[0][1]);
        double got = hypot((double)(xy[2 * k] - xy[0]), (double)(xy[2 * k + 1] - xy[1]));
        ck_assert(fabs(got - wanted) < 0.6);
    }
}
END_TEST

START_TEST(nothing_to_see)
{
    float same[3 * 5], xy[6] = {9}, one[4] = {1, 2, 3, 4};
    double share[2];
    for (int i = 0; i < 15; i++)
        same[i] = (float)(i % 5);
    principal_picture(same, 3, 5, xy, share);
    for (int i = 0; i < 6; i++)
        ck_assert(fabsf(xy[i]) < 1e-6f);
    ck_assert(share[0] == 0 && share[1] == 0);
    principal_picture(one, 1, 4, xy, share);
    ck_assert(xy[0] == 0 && share[0] == 0);
    principal_picture(one, 0, 4, xy, share);
    float line[3] = {-1, 0, 4};
    principal_picture(line, 3, 1, xy, share);
    ck_assert(fabsf(xy[4] - 3) < 1e-6f && xy[5] == 0 && share[0] > 0.999 && share[1] == 0);
}
END_TEST

Suite *suite_principal(void)
{
    Suite *s = suite_create("principal");
    TCase *t = tcase_create("all");
    tcase_add_test(t, known_axes);
    tcase_add_test(t, nothing_to_see);
    suite_add_tcase(s, t);
    return s;
}
