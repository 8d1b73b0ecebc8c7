/*
 * Whom `stop` would signal: chosen from portd's answer to /who, and shown before it is done. Only who has a listening socket
 * of the port open is ever chosen; its clients are not in that answer.
 */
#ifndef CLI_STOP_TARGET_H
#define CLI_STOP_TARGET_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/listener_view.h"
#include "cli/output.h"
#include "cli/problem.h"

/* Borrows from the answer. */
struct stop_target {
    uint16_t port;
    struct owner_view owner;
    struct listener_view listener; /* the first of the port's that it has open */
    size_t n_others;               /* who have its sockets open too: workers of this master */
};

/*
 * `pid` 0: the only party; of a master with its workers the master, which is the one that the others descend from, or of equals
 * the lowest pid. Returns 0 or PROBLEM_E_SET: nobody listens, the owner is hidden, `pid` is none of them, or there are several
 * parties and `pid` does not choose.
 */
int stop_target_choose(const cJSON *answer, uint16_t port, pid_t pid, struct stop_target *ret_target,
                       struct problem *problem);

/* "python3 (pid 48213, ann)", safe for a terminal, in `ret_text`. */
#define STOP_TARGET_TEXT_MAX 256
const char *stop_target_format(const struct stop_target *target, char *ret_text);

/* What a person must know to say yes, on standard error. */
void stop_target_show(const struct stop_target *target, const struct output *output);

#endif
