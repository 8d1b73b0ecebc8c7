/*
 * The walk over /proc. Each process is read through one descriptor of its folder, which dies with the process and never shows
 * another one that got its pid; and whoever has a wanted socket is pinned, and only counts if the folder is still alive then.
 */
#include "probe/owner_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "probe/cgroup.h"
#include "probe/fd.h"
#include "probe/forwarder.h"
#include "probe/proc_file.h"
#include "probe/process_sockets.h"

/* A wanted inode, and whose answer it is. */
struct slot {
    uint32_t inode;
    size_t answer;
    bool is_matched; /* by the process that is being read */
};

/* A process that is not of a socket's uid: it is read later, if at all. */
struct other {
    pid_t pid;
    pid_t parent; /* 0: not known */
    bool is_read;
};

struct walk {
    struct slot *slots; /* by inode */
    size_t n_slots;
    size_t *matches; /* indices of slots; room for all */
    size_t n_matches;
    uid_t *uids; /* the sockets', ascending */
    size_t n_uids;
    struct other *others;
    size_t n_others, others_capacity;
    const char *variable;
    size_t n_fds_left;
    bool is_cut;           /* no descriptor was left to read */
    bool sees_other_users; /* there are processes of others than ourselves in /proc */
    bool hides_other_users, hides_own;
    struct owner_result result;
};

static void walk_deinit(struct walk *walk) {
    free(walk->slots);
    free(walk->matches);
    free(walk->uids);
    free(walk->others);
    owner_result_deinit(&walk->result);
}

void owner_result_deinit(struct owner_result *result) {
    for (size_t i = 0; i < result->n_answers; i++) {
        struct owner_answer *answer = &result->answers[i];
        for (size_t j = 0; j < answer->n_owners; j++)
            process_info_unref(answer->owners[j]);
        free(answer->owners);
        free(answer->cgroup);
        process_info_unref(answer->forwarder);
    }
    free(result->answers);
    *result = (struct owner_result){0};
}

/* ---- what is wanted ---- */

static int compare_slots(const void *a, const void *b) {
    const struct slot *left = a;
    const struct slot *right = b;
    return left->inode < right->inode ? -1 : left->inode > right->inode;
}

/* The first slot that is not below the inode. */
static size_t find_slot(const struct walk *walk, uint32_t inode) {
    size_t low = 0;
    size_t high = walk->n_slots;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (walk->slots[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void match(void *context, uint32_t inode) {
    struct walk *walk = context;
    for (size_t i = find_slot(walk, inode); i < walk->n_slots && walk->slots[i].inode == inode; i++) {
        if (!walk->slots[i].is_matched)
            walk->matches[walk->n_matches++] = i;
        walk->slots[i].is_matched = true;
    }
}

static int compare_uids(const void *a, const void *b) {
    const uid_t left = *(const uid_t *)a;
    const uid_t right = *(const uid_t *)b;
    return left < right ? -1 : left > right;
}

static bool is_wanted_uid(const struct walk *walk, uid_t uid) {
    return bsearch(&uid, walk->uids, walk->n_uids, sizeof(uid), compare_uids) != NULL;
}

static int walk_init(struct walk *walk, const struct owner_wanted *wanted, size_t n_wanted) {
    /* One more, because nobody agrees on what an allocation of nothing is. */
    walk->slots = calloc(n_wanted + 1, sizeof(*walk->slots));
    walk->matches = calloc(n_wanted + 1, sizeof(*walk->matches));
    walk->uids = calloc(n_wanted + 1, sizeof(*walk->uids));
    walk->result.answers = calloc(n_wanted + 1, sizeof(*walk->result.answers));
    if (!walk->slots || !walk->matches || !walk->uids || !walk->result.answers)
        return -ENOMEM;
    walk->result.n_answers = n_wanted;
    for (size_t i = 0; i < n_wanted; i++) {
        walk->result.answers[i].inode = wanted[i].inode;
        if (wanted[i].inode == 0) /* nobody has it open */
            continue;
        walk->slots[walk->n_slots++] = (struct slot){.inode = wanted[i].inode, .answer = i};
        walk->uids[walk->n_uids++] = wanted[i].uid;
    }
    qsort(walk->slots, walk->n_slots, sizeof(*walk->slots), compare_slots);
    qsort(walk->uids, walk->n_uids, sizeof(*walk->uids), compare_uids);
    return 0;
}

/* ---- owners ---- */

static int add_owner(struct owner_answer *answer, struct process_info *info) {
    const size_t n = answer->n_owners;
    if (n == OWNERS_MAX)
        return 0;
    /* The room is the next power of two. */
    if ((n & (n - 1)) == 0) {
        struct process_info **grown = realloc(answer->owners, (n ? n * 2 : 1) * sizeof(struct process_info *));
        if (!grown)
            return -ENOMEM;
        answer->owners = grown;
    }
    answer->owners[answer->n_owners++] = process_info_ref(info);
    return 0;
}

static bool wants_matches(const struct walk *walk) {
    for (size_t i = 0; i < walk->n_matches; i++)
        if (walk->result.answers[walk->slots[walk->matches[i]].answer].n_owners < OWNERS_MAX)
            return true;
    return false;
}

/* Pins the process that has the matched sockets. If the folder is alive after that, its process was the one that was pinned. */
static int add_matches(struct walk *walk, int process_fd, pid_t pid) {
    CLEANUP(process_info_unref_at) struct process_info *info = NULL;
    struct proc_stat stat;
    int r = process_info_read(pid, walk->variable, &info);
    if (r == PROCESS_E_GONE || r == -EACCES)
        return 0;
    if (r < 0)
        return r;
    if (proc_read_stat(process_fd, &stat) < 0)
        return 0;
    for (size_t i = 0; r == 0 && i < walk->n_matches; i++)
        r = add_owner(&walk->result.answers[walk->slots[walk->matches[i]].answer], info);
    return r;
}

static void clear_matches(struct walk *walk) {
    for (size_t i = 0; i < walk->n_matches; i++)
        walk->slots[walk->matches[i]].is_matched = false;
    walk->n_matches = 0;
}

static int search_process(struct walk *walk, int process_fd, pid_t pid, uid_t uid) {
    const bool is_own = uid == geteuid();
    int r = process_sockets_read(process_fd, is_own, &walk->n_fds_left, match, walk);
    walk->is_cut = walk->is_cut || r == PROCESS_SOCKETS_E_CUT;
    walk->hides_own = walk->hides_own || (r == PROCESS_SOCKETS_E_HIDDEN && is_own);
    walk->hides_other_users = walk->hides_other_users || (r == PROCESS_SOCKETS_E_HIDDEN && !is_own);
    if (r >= 0)
        r = wants_matches(walk) ? add_matches(walk, process_fd, pid) : 0;
    clear_matches(walk);
    return r;
}

/* ---- the rounds ---- */

static int add_other(struct walk *walk, pid_t pid) {
    if (walk->n_others == walk->others_capacity) {
        const size_t smallest = 256;
        const size_t capacity = walk->others_capacity ? walk->others_capacity * 2 : smallest;
        struct other *grown = realloc(walk->others, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        walk->others = grown;
        walk->others_capacity = capacity;
    }
    walk->others[walk->n_others++] = (struct other){.pid = pid};
    return 0;
}

/* Returns 0, *ret_fd being -1 for a process that has ended meanwhile, or -errno. */
static int open_process(pid_t pid, int *ret_fd, uid_t *ret_uid) {
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    struct stat status;
    if (process_fd < 0)
        return proc_is_scarcity(process_fd) ? process_fd : 0;
    if (fstat(process_fd, &status) < 0)
        return 0;
    *ret_uid = status.st_uid;
    *ret_fd = fd_take(&process_fd);
    return 0;
}

static int read_if_of_uids(struct walk *walk, pid_t pid) {
    CLEANUP(fd_close_at) int process_fd = -1;
    uid_t uid = 0;
    int r = open_process(pid, &process_fd, &uid);
    if (r < 0 || process_fd < 0)
        return r;
    walk->sees_other_users = walk->sees_other_users || uid != geteuid();
    return is_wanted_uid(walk, uid) ? search_process(walk, process_fd, pid, uid) : add_other(walk, pid);
}

static int read_processes_of_uids(struct walk *walk) {
    CLEANUP(proc_close_dir_at) DIR *processes = NULL;
    int r = proc_open_dir(AT_FDCWD, "/proc", &processes);
    const struct dirent *entry;
    while (r == 0 && (entry = readdir(processes)))
        if (proc_is_number(entry->d_name))
            r = read_if_of_uids(walk, (pid_t)strtol(entry->d_name, NULL, 10));
    return r;
}

static int read_other(struct walk *walk, struct other *other) {
    CLEANUP(fd_close_at) int process_fd = -1;
    uid_t uid = 0;
    other->is_read = true;
    int r = open_process(other->pid, &process_fd, &uid);
    return r < 0 || process_fd < 0 ? r : search_process(walk, process_fd, other->pid, uid);
}

static int find_parents(struct walk *walk) {
    for (size_t i = 0; i < walk->n_others; i++) {
        CLEANUP(fd_close_at) int process_fd = proc_open_process(walk->others[i].pid);
        struct proc_stat stat = {0};
        int r = process_fd < 0 ? process_fd : proc_read_stat(process_fd, &stat);
        if (proc_is_scarcity(r))
            return r;
        walk->others[i].parent = stat.parent;
    }
    return 0;
}

/* The pids of all owners so far, ascending. */
static int list_owners(const struct walk *walk, pid_t **ret_pids, size_t *ret_n_pids) {
    size_t n_pids = 0;
    for (size_t i = 0; i < walk->result.n_answers; i++)
        n_pids += walk->result.answers[i].n_owners;
    pid_t *pids = calloc(n_pids + 1, sizeof(*pids));
    if (!pids)
        return -ENOMEM;
    *ret_n_pids = n_pids;
    *ret_pids = pids;
    for (size_t i = 0; i < walk->result.n_answers; i++)
        for (size_t j = 0; j < walk->result.answers[i].n_owners; j++)
            *pids++ = walk->result.answers[i].owners[j]->id.pid;
    return 0;
}

static int compare_pids(const void *a, const void *b) {
    const pid_t left = *(const pid_t *)a;
    const pid_t right = *(const pid_t *)b;
    return left < right ? -1 : left > right;
}

static void free_pids_at(pid_t **pids) {
    free(*pids);
}

/* Reads the children of owners. *ret_n_read: how many; among them may be owners with children of their own. */
static int read_children(struct walk *walk, size_t *ret_n_read) {
    CLEANUP(free_pids_at) pid_t *pids = NULL;
    size_t n_pids = 0;
    int r = list_owners(walk, &pids, &n_pids);
    if (r < 0)
        return r;
    qsort(pids, n_pids, sizeof(*pids), compare_pids);
    *ret_n_read = 0;
    for (size_t i = 0; r == 0 && i < walk->n_others; i++) {
        struct other *other = &walk->others[i];
        if (other->is_read || !bsearch(&other->parent, pids, n_pids, sizeof(*pids), compare_pids))
            continue;
        r = read_other(walk, other);
        ++*ret_n_read;
    }
    return r;
}

static int read_descendants(struct walk *walk) {
    int r = walk->n_others > 0 ? find_parents(walk) : 0;
    size_t n_read = walk->n_others;
    while (r == 0 && n_read > 0)
        r = read_children(walk, &n_read);
    return r;
}

static size_t count_without_owner(const struct walk *walk) {
    size_t n = 0;
    for (size_t i = 0; i < walk->n_slots; i++)
        n += walk->result.answers[walk->slots[i].answer].n_owners == 0;
    return n;
}

static int read_rounds(struct walk *walk) {
    int r = read_processes_of_uids(walk);
    const size_t n_without = count_without_owner(walk);
    if (r == 0 && n_without < walk->n_slots)
        r = read_descendants(walk);
    if (n_without == 0)
        return r;
    for (size_t i = 0; r == 0 && i < walk->n_others; i++)
        if (!walk->others[i].is_read)
            r = read_other(walk, &walk->others[i]);
    return r;
}

/* ---- what stays hidden ---- */

/* Whether /proc leaves other users' processes out: with hidepid=invisible or ptraceable, of old 2 and 4. */
static int find_hidepid(bool *ret_hidepid) {
    CLEANUP(proc_free_at) char *text = NULL;
    int r = proc_read_mounts(&text);
    if (r < 0)
        return r;
    bool hidepid = false;
    char *cursor = text;
    struct proc_mount mount;
    while (proc_next_mount(&cursor, &mount)) {
        if (strcmp(mount.point, "/proc") != 0)
            continue;
        /* The last one lies on top of the others. */
        const char *option = strstr(mount.options, "hidepid=");
        const char *value = option ? option + strlen("hidepid=") : "";
        hidepid = option && strncmp(value, "0", 1) != 0 && strncmp(value, "off", 3) != 0;
    }
    *ret_hidepid = hidepid;
    return 0;
}

static enum owner_hidden reason_of(const struct walk *walk, uid_t uid, bool hidepid) {
    if (walk->is_cut)
        return OWNER_TOO_MANY;
    if (walk->hides_own && uid == geteuid())
        return OWNER_NOT_DUMPABLE;
    if (walk->hides_other_users)
        return OWNER_OF_OTHER_USER;
    if (hidepid)
        return OWNER_BY_HIDEPID;
    return walk->hides_own ? OWNER_NOT_DUMPABLE : OWNER_ELSEWHERE;
}

static int give_reasons(struct walk *walk, const struct owner_wanted *wanted) {
    bool hidepid = false;
    /* Root sees everything, and who sees a process of somebody else is not kept from seeing them. */
    if (!walk->sees_other_users && geteuid() != 0) {
        int r = find_hidepid(&hidepid);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < walk->result.n_answers; i++) {
        struct owner_answer *answer = &walk->result.answers[i];
        if (answer->inode == 0)
            answer->hidden = OWNER_ELSEWHERE;
        else if (answer->n_owners == 0)
            answer->hidden = reason_of(walk, wanted[i].uid, hidepid);
    }
    return 0;
}

/* ---- cgroups of sockets without an owner ---- */

struct ids {
    uint64_t *ids; /* ascending, each there once */
    char **paths;
    size_t n_ids;
};

static void ids_deinit(struct ids *ids) {
    for (size_t i = 0; ids->paths && i < ids->n_ids; i++)
        free(ids->paths[i]);
    free(ids->paths);
    free(ids->ids);
}

static int compare_ids(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static bool wants_cgroup(const struct owner_answer *answer, const struct owner_wanted *wanted) {
    return answer->n_owners == 0 && wanted->cgroup_id != 0;
}

static int list_cgroups(const struct walk *walk, const struct owner_wanted *wanted, struct ids *ids) {
    const size_t n_answers = walk->result.n_answers;
    ids->ids = calloc(n_answers + 1, sizeof(*ids->ids));
    ids->paths = calloc(n_answers + 1, sizeof(*ids->paths));
    if (!ids->ids || !ids->paths)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < n_answers; i++)
        if (wants_cgroup(&walk->result.answers[i], &wanted[i]))
            ids->ids[n++] = wanted[i].cgroup_id;
    qsort(ids->ids, n, sizeof(*ids->ids), compare_ids);
    for (size_t i = 0; i < n; i++)
        if (ids->n_ids == 0 || ids->ids[ids->n_ids - 1] != ids->ids[i])
            ids->ids[ids->n_ids++] = ids->ids[i];
    return 0;
}

static int find_cgroups(struct walk *walk, const struct owner_wanted *wanted) {
    CLEANUP(ids_deinit) struct ids ids = {0};
    int r = list_cgroups(walk, wanted, &ids);
    if (r < 0 || ids.n_ids == 0)
        return r;
    r = cgroup_of_ids(ids.ids, ids.n_ids, ids.paths);
    if (r < 0)
        return proc_is_scarcity(r) ? r : 0;
    for (size_t i = 0; i < walk->result.n_answers; i++) {
        struct owner_answer *answer = &walk->result.answers[i];
        if (!wants_cgroup(answer, &wanted[i]))
            continue;
        const uint64_t *id = bsearch(&wanted[i].cgroup_id, ids.ids, ids.n_ids, sizeof(*ids.ids), compare_ids);
        const char *path = id ? ids.paths[id - ids.ids] : NULL;
        answer->cgroup = path ? strdup(path) : NULL;
        if (path && !answer->cgroup)
            return -ENOMEM;
    }
    return 0;
}

/* ---- forwarders of sockets without an owner ---- */

struct forwarded {
    struct owner_result *result;
    const struct owner_wanted *wanted;
};

static bool wants_forwarder(const struct owner_answer *answer, const struct owner_wanted *wanted) {
    return answer->n_owners == 0 && answer->inode != 0 && wanted->uid == 0 && wanted->port != 0;
}

static void take_forwarder(void *context, struct process_info *info, const struct forwarder *forwarder) {
    const struct forwarded *forwarded = context;
    for (size_t i = 0; i < forwarded->result->n_answers; i++) {
        struct owner_answer *answer = &forwarded->result->answers[i];
        if (wants_forwarder(answer, &forwarded->wanted[i]) && !answer->forwarder &&
            forwarded->wanted[i].port == forwarder->host_port)
            answer->forwarder = process_info_ref(info);
    }
}

static int find_forwarders(struct walk *walk, const struct owner_wanted *wanted) {
    struct forwarded forwarded = {.result = &walk->result, .wanted = wanted};
    for (size_t i = 0; i < walk->result.n_answers; i++)
        if (wants_forwarder(&walk->result.answers[i], &wanted[i]))
            return forwarder_list(take_forwarder, &forwarded);
    return 0;
}

/* ---- */

static int compare_owners(const void *a, const void *b) {
    const struct process_info *const *left = a;
    const struct process_info *const *right = b;
    return (*left)->id.pid < (*right)->id.pid ? -1 : (*left)->id.pid > (*right)->id.pid;
}

static uint64_t thread_cpu_ns(void) {
    struct timespec now = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int owner_walk(const struct owner_wanted *wanted, size_t n_wanted, const char *variable, size_t max_fds,
               struct owner_result *ret_result) {
    const uint64_t begin_ns = thread_cpu_ns();
    CLEANUP(walk_deinit) struct walk walk = {.variable = variable, .n_fds_left = max_fds};
    int r = walk_init(&walk, wanted, n_wanted);
    if (r == 0 && walk.n_slots > 0)
        r = read_rounds(&walk);
    if (r == 0)
        r = give_reasons(&walk, wanted);
    if (r == 0)
        r = find_cgroups(&walk, wanted);
    if (r == 0)
        r = find_forwarders(&walk, wanted);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n_wanted; i++) {
        struct owner_answer *answer = &walk.result.answers[i];
        if (answer->n_owners > 1)
            qsort(answer->owners, answer->n_owners, sizeof(struct process_info *), compare_owners);
    }
    walk.result.cpu_ns = thread_cpu_ns() - begin_ns;
    *ret_result = walk.result;
    walk.result = (struct owner_result){0};
    return 0;
}

/* ---- words ---- */

/* By enum owner_hidden. */
static const struct words {
    const char *name, *reason, *remedy;
} words[] = {
    [OWNER_SEEN] = {"seen", "", ""},
    [OWNER_OF_OTHER_USER] = {"other-user", "portd may not look into processes of other users",
                             "run portd as root, or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"},
    [OWNER_NOT_DUMPABLE] =
        {"not-dumpable",
         "the process is one of portd's own user that lets nobody look into it (prctl(2), PR_SET_DUMPABLE)",
         "run portd as root, or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"},
    [OWNER_BY_HIDEPID] = {"hidepid", "/proc is mounted with hidepid= and does not show processes of other users",
                          "run portd as root, or in the group that /proc is mounted with (gid=)"},
    [OWNER_ELSEWHERE] =
        {"elsewhere",
         "no process that portd can see has it open: it belongs to another pid namespace, or to the kernel", ""},
    [OWNER_TOO_MANY] = {"too-many", "there are more open descriptors than portd reads in one look", ""},
};

static const struct words *words_of(enum owner_hidden hidden) {
    return (size_t)hidden < sizeof(words) / sizeof(words[0]) ? &words[hidden] : &words[OWNER_SEEN];
}

const char *owner_hidden_name(enum owner_hidden hidden) {
    return words_of(hidden)->name;
}

const char *owner_hidden_reason(enum owner_hidden hidden) {
    return words_of(hidden)->reason;
}

const char *owner_hidden_remedy(enum owner_hidden hidden) {
    return words_of(hidden)->remedy;
}
