/*
 * The order of the questions is what makes the answer right: each one is asked when the ones before it can no longer
 * turn false by a server that is just starting.
 */
#include "probe/port_check.h"

#include <errno.h>

#include "probe/bind_test.h"
#include "probe/fd.h"
#include "probe/sock_diag.h"

static int answer_from_bind_test(int r) {
    switch (r) {
    case BIND_TEST_E_IN_USE:
        return PORT_CHECK_E_BUSY;
    case BIND_TEST_E_NOT_PERMITTED:
        return PORT_CHECK_E_NOT_PERMITTED;
    default:
        return r;
    }
}

/*
 * The strict test has failed and nothing was seen listening: asks what is there, into `found`, and whether a server
 * could bind over it.
 *
 * A starting server goes from bound to listening. The bound sockets are asked first and the listeners once more after
 * them, so that it is seen on one side of that step or the other; the kernel's own order within one dump is the
 * opposite. Both come after the lenient test, so that no socket over which it passed can be missed.
 */
static int check_over_remains(struct sock_diag *diag, uint16_t port, struct listener_list *found) {
    const int r_bind = bind_test(port, BIND_TEST_LENIENT);
    if (r_bind != 0 && r_bind != BIND_TEST_E_IN_USE)
        return answer_from_bind_test(r_bind);

    CLEANUP(listener_list_deinit) struct listener_list bound = {0};
    const int r_bound = sock_diag_dump(diag, SOCK_DIAG_BOUND, port, &bound);
    if (r_bound < 0)
        return r_bound;
    const int r_listen = sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, found);
    if (r_listen < 0)
        return r_listen;

    const bool nobody_listens = found->n_items == 0;
    const bool dumps_are_complete = sock_diag_sees_bound(diag) && r_bound == 0 && r_listen == 0;
    if (r_bind == 0 && dumps_are_complete && nobody_listens && bound.n_items == 0)
        return 0;

    int r = listener_list_add_all(found, &bound);
    if (r == 0 && nobody_listens)
        r = sock_diag_dump(diag, SOCK_DIAG_CONNECTIONS, port, found);
    return r < 0 ? r : PORT_CHECK_E_BUSY;
}

/* The cheaper witness first: in a crowded range most ports fail the bind test, and the dump, which walks past every listener of
 * the machine, is asked of one port only. */
static int check_quickly(struct sock_diag *diag, uint16_t port, struct listener_list *found) {
    int r = bind_test(port, BIND_TEST_STRICT);
    if (r != 0)
        return answer_from_bind_test(r);
    r = sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, found);
    if (r < 0)
        return r;
    return found->n_items > 0 ? PORT_CHECK_E_BUSY : 0;
}

static int check_thoroughly(struct sock_diag *diag, uint16_t port, struct listener_list *found) {
    /* An interrupted dump may have missed a listener; the strict test does not. */
    int r = sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, found);
    if (r < 0)
        return r;
    if (found->n_items > 0) {
        r = sock_diag_dump(diag, SOCK_DIAG_BOUND, port, found);
        return r < 0 ? r : PORT_CHECK_E_BUSY;
    }
    r = bind_test(port, BIND_TEST_STRICT);
    return r == BIND_TEST_E_IN_USE ? check_over_remains(diag, port, found) : answer_from_bind_test(r);
}

static int check_once(struct sock_diag *diag, uint16_t port, enum port_check_effort effort,
                      struct listener_list *found) {
    return effort == PORT_CHECK_QUICK ? check_quickly(diag, port, found) : check_thoroughly(diag, port, found);
}

int port_check(struct sock_diag *diag, uint16_t port, enum port_check_effort effort, struct listener_list *evidence) {
    if (port == 0)
        return -EINVAL;

    CLEANUP(listener_list_deinit) struct listener_list found = {0};
    int r = check_once(diag, port, effort, &found);
    /* Busy, and nothing is there: it has closed between the bind test and the dumps. */
    if (r == PORT_CHECK_E_BUSY && effort == PORT_CHECK_THOROUGH && found.n_items == 0)
        r = check_once(diag, port, effort, &found);

    if (r == PORT_CHECK_E_BUSY && evidence) {
        int r_add = listener_list_add_all(evidence, &found);
        if (r_add < 0)
            return r_add;
    }
    return r;
}
