/*
 * doctor: the list of findings, and what several checks need to put a remedy into words. See doctor.h.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/proc_file.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define FILE_MAX    ((size_t)4 << 20)
#define PATIENCE_MS 3000

void doctor_init(struct doctor *doctor, const struct options *options) {
    *doctor = (struct doctor){.proc = "/proc", .root = "", .options = options, .patience_ms = PATIENCE_MS};
}

void doctor_deinit(struct doctor *doctor) {
    for (size_t i = 0; i < doctor->n_findings; i++) {
        free(doctor->findings[i].text);
        free(doctor->findings[i].remedy);
    }
    free(doctor->findings);
    free(doctor->portd.version);
    free(doctor->portd.database);
    free(doctor->portd.socket);
    free(doctor->portd.excluded);
    free(doctor->portd.command);
    cJSON_Delete(doctor->snapshot);
    *doctor = (struct doctor){0};
}

void doctor_run(struct doctor *doctor) {
    doctor_find_original(doctor);
    doctor_find_stranger(doctor);
    doctor_check_portd(doctor);
    doctor_check_version(doctor);
    doctor_check_tcp(doctor);
    doctor_check_conflicts(doctor);
    doctor_check_owners(doctor);
    doctor_check_range(doctor);
    doctor_check_reserved(doctor);
    doctor_check_room(doctor);
    doctor_check_disk(doctor);
    doctor_check_damaged(doctor);
    doctor_check_original(doctor);
    doctor_check_namespaces(doctor);
    doctor_check_clock(doctor);
    doctor_check_kernel(doctor);
    doctor_check_completion(doctor);
}

enum finding_state doctor_worst(const struct doctor *doctor) {
    enum finding_state worst = FINDING_OK;

    for (size_t i = 0; i < doctor->n_findings; i++)
        if (doctor->findings[i].state > worst)
            worst = doctor->findings[i].state;
    return worst;
}

const char *finding_state_name(enum finding_state state) {
    static const char *const names[] = {[FINDING_OK] = "ok", [FINDING_WARNING] = "warning", [FINDING_ERROR] = "error"};

    return names[state];
}

/* ---- findings ---- */

static struct finding *add_finding(struct doctor *doctor) {
    if (doctor->n_findings == doctor->capacity) {
        size_t capacity = doctor->capacity > 0 ? 2 * doctor->capacity : 32;
        struct finding *grown = realloc(doctor->findings, capacity * sizeof *grown);

        if (grown == NULL)
            return NULL;
        doctor->findings = grown;
        doctor->capacity = capacity;
    }
    return &doctor->findings[doctor->n_findings];
}

void doctor_say(struct doctor *doctor, const char *check, enum finding_state state, const char *format, ...) {
    struct finding *finding = add_finding(doctor);
    char *text = NULL;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0 || finding == NULL) {
        if (length >= 0)
            free(text);
        doctor->short_of_memory = true;
        return;
    }
    *finding = (struct finding){.check = check, .state = state, .text = text};
    doctor->n_findings++;
}

void doctor_advise(struct doctor *doctor, const char *format, ...) {
    char *remedy = NULL;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&remedy, format, arguments);
    va_end(arguments);
    if (length < 0 || doctor->n_findings == 0) {
        if (length >= 0)
            free(remedy);
        doctor->short_of_memory = true;
        return;
    }
    free(doctor->findings[doctor->n_findings - 1].remedy);
    doctor->findings[doctor->n_findings - 1].remedy = remedy;
}

/* ---- the machine ---- */

const char *doctor_as_root(void) {
    return geteuid() == 0 ? "" : "sudo ";
}

const char *doctor_variable(const char *name) {
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

void doctor_free_text_at(char **text) {
    free(*text);
    *text = NULL;
}

char *doctor_read_proc(const struct doctor *doctor, const char *name) {
    char path[PATH_MAX];
    char *text = NULL;
    size_t length;

    snprintf(path, sizeof path, "%s/%s", doctor->proc, name);
    return proc_read_all(AT_FDCWD, path, FILE_MAX, &text, &length) == 0 ? text : NULL;
}

/* As portd has it (src/options.c). */
const char *doctor_home(char *ret_path) {
    const char *home = getenv("HOME");
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];

    if (home == NULL || home[0] != '/')
        home = getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL ? entry.pw_dir : "/";
    snprintf(ret_path, PATH_MAX, "%s", home);
    return ret_path;
}

void doctor_default_socket(char *ret_path) {
    const char *set = doctor_variable("PM_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char home[PATH_MAX];
    struct stat there;

    if (set != NULL)
        snprintf(ret_path, PATH_MAX, "%s", set);
    else if (runtime != NULL && runtime[0] == '/' && stat(runtime, &there) == 0 && S_ISDIR(there.st_mode))
        snprintf(ret_path, PATH_MAX, "%s/portmanager.sock", runtime);
    else if (snprintf(ret_path, PATH_MAX, "%s/.portmanager/portd.sock", doctor_home(home)) >= PATH_MAX)
        ret_path[0] = '\0';
}

static void default_database(char *ret_path) {
    const char *set = doctor_variable("PM_DB");
    char home[PATH_MAX];

    if (set != NULL)
        snprintf(ret_path, PATH_MAX, "%s", set);
    else if (snprintf(ret_path, PATH_MAX, "%s/.portmanager/leases.db", doctor_home(home)) >= PATH_MAX)
        ret_path[0] = '\0';
}

bool doctor_database(const struct doctor *doctor, char *ret_path) {
    if (doctor->portd.answers && doctor->portd.database == NULL)
        return false;
    if (doctor->portd.database != NULL)
        snprintf(ret_path, PATH_MAX, "%s", doctor->portd.database);
    else
        default_database(ret_path);
    return ret_path[0] != '\0';
}

/* ---- starting portd ---- */

static bool is_in_path(const char *program) {
    const char *path = getenv("PATH");
    char candidate[PATH_MAX];

    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");

        snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, path, program);
        if (access(candidate, X_OK) == 0)
            return true;
        path += length + (path[length] == ':' ? 1 : 0);
    }
    return false;
}

/* Where it is not on the PATH it lies beside this program, as it was built. */
static void name_portd(char *ret_word, size_t size) {
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof "/portd");
    char *slash;

    snprintf(ret_word, size, "portd");
    if (is_in_path("portd") || length <= 0)
        return;
    path[length] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return;
    memcpy(slash, "/portd", sizeof "/portd");
    if (access(path, X_OK) == 0)
        text_quote_word(path, ret_word, size);
}

/* A program that was named relative to the folder that it was started in is named as it is now. */
static void name_running(const struct doctor *doctor, char *ret_line, size_t size) {
    const char *command = doctor->portd.command;
    const char *rest = command + strcspn(command, " ");
    const char *slash = memchr(command, '/', (size_t)(rest - command));
    char link[64];
    char path[PATH_MAX];
    char word[2 * PATH_MAX];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/%d/exe", (int)doctor->portd.pid);
    if (slash == NULL || slash == command || command[0] == '\'') {
        snprintf(ret_line, size, "%s", command);
        return;
    }
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) {
        name_portd(word, sizeof word);
    } else {
        path[length] = '\0';
        text_quote_word(path, word, sizeof word);
    }
    snprintf(ret_line, size, "%s%s", word, rest);
}

struct line {
    char *text;
    size_t size;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...) {
    va_list arguments;
    int length;

    if (line->used >= line->size)
        return;
    va_start(arguments, format);
    length = vsnprintf(line->text + line->used, line->size - line->used, format, arguments);
    va_end(arguments);
    line->used += length > 0 ? (size_t)length : 0;
}

/* Unless its command names the option, or a portd that is started now would have it all the same. */
static void append_setting(struct line *line, const struct doctor *doctor, const char *option, const char *value,
                           const char *usual) {
    char word[2 * PATH_MAX];
    char name[32];

    snprintf(name, sizeof name, " --%s", option);
    if (value == NULL || strcmp(value, usual) == 0 ||
        (doctor->portd.command != NULL && strstr(doctor->portd.command, name) != NULL))
        return;
    append(line, "%s %s", name, text_quote_word(value, word, sizeof word));
}

static unsigned number_or(const char *variable, unsigned usual) {
    const char *value = doctor_variable(variable);
    uint64_t number;

    return value != NULL && text_parse_number(value, 0, UINT16_MAX, &number) == 0 ? (unsigned)number : usual;
}

/* What it was told by its environment, which a new one may not have. */
static void append_settings(struct line *line, const struct doctor *doctor) {
    const struct doctor_portd *portd = &doctor->portd;
    const char *excluded = doctor_variable("PM_EXCLUDE");
    char usual[PATH_MAX];
    char value[32];

    doctor_default_socket(usual);
    append_setting(line, doctor, "socket", portd->socket, usual);
    default_database(usual);
    append_setting(line, doctor, "db", portd->database, usual);
    snprintf(value, sizeof value, "%u", portd->port);
    snprintf(usual, sizeof usual, "%u", number_or("PM_API_PORT", DOCTOR_PORT));
    append_setting(line, doctor, "port", value, usual);
    snprintf(value, sizeof value, "%u-%u", portd->range_min, portd->range_max);
    snprintf(usual, sizeof usual, "%u-%u", number_or("PM_PORT_MIN", 8000), number_or("PM_PORT_MAX", 9000));
    append_setting(line, doctor, "range", value, usual);
    append_setting(line, doctor, "exclude", portd->excluded, excluded != NULL ? excluded : "");
}

/* The prefix of a command that another user's portd needs. */
static void name_user(uid_t uid, char *ret_prefix, size_t size) {
    if (uid == geteuid())
        ret_prefix[0] = '\0';
    else if (uid == 0)
        snprintf(ret_prefix, size, "sudo ");
    else
        snprintf(ret_prefix, size, "sudo -u '#%u' ", (unsigned)uid);
}

/* None runs: what is asked for by an option must be said to it; what is in the environment it reads itself, but for a URL. */
static void append_start(struct line *line, const struct doctor *doctor) {
    const char *url = doctor->options->url != NULL ? doctor->options->url : doctor_variable("PM_URL");
    const char *colon = url != NULL ? strrchr(url, ':') : NULL;
    uint64_t port = 0;
    char digits[8];
    char word[2 * PATH_MAX];

    name_portd(word, sizeof word);
    append(line, "%s", word);
    if (colon != NULL) {
        snprintf(digits, sizeof digits, "%.*s", (int)strcspn(colon + 1, "/"), colon + 1);
        if (text_parse_number(digits, 1, UINT16_MAX, &port) != 0)
            port = 0;
    }
    if (doctor->options->socket != NULL)
        append(line, " --socket %s", text_quote_word(doctor->options->socket, word, sizeof word));
    if (port != 0 && doctor->options->socket == NULL)
        append(line, " --port %u", (unsigned)port);
    else if (doctor->has_stranger)
        append(line, " --port %u", doctor_free_tcp_port());
}

void doctor_restart_command(const struct doctor *doctor, const struct doctor_restart *restart, char *ret_command,
                            size_t size) {
    struct line line = {.text = ret_command, .size = size};
    const struct doctor_portd *portd = &doctor->portd;
    char user[32] = "";
    char running[DOCTOR_COMMAND_MAX];

    ret_command[0] = '\0';
    if (portd->answers)
        name_user(portd->uid, user, sizeof user);
    if (portd->pid != 0)
        append(&line, "%skill %d; tail --pid=%d -f /dev/null; ", user, (int)portd->pid, (int)portd->pid);
    else if (!portd->answers && doctor->original_pid != 0)
        append(&line, "kill %d; tail --pid=%d -f /dev/null; ", (int)doctor->original_pid, (int)doctor->original_pid);
    if (restart->between != NULL)
        append(&line, "%s && ", restart->between);
    append(&line, "%s", restart->as_root ? doctor_as_root() : user);
    if (portd->answers && portd->command != NULL) {
        name_running(doctor, running, sizeof running);
        append(&line, "%s", running);
        append_settings(&line, doctor);
    } else if (portd->answers) {
        name_portd(running, sizeof running);
        append(&line, "%s", running);
        append_settings(&line, doctor);
    } else {
        append_start(&line, doctor);
    }
    append(&line, "%s &", restart->more != NULL ? restart->more : "");
}
