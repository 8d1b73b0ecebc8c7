/*
 * What the kernel shows now, laid beside the leases: whose each listener on a leased port is (evidence.c), and on which other ports the holders
 * listen. What is recognised here is remembered, so that it stays known when the holder has gone.
 */
#include <sys/eventfd.h>

#include "src/base/log.h"
#include "src/lease/parties.h"
#include "src/lease/registry_private.h"

/* What makes somebody the lease's may be gone tomorrow: its parents change when they end. Only of the owner that the evidence is about: others who have the socket,
 * such as a supervisor, may have it for reasons of their own. */
static void remember(struct registry *registry, struct lease *lease, const struct sighting *sighting, pid_t pid) {
    for (size_t i = 0; i < sighting->n_owners; i++) {
        const struct judgement judgement = {
            .kind = JUDGED_RECOGNISED,
            .inode = sighting->listener.inode,
            .process = sighting->owners[i]->id,
        };

        if (judgement.process.pid != pid)
            continue;
        /* Written by the next turn, which is due now: a kill must not leave it unknown. */
        if (lease_judge(lease, &judgement) == 0) {
            lease->judgements_unsaved = true;
            eventfd_write(registry->due_fd, 1);
        }
        if (lease->holder.pid != 0)
            kin_add(registry, lease, &judgement.process);
    }
}

static void see(struct registry *registry, struct lease *lease, const struct sighting *sighting) {
    struct evidence evidence = evidence_weigh(registry, lease, sighting);

    if (!evidence.resolved)
        lease->sight.unresolved = true;
    if (evidence.level == EVIDENCE_FOREIGN) {
        lease->sight.foreign = true;
        return;
    }
    if (evidence.level == EVIDENCE_CONFIRMED && evidence.by != BY_RECOGNISED && evidence.by != BY_CLAIM &&
        lease_find_judgement(lease, sighting->listener.inode, NULL) == NULL)
        remember(registry, lease, sighting, evidence.pid);
    lease->sight.own = true;
    lease->sight.confirmed = lease->sight.confirmed || evidence.level == EVIDENCE_CONFIRMED;
    /* Worth a write once: it tells a stopped server from one that never started. */
    lease->unsaved = lease->unsaved || !lease->was_bound;
    lease->was_bound = true;
}

/* All sightings of one port. */
static void see_port(struct registry *registry, const struct sighting *sightings, size_t n) {
    struct lease *lease = lease_table_find_port(&registry->leases, sightings[0].listener.port);
    enum parties_trouble trouble = PARTIES_FINE;
    size_t own;
    size_t other;

    if (lease == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        if (sightings[i].listener.state == LISTENER_LISTEN)
            see(registry, lease, &sightings[i]);
    if (n > 1)
        trouble = parties_find_trouble(registry, lease, sightings, n, &own, &other);
    lease->sight.shared = trouble != PARTIES_FINE;
    lease->sight.split = trouble == PARTIES_SPLIT;
}

/* The holder listens on a port that is not its lease's. One that is another lease's by right is that one's business. */
static void see_elsewhere(struct registry *registry, const struct sighting *sighting) {
    struct lease *there = lease_table_find_port(&registry->leases, sighting->listener.port);

    if (sighting->listener.state != LISTENER_LISTEN)
        return;
    if (there != NULL && evidence_weigh(registry, there, sighting).level != EVIDENCE_FOREIGN)
        return;
    for (size_t i = 0; i < sighting->n_owners; i++) {
        const struct kin_member *members = NULL;
        size_t n_members = kin_find(registry, sighting->owners[i]->id.pid, &members);

        for (size_t j = 0; j < n_members; j++) {
            struct lease *lease = members[j].lease;

            if (members[j].start_time == sighting->owners[i]->id.start_time && lease != there && !lease->sight.own &&
                lease->sight.elsewhere == 0)
                lease->sight.elsewhere = sighting->listener.port;
        }
    }
}

/* Its holder has ended, and only a listener keeps it: its own, or one of which nobody knows yet whose it is. */
static bool outlives_its_holder(const struct lease *lease) {
    return (lease->sight.own || lease->sight.unresolved) && lease->holder.pid != 0 && lease->holder_pidfd < 0;
}

static size_t count_outliving(const struct registry *registry) {
    size_t n_outliving = 0;

    for (size_t i = 0; i < registry->leases.n_items; i++)
        n_outliving += outlives_its_holder(registry->leases.items[i]);
    return n_outliving;
}

static void take_sights(struct registry *registry, const struct snapshot *snapshot) {
    for (size_t i = 0; i < registry->leases.n_items; i++)
        registry->leases.items[i]->sight = (struct lease_sight){0};
    for (size_t i = 0; i < snapshot->n_items;) {
        size_t n = 1;

        while (i + n < snapshot->n_items && snapshot->items[i + n].listener.port == snapshot->items[i].listener.port)
            n++;
        see_port(registry, &snapshot->items[i], n);
        i += n;
    }
    for (size_t i = 0; i < snapshot->n_items; i++)
        see_elsewhere(registry, &snapshot->items[i]);
}

void registry_look(struct registry *registry) {
    const struct snapshot *snapshot = registry_snapshot(registry);
    uint64_t revision;
    size_t n_outliving;

    registry_hear_holders(registry);
    if (registry->seen && registry->seen_snapshot == snapshot->revision &&
        registry->seen_revision == registry->revision)
        return;
    revision = registry->revision;
    n_outliving = count_outliving(registry);
    take_sights(registry, snapshot);
    /* What was found out meanwhile (new kin) can change what was seen before it: once more, and then it is settled. */
    if (registry->revision != revision)
        take_sights(registry, snapshot);
    /* It can end now, and must not wait for the next second. */
    if (count_outliving(registry) < n_outliving)
        eventfd_write(registry->due_fd, 1);
    registry->seen = true;
    registry->seen_snapshot = snapshot->revision;
    registry->seen_revision = registry->revision;
}

const struct snapshot *registry_snapshot(const struct registry *registry) {
    return registry->config.listeners.get(registry->config.listeners.context);
}

void registry_list_listeners(const struct registry *registry, uint16_t port, struct listener_list *listeners) {
    const struct snapshot *snapshot = registry_snapshot(registry);

    for (size_t i = 0; i < snapshot->n_items; i++) {
        const struct listener *listener = &snapshot->items[i].listener;

        if (listener->state == LISTENER_LISTEN && (port == 0 || listener->port == port) &&
            listener_list_add(listeners, listener) < 0)
            log_warning("out of memory while reading listeners");
    }
}

static int observe(struct registry *registry, bool strictly, uint16_t port, struct listener_list *ret_listeners) {
    const struct snapshot_source *source = &registry->config.listeners;
    int r;

    registry_hear_holders(registry);
    r = source->read(source->context, strictly);
    registry_look(registry);
    if (r >= 0 && ret_listeners != NULL)
        registry_list_listeners(registry, port, ret_listeners);
    return r;
}

int registry_observe(struct registry *registry, uint16_t port, struct listener_list *ret_listeners) {
    return observe(registry, false, port, ret_listeners);
}

int registry_observe_now(struct registry *registry, uint16_t port, struct listener_list *ret_listeners) {
    return observe(registry, true, port, ret_listeners);
}
