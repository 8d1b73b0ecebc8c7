/*
 * portctl's main(): everything else is in a library, so that tests can call it.
 */
#include "cli/command.h"

int main(int argc, char **argv) {
    return command_main(argc, argv);
}
