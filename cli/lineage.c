/*
 * Command lines, from a process upwards. See lineage.h.
 */
#include "cli/lineage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/proc_file.h"

/* A Java class path can be long; what it is of stands within this. */
#define COMMAND_MAX ((size_t)64 << 10)

/* Titles are often padded with NULs or spaces to the length of what they overwrote. */
static size_t trim(const char *bytes, size_t length) {
    while (length > 0 && (bytes[length - 1] == '\0' || bytes[length - 1] == ' '))
        length--;
    return length;
}

static void split(struct lineage_command *command, size_t length) {
    char *at = command->bytes;
    char *end = at + trim(at, length);
    size_t n_words = 0;

    *end = '\0';
    if (memchr(at, '\0', (size_t)(end - at)) == NULL)
        for (char *space = at; (space = strchr(space, ' ')) != NULL;)
            *space++ = '\0';
    while (at < end && n_words < LINEAGE_WORDS_MAX) {
        command->words[n_words++] = at;
        at += strlen(at) + 1;
    }
}

static int read_command(pid_t pid, struct lineage_command *command, pid_t *parent) {
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    struct proc_stat stat;
    size_t length = 0;
    int r = process_fd < 0 ? process_fd : proc_read_stat(process_fd, &stat);

    if (r == 0)
        r = proc_read_all(process_fd, "cmdline", COMMAND_MAX, &command->bytes, &length);
    if (r < 0)
        return r;
    split(command, length);
    *parent = stat.parent;
    return 0;
}

int lineage_read(struct lineage *lineage, pid_t pid) {
    int r = 0;

    *lineage = (struct lineage){.commands = calloc(LINEAGE_MAX, sizeof *lineage->commands)};
    if (lineage->commands == NULL)
        return -ENOMEM;
    while (pid > 0 && pid != getpid() && lineage->n_commands < LINEAGE_MAX) {
        r = read_command(pid, &lineage->commands[lineage->n_commands], &pid);
        if (r < 0)
            break;
        lineage->n_commands++;
    }
    return r == -ENOMEM ? r : 0;
}

void lineage_deinit(struct lineage *lineage) {
    for (size_t i = 0; i < lineage->n_commands; i++)
        free(lineage->commands[i].bytes);
    free(lineage->commands);
    *lineage = (struct lineage){0};
}
