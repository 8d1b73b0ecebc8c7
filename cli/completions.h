/*
 * The scripts of cli/completions/, as part of portctl.
 */
#ifndef CLI_COMPLETIONS_H
#define CLI_COMPLETIONS_H

#include "cli/shell_line.h"

/* The bytes of a script; no NUL is behind them. */
struct completion {
    const char *text;
    const char *end;
};

extern const struct completion completions[N_SHELLS];

#endif
