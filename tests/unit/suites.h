/* The unit tests: one suite a structure or module, in a file that mirrors the tree. A new suite is one
 * line in list.h. */
#ifndef ATRIUM_TESTS_SUITES_H
#define ATRIUM_TESTS_SUITES_H

#include <check.h>

#define X(name) Suite *suite_##name(void);
#include "tests/unit/list.h"
#undef X

#endif
