/*
 * What is shown of a port as a number. Member by member what lease_json.c, listener_json.c and finding_json.c show, or what they make it from; whoever
 * adds a member there adds it here (tests/unit/test_port_versions.c changes everything that it can, and compares).
 */
#include "src/api/port_view.h"
#include "src/base/digest.h"
#include "src/lease/evidence.h"

/* One digest on its way. */
struct making {
    struct api *api;
    struct port_digest_pass *pass;
    struct digest digest;
};

static void add(struct making *making, uint64_t number) {
    digest_number(&making->digest, number);
}

static void add_text(struct making *making, const char *text) {
    digest_text(&making->digest, text);
}

/* Who is renamed is shown anew. */
static void add_user(struct making *making, uid_t uid) {
    add(making, uid);
    add_text(making, users_name(&making->api->users, uid, making->pass->now.monotonic_ms));
}

/* ---- the lease ---- */

/* Its own listener is a heartbeat a second, which is worth a record only where it is worth an event. */
static void add_times(struct making *making, const struct lease *lease) {
    bool expires = lease_keeper(lease) == LEASE_KEPT_BY_TTL;

    add(making, (uint64_t)lease->allocated_at);
    add(making, lease->ttl_seconds);
    add(making, lease->sight.own ? lease->told_deadline : (uint64_t)lease->last_heartbeat);
    add(making, expires ? lease->deadline : 0);
    add(making, expires ? (uint64_t)clock_offset_follow(&making->api->wall, making->pass->now) : 0);
}

static void add_state(struct making *making, const struct lease *lease) {
    enum lease_state state = lease_state(lease);

    add(making, state);
    add(making, lease_keeper(lease));
    add(making, state == LEASE_ELSEWHERE ? lease->sight.elsewhere : 0);
    add(making, state == LEASE_CONFLICT && lease->sight.shared ? 1U + lease->sight.split : 0U);
    add(making, lease->sight.own ? 1U + lease->sight.confirmed : 0U);
}

static void add_lease(struct making *making, const struct lease *lease) {
    add(making, lease != NULL ? lease->id : 0);
    if (lease == NULL)
        return;
    add_text(making, lease->service_name);
    add_text(making, lease->project);
    add_user(making, lease->uid);
    add(making, lease->n_tags);
    for (size_t i = 0; i < lease->n_tags; i++)
        add_text(making, lease->tags[i]);
    add(making, (uint64_t)lease->holder.pid);
    add_times(making, lease);
    add_state(making, lease);
}

/* ---- listeners ---- */

static uint64_t process_to_digest(struct making *making, const struct process_info *process) {
    struct making own = *making;

    own.digest = digest_begin(making->pass->seed);
    add(&own, (uint64_t)process->id.pid);
    add(&own, process->id.start_time);
    add(&own, process->id.pidfd_inode);
    add_user(&own, process->uid);
    add_text(&own, process->name);
    add_text(&own, process->command);
    add_text(&own, process->executable);
    add_text(&own, process->directory);
    add_text(&own, process->cgroup);
    add(&own, (uint64_t)process->started_unix_ms);
    add(&own, (uint64_t)process->session);
    add(&own, process->n_parents);
    for (size_t i = 0; i < process->n_parents; i++) {
        add(&own, (uint64_t)process->parents[i].pid);
        add_text(&own, process->parents[i].name);
    }
    return digest_end(&own.digest);
}

/* Out of what the pass knows, where it has a place that others may take over. */
static void add_process(struct making *making, const struct process_info *process) {
    size_t at = ((uintptr_t)process >> 4) % PORT_DIGEST_PROCESSES;

    if (process == NULL) {
        add(making, 0);
        return;
    }
    if (making->pass->processes[at].process != process) {
        making->pass->processes[at].digest = process_to_digest(making, process);
        making->pass->processes[at].process = process;
    }
    add(making, making->pass->processes[at].digest);
}

static void add_socket(struct making *making, const struct listener *listener) {
    const uint32_t *address = listener->address.s6_addr32;

    add(making, (uint64_t)listener->family << 32 | (uint64_t)listener->state << 1 | listener->v6only);
    add(making, (uint64_t)address[0] << 32 | address[1]);
    add(making, (uint64_t)address[2] << 32 | address[3]);
    add(making, listener->inode);
    add(making, listener->cgroup_id);
    add_user(making, listener->uid);
}

static void add_evidence(struct making *making, const struct lease *lease, const struct sighting *sighting) {
    struct evidence evidence;

    if (lease == NULL)
        return;
    evidence = evidence_weigh(making->api->registry, lease, sighting);
    add(making, (uint64_t)evidence.level << 8 | evidence.by);
}

static void add_sighting(struct making *making, const struct lease *lease, const struct sighting *sighting) {
    add_socket(making, &sighting->listener);
    add(making, (uint64_t)sighting->since_unix_ms);
    add(making, sighting->since_start);
    add(making, sighting->n_owners);
    for (size_t i = 0; i < sighting->n_owners; i++)
        add_process(making, sighting->owners[i]);
    add(making, (uint64_t)sighting->state << 8 | sighting->hidden);
    add_text(making, sighting->cgroup);
    add_process(making, sighting->forwarder);
    add_evidence(making, lease, sighting);
}

/* ---- findings ---- */

/* Its sentence is made of the lease, of the listeners, and of how the squatter was when it was seen. */
static void add_finding(struct making *making, const struct finding *finding) {
    add(making, finding->kind);
    add(making, (uint64_t)finding->since_unix_ms);
    add(making, finding->since_start);
    add(making, registry_find_id(making->api->registry, finding->lease_id) != NULL);
    add_user(making, finding->uid);
    add(making, (uint64_t)finding->pid);
    add_text(making, finding->process);
    add(making, finding->n_inodes);
    for (size_t i = 0; i < finding->n_inodes; i++)
        add(making, finding->inodes[i]);
}

uint64_t port_view_digest(struct api *api, const struct port_view *view, struct port_digest_pass *pass) {
    struct making making = {.api = api, .pass = pass, .digest = digest_begin(pass->seed)};

    if (view->lease == NULL && view->n_sightings == 0 && view->n_findings == 0)
        return 0;
    add_lease(&making, view->lease);
    add(&making, view->n_sightings);
    for (size_t i = 0; i < view->n_sightings; i++)
        add_sighting(&making, view->lease, &view->sightings[i]);
    add(&making, view->n_findings);
    for (size_t i = 0; i < view->n_findings; i++)
        add_finding(&making, &view->findings[i]);
    if (view->n_findings > 0)
        add(&making, ignores_digest(api->ignores, view->port));
    return digest_end(&making.digest);
}
