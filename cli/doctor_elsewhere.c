/*
 * doctor: a portd that nobody has found, and that has the database which a new one would have. It holds the lock beside that
 * (src/lease/store_file.c), so the kernel knows its pid; where it is to be reached its command and its environment tell.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/connection.h"
#include "cli/doctor.h"
#include "probe/proc_file.h"
#include "src/base/text.h"

#define WORD_MAX  (2 * PATH_MAX)
#define FILE_MAX  ((size_t)64 << 10)
#define ACCEPT_MS 1000

/* Returns false if nobody has the lock. A pid of 0: somebody of another pid namespace. */
static bool find_holder(const char *database, pid_t *ret_pid) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char real[PATH_MAX];
    char path[PATH_MAX + 8];
    CLEANUP(fd_close_at) int fd = -1;

    snprintf(path, sizeof path, "%s.lock", realpath(database, real) != NULL ? real : database);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return false;
    *ret_pid = lock.l_pid > 0 ? lock.l_pid : 0;
    return true;
}

/* ---- what its process tells ---- */

/* Strings with a NUL behind each, as the kernel has them. */
struct strings {
    char *bytes;
    size_t length;
};

static void free_strings(struct strings *strings) {
    free(strings->bytes);
}

static struct strings read_strings(const struct doctor *doctor, pid_t pid, const char *file) {
    struct strings strings = {0};
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%d/%s", doctor->proc, (int)pid, file);
    if (proc_read_all(AT_FDCWD, path, FILE_MAX, &strings.bytes, &strings.length) != 0)
        strings = (struct strings){0};
    return strings;
}

static const char *next(const struct strings *strings, const char *at) {
    at = at == NULL ? strings->bytes : at + strlen(at) + 1;
    return at != NULL && at < strings->bytes + strings->length ? at : NULL;
}

/* Of an option that is said twice the last value counts. NULL: none is said. */
static const char *find_option(const struct strings *arguments, const char *option) {
    const char *value = NULL;

    for (const char *at = next(arguments, NULL); at != NULL; at = next(arguments, at)) {
        const char *equals = strchr(at, '=');

        if (!doctor_is_option(at, option))
            continue;
        value = equals != NULL ? equals + 1 : next(arguments, at);
    }
    return value;
}

static const char *find_variable(const struct strings *environment, const char *name) {
    size_t length = strlen(name);

    for (const char *at = next(environment, NULL); at != NULL; at = next(environment, at))
        if (strncmp(at, name, length) == 0 && at[length] == '=' && at[length + 1] != '\0')
            return at + length + 1;
    return NULL;
}

static bool serves(const struct options *options) {
    const struct patience patience = {.deadline_ms = patience_now_ms() + ACCEPT_MS, .interrupt_fd = -1};
    CLEANUP(connection_close_at) struct connection connection = {.fd = -1};
    struct endpoints endpoints;
    struct problem problem = {0};
    bool is_served = endpoints_find(options, &endpoints, &problem) == 0 &&
                     connection_open(&endpoints.items[0], &patience, &connection) == 0;

    problem_deinit(&problem);
    return is_served;
}

/* Its Unix socket, if somebody listens on it: PATH_MAX bytes, or "". */
static void find_socket(const struct doctor *doctor, pid_t pid, const struct strings *arguments,
                        const struct strings *environment, char *ret_path) {
    const char *told = find_option(arguments, "socket");
    const char *runtime = find_variable(environment, "XDG_RUNTIME_DIR");
    const char *home = find_variable(environment, "HOME");
    char path[PATH_MAX] = "";
    struct stat there;

    if (told == NULL)
        told = find_variable(environment, "PM_SOCKET");
    if (told != NULL)
        snprintf(path, sizeof path, "%s", told);
    else if (runtime != NULL && stat(runtime, &there) == 0)
        snprintf(path, sizeof path, "%s/portmanager.sock", runtime);
    else if (home != NULL)
        snprintf(path, sizeof path, "%s/.portmanager/portd.sock", home);
    if (path[0] == '\0' || !doctor_resolve(doctor, pid, path, ret_path) ||
        !serves(&(struct options){.socket = ret_path}))
        ret_path[0] = '\0';
}

/* The same over TCP: "http://localhost:3999", or "". */
static void find_url(const struct strings *arguments, const struct strings *environment, char *ret_url, size_t size) {
    const char *told = find_option(arguments, "port");
    uint64_t port = DOCTOR_PORT;

    if (told == NULL)
        told = find_variable(environment, "PM_API_PORT");
    if (told != NULL && text_parse_number(told, 0, UINT16_MAX, &port) != 0)
        port = 0;
    snprintf(ret_url, size, "http://localhost:%u", (unsigned)port);
    if (port == 0 || !serves(&(struct options){.url = ret_url}))
        ret_url[0] = '\0';
}

/* ---- what is to be done ---- */

static void say_reachable(struct doctor *doctor, pid_t pid, const char *database, const char *option,
                          const char *place) {
    const bool is_socket = strcmp(option, "socket") == 0;
    char word[WORD_MAX];

    doctor->another_answers = true;
    doctor_say(doctor, "portd", FINDING_ERROR,
               "no portd is where it was looked for, but one runs (pid %d) that has the database %s: it is at %s",
               (int)pid, database, place);
    text_quote_word(place, word, sizeof word);
    if (!doctor_can_paste(place))
        doctor_advise(doctor, "ps -o user,args -p %d", (int)pid);
    else if (doctor->options->socket != NULL || doctor->options->url != NULL)
        doctor_advise(doctor, "portctl doctor --%s %s", option, word);
    else if (is_socket)
        doctor_advise(doctor, "export PM_SOCKET=%s", word);
    else
        doctor_advise(doctor, "unset PM_SOCKET; export PM_URL=%s", word);
}

/* Its socket is gone, and it has no TCP port; or it is hidden where it is. */
static void say_unreachable(struct doctor *doctor, pid_t pid, const char *database) {
    char path[64];
    struct stat there;

    doctor_say(doctor, "portd", FINDING_ERROR,
               "portd runs (pid %d) with the database %s, and nobody can reach it: its socket is not where it was",
               (int)pid, database);
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    if (stat(path, &there) < 0 || there.st_uid != geteuid() || !doctor_read_command(doctor, pid)) {
        doctor_advise(doctor, "ps -o user,args -p %d", (int)pid);
        return;
    }
    doctor->portd.pid = pid;
    doctor_find_unit(doctor, pid);
    doctor_find_stranger(doctor);
    doctor_advise_restart(doctor, &(struct doctor_restart){0});
}

/* A database of its own is beside the one that is another's. */
static void say_hidden(struct doctor *doctor, const char *database) {
    const char *slash = strrchr(database, '/');
    char own[PATH_MAX + 16];
    char word[WORD_MAX];
    char more[WORD_MAX + 16];

    doctor_say(doctor, "portd", FINDING_ERROR,
               "no portd is where it was looked for, but one of another pid namespace has the database %s. This starts "
               "one with a database of its own",
               database);
    snprintf(own, sizeof own, "%.*s/own.db", slash != NULL ? (int)(slash - database) : 1,
             slash != NULL ? database : ".");
    snprintf(more, sizeof more, " --db %s", text_quote_word(own, word, sizeof word));
    doctor_advise_restart(doctor, &(struct doctor_restart){.more = more});
}

bool doctor_explain_lock(struct doctor *doctor) {
    CLEANUP(free_strings) struct strings arguments = {0};
    CLEANUP(free_strings) struct strings environment = {0};
    char database[PATH_MAX];
    char socket[PATH_MAX];
    char url[64] = "";
    pid_t pid;

    doctor_default_database(database);
    if (database[0] == '\0' || !find_holder(database, &pid))
        return false;
    if (pid == 0) {
        say_hidden(doctor, database);
        return true;
    }
    arguments = read_strings(doctor, pid, "cmdline");
    environment = read_strings(doctor, pid, "environ");
    find_socket(doctor, pid, &arguments, &environment, socket);
    if (socket[0] == '\0')
        find_url(&arguments, &environment, url, sizeof url);
    if (socket[0] != '\0')
        say_reachable(doctor, pid, database, "socket", socket);
    else if (url[0] != '\0')
        say_reachable(doctor, pid, database, "url", url);
    else
        say_unreachable(doctor, pid, database);
    return true;
}
