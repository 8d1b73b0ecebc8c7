/*
 * doctor: how a portd was started, as a command to paste. Its words are somebody's text, at times another user's, and its paths are
 * seen from the folder that it was started in. Where a paste would not do again what was done, there is no command.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "probe/proc_file.h"
#include "src/base/text.h"

#define WORD_MAX  (2 * PATH_MAX)
#define FILE_MAX  ((size_t)64 << 10)
#define PORTD     "portd"
#define VARIABLES "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* ---- words ---- */

bool doctor_can_paste(const char *text) {
    size_t length = strlen(text);
    char safe[FILE_MAX + 4];

    /* What turns the direction of text is no control character, and is not shown as it is either. */
    return length < sizeof safe - 4 && text_is_utf8(text, length) && !text_has_control(text, length) &&
           strcmp(text_make_safe(text, safe, sizeof safe), text) == 0;
}

bool doctor_is_option(const char *word, const char *option) {
    size_t length = strcspn(word, "=");

    return strncmp(word, "--", 2) == 0 && length > 2 && length - 2 <= strlen(option) &&
           strncmp(word + 2, option, length - 2) == 0;
}

/* A shell would take a word with a "=" at its beginning as a variable, and some others as words of its own. */
static bool is_program(const char *word) {
    const char *slash = strrchr(word, '/');

    return strchr(word, '=') == NULL && strncmp(slash != NULL ? slash + 1 : word, PORTD, strlen(PORTD)) == 0;
}

/* The words of a line of text_quote_words(), in its place. Returns how many they are. */
static size_t split(char *line, char **ret_words) {
    size_t n_words = 0;

    while (*line != '\0') {
        size_t length = doctor_word_length(line);
        char *end = line + length;
        char *to = line;
        bool quoted = false;

        ret_words[n_words++] = to;
        for (const char *at = line; at < end; at++) {
            if (*at == '\'')
                quoted = !quoted;
            else if (*at == '\\' && !quoted && at + 1 < end)
                *to++ = *++at;
            else
                *to++ = *at;
        }
        line = end + (*end == ' ' ? 1 : 0);
        *to = '\0';
    }
    return n_words;
}

/* ---- paths ---- */

/* A folder that was removed, or that is not to be seen from here, has another name than it reads, or none. */
static bool find_folder(const struct doctor *doctor, pid_t pid, char *ret_folder) {
    char link[PATH_MAX];
    struct stat it;
    struct stat there;
    ssize_t length;

    snprintf(link, sizeof link, "%s/%d/cwd", doctor->proc, (int)pid);
    length = pid != 0 ? readlink(link, ret_folder, PATH_MAX - 1) : -1;
    if (length <= 0)
        return false;
    ret_folder[length] = '\0';
    return ret_folder[0] == '/' && stat(link, &it) == 0 && stat(ret_folder, &there) == 0 && it.st_dev == there.st_dev &&
           it.st_ino == there.st_ino;
}

bool doctor_resolve(const struct doctor *doctor, pid_t pid, const char *path, char *ret_path) {
    char folder[PATH_MAX];

    ret_path[0] = '\0';
    if (path[0] == '/')
        return snprintf(ret_path, PATH_MAX, "%s", path) < PATH_MAX;
    if (!find_folder(doctor, pid, folder))
        return false;
    return snprintf(ret_path, PATH_MAX, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path) < PATH_MAX;
}

/* ---- its arguments ---- */

/* The word with the path, which begins at `path`, as it reads from anywhere: the caller's to free(). NULL: there is none. */
static char *format_path(const struct doctor *doctor, pid_t pid, const char *word, const char *path) {
    char resolved[PATH_MAX];
    char *whole = NULL;

    if (!doctor_resolve(doctor, pid, path, resolved) || !doctor_can_paste(resolved) ||
        asprintf(&whole, "%.*s%s", (int)(path - word), word, resolved) < 0)
        return NULL;
    return whole;
}

/* Where in the word a path of portd's begins. NULL: it has none. */
static const char *find_path(char *const *words, size_t i, bool is_value) {
    const char *word = words[i];
    const char *equals = strchr(word, '=');

    if (i == 0)
        return strchr(word, '/') != NULL ? word : NULL;
    if (is_value)
        return doctor_is_option(words[i - 1], "socket") || doctor_is_option(words[i - 1], "db") ? word : NULL;
    return equals != NULL && (doctor_is_option(word, "socket") || doctor_is_option(word, "db")) ? equals + 1 : NULL;
}

static void free_words(char **words) {
    for (size_t i = 0; words[i] != NULL; i++)
        free(words[i]);
    free(words);
}

/* The words as a line of a shell, of which the caller is to free(). NULL: a paste would not do what they have done. */
static char *format_words(const struct doctor *doctor, pid_t pid, char *const *words, size_t n_words) {
    char **copies = calloc(n_words + 1, sizeof *copies);
    bool is_value = false;
    bool is_whole = copies != NULL && n_words > 0 && is_program(words[0]);
    char *line;

    for (size_t i = 0; is_whole && i < n_words; i++) {
        const char *path = find_path(words, i, is_value);

        copies[i] = path != NULL ? format_path(doctor, pid, words[i], path) : strdup(words[i]);
        /* How a program is named that runs can be read elsewhere, too. */
        if (copies[i] == NULL && i == 0)
            copies[i] = strdup(words[i]);
        is_whole = copies[i] != NULL && doctor_can_paste(words[i]);
        is_value = !is_value && strncmp(words[i], "--", 2) == 0 && strchr(words[i], '=') == NULL;
    }
    line = is_whole ? text_quote_words(copies) : NULL;
    if (copies != NULL)
        free_words(copies);
    if (line == NULL || strlen(line) < DOCTOR_COMMAND_MAX)
        return line;
    free(line);
    return NULL;
}

/* Its arguments as words of a shell. The caller's to free(); NULL: they are hidden. */
static char *read_arguments(const struct doctor *doctor, pid_t pid, int process_fd) {
    CLEANUP(doctor_free_text_at) char *arguments = NULL;
    size_t length = 0;
    size_t n_words = 0;
    char **words;
    char *line;

    if (proc_read_all(process_fd, "cmdline", FILE_MAX, &arguments, &length) != 0 || length == 0)
        return NULL;
    words = calloc(length + 1, sizeof *words);
    if (words == NULL)
        return NULL;
    for (char *at = arguments; at < arguments + length; at += strlen(at) + 1)
        words[n_words++] = at;
    line = format_words(doctor, pid, words, n_words);
    free(words);
    return line;
}

/* ---- its variables ---- */

struct variables {
    char text[DOCTOR_COMMAND_MAX];
    size_t used;
};

/* Returns false if it cannot be pasted. */
static bool add_variable(struct variables *variables, const struct doctor *doctor, pid_t pid, const char *name,
                         const char *value) {
    const bool is_path = strcmp(name, "PM_DB") == 0 || strcmp(name, "PM_SOCKET") == 0;
    const char *ours = getenv(name);
    char resolved[PATH_MAX];
    char word[WORD_MAX];
    int length;

    if (is_path && value[0] != '\0') {
        if (!doctor_resolve(doctor, pid, value, resolved))
            return false;
        value = resolved;
    }
    if (ours != NULL && strcmp(ours, value) == 0)
        return true;
    if (!doctor_can_paste(value) || TEXT_QUOTED_MAX(strlen(value)) > sizeof word)
        return false;
    length = snprintf(variables->text + variables->used, sizeof variables->text - variables->used, "%s=%s ", name,
                      text_quote_word(value, word, sizeof word));
    variables->used += (size_t)length;
    return variables->used < sizeof variables->text;
}

/* What it was told by variables, as a new one of ours would not have it. Returns false if that cannot be pasted. */
static bool add_variables(struct variables *variables, const struct doctor *doctor, pid_t pid, int process_fd) {
    CLEANUP(doctor_free_text_at) char *environment = NULL;
    size_t length = 0;

    if (proc_read_all(process_fd, "environ", FILE_MAX, &environment, &length) != 0)
        return true;
    for (const char *entry = environment; entry < environment + length; entry += strlen(entry) + 1) {
        size_t n_name = strspn(entry, VARIABLES);
        char name[32];

        /* None of portd's has another name; a name is not quoted. */
        if (strncmp(entry, "PM_", 3) != 0 || entry[n_name] != '=' || n_name >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)n_name, entry);
        if (!add_variable(variables, doctor, pid, name, entry + n_name + 1))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

int doctor_open_process(const struct doctor *doctor, pid_t pid) {
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%d", doctor->proc, (int)pid);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int open_portd(const struct doctor *doctor, pid_t pid) {
    struct proc_stat stat;
    int fd = doctor_open_process(doctor, pid);

    if (fd >= 0 && proc_read_stat(fd, &stat) == 0 && strcmp(stat.name, PORTD) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void set_command(struct doctor *doctor, char *command) {
    free(doctor->portd.command);
    doctor->portd.command = command;
    doctor->portd.command_hidden = command == NULL;
}

bool doctor_read_command(struct doctor *doctor, pid_t pid) {
    CLEANUP(fd_close_at) int fd = open_portd(doctor, pid);
    struct variables variables = {0};

    if (fd < 0)
        return false;
    set_command(doctor, read_arguments(doctor, pid, fd));
    if (doctor->portd.command != NULL && !add_variables(&variables, doctor, pid, fd))
        set_command(doctor, NULL);
    free(doctor->portd.variables);
    doctor->portd.variables = strdup(variables.text);
    return true;
}

/* What it tells of itself is made safe before: a "?" may have been something else, and then only its process can tell. */
static char *settle_words(const struct doctor *doctor) {
    const struct doctor_portd *portd = &doctor->portd;
    CLEANUP(fd_close_at) int fd = portd->pid != 0 ? open_portd(doctor, portd->pid) : -1;
    char *line = strdup(portd->command);
    char **words = line != NULL ? calloc(strlen(line) + 1, sizeof *words) : NULL;
    char *command = NULL;

    if (fd >= 0)
        command = read_arguments(doctor, portd->pid, fd);
    else if (words != NULL && strchr(line, '?') == NULL)
        command = format_words(doctor, portd->pid, words, split(line, words));
    free(words);
    free(line);
    return command;
}

/* One that it has, but that means nothing here, is not told to us. */
static void settle_path(struct doctor *doctor, char **path) {
    char resolved[PATH_MAX];
    bool is_known;

    if (*path == NULL)
        return;
    is_known = doctor_resolve(doctor, doctor->portd.pid, *path, resolved) &&
               (strchr(*path, '?') == NULL || access(resolved, F_OK) == 0);
    free(*path);
    *path = is_known ? strdup(resolved) : NULL;
    if (!is_known)
        doctor->portd.command_hidden = true;
}

void doctor_settle_command(struct doctor *doctor) {
    if (doctor->portd.command != NULL)
        set_command(doctor, settle_words(doctor));
    settle_path(doctor, &doctor->portd.socket);
    settle_path(doctor, &doctor->portd.database);
}
