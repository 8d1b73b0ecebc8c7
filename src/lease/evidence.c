/*
 * Evidence, rule by rule, in the order of enum evidence_by. Each rule asks one question about a listener; the first that has an answer gives it.
 */
#include "src/lease/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe/cgroup.h"
#include "probe/forwarder.h"
#include "src/lease/registry_private.h"

/* What is asked about, and where the answer goes. */
struct weighing {
    struct registry *registry;
    const struct lease *lease;
    const struct sighting *sighting;
    struct evidence answer;
};

static bool answer(struct weighing *weighing, enum evidence_level level, enum evidence_by by, pid_t pid) {
    weighing->answer.level = level;
    weighing->answer.by = by;
    weighing->answer.pid = pid;
    return true;
}

/* ---- what was said or found out before ---- */

static const struct judgement *find_judgement(const struct weighing *weighing) {
    const struct sighting *sighting = weighing->sighting;
    const struct judgement *judgement = lease_find_judgement(weighing->lease, sighting->listener.inode, NULL);

    for (size_t i = 0; judgement == NULL && i < sighting->n_owners; i++)
        judgement = lease_find_judgement(weighing->lease, 0, &sighting->owners[i]->id);
    return judgement;
}

static bool was_judged(struct weighing *weighing, enum judgement_kind kind) {
    static const struct {
        enum evidence_level level;
        enum evidence_by by;
    } answers[] = {
        [JUDGED_RECOGNISED] = {EVIDENCE_CONFIRMED, BY_RECOGNISED},
        [JUDGED_CLAIMED] = {EVIDENCE_CONFIRMED, BY_CLAIM},
        [JUDGED_DISOWNED] = {EVIDENCE_FOREIGN, BY_DISOWNED},
    };
    const struct judgement *judgement = find_judgement(weighing);

    return judgement != NULL && judgement->kind == kind &&
           answer(weighing, answers[kind].level, answers[kind].by, judgement->process.pid);
}

/* ---- holders and their kin ---- */

/* The process of this pid and start time as one of the lease's: its holder, or kin. NULL: it is not. */
static const struct kin_member *find_member(struct registry *registry, pid_t pid, uint64_t start_time,
                                            const struct lease *lease) {
    const struct kin_member *members = NULL;
    size_t n_members = kin_find(registry, pid, &members);

    for (size_t i = 0; i < n_members; i++)
        if (members[i].lease == lease && members[i].start_time == start_time)
            return &members[i];
    return NULL;
}

static bool is_the_holders(struct weighing *weighing) {
    const struct lease *lease = weighing->lease;

    for (size_t i = 0; i < weighing->sighting->n_owners; i++) {
        const struct process_info *owner = weighing->sighting->owners[i];
        const struct kin_member *member = find_member(weighing->registry, owner->id.pid, owner->id.start_time, lease);

        if (member != NULL)
            return answer(weighing, EVIDENCE_CONFIRMED, member->is_holder ? BY_HOLDER : BY_DESCENDANT, owner->id.pid);
        for (size_t j = 0; j < owner->n_parents; j++)
            if (find_member(weighing->registry, owner->parents[j].pid, owner->parents[j].start_time, lease) != NULL)
                return answer(weighing, EVIDENCE_CONFIRMED, BY_DESCENDANT, owner->id.pid);
    }
    return false;
}

static bool descends_from(const struct process_info *process, const struct process_id *ancestor) {
    if (ancestor->pid == 0)
        return false;
    if (process_id_equal(&process->id, ancestor))
        return true;
    for (size_t i = 0; i < process->n_parents; i++)
        if (process->parents[i].pid == ancestor->pid && process->parents[i].start_time == ancestor->start_time)
            return true;
    return false;
}

/* Another lease that the process of this pid and start time belongs to. But not one whose own process has asked for this lease, if that is what
 * the owner descends from: a script that is run with a port, and asks for a second one. */
static const struct lease *find_other_lease(const struct weighing *weighing, const struct process_info *owner,
                                            pid_t pid, uint64_t start_time) {
    const struct process_id *asker = &weighing->lease->asker;
    const struct kin_member *members = NULL;
    size_t n_members = kin_find(weighing->registry, pid, &members);

    for (size_t i = 0; i < n_members; i++) {
        const struct lease *other = members[i].lease;

        if (members[i].start_time == start_time &&
            (find_member(weighing->registry, asker->pid, asker->start_time, other) == NULL ||
             !descends_from(owner, asker)))
            return other;
    }
    return NULL;
}

static bool is_another_holders(struct weighing *weighing) {
    for (size_t i = 0; i < weighing->sighting->n_owners; i++) {
        const struct process_info *owner = weighing->sighting->owners[i];
        const struct lease *other = find_other_lease(weighing, owner, owner->id.pid, owner->id.start_time);

        for (size_t j = 0; other == NULL && j < owner->n_parents; j++)
            other = find_other_lease(weighing, owner, owner->parents[j].pid, owner->parents[j].start_time);
        if (other == NULL)
            continue;
        weighing->answer.other_lease_id = other->id;
        return answer(weighing, EVIDENCE_FOREIGN, BY_OTHER_LEASE, owner->id.pid);
    }
    return false;
}

/* Who is in a session is not older than its leader: else the number has become another process's. */
static bool is_in_the_holders_session(struct weighing *weighing) {
    for (size_t i = 0; i < weighing->sighting->n_owners; i++) {
        const struct process_info *owner = weighing->sighting->owners[i];
        const struct kin_member *members = NULL;
        size_t n_members = kin_find(weighing->registry, owner->session, &members);

        for (size_t j = 0; j < n_members; j++)
            if (members[j].lease == weighing->lease && members[j].start_time <= owner->id.start_time)
                return answer(weighing, EVIDENCE_CONFIRMED, BY_SESSION, owner->id.pid);
    }
    return false;
}

static bool is_in_the_holders_cgroup(struct weighing *weighing) {
    const struct lease *lease = weighing->lease;
    const struct sighting *sighting = weighing->sighting;

    if (lease->holder_cgroup == NULL || lease->holder_pidfd < 0)
        return false;
    for (size_t i = 0; i < sighting->n_owners; i++)
        if (sighting->owners[i]->cgroup != NULL && strcmp(sighting->owners[i]->cgroup, lease->holder_cgroup) == 0)
            return answer(weighing, EVIDENCE_CONFIRMED, BY_CGROUP, sighting->owners[i]->id.pid);
    return sighting->n_owners == 0 && sighting->cgroup != NULL && strcmp(sighting->cgroup, lease->holder_cgroup) == 0 &&
           answer(weighing, EVIDENCE_CONFIRMED, BY_CGROUP, 0);
}

/* ---- others ---- */

/* A sighting of an earlier generation than the grant was there before it. Of what was there at the start nobody knows since when, and a lease of
 * generation 0 is older than all that is seen. */
static bool is_older_than_the_grant(struct weighing *weighing) {
    const struct lease *lease = weighing->lease;
    const struct sighting *sighting = weighing->sighting;

    return !sighting->since_start && sighting->since_generation <= lease->granted_generation &&
           answer(weighing, EVIDENCE_FOREIGN, BY_OLDER, sighting->n_owners > 0 ? sighting->owners[0]->id.pid : 0);
}

/* The asker is not pinned, so before it is believed that the parent is the one that asked, its whole identity is compared. */
static bool descends_from_the_asker(struct weighing *weighing) {
    const struct process_id *asker = &weighing->lease->asker;

    for (size_t i = 0; i < weighing->sighting->n_owners; i++) {
        const struct process_info *owner = weighing->sighting->owners[i];

        if (descends_from(owner, asker) && process_pin_again(asker, NULL) == 0)
            return answer(weighing, EVIDENCE_CONFIRMED, BY_ASKER, owner->id.pid);
    }
    return false;
}

/* Root's, or the lease's own user's: what another user calls docker-proxy is his own affair. */
static bool forwards(const struct process_info *owner, const struct lease *lease, uint16_t port) {
    struct forwarder forwarder;

    return (owner->uid == 0 || owner->uid == lease->uid) && forwarder_recognise(owner, &forwarder) &&
           (forwarder.host_port == 0 || forwarder.host_port == port);
}

static bool is_a_forwarders(struct weighing *weighing) {
    const struct sighting *sighting = weighing->sighting;

    for (size_t i = 0; i < sighting->n_owners; i++)
        if (forwards(sighting->owners[i], weighing->lease, sighting->listener.port))
            return answer(weighing, EVIDENCE_PLAUSIBLE, BY_FORWARDER, sighting->owners[i]->id.pid);
    if (sighting->forwarder != NULL)
        return answer(weighing, EVIDENCE_PLAUSIBLE, BY_FORWARDER, sighting->forwarder->id.pid);
    return sighting->n_owners == 0 && sighting->listener.uid == 0 && forwarder_is_cgroup(sighting->cgroup) &&
           answer(weighing, EVIDENCE_PLAUSIBLE, BY_FORWARDER, 0);
}

static bool has_the_mark(struct weighing *weighing) {
    const struct sighting *sighting = weighing->sighting;
    char mark[24];

    snprintf(mark, sizeof mark, "%" PRIu64, weighing->lease->id);
    for (size_t i = 0; sighting->listener.uid == weighing->lease->uid && i < sighting->n_owners; i++)
        if (strcmp(sighting->owners[i]->variable, mark) == 0)
            return answer(weighing, EVIDENCE_PLAUSIBLE, BY_ENVIRONMENT, sighting->owners[i]->id.pid);
    return false;
}

/* Only where the owner is hidden: one that is seen would have been found among the kin. */
static bool is_of_a_uid_of_the_kins(struct weighing *weighing) {
    const struct lease *lease = weighing->lease;
    uid_t uid;

    if (weighing->sighting->n_owners > 0 || weighing->sighting->listener.uid == lease->uid)
        return false;
    for (size_t i = 0; i < lease->n_kin; i++)
        if (process_pin(lease->kin[i].id.pid, NULL, NULL, &uid) == 0 && uid == weighing->sighting->listener.uid)
            return answer(weighing, EVIDENCE_PLAUSIBLE, BY_HOLDERS_UID, lease->kin[i].id.pid);
    return lease->holder_pidfd >= 0 && process_pin(lease->holder.pid, NULL, NULL, &uid) == 0 &&
           uid == weighing->sighting->listener.uid &&
           answer(weighing, EVIDENCE_PLAUSIBLE, BY_HOLDERS_UID, lease->holder.pid);
}

/* It was confirmed before, whatever else is true by now; what confirms it still is the better reason. */
static bool was_recognised(struct weighing *weighing) {
    if (!was_judged(weighing, JUDGED_RECOGNISED))
        return false;
    return is_in_the_holders_session(weighing) || is_in_the_holders_cgroup(weighing) ||
           descends_from_the_asker(weighing) || was_judged(weighing, JUDGED_RECOGNISED);
}

struct evidence evidence_weigh(struct registry *registry, const struct lease *lease, const struct sighting *sighting) {
    struct weighing weighing = {
        .registry = registry,
        .lease = lease,
        .sighting = sighting,
        .answer.resolved = sighting->state == SIGHTING_RESOLVED,
    };
    pid_t pid = sighting->n_owners > 0 ? sighting->owners[0]->id.pid : 0;

    if (was_judged(&weighing, JUDGED_DISOWNED) || was_judged(&weighing, JUDGED_CLAIMED)) {
        weighing.answer.resolved = true;
        return weighing.answer;
    }
    if (is_the_holders(&weighing) || was_recognised(&weighing) || is_another_holders(&weighing) ||
        is_older_than_the_grant(&weighing) || is_in_the_holders_session(&weighing) ||
        is_in_the_holders_cgroup(&weighing) || descends_from_the_asker(&weighing) || is_a_forwarders(&weighing) ||
        has_the_mark(&weighing) || is_of_a_uid_of_the_kins(&weighing))
        return weighing.answer;
    if (sighting->listener.uid != lease->uid)
        answer(&weighing, EVIDENCE_FOREIGN, BY_OTHER_UID, pid);
    else
        answer(&weighing, EVIDENCE_PLAUSIBLE, BY_UID, pid);
    return weighing.answer;
}

bool evidence_is_holders(struct registry *registry, const struct lease *lease, const struct sighting *sighting) {
    struct weighing weighing = {.registry = registry, .lease = lease, .sighting = sighting};

    return is_the_holders(&weighing);
}

/* ---- parties ---- */

static bool descends(const struct process_info *child, const struct process_info *from) {
    for (size_t i = 0; i < child->n_parents; i++)
        if (child->parents[i].pid == from->id.pid && child->parents[i].start_time == from->id.start_time)
            return true;
    return false;
}

/* Workers of one master. What a shell or init has started is nothing in common, unless the shell is no session's leader: a script's. */
static bool are_siblings(const struct process_info *a, const struct process_info *b) {
    return a->n_parents > 0 && b->n_parents > 0 && a->parents[0].pid == b->parents[0].pid && a->parents[0].pid > 1 &&
           a->parents[0].start_time == b->parents[0].start_time && a->session == b->session &&
           a->session != a->parents[0].pid && strcmp(a->name, b->name) == 0;
}

/* Of a thousand workers that have one socket the first are as good as all. */
#define OWNERS_COMPARED_MAX 8

bool evidence_same_party(const struct sighting *a, const struct sighting *b) {
    for (size_t i = 0; i < a->n_owners && i < OWNERS_COMPARED_MAX; i++) {
        for (size_t j = 0; j < b->n_owners && j < OWNERS_COMPARED_MAX; j++) {
            const struct process_info *left = a->owners[i];
            const struct process_info *right = b->owners[j];

            if (process_id_equal(&left->id, &right->id) || descends(left, right) || descends(right, left) ||
                are_siblings(left, right))
                return true;
        }
    }
    /* Of hidden ones their cgroup tells, if it is one program's; else the uid is all there is, and nobody is accused by it. */
    if (a->n_owners > 0 && b->n_owners > 0)
        return false;
    if (a->listener.uid != b->listener.uid)
        return false;
    return a->listener.cgroup_id == b->listener.cgroup_id || a->listener.cgroup_id == 0 || b->listener.cgroup_id == 0;
}

/* ---- words ---- */

const char *evidence_level_name(enum evidence_level level) {
    static const char *const names[] = {
        [EVIDENCE_FOREIGN] = "foreign",
        [EVIDENCE_PLAUSIBLE] = "plausible",
        [EVIDENCE_CONFIRMED] = "confirmed",
    };
    return names[level];
}

static const struct {
    const char *name;
    const char *words;
} rules[N_EVIDENCE_BY] = {
    [BY_DISOWNED] = {"disowned", "somebody who may change the lease has said that it is not the lease's"},
    [BY_CLAIM] = {"claim", "somebody who may change the lease has said that it is the lease's"},
    [BY_HOLDER] = {"holder", "it is the lease's holder"},
    [BY_DESCENDANT] = {"descendant", "it descends from the lease's holder"},
    [BY_RECOGNISED] = {"recognised", "it was recognised as the lease's before"},
    [BY_OTHER_LEASE] = {"other-lease", "it belongs to the holder of another lease"},
    [BY_OLDER] = {"older", "it was there before the lease was granted"},
    [BY_SESSION] = {"session", "its session's leader is the lease's holder, or descends from it"},
    [BY_CGROUP] = {"cgroup", "it is in the service or container of the lease's holder"},
    [BY_ASKER] = {"asker", "it descends from the process that asked for the lease"},
    [BY_FORWARDER] = {"forwarder", "it forwards to a container, and nothing tells whose"},
    [BY_ENVIRONMENT] = {"environment", "the lease's id is in its environment"},
    [BY_HOLDERS_UID] = {"holders-uid", "the lease's holder has started a process of this user"},
    [BY_OTHER_UID] = {"other-uid", "it is another user's, and nothing ties it to the lease"},
    [BY_UID] = {"uid", "it is of the lease's user, and nothing better is known"},
};

const char *evidence_by_name(enum evidence_by by) {
    return rules[by].name;
}

const char *evidence_by_words(enum evidence_by by) {
    return rules[by].words;
}
