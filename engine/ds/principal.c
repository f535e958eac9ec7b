#include "ds/principal.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define STILL 1e-7 /* 1 - cosine between two steps */

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void add_times(float *to, const float *row, double factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += (float)factor * row[i];
}

static void centre(float *rows, size_t n, size_t dim, float *mean)
{
    memset(mean, 0, dim * sizeof *mean);
    for (size_t i = 0; i < n; i++)
        add_times(mean, rows + i * dim, 1.0 / (double)n, dim);
    for (size_t i = 0; i < n; i++)
        add_times(rows + i * dim, mean, -1, dim);
}

static double variance(const float *rows, size_t n, size_t dim)
{
    return dot(rows, rows, n * dim);
}

/* False: it is nothing. */
static bool make_unit(float *v, size_t dim)
{
    double length = sqrt(dot(v, v, dim));
    if (!(length > 1e-30))
        return false;
    for (size_t i = 0; i < dim; i++)
        v[i] = (float)((double)v[i] / length);
    return true;
}

static void start_with_longest(const float *rows, size_t n, size_t dim, float *axis)
{
    size_t longest = 0;
    double most = -1;
    for (size_t i = 0; i < n; i++) {
        double length = dot(rows + i * dim, rows + i * dim, dim);
        if (length > most) {
            most = length;
            longest = i;
        }
    }
    memcpy(axis, rows + longest * dim, dim * sizeof *axis);
}

static void choose_sign(float *axis, size_t dim)
{
    size_t largest = 0;
    for (size_t i = 1; i < dim; i++)
        if (fabsf(axis[i]) > fabsf(axis[largest]))
            largest = i;
    if (axis[largest] < 0)
        for (size_t i = 0; i < dim; i++)
            axis[i] = -axis[i];
}

/* False: the rows do not differ. */
static bool find_axis(const float *rows, size_t n, size_t dim, float *axis, float *next)
{
    start_with_longest(rows, n, dim, axis);
    if (!make_unit(axis, dim))
        return false;
    for (int step = 0; step < PRINCIPAL_STEPS; step++) {
        memset(next, 0, dim * sizeof *next);
        for (size_t i = 0; i < n; i++)
            add_times(next, rows + i * dim, dot(rows + i * dim, axis, dim), dim);
        if (!make_unit(next, dim))
            return false;
        bool still = 1 - dot(axis, next, dim) < STILL;
        memcpy(axis, next, dim * sizeof *axis);
        if (still)
            break;
    }
    choose_sign(axis, dim);
    return true;
}

void principal_picture(float *rows, size_t n, size_t dim, float *xy, double share[2])
{
    float *axis = mem_alloc(2 * dim * sizeof *axis);
    share[0] = share[1] = 0;
    memset(xy, 0, 2 * n * sizeof *xy);
    if (n)
        centre(rows, n, dim, axis);
    double all = variance(rows, n, dim);
    for (int a = 0; a < 2 && find_axis(rows, n, dim, axis, axis + dim); a++) {
        double along = 0;
        for (size_t i = 0; i < n; i++) {
            double at = dot(rows + i * dim, axis, dim);
            add_times(rows + i * dim, axis, -at, dim);
            xy[2 * i + (size_t)a] = (float)at;
            along += at * at;
        }
        share[a] = all > 0 ? along / all : 0;
    }
    mem_free(axis);
}
