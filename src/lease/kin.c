/* Kin by births: a new process whose parent is a pinned one is pinned, too. A pinned parent that lives has its own pid for sure. */
#include "src/lease/kin.h"

#include <stdlib.h>
#include <time.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/lease/registry_private.h"

/* For whom the dead have left behind. */
#define LOOKS_MAX 2

void kin_deinit(struct kin_index *index) {
    family_deinit(&index->family);
    free(index->members);
    *index = (struct kin_index){0};
}

static int compare(const void *a, const void *b) {
    const struct kin_member *left = a;
    const struct kin_member *right = b;

    return (left->pid > right->pid) - (left->pid < right->pid);
}

static struct kin_member *add_member(struct kin_index *index, struct lease *lease, const struct process_id *id) {
    struct kin_member *member = &index->members[index->n_members++];

    *member = (struct kin_member){.pid = id->pid, .start_time = id->start_time, .lease = lease};
    return member;
}

static void renew_index(struct registry *registry) {
    struct kin_index *index = &registry->kin;
    size_t n_members = 0;
    struct kin_member *members;

    for (size_t i = 0; i < registry->leases.n_items; i++)
        n_members += 1 + registry->leases.items[i]->n_kin;
    members = calloc(n_members + 1, sizeof *members);
    if (members == NULL)
        return; /* stays stale: the old one has pointers to leases that are gone, so it must not be used */
    free(index->members);
    index->members = members;
    index->n_members = 0;
    for (size_t i = 0; i < registry->leases.n_items; i++) {
        struct lease *lease = registry->leases.items[i];

        if (lease->holder_pidfd >= 0)
            add_member(index, lease, &lease->holder)->is_holder = true;
        for (size_t j = 0; j < lease->n_kin; j++)
            add_member(index, lease, &lease->kin[j].id);
    }
    qsort(members, index->n_members, sizeof *members, compare);
    index->stale = false;
}

size_t kin_find(struct registry *registry, pid_t pid, const struct kin_member **ret_first) {
    const struct kin_index *index = &registry->kin;
    size_t low = 0;
    size_t high;
    size_t n_found = 0;

    if (index->stale)
        renew_index(registry);
    if (index->stale || pid <= 0)
        return 0;
    high = index->n_members;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->members[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n_found < index->n_members && index->members[low + n_found].pid == pid)
        n_found++;
    *ret_first = &index->members[low];
    return n_found;
}

void kin_add(struct registry *registry, struct lease *lease, const struct process_id *id) {
    CLEANUP(fd_close_at) int pidfd = -1;

    if (process_id_equal(id, &lease->holder))
        return;
    for (size_t i = 0; i < lease->n_kin; i++)
        if (process_id_equal(id, &lease->kin[i].id))
            return;
    if (process_pin_again(id, &pidfd) != 0 || !registry_has_room_for(pidfd) ||
        registry_watch_holder(registry, pidfd, lease) < 0)
        return;
    if (lease_add_kin(lease, id, fd_take(&pidfd)) == 0) {
        lease->bereft = false;
        registry->kin.stale = true;
        registry->revision++;
    }
}

/* The asker of a `run` is the holder's parent, and adopts what the holder leaves behind. It is not pinned, so it is made sure of. */
static bool adopts(const struct lease *lease, pid_t parent) {
    return lease->asker_is_parent && lease->asker.pid == parent && process_pin_again(&lease->asker, NULL) == 0;
}

static void on_born(void *context, pid_t pid, pid_t parent) {
    struct registry *registry = context;
    const struct kin_member *members = NULL;
    struct lease *leases[64];
    struct process_id id;
    size_t n_leases = 0;
    size_t n_members = kin_find(registry, parent, &members);

    /* Copied first: adding kin moves the members. */
    for (size_t i = 0; i < n_members && n_leases < 64; i++)
        leases[n_leases++] = members[i].lease;
    for (size_t i = 0; i < registry->leases.n_items && n_leases < 64; i++)
        if (adopts(registry->leases.items[i], parent))
            leases[n_leases++] = registry->leases.items[i];
    if (n_leases == 0 || process_pin(pid, NULL, &id, NULL) != 0)
        return;
    for (size_t i = 0; i < n_leases; i++)
        kin_add(registry, leases[i], &id);
}

/* Is there anybody whose children count? An asker adopts also when the holder has ended. */
static bool has_holders(const struct registry *registry) {
    for (size_t i = 0; i < registry->leases.n_items; i++)
        if (registry->leases.items[i]->holder_pidfd >= 0 || registry->leases.items[i]->n_kin > 0 ||
            registry->leases.items[i]->asker_is_parent)
            return true;
    return false;
}

/* Has a lease lost its last process, and may its holder's parent have adopted whom that has left behind? */
static bool is_any_bereft(const struct registry *registry) {
    for (size_t i = 0; i < registry->leases.n_items; i++)
        if (registry->leases.items[i]->bereft && registry->leases.items[i]->asker_is_parent)
            return true;
    return false;
}

/* Whom the dead have left behind is found now or never: the parent may be gone in a moment. A look can have missed a child whose parent ended
 * while it was read, and takes it for that parent's as long as nobody has reaped that one; so the further ones are whole. */
static int look_for_the_bereft(struct registry *registry) {
    struct family *family = &registry->kin.family;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < LOOKS_MAX && is_any_bereft(registry); i++) {
        family->last_pid = 0;
        if (i > 0)
            family_deinit(family);
        r = family_look(family, on_born, registry);
    }
    for (size_t i = 0; i < registry->leases.n_items; i++)
        registry->leases.items[i]->bereft = false;
    return r;
}

static uint64_t thread_ns(void) {
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void kin_follow(struct registry *registry, bool now) {
    struct kin_index *index = &registry->kin;
    uint64_t now_ms = clock_read(&registry->config.clock).monotonic_ms;
    uint64_t before_ns = thread_ns();
    bool bereft;
    int r;

    /* Whoever has ended until now is nobody's parent any more; its pid may be another's. */
    registry_hear_holders(registry);
    bereft = is_any_bereft(registry);
    if (!bereft && (!has_holders(registry) || (!now && budget_wait_ms(&index->budget, now_ms) > 0)))
        return;
    if (index->whole_look)
        family_deinit(&index->family);
    if (now)
        index->family.last_pid = 0;
    r = bereft ? look_for_the_bereft(registry) : family_look(&index->family, on_born, registry);
    if (r < 0)
        log_warning("the processes cannot be listed: the holders' children are not followed");
    index->whole_look = r < 0;
    budget_spend(&index->budget, thread_ns() - before_ns, now_ms);
}

void registry_follow(struct registry *registry) {
    kin_follow(registry, false);
}
