/* The lease as a value: its texts, its derived state, and the rules that its fields keep. */
#include "src/lease/lease.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/text.h"

struct lease *lease_new(void) {
    struct lease *lease = calloc(1, sizeof *lease);

    if (lease != NULL)
        lease->holder_pidfd = -1;
    return lease;
}

static void free_tags(char **tags, size_t n_tags) {
    for (size_t i = 0; i < n_tags; i++)
        free(tags[i]);
    free(tags);
}

struct lease *lease_free(struct lease *lease) {
    if (lease == NULL)
        return NULL;
    fd_close_at(&lease->holder_pidfd);
    lease_clear_kin(lease);
    free(lease->kin);
    free(lease->judgements);
    free(lease->holder_cgroup);
    free_tags(lease->tags, lease->n_tags);
    free(lease->project);
    free(lease->service_name);
    free(lease);
    return NULL;
}

int lease_set_key(struct lease *lease, const struct lease_key *key) {
    char *service_name = strdup(key->service_name);
    char *project = strdup(key->project);

    if (service_name == NULL || project == NULL) {
        free(service_name);
        free(project);
        return -ENOMEM;
    }
    free(lease->service_name);
    free(lease->project);
    lease->service_name = service_name;
    lease->project = project;
    lease->uid = key->uid;
    return 0;
}

int lease_set_tags(struct lease *lease, const char *const *tags, size_t n_tags) {
    char **copies = calloc(n_tags + 1, sizeof *copies);

    if (copies == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n_tags; i++) {
        copies[i] = strdup(tags[i]);
        if (copies[i] == NULL) {
            free_tags(copies, i);
            return -ENOMEM;
        }
    }
    free_tags(lease->tags, lease->n_tags);
    lease->tags = copies;
    lease->n_tags = n_tags;
    return 0;
}

int lease_add_kin(struct lease *lease, const struct process_id *id, int pidfd) {
    struct lease_kin *kin = NULL;
    int r = lease->n_kin == LEASE_KIN_MAX ? -E2BIG : -ENOMEM;

    if (lease->n_kin < LEASE_KIN_MAX)
        kin = reallocarray(lease->kin, lease->n_kin + 1, sizeof *kin);
    if (kin == NULL) {
        fd_close_at(&pidfd);
        return r;
    }
    kin[lease->n_kin++] = (struct lease_kin){.id = *id, .pidfd = pidfd};
    lease->kin = kin;
    return 0;
}

/* A pidfd is readable once its process has ended. By then the kernel has closed its sockets. */
static bool has_ended(int pidfd) {
    struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

    return poll(&pollfd, 1, 0) == 1;
}

void lease_reap(struct lease *lease, uint64_t now_ms) {
    size_t n_left = 0;

    if (lease->holder_pidfd >= 0 && has_ended(lease->holder_pidfd)) {
        fd_close_at(&lease->holder_pidfd);
        lease->holder_ended_ms = now_ms;
    }
    for (size_t i = 0; i < lease->n_kin; i++) {
        if (has_ended(lease->kin[i].pidfd))
            fd_close_at(&lease->kin[i].pidfd);
        else
            lease->kin[n_left++] = lease->kin[i];
    }
    lease->n_kin = n_left;
    lease->bereft = lease->holder_pidfd < 0 && n_left == 0;
}

void lease_clear_kin(struct lease *lease) {
    for (size_t i = 0; i < lease->n_kin; i++)
        fd_close_at(&lease->kin[i].pidfd);
    lease->n_kin = 0;
}

static bool is_about(const struct judgement *judgement, uint32_t inode, const struct process_id *process) {
    return judgement->inode == inode && judgement->process.pid == process->pid &&
           judgement->process.start_time == process->start_time &&
           judgement->process.pidfd_inode == process->pidfd_inode;
}

static void take_out_judgement(struct lease *lease, size_t at) {
    lease->n_judgements--;
    memmove(&lease->judgements[at], &lease->judgements[at + 1], (lease->n_judgements - at) * sizeof *lease->judgements);
}

/* What portd has recognised it may recognise again; what a person has said would be lost. */
static size_t find_dispensable(const struct lease *lease) {
    for (size_t i = 0; i < lease->n_judgements; i++)
        if (lease->judgements[i].kind == JUDGED_RECOGNISED)
            return i;
    return 0;
}

int lease_judge(struct lease *lease, const struct judgement *judgement) {
    struct judgement *judgements = reallocarray(lease->judgements, lease->n_judgements + 1, sizeof *judgements);

    if (judgements == NULL)
        return -ENOMEM;
    lease->judgements = judgements;
    /* The new one goes to the end, also where it takes the place of an old one: it is the newest. */
    for (size_t i = lease->n_judgements; i > 0; i--)
        if (is_about(&judgements[i - 1], judgement->inode, &judgement->process))
            take_out_judgement(lease, i - 1);
    if (lease->n_judgements == LEASE_JUDGEMENTS_MAX)
        take_out_judgement(lease, find_dispensable(lease));
    judgements[lease->n_judgements++] = *judgement;
    return 0;
}

void lease_clear_judgements(struct lease *lease) {
    lease->n_judgements = 0;
}

/* The newest counts: who disowns what he claimed has changed his mind. */
const struct judgement *lease_find_judgement(const struct lease *lease, uint32_t inode,
                                             const struct process_id *process) {
    for (size_t i = lease->n_judgements; i > 0; i--) {
        const struct judgement *judgement = &lease->judgements[i - 1];

        if ((inode != 0 && judgement->inode == inode) ||
            (process != NULL && process_id_equal(&judgement->process, process)))
            return judgement;
    }
    return NULL;
}

struct lease_key lease_get_key(const struct lease *lease) {
    return (struct lease_key){.uid = lease->uid, .project = lease->project, .service_name = lease->service_name};
}

bool lease_key_equal(const struct lease_key *a, const struct lease_key *b) {
    return a->uid == b->uid && strcmp(a->service_name, b->service_name) == 0 && strcmp(a->project, b->project) == 0;
}

enum lease_state lease_state(const struct lease *lease) {
    if (lease->sight.foreign || lease->sight.shared)
        return LEASE_CONFLICT;
    if (lease->sight.own)
        return LEASE_BOUND;
    if (lease->sight.elsewhere != 0)
        return LEASE_ELSEWHERE;
    return lease->was_bound ? LEASE_SILENT : LEASE_PENDING;
}

enum lease_keeper lease_keeper(const struct lease *lease) {
    if (lease->holder_pidfd >= 0)
        return LEASE_KEPT_BY_HOLDER;
    if (lease->sight.own)
        return LEASE_KEPT_BY_LISTENER;
    return lease->holder.pid != 0 && lease->n_kin > 0 ? LEASE_KEPT_BY_HOLDER : LEASE_KEPT_BY_TTL;
}

const char *lease_state_name(enum lease_state state) {
    static const char *const names[] = {
        [LEASE_PENDING] = "pending",   [LEASE_BOUND] = "bound",   [LEASE_ELSEWHERE] = "elsewhere",
        [LEASE_CONFLICT] = "conflict", [LEASE_SILENT] = "silent",
    };
    return names[state];
}

const char *lease_keeper_name(enum lease_keeper keeper) {
    static const char *const names[] = {
        [LEASE_KEPT_BY_HOLDER] = "holder",
        [LEASE_KEPT_BY_LISTENER] = "listener",
        [LEASE_KEPT_BY_TTL] = "ttl",
    };
    return names[keeper];
}

static const char *check_text(const char *text, size_t max, const char *rule) {
    size_t length = strlen(text);

    if (length == 0 || length > max || !text_is_utf8(text, length) || text_has_control(text, length))
        return rule;
    return NULL;
}

const char *lease_check_name(const char *name) {
    return check_text(name, LEASE_NAME_MAX, "must be 1 to 128 bytes of UTF-8 without control characters");
}

const char *lease_check_tag(const char *tag) {
    return check_text(tag, LEASE_TAG_MAX, "must be 1 to 64 bytes of UTF-8 without control characters");
}

const char *lease_check_project(const char *project) {
    const char *rule = "must be an absolute directory of at most 4096 bytes without control characters";

    return project[0] == '/' ? check_text(project, LEASE_PROJECT_MAX, rule) : rule;
}
