/*
 * "Are you sure?" See confirm.h.
 */
#include "cli/confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool confirm_can_ask(const struct output *output) {
    return output->error_terminal && isatty(STDIN_FILENO) == 1;
}

bool confirm_says_yes(void) {
    char answer[16] = "";

    fflush(stdout);
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        fputc('\n', stderr);
        return false;
    }
    answer[strcspn(answer, "\n")] = '\0';
    return strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0;
}
