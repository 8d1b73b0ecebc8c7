/*
 * PORT|NAME: which leases are meant. A port means the lease on it, whosever it is (portd says whether it may be touched);
 * a name means the caller's own leases of that name, and for root everybody's.
 */
#ifndef CLI_SELECTION_H
#define CLI_SELECTION_H

#include <stdlib.h>

#include "cli/client.h"
#include "cli/lease_view.h"
#include "cli/problem.h"

struct selection {
    cJSON *list;              /* owned: portd's list, which the views borrow from */
    struct lease_view *views; /* owned */
    size_t n_views;
};

static inline void selection_deinit(struct selection *selection) {
    free(selection->views);
    cJSON_Delete(selection->list);
    *selection = (struct selection){0};
}

/* Asks portd for all leases and reads them, in order; none is no problem here. Returns 0 or PROBLEM_E_SET. */
int selection_all(struct client *client, struct selection *ret_selection, struct problem *problem);

/* Keeps the leases of `name`, whosever they are. Returns 0, or PROBLEM_E_SET if there is none: then the problem says which
 * name was probably meant. */
int selection_by_name(struct selection *selection, const char *name, struct problem *problem);

/* Asks portd for the leases that `word`, a port or a name, means: at least one. Returns 0, or PROBLEM_E_SET if there is none,
 * or `word` is no port though it has the form of one. */
int selection_by_word(struct client *client, const char *word, struct selection *ret_selection,
                      struct problem *problem);

#endif
