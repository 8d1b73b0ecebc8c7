/*
 * The daemon: its parts made in order, run on one loop, and taken down in the opposite order.
 */
#ifndef SRC_PORTD_H
#define SRC_PORTD_H

#include "src/options.h"

/* Runs the daemon until SIGTERM or SIGINT. `arguments` are those that it was started with, its name first and NULL behind the last: they are shown. Returns the process's exit code; what was wrong has been said in the log. */
int portd_run(const struct options *options, char *const *arguments);

#endif
