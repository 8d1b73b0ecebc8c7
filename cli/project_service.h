/*
 * One service of portmanager.json, from its JSON. For project.c alone.
 */
#ifndef CLI_PROJECT_SERVICE_H
#define CLI_PROJECT_SERVICE_H

#include "cli/project.h"
#include "cli/project_keys.h"

/* Fills *ret_service, all zero before, from `item`, whose name in the file is `item->string`. What it owns is project_service_deinit()'s, whatever the
 * answer. Returns 0 or PROBLEM_E_SET. */
int project_service_read(const struct project *project, const cJSON *item, struct project_service *ret_service,
                         struct problem *problem);

void project_service_deinit(struct project_service *service);

/* Fills the problem with what is wrong with the file: "portmanager.json: ...". Returns PROBLEM_E_SET. */
int project_refuse(struct problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with the place in it, as compilers tell one and editors read it: "portmanager.json:LINE:COLUMN: ...". */
int project_refuse_value(const struct project *project, const cJSON *value, struct problem *problem, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* The place is that of the member's key. */
int project_refuse_key(const struct project *project, const cJSON *member, struct problem *problem, const char *format,
                       ...) __attribute__((format(printf, 4, 5)));

/* Refuses the first key of `object` that is none of `keys`. `where`: "services.web", or "" for the document. Returns 0 or PROBLEM_E_SET. */
int project_check_keys(const struct project *project, const cJSON *object, const char *where,
                       const struct project_key *keys, size_t n_keys, struct problem *problem);

#endif
