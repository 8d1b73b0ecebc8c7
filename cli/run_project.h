/*
 * What the project file says of the service that is run: as if it had been said on the command line, which goes before it.
 */
#ifndef CLI_RUN_PROJECT_H
#define CLI_RUN_PROJECT_H

#include "cli/command.h"
#include "cli/project.h"
#include "cli/run_environment.h"

struct run_project {
    struct project project;                /* without services where there is no file */
    const struct project_service *service; /* NULL: it names no such service */
    struct invocation invocation;          /* the one given, and what the file adds */
    char **argv;                           /* the program and its arguments */
    const char *folder;                    /* where the program starts; NULL: where we are */
};

void run_project_deinit(struct run_project *run);

/* Reads the file, if there is one. `given` must outlive the result. Returns 0 or PROBLEM_E_SET: the file is not right, or nobody says what is to be run. */
int run_project_read(const struct invocation *given, struct run_project *ret_run, struct problem *problem);

/* Adds the variables of the project's other services that are leased in `leases` (as GET /list answers), as in the .env file. PORT, and what `run` has set
 * already, are not touched. Returns 0 or -ENOMEM. */
int run_project_add_others(const struct run_project *run, const cJSON *leases, struct run_environment *environment);

#endif
