/*
 * portmanager.json: what a project needs ports for. Read whole and checked before anything is done with it; every key is in project_keys.h.
 */
#ifndef CLI_PROJECT_H
#define CLI_PROJECT_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/problem.h"
#include "cli/scope.h"
#include "cli/variable.h"

#define PROJECT_NAME_MAX      118 /* a worktree's suffix has room behind it */
#define PROJECT_SERVICES_MAX  64
#define PROJECT_VARIABLES_MAX 16

#define PROJECT_FILE_MAX ((size_t)1024 * 1024) /* bytes */

struct project_service {
    const char *name; /* as it is in the file, without the scope's suffix */
    const char *variables[PROJECT_VARIABLES_MAX];
    size_t n_variables;                     /* at least one */
    char own_variable[VARIABLE_NAME_MAX];   /* the one that was made of its name; "": they are given */
    uint16_t prefer[PROJECT_VARIABLES_MAX]; /* by variable; 0: none */
    size_t n_prefer;                        /* at most n_variables */
    const char *tags[OPTIONS_TAGS_MAX];
    size_t n_tags;
    uint64_t ttl_seconds; /* 0: not given */
    char **command;       /* one block, owned: the program and its arguments, NULL last; NULL: none */
};

struct project {
    char *text;                       /* owned: the file, for the places of what is in it */
    cJSON *document;                  /* owned: what the texts are borrowed from */
    const char *root;                 /* the scope's */
    const char *env_file;             /* below `root`; NULL: none */
    struct project_service *services; /* owned */
    size_t n_services;
};

void project_deinit(struct project *project);

/* Reads the scope's file. `scope` must outlive the project. Returns 0, or PROBLEM_E_SET: there is none, it cannot be read, or something in it is not
 * right; the problem says where. */
int project_read(const struct scope *scope, struct project *ret_project, struct problem *problem);

/* NULL if it has no such service. */
const struct project_service *project_find(const struct project *project, const char *name);

/* The service that `name` was probably meant to be; NULL: none is near. */
const char *project_nearest(const struct project *project, const char *name);

/* Fills the problem: the project has no service of that name, and which one was probably meant. Returns PROBLEM_E_SET. */
int project_refuse_service(const struct project *project, const char *name, struct problem *problem);

#endif
