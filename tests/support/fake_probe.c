/* A background probe that shows what a test has put into it. */
#include "tests/support/fake_probe.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/tcp.h"

static void free_owner(struct process_info *owner) {
    free(owner->command);
    free(owner->executable);
    free(owner->directory);
    free(owner->cgroup);
    free(owner);
}

static void clear(struct snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->n_items; i++) {
        for (size_t j = 0; j < snapshot->items[i].n_owners; j++)
            free_owner(snapshot->items[i].owners[j]);
        free(snapshot->items[i].owners);
        free(snapshot->items[i].cgroup);
    }
    free(snapshot->items);
    snapshot->items = NULL;
    snapshot->n_items = 0;
}

void fake_probe_deinit(struct fake_probe *probe) {
    clear(&probe->snapshot);
    free(probe->findings.items);
    *probe = (struct fake_probe){0};
}

static int compare(const void *a, const void *b) {
    const struct listener *left = &((const struct sighting *)a)->listener;
    const struct listener *right = &((const struct sighting *)b)->listener;
    if (left->port != right->port)
        return left->port < right->port ? -1 : 1;
    if (left->family != right->family)
        return left->family < right->family ? -1 : 1;
    return left->inode < right->inode ? -1 : left->inode > right->inode;
}

static void add(struct snapshot *snapshot, const struct listener *listener) {
    snapshot->items = reallocarray(snapshot->items, snapshot->n_items + 1, sizeof(*snapshot->items));
    cr_assert_not_null(snapshot->items);
    snapshot->items[snapshot->n_items++] = (struct sighting){.listener = *listener,
                                                             .since_unix_ms = FAKE_PROBE_SINCE,
                                                             .since_generation = UINT64_MAX,
                                                             /* after every grant */ .n_seen = 1};
    qsort(snapshot->items, snapshot->n_items, sizeof(*snapshot->items), compare);
}

static const struct snapshot *read_now(void *context) {
    struct fake_probe *probe = context;
    struct snapshot *snapshot = &probe->snapshot;
    probe->n_reads++;
    snapshot->generation++;
    snapshot->read_unix_ms = FAKE_PROBE_SINCE + 1000;
    snapshot->complete = true;
    if (probe->diag) {
        struct listener_list list = {0};
        snapshot->complete = sock_diag_dump(probe->diag, SOCK_DIAG_LISTEN, 0, &list) == 0;
        clear(snapshot);
        for (size_t i = 0; i < list.n_items; i++)
            add(snapshot, &list.items[i]);
        listener_list_deinit(&list);
    }
    return snapshot;
}

/* The background probe has read in the meantime. */
static const struct snapshot *last_reading(void *context) {
    struct fake_probe *probe = context;
    const unsigned n_reads = probe->n_reads;
    const struct snapshot *snapshot = read_now(probe);
    probe->n_reads = n_reads;
    return snapshot;
}

static uint64_t ask_owners(void *context, uint16_t port) {
    struct fake_probe *probe = context;
    probe->asked = port;
    return probe->walk;
}

static uint64_t count_walks(void *context) {
    return ((struct fake_probe *)context)->n_walks;
}

struct api_probe fake_probe_get(struct fake_probe *probe) {
    return (struct api_probe){
        .read = read_now,
        .last = last_reading,
        .ask_owners = ask_owners,
        .walks = count_walks,
        .context = probe,
    };
}

struct sighting *fake_probe_listen_on(struct fake_probe *probe, const char *address, uint16_t port, uid_t uid,
                                      uint32_t inode) {
    struct snapshot *snapshot = &probe->snapshot;
    const union tcp_address parsed = tcp_make_address(address, port);
    struct listener listener = {
        .family = parsed.generic.sa_family,
        .port = port,
        .state = LISTENER_LISTEN,
        .uid = uid,
        .inode = inode,
    };
    if (listener.family == AF_INET)
        listener_map_ipv4(parsed.ipv4.sin_addr, &listener.address);
    else
        listener.address = parsed.ipv6.sin6_addr;
    add(snapshot, &listener);
    for (size_t i = 0; i < snapshot->n_items; i++)
        if (snapshot->items[i].listener.inode == inode)
            return &snapshot->items[i];
    return NULL;
}

struct sighting *fake_probe_listen(struct fake_probe *probe, uint16_t port, uid_t uid, uint32_t inode) {
    return fake_probe_listen_on(probe, "127.0.0.1", port, uid, inode);
}

struct process_info *fake_probe_own(struct sighting *sighting, pid_t pid, const char *name) {
    struct process_info *owner = calloc(1, sizeof(*owner));
    cr_assert_not_null(owner);
    owner->n_references = 1;
    owner->id = (struct process_id){.pid = pid, .start_time = 1000 + (uint64_t)pid, .pidfd_inode = (uint64_t)pid};
    owner->pidfd = -1;
    owner->uid = sighting->listener.uid;
    owner->started_unix_ms = FAKE_PROBE_SINCE - 1000;
    snprintf(owner->name, sizeof(owner->name), "%s", name);
    owner->command = strdup("server --port 8001");
    owner->executable = strdup("/usr/bin/server");
    owner->directory = strdup("/home/ann/shop");
    owner->session = pid;
    owner->group = pid;
    sighting->owners = reallocarray(sighting->owners, sighting->n_owners + 1, sizeof(struct process_info *));
    cr_assert_not_null(sighting->owners);
    sighting->owners[sighting->n_owners++] = owner;
    sighting->state = SIGHTING_RESOLVED;
    return owner;
}

void fake_probe_hide(struct sighting *sighting, enum owner_hidden hidden, const char *cgroup) {
    sighting->state = SIGHTING_RESOLVED;
    sighting->hidden = hidden;
    sighting->cgroup = cgroup ? strdup(cgroup) : NULL;
}

struct finding *fake_probe_find(struct fake_probe *probe, enum finding_kind kind, uint16_t port, uint64_t lease_id,
                                uint32_t inode) {
    struct findings *findings = &probe->findings;
    findings->items = reallocarray(findings->items, findings->n_items + 1, sizeof(*findings->items));
    cr_assert_not_null(findings->items);
    findings->items[findings->n_items] = (struct finding){
        .kind = kind,
        .port = port,
        .lease_id = lease_id,
        .since_unix_ms = FAKE_PROBE_SINCE,
        .inodes = {inode},
        .n_inodes = 1,
        .uid = 54322, /* BOB's, of fake_daemon.h */
        .pid = 77,
        .process = "gone",
    };
    return &findings->items[findings->n_items++];
}
