/* portd: the command. */
#include <stdio.h>
#include <stdlib.h>

#include "src/options.h"
#include "src/portd.h"

#define EXIT_USAGE 2

int main(int argc, char **argv) {
    static struct options options; /* some 20 KiB */
    char reason[512];

    switch (options_read(argc, argv, &options, reason, sizeof reason)) {
    case OPTIONS_E_HELP:
        options_print_help(stdout);
        return EXIT_SUCCESS;
    case OPTIONS_E_VERSION:
        printf("portd %s\n", PM_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_E_USAGE:
        fprintf(stderr, "portd: %s\n", reason);
        return EXIT_USAGE;
    default:
        return portd_run(&options, argv);
    }
}
