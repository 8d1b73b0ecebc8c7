/* The lease as a value: its texts, its derived state, and the rules that its fields keep. */
#include "src/lease/lease.h"

#include <errno.h>
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
    return lease->sight.own ? LEASE_KEPT_BY_LISTENER : LEASE_KEPT_BY_TTL;
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
