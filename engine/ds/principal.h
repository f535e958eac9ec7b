/* A picture of points with many values: where they lie along the two axes on which they differ most.
 *
 * Principal axes (Pearson, 1901) by power iteration on X'X, which is never made: each step is two
 * passes over the rows. What the first axis explains is taken out of the rows before the second one is
 * looked for. At most PRINCIPAL_STEPS steps an axis, fewer once it holds still; where two axes explain
 * about the same, any mixture of them is as good.
 *
 * Signs are chosen so that an axis's largest part is positive: the same points make the same picture.
 * O(steps * rows * dim). Thread rule: pure function on the caller's memory. */
#ifndef ATRIUM_DS_PRINCIPAL_H
#define ATRIUM_DS_PRINCIPAL_H

#include <stddef.h>

#define PRINCIPAL_STEPS 50

/* rows: n of dim values, one after the other; they are used up. xy: room for n pairs. share: how much
 * of the variance each axis has, 0 to 1; 0 where the points do not differ (then all lie at 0). */
void principal_picture(float *rows, size_t n, size_t dim, float *xy, double share[2]);

#endif
