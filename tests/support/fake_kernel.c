/* The prober and the listener source of a kernel that is a few sets of ports. */
#include "tests/support/fake_kernel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "probe/fd.h"

struct fake_ownership {
    uint32_t inode;
    struct process_info *owner; /* a reference */
};

void fake_kernel_init(struct fake_kernel *kernel) {
    *kernel = (struct fake_kernel){0};
}

void fake_kernel_deinit(struct fake_kernel *kernel) {
    listener_list_deinit(&kernel->listeners);
    snapshot_deinit(&kernel->snapshot);
    for (size_t i = 0; i < kernel->n_ownerships; i++)
        process_info_unref(kernel->ownerships[i].owner);
    free(kernel->ownerships);
}

void fake_kernel_own(struct fake_kernel *kernel, struct process_info *owner) {
    struct fake_ownership *ownerships = reallocarray(kernel->ownerships, kernel->n_ownerships + 1, sizeof(*ownerships));
    cr_assert(ownerships);
    ownerships[kernel->n_ownerships++] =
        (struct fake_ownership){.inode = kernel->last_inode, .owner = process_info_ref(owner)};
    kernel->ownerships = ownerships;
}

void fake_kernel_listen(struct fake_kernel *kernel, uint16_t port, uid_t uid) {
    struct listener listener = {
        .family = AF_INET, .port = port, .state = LISTENER_LISTEN, .uid = uid, .inode = ++kernel->last_inode};
    const struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
    listener_map_ipv4(loopback, &listener.address);
    cr_assert_eq(listener_list_add(&kernel->listeners, &listener), 0);
}

void fake_kernel_close(struct fake_kernel *kernel, uint16_t port) {
    struct listener_list *list = &kernel->listeners;
    size_t n_left = 0;
    for (size_t i = 0; i < list->n_items; i++)
        if (list->items[i].port != port)
            list->items[n_left++] = list->items[i];
    list->n_items = n_left;
}

void fake_kernel_forget(struct fake_kernel *kernel) {
    port_set_clear(&kernel->asked);
    kernel->n_checks = 0;
    kernel->n_thorough = 0;
    kernel->n_reads = 0;
}

/* Appends those on `port`, 0: all. */
static void add_listeners(const struct fake_kernel *kernel, uint16_t port, struct listener_list *list) {
    for (size_t i = 0; i < kernel->listeners.n_items; i++)
        if (port == 0 || kernel->listeners.items[i].port == port)
            cr_assert_eq(listener_list_add(list, &kernel->listeners.items[i]), 0);
}

static bool is_listened_on(const struct fake_kernel *kernel, uint16_t port) {
    for (size_t i = 0; i < kernel->listeners.n_items; i++)
        if (kernel->listeners.items[i].port == port)
            return true;
    return false;
}

static int check(void *context, uint16_t port, enum port_check_effort effort, struct listener_list *evidence) {
    struct fake_kernel *kernel = context;
    cr_assert_neq(port, 0, "port 0 is no port to ask about");
    kernel->n_checks++;
    kernel->n_thorough += effort == PORT_CHECK_THOROUGH;
    port_set_add(&kernel->asked, port);
    if (kernel->check_error != 0)
        return kernel->check_error;
    if (is_listened_on(kernel, port)) {
        if (evidence)
            add_listeners(kernel, port, evidence);
        return PORT_CHECK_E_BUSY;
    }
    if (port_set_has(&kernel->not_permitted, port))
        return PORT_CHECK_E_NOT_PERMITTED;
    if (port_set_has(&kernel->busy, port))
        return PORT_CHECK_E_BUSY;
    if (port_set_has(&kernel->remains, port) && effort == PORT_CHECK_QUICK)
        return PORT_CHECK_E_BUSY;
    return 0;
}

/* Its owners, as a walk over /proc would have found them. */
static void resolve(struct fake_kernel *kernel, const struct listener *listener) {
    struct owner_answer answer = {.inode = listener->inode};
    answer.owners = calloc(kernel->n_ownerships + 1, sizeof(struct process_info *));
    cr_assert(answer.owners);
    for (size_t i = 0; i < kernel->n_ownerships; i++)
        if (kernel->ownerships[i].inode == listener->inode)
            answer.owners[answer.n_owners++] = process_info_ref(kernel->ownerships[i].owner);
    answer.hidden = answer.n_owners > 0 ? OWNER_SEEN : OWNER_OF_OTHER_USER;
    snapshot_take_owners(&kernel->snapshot, &answer);
    for (size_t i = 0; i < answer.n_owners; i++)
        process_info_unref(answer.owners[i]);
    free(answer.owners);
}

/* An interrupted reading lacks what the test has closed, and has what it left: like the kernel's own. */
static int take_snapshot(struct fake_kernel *kernel) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    if (kernel->read_answer < 0)
        return kernel->read_answer;
    for (size_t i = 0; i < kernel->listeners.n_items; i++)
        if (kernel->listeners.items[i].state == LISTENER_LISTEN)
            cr_assert_eq(listener_list_add(&list, &kernel->listeners.items[i]), 0);
    cr_assert_eq(snapshot_update(&kernel->snapshot, SNAPSHOT_LISTENING, &list, kernel->read_answer == 0, 0, NULL), 0);
    for (size_t i = 0; !kernel->unresolved && i < list.n_items; i++)
        resolve(kernel, &list.items[i]);
    return kernel->read_answer;
}

static int read_listeners(void *context, bool strictly) {
    struct fake_kernel *kernel = context;
    (void)strictly;
    kernel->n_reads++;
    return take_snapshot(kernel);
}

/* The background probe would have read it meanwhile. */
static const struct snapshot *get_snapshot(void *context) {
    struct fake_kernel *kernel = context;
    if (!kernel->asleep)
        take_snapshot(kernel);
    return &kernel->snapshot;
}

struct port_prober fake_kernel_prober(struct fake_kernel *kernel) {
    return (struct port_prober){.check = check, .context = kernel};
}

struct snapshot_source fake_kernel_source(struct fake_kernel *kernel) {
    return (struct snapshot_source){.read = read_listeners, .get = get_snapshot, .context = kernel};
}
