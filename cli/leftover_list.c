/*
 * The list of leftovers, brought up to date, and signals to them. See leftover_list.h.
 */
#include "cli/leftover_list.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/proc_file.h"

void leftover_list_deinit(struct leftover_list *list) {
    free(list->items);
    descendants_deinit(&list->seen);
    *list = (struct leftover_list){.items = NULL};
}

/* ---- looking ---- */

/* The list to be. It has room for all beforehand: nobody may be lost for want of memory. */
struct next_list {
    struct leftover *items;
    size_t n_items;
    size_t n_changes;
};

static struct leftover *find(const struct leftover_list *list, const struct descendant *seen) {
    for (size_t i = 0; i < list->n_items; i++)
        if (list->items[i].id.pid == seen->pid && list->items[i].id.start_time == seen->start_time)
            return &list->items[i];
    return NULL;
}

static void end(struct leftover_list *list, const struct leftover *leftover, struct next_list *next) {
    if (leftover->is_killed)
        list->n_killed++;
    else if (leftover->is_asked)
        list->n_stopped++;
    next->n_changes++;
}

/* Who cannot be looked at for now has not ended. */
static bool has_ended(const struct leftover *leftover) {
    return process_pin_again(&leftover->id, NULL) == PROCESS_E_GONE;
}

/* The pid 0 in the old list says: taken. */
static void take_known(struct leftover_list *list, struct leftover *known, const struct descendant *seen,
                       struct next_list *next) {
    if (seen->is_ending && has_ended(known)) {
        end(list, known, next);
    } else {
        struct leftover *taken = &next->items[next->n_items++];
        *taken = *known;
        taken->parent = seen->parent;
        memcpy(taken->name, seen->name, sizeof taken->name);
    }
    known->id.pid = 0;
}

/* Returns 0, or -errno if it is to be tried again. */
static int take_new(const struct descendant *seen, struct next_list *next) {
    CLEANUP(fd_close_at) int pidfd = -1;
    struct leftover leftover = {.id = {.pid = seen->pid}, .parent = seen->parent};
    int r = descendants_pin(seen->pid, &pidfd, &leftover.id);

    if (r == DESCENDANTS_E_GONE)
        return 0;
    if (r < 0 && r != -EACCES)
        return r;
    leftover.is_foreign = r == -EACCES;
    memcpy(leftover.name, seen->name, sizeof leftover.name);
    next->items[next->n_items++] = leftover;
    next->n_changes++;
    return 0;
}

static int take_seen(struct leftover_list *list, struct next_list *next) {
    int r = 0;

    for (size_t i = 0; i < list->seen.n_items; i++) {
        const struct descendant *seen = &list->seen.items[i];
        struct leftover *known = find(list, seen);
        int r_new = 0;
        if (known != NULL)
            take_known(list, known, seen, next);
        else
            r_new = take_new(seen, next);
        r = r_new < 0 ? r_new : r;
    }
    return r;
}

/* A process can be overlooked that is adopted just then. One that is known by its pid alone cannot be asked. */
static void take_unseen(struct leftover_list *list, struct next_list *next) {
    for (size_t i = 0; i < list->n_items; i++) {
        const struct leftover *known = &list->items[i];
        if (known->id.pid == 0)
            continue;
        if (known->id.start_time == 0 || has_ended(known))
            end(list, known, next);
        else
            next->items[next->n_items++] = *known;
    }
}

int leftover_list_look(struct leftover_list *list) {
    struct next_list next = {.n_items = 0};
    int r = descendants_look(&list->seen);
    int r_new;

    if (r < 0 && !proc_is_scarcity(r))
        return r;
    next.items = calloc(list->seen.n_items + list->n_items + 1, sizeof *next.items);
    if (next.items == NULL)
        return -ENOMEM;
    r_new = take_seen(list, &next);
    take_unseen(list, &next);
    free(list->items);
    list->items = next.items;
    list->n_items = next.n_items;
    if (r < 0 || r_new < 0)
        return r < 0 ? r : r_new;
    return (int)next.n_changes;
}

void leftover_list_end(struct leftover_list *list) {
    struct next_list nobody = {.n_items = 0};

    for (size_t i = 0; i < list->n_items; i++)
        end(list, &list->items[i], &nobody);
    list->n_items = 0;
}

/* ---- signals ---- */

/* Behind a pidfd that names the one that was seen to descend from us, and a process that does so does it for ever. Returns true if it was sent. */
static bool send(struct leftover *leftover, int number) {
    CLEANUP(fd_close_at) int pidfd = -1;

    if (process_pin_again(&leftover->id, &pidfd) != 0)
        return false;
    if (pidfd_send_signal(pidfd, number, NULL, 0) == 0)
        return true;
    /* A security module may have its own words for it. */
    leftover->is_foreign = errno == EPERM || errno == EACCES;
    return false;
}

static void note_name(struct leftover_list *list, const struct leftover *leftover) {
    if (list->first_name[0] == '\0')
        memcpy(list->first_name, leftover->name, sizeof list->first_name);
}

bool leftover_is_to_stop(const struct leftover *leftover) {
    return !leftover->is_foreign && !leftover->is_branch && !leftover->is_stem;
}

/* "pipe:[4711]", or something else. */
#define LINK_MAX_BYTES 64

static bool read_input(const char *path, char *ret_target) {
    ssize_t length = readlink(path, ret_target, LINK_MAX_BYTES - 1);

    ret_target[length > 0 ? length : 0] = '\0';
    return length > 0 && strncmp(ret_target, "pipe:", strlen("pipe:")) == 0;
}

/* Of a pipe that is not ours: where portctl itself stands behind one, everybody has inherited that. A pid that is another's by now costs a wrong
 * answer about one who has gone, and nothing else. */
static bool is_reader(const struct leftover *leftover) {
    char path[64];
    char target[LINK_MAX_BYTES];
    char own[LINK_MAX_BYTES];

    snprintf(path, sizeof path, "/proc/%d/fd/0", (int)leftover->id.pid);
    if (!read_input(path, target))
        return false;
    return !read_input("/proc/self/fd/0", own) || strcmp(target, own) != 0;
}

bool leftover_list_has_readers(const struct leftover_list *list) {
    for (size_t i = 0; i < list->n_items; i++)
        if (leftover_is_to_stop(&list->items[i]) && !list->items[i].is_asked && is_reader(&list->items[i]))
            return true;
    return false;
}

size_t leftover_list_ask(struct leftover_list *list, bool spares_readers) {
    size_t n_sent = 0;

    for (size_t i = 0; i < list->n_items; i++) {
        struct leftover *leftover = &list->items[i];
        if (!leftover_is_to_stop(leftover) || leftover->is_asked || (spares_readers && is_reader(leftover)) ||
            !send(leftover, SIGTERM))
            continue;
        leftover->is_asked = true;
        note_name(list, leftover);
        n_sent++;
        /* A stopped one hears nothing until it goes on. */
        send(leftover, SIGCONT);
    }
    return n_sent;
}

size_t leftover_list_freeze(struct leftover_list *list) {
    size_t n_sent = 0;

    for (size_t i = 0; i < list->n_items; i++) {
        struct leftover *leftover = &list->items[i];
        if (!leftover_is_to_stop(leftover) || leftover->is_frozen || leftover->is_killed || !send(leftover, SIGSTOP))
            continue;
        leftover->is_frozen = true;
        n_sent++;
    }
    return n_sent;
}

size_t leftover_list_kill(struct leftover_list *list) {
    size_t n_sent = 0;

    for (size_t i = 0; i < list->n_items; i++) {
        struct leftover *leftover = &list->items[i];
        if (!leftover_is_to_stop(leftover) || leftover->is_killed || !send(leftover, SIGKILL))
            continue;
        leftover->is_killed = true;
        note_name(list, leftover);
        n_sent++;
    }
    return n_sent;
}

void leftover_list_thaw_kept(struct leftover_list *list) {
    for (size_t i = 0; i < list->n_items; i++) {
        struct leftover *leftover = &list->items[i];
        if (leftover->is_frozen && !leftover_is_to_stop(leftover) && send(leftover, SIGCONT))
            leftover->is_frozen = false;
    }
}

size_t leftover_list_count_to_stop(const struct leftover_list *list) {
    size_t n = 0;

    for (size_t i = 0; i < list->n_items; i++)
        if (leftover_is_to_stop(&list->items[i]))
            n++;
    return n;
}

size_t leftover_list_count_to_kill(const struct leftover_list *list) {
    size_t n = 0;

    for (size_t i = 0; i < list->n_items; i++)
        if (leftover_is_to_stop(&list->items[i]) && !list->items[i].is_killed)
            n++;
    return n;
}
