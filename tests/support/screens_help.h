/* What every screen of help ends with. */
#ifndef TESTS_SUPPORT_SCREENS_HELP_H
#define TESTS_SUPPORT_SCREENS_HELP_H

#define COMMON_OPTIONS                                                                                                 \
    "      --json                  answer with a JSON document, errors too\n"                                          \
    "  -q, --quiet                 ports only, one a line; run: errors only\n"                                         \
    "  -v, --verbose               say more on standard error\n"                                                       \
    "      --color WHEN            colours: auto, always or never (auto)\n"                                            \
    "      --socket PATH           portd's Unix socket\n"                                                              \
    "      --url URL               portd's address: http://localhost:3030\n"                                           \
    "  -h, --help                  show this and end\n"                                                                \
    "  -V, --version               show the version and end\n"
#define EXIT_CODES                                                                                                     \
    "Exit codes\n"                                                                                                     \
    "  0       yes, done\n"                                                                                            \
    "  1       no (not found, nobody listens, there are conflicts, not stopped,\n"                                     \
    "          doctor found something), or a failure that has no number below\n"                                       \
    "  2       wrong arguments\n"                                                                                      \
    "  3       portd cannot be reached, or what answers is no portd to be trusted\n"                                   \
    "  4       the port is taken, or no port is free\n"                                                                \
    "  5       not allowed\n"                                                                                          \
    "  124     a --wait or --timeout ran out\n"
#define RUN_EXIT_CODES                                                                                                 \
    "Exit codes\n"                                                                                                     \
    "  2       wrong arguments; nothing was allocated\n"                                                               \
    "  124     --wait ran out before there was a port\n"                                                               \
    "  125     no port was granted, or another failure of portctl's own\n"                                             \
    "  126     the program cannot be executed\n"                                                                       \
    "  127     the program was not found\n"                                                                            \
    "  128+n   the program was ended by signal n\n"                                                                    \
    "  else    the program's own exit code\n"

#endif
