/*
 * The keys of portmanager.json as data: the reader, did-you-mean and the manual page are made from them.
 */
#ifndef CLI_PROJECT_KEYS_H
#define CLI_PROJECT_KEYS_H

#include <stddef.h>

struct project_key {
    const char *name;
    const char *form;    /* what it takes: "an object of services" */
    const char *meaning; /* one or more sentences */
};

/* Of the document, and of one service. Static. */
const struct project_key *project_keys(size_t *ret_n);
const struct project_key *project_service_keys(size_t *ret_n);

/* A file that uses all of them, for the manual page; the tests read it. Static. */
const char *project_example(void);

#endif
