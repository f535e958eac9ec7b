/* The unit tests: one suite a structure or module, in a file that mirrors the tree. A new suite is one
 * line in list.h. */
#ifndef ATRIUM_TESTS_SUITES_H
#define ATRIUM_TESTS_SUITES_H

#include <check.h>

/* How many random steps a test takes: fewer where a sanitizer makes each one slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_STEPS(n) ((n) / 10)
#else
#define UNIT_STEPS(n) (n)
#endif

#define X(name) Suite *suite_##name(void);
#include "tests/unit/list.h"
#undef X

#endif
