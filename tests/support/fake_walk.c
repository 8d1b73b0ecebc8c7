/* All that the two threads have in common is in one struct, and the lock is held whenever it is touched. */
#include "tests/support/fake_walk.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/fail.h"

#define N_PIDS_MAX 64

static struct {
    pthread_mutex_t lock;
    pthread_cond_t let_go;
    pid_t pids[N_PIDS_MAX];
    size_t n_pids;
    bool is_held;
    int r;
    unsigned n_begun;
    unsigned n_ended;
    size_t n_wanted;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .let_go = PTHREAD_COND_INITIALIZER};

static void lock(void) {
    if (pthread_mutex_lock(&fake.lock) != 0)
        fail_test("A lock cannot be had.");
}

static void unlock(void) {
    if (pthread_mutex_unlock(&fake.lock) != 0)
        fail_test("A lock cannot be given back.");
}

void fake_walk_know(pid_t pid) {
    lock();
    if (fake.n_pids == N_PIDS_MAX)
        fail_test("The fake walk knows too many processes.");
    size_t at = fake.n_pids++;
    for (; at > 0 && fake.pids[at - 1] > pid; at--)
        fake.pids[at] = fake.pids[at - 1];
    fake.pids[at] = pid;
    unlock();
}

void fake_walk_hold(void) {
    lock();
    fake.is_held = true;
    unlock();
}

void fake_walk_let_go(void) {
    lock();
    fake.is_held = false;
    pthread_cond_broadcast(&fake.let_go);
    unlock();
}

void fake_walk_fail(int r) {
    lock();
    fake.r = r;
    unlock();
}

unsigned fake_walk_begun(void) {
    lock();
    const unsigned n_begun = fake.n_begun;
    unlock();
    return n_begun;
}

unsigned fake_walk_ended(void) {
    lock();
    const unsigned n_ended = fake.n_ended;
    unlock();
    return n_ended;
}

size_t fake_walk_wanted(void) {
    lock();
    const size_t n_wanted = fake.n_wanted;
    unlock();
    return n_wanted;
}

/* ---- the walk ---- */

static int compare_answers(const void *a, const void *b) {
    const struct owner_answer *one = *(struct owner_answer *const *)a;
    const struct owner_answer *other = *(struct owner_answer *const *)b;
    return (one->inode > other->inode) - (one->inode < other->inode);
}

static struct owner_answer *find_answer(struct owner_answer **sorted, size_t n_answers, uint32_t inode) {
    struct owner_answer key = {.inode = inode};
    const struct owner_answer *at = &key;
    struct owner_answer **found = bsearch(&at, sorted, n_answers, sizeof(struct owner_answer *), compare_answers);
    return found ? *found : NULL;
}

static void add_owner(struct owner_answer *answer, struct process_info *info) {
    if (answer->n_owners > 0 && answer->owners[answer->n_owners - 1] == info)
        return;
    answer->owners = reallocarray(answer->owners, answer->n_owners + 1, sizeof(struct process_info *));
    if (!answer->owners)
        fail_test("The fake walk is out of memory.");
    answer->owners[answer->n_owners++] = process_info_ref(info);
    answer->hidden = OWNER_SEEN;
}

/* A process that has ended has no descriptors to be found. */
static void look_into(pid_t pid, struct owner_answer **sorted, size_t n_answers) {
    struct process_info *info = NULL;
    if (process_info_read(pid, NULL, &info) != 0)
        return;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char link[64] = "";
        unsigned inode = 0;
        if (readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1) < 0 ||
            sscanf(link, "socket:[%u]", &inode) != 1)
            continue;
        struct owner_answer *answer = find_answer(sorted, n_answers, inode);
        if (answer)
            add_owner(answer, info);
    }
    if (folder)
        closedir(folder);
    process_info_unref(info);
}

static void look_for(const struct owner_wanted *wanted, size_t n_wanted, struct owner_result *ret_result) {
    struct owner_answer *answers = calloc(n_wanted, sizeof(*answers));
    struct owner_answer **sorted = calloc(n_wanted, sizeof(struct owner_answer *));
    if (!answers || !sorted)
        fail_test("The fake walk is out of memory.");
    for (size_t i = 0; i < n_wanted; i++) {
        answers[i] = (struct owner_answer){.inode = wanted[i].inode, .hidden = OWNER_ELSEWHERE};
        sorted[i] = &answers[i];
    }
    qsort(sorted, n_wanted, sizeof(struct owner_answer *), compare_answers);

    pid_t pids[N_PIDS_MAX];
    lock();
    const size_t n_pids = fake.n_pids;
    for (size_t i = 0; i < n_pids; i++)
        pids[i] = fake.pids[i];
    unlock();
    for (size_t i = 0; i < n_pids; i++)
        look_into(pids[i], sorted, n_wanted);
    free(sorted);
    *ret_result = (struct owner_result){.answers = answers, .n_answers = n_wanted, .cpu_ns = 1000};
}

int fake_walk(const struct owner_wanted *wanted, size_t n_wanted, const char *variable, size_t max_fds,
              struct owner_result *ret_result) {
    (void)variable;
    (void)max_fds;
    lock();
    fake.n_begun++;
    fake.n_wanted += n_wanted;
    const int r = fake.r;
    unlock();
    if (r == 0)
        look_for(wanted, n_wanted, ret_result);
    lock();
    while (fake.is_held)
        pthread_cond_wait(&fake.let_go, &fake.lock);
    fake.n_ended++;
    unlock();
    return r;
}
