/* The screens of tests/support/screens_project.c, each on a terminal and in a pipe. */
#include <criterion/criterion.h>

#include "tests/support/screen.h"

TestSuite(cli_screens_project, .init = screen_enter);

Test(cli_screens_project, each_is_as_it_is_written) {
    for (size_t i = 0; i < screens_project.n_cases; i++)
        screen_assert(&screens_project.cases[i]);
}
