/*
 * New processes by comparing lists of pids. Both lists are sorted, so a look costs a pass over each, and a read of /proc/PID/stat
 * only for what is in the new one alone.
 */
#include "probe/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"

void family_deinit(struct family *family) {
    free(family->items);
    *family = (struct family){0};
}

static int read_file(const char *path, char *ret_text, size_t size) {
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const ssize_t length = read(fd, ret_text, size - 1);
    if (length < 0)
        return -errno;
    ret_text[length] = '\0';
    return 0;
}

/* The last field of /proc/loadavg: "0.00 0.01 0.05 1/123 4567" (proc(5)). 0 where it cannot be read: then every look is a whole one. */
static pid_t read_last_pid(void) {
    char text[128];
    if (read_file("/proc/loadavg", text, sizeof(text)) < 0)
        return 0;
    const char *last = strrchr(text, ' ');
    return last ? (pid_t)strtol(last, NULL, 10) : 0;
}

/* Field 4 of /proc/PID/stat, behind the name in parentheses. 0: it has ended, or has no parent here. */
static pid_t read_parent(pid_t pid) {
    char path[64];
    char text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (read_file(path, text, sizeof(text)) < 0)
        return 0;
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] && end[3] == ' ' ? (pid_t)strtol(end + 4, NULL, 10) : 0;
}

static int add(struct family *family, pid_t pid) {
    if (family->n_items == family->capacity) {
        const size_t capacity = family->capacity ? family->capacity * 2 : 512;
        struct family_process *items = realloc(family->items, capacity * sizeof(*items));
        if (!items)
            return -ENOMEM;
        family->items = items;
        family->capacity = capacity;
    }
    family->items[family->n_items++] = (struct family_process){.pid = pid};
    return 0;
}

static int compare(const void *a, const void *b) {
    const struct family_process *left = a;
    const struct family_process *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static void dir_close_at(DIR **dir) {
    if (*dir)
        closedir(*dir);
}

static int list_pids(struct family *ret_family) {
    CLEANUP(dir_close_at) DIR *dir = opendir("/proc");
    if (!dir)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        int r = add(ret_family, (pid_t)strtol(entry->d_name, NULL, 10));
        if (r < 0)
            return r;
    }
    qsort(ret_family->items, ret_family->n_items, sizeof(*ret_family->items), compare);
    return 0;
}

static const struct family_process *find(const struct family *family, pid_t pid) {
    const struct family_process key = {.pid = pid};
    if (family->n_items == 0)
        return NULL;
    return bsearch(&key, family->items, family->n_items, sizeof(key), compare);
}

bool family_has(const struct family *family, pid_t pid) {
    return find(family, pid) != NULL;
}

static struct family_process *find_in(struct family *family, pid_t pid) {
    const struct family_process *found = find(family, pid);
    return found ? &family->items[found - family->items] : NULL;
}

/* Fills in the parents: what was known, and is still there, is copied; the rest is read. Returns false if that was too much for
 * one look; what is left over keeps parent 0, and so is read by the next one. */
static bool fill_parents(struct family *now, const struct family *before) {
    size_t n_reads = 0;
    for (size_t i = 0; i < now->n_items; i++) {
        struct family_process *process = &now->items[i];
        const struct family_process *known = find(before, process->pid);
        /* A parent that has ended was replaced by another one (a subreaper, or init). */
        if (known && known->parent > 0 && find(now, known->parent)) {
            process->parent = known->parent;
            continue;
        }
        if (n_reads++ >= FAMILY_READS_MAX)
            continue;
        process->parent = read_parent(process->pid);
        process->untold = process->parent > 0 && (!known || known->parent != process->parent);
    }
    return n_reads <= FAMILY_READS_MAX;
}

/* Pids start over at the highest, so a child may have a lower one than its parent; who follows a family must hear of the parent first. */
static void tell(struct family *now, void (*born)(void *context, pid_t pid, pid_t parent), void *context) {
    for (size_t i = 0; i < now->n_items; i++) {
        while (now->items[i].untold) {
            struct family_process *first = &now->items[i];
            struct family_process *parent = find_in(now, first->parent);
            for (size_t n = 0; parent && parent->untold && n < now->n_items; n++) {
                first = parent;
                parent = find_in(now, first->parent);
            }
            first->untold = false;
            born(context, first->pid, first->parent);
        }
    }
}

int family_look(struct family *family, void (*born)(void *context, pid_t pid, pid_t parent), void *context) {
    /* Before the list is made: what comes in between is seen twice rather than never. */
    const pid_t last_pid = read_last_pid();
    if (last_pid != 0 && last_pid == family->last_pid)
        return 0;

    CLEANUP(family_deinit) struct family now = {0};
    int r = list_pids(&now);
    if (r < 0)
        return r;
    now.last_pid = fill_parents(&now, family) ? last_pid : 0;
    tell(&now, born, context);
    struct family before = *family;
    *family = now;
    now = before;
    return 0;
}
