/*
 * Which of the leftovers serve a leased port: they listen there, or descend from one that does, or are its ancestors.
 */
#ifndef CLI_SERVING_H
#define CLI_SERVING_H

#include <stdint.h>

#include "cli/leftover_list.h"
#include "probe/sock_diag.h"

/*
 * Marks them. Who listened once, and his descendants, stay marked for as long as they live; ancestors only while there are such. One whose descriptors
 * cannot be read (another user's) is taken for a server if a listener is there that none of the others has open: better kept than killed.
 * Returns 0, and how many of the ports have a listener, be it one of the leftovers or not;
 *   SERVING_E_INCOMPLETE   the kernel's answer was interrupted: who is marked serves, others may;
 *   -errno                 likewise.
 */
#define SERVING_E_INCOMPLETE 1
int serving_mark(struct leftover_list *list, struct sock_diag *diag, const uint16_t *ports, size_t n_ports,
                 size_t *ret_n_served);

/* Marks all that live, for the case that it cannot be known. */
void serving_mark_all(struct leftover_list *list);

#endif
