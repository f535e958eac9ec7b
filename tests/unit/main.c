/* Runs every unit suite; ends by Check's own summary line. */
#include <stdlib.h>

#include "tests/unit/suites.h"

int main(void)
{
    SRunner *r = srunner_create(NULL);
#define X(name) srunner_add_suite(r, suite_##name());
#include "tests/unit/list.h"
#undef X
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
