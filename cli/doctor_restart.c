/*
 * doctor: the line that ends a portd and starts it again as it was, or starts one where none runs; and portctl's own lines, so
 * that they go to the portd that was looked at.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "probe/cgroup.h"
#include "probe/proc_file.h"
#include "src/base/text.h"

#define WORD_MAX      (2 * PATH_MAX)
#define ARGUMENTS_MAX ((size_t)64 << 10)

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
    char word[WORD_MAX];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/%d/exe",
             (int)(doctor->broken_pid != 0 ? doctor->broken_pid : doctor->portd.pid));
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
    const char *more; /* of portd's: the options that will stand behind it; NULL: none */
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

static bool will_have(const struct line *line, const char *option) {
    return line->more != NULL && doctor_names_option(line->more, option);
}

/* Unless its command names the option, or a portd that is started now would have it all the same. */
static void append_setting(struct line *line, const struct doctor *doctor, const char *option, const char *value,
                           const char *usual) {
    char word[WORD_MAX];

    if (value == NULL || strcmp(value, usual) == 0 || will_have(line, option) ||
        (doctor->portd.command != NULL && doctor_names_option(doctor->portd.command, option)))
        return;
    append(line, " --%s %s", option, text_quote_word(value, word, sizeof word));
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
    doctor_default_database(usual);
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
    char word[WORD_MAX];

    name_portd(word, sizeof word);
    append(line, "%s", word);
    if (colon != NULL) {
        snprintf(digits, sizeof digits, "%.*s", (int)strcspn(colon + 1, "/"), colon + 1);
        if (text_parse_number(digits, 1, UINT16_MAX, &port) != 0)
            port = 0;
    }
    if (doctor->options->socket != NULL && !will_have(line, "socket"))
        append(line, " --socket %s", text_quote_word(doctor->options->socket, word, sizeof word));
    if (will_have(line, "port"))
        return;
    if (port != 0 && doctor->options->socket == NULL)
        append(line, " --port %u", (unsigned)port);
    else if (doctor->has_stranger)
        append(line, " --port %u", doctor_free_tcp_port());
}

/* ---- a unit of systemd ---- */

/* systemd says to whom it has executed who that is (systemd.exec(5)); his children have the variable, too. */
static bool is_main_process(int process_fd, pid_t pid) {
    static const char key[] = "SYSTEMD_EXEC_PID=";
    CLEANUP(doctor_free_text_at) char *environment = NULL;
    size_t length = 0;

    if (proc_read_all(process_fd, "environ", ARGUMENTS_MAX, &environment, &length) != 0)
        return true;
    for (const char *entry = environment; entry < environment + length; entry += strlen(entry) + 1)
        if (strncmp(entry, key, strlen(key)) == 0)
            return strtol(entry + strlen(key), NULL, 10) == pid;
    return true;
}

static bool is_systemds_child(const struct doctor *doctor, int process_fd) {
    CLEANUP(doctor_free_text_at) char *name = NULL;
    struct proc_stat stat;
    char file[32];

    if (proc_read_stat(process_fd, &stat) != 0)
        return false;
    snprintf(file, sizeof file, "%d/comm", (int)stat.parent);
    name = doctor_read_proc(doctor, file);
    return name != NULL && strcmp(name, "systemd\n") == 0;
}

#define MANAGER "/user@"

/* "/user.slice/user-1000.slice/user@1000.service/app.slice/portd.service" is a unit of user 1000's own manager. */
static bool read_manager(const char *path, uid_t *ret_uid) {
    const char *number = strstr(path, MANAGER) + strlen(MANAGER);
    char digits[16];
    uint64_t uid;

    snprintf(digits, sizeof digits, "%.*s", (int)strcspn(number, "."), number);
    if (text_parse_number(digits, 0, UINT32_MAX - 1, &uid) != 0)
        return false;
    *ret_uid = (uid_t)uid;
    return true;
}

#define MANAGER_MAX 128

/* systemctl, as it reaches the manager of portd's unit. sudo hands on nothing that says where another user's is. */
static void name_manager(const struct doctor *doctor, char *ret_words) {
    const struct doctor_portd *portd = &doctor->portd;
    char user[32];

    name_user(portd->unit_uid, user, sizeof user);
    if (!portd->unit_is_users)
        snprintf(ret_words, MANAGER_MAX, "%ssystemctl", doctor_as_root());
    else if (user[0] == '\0')
        snprintf(ret_words, MANAGER_MAX, "systemctl --user");
    else
        snprintf(ret_words, MANAGER_MAX, "%senv XDG_RUNTIME_DIR=/run/user/%u systemctl --user", user,
                 (unsigned)portd->unit_uid);
}

/* Where a file of ours beside the unit's own goes. Returns false if its user has no home that is known. */
static bool find_unit_folder(const struct doctor *doctor, char *ret_folder, size_t size) {
    const struct doctor_portd *portd = &doctor->portd;
    char own[PATH_MAX];
    const char *home;
    const struct passwd *user;

    if (!portd->unit_is_users)
        return snprintf(ret_folder, size, "/etc/systemd/system/%s.d", portd->unit) < (int)size;
    user = portd->unit_uid != geteuid() ? getpwuid(portd->unit_uid) : NULL;
    if (portd->unit_uid == geteuid())
        home = doctor_home(own);
    else
        home = user != NULL ? user->pw_dir : "";
    return home[0] == '/' && snprintf(ret_folder, size, "%s/.config/systemd/user/%s.d", home, portd->unit) < (int)size;
}

/* A portd that a person has started in the terminal of a service, or that cron has, is in the service's cgroup, too. */
void doctor_find_unit(struct doctor *doctor, pid_t pid) {
    CLEANUP(fd_close_at) int fd = doctor_open_process(doctor, pid);
    CLEANUP(doctor_free_text_at) char *text = NULL;
    CLEANUP(doctor_free_text_at) char *path = NULL;
    struct cgroup_names names;
    char file[32];
    bool is_users;

    snprintf(file, sizeof file, "%d/cgroup", (int)pid);
    text = doctor_read_proc(doctor, file);
    if (fd < 0 || text == NULL || cgroup_choose(text, &path) < 0 || !cgroup_is_evidence(path))
        return;
    cgroup_parse(path, &names);
    if (names.runtime[0] != '\0' || names.unit[0] == '\0' || !is_systemds_child(doctor, fd) ||
        !is_main_process(fd, pid))
        return;
    is_users = strstr(path, MANAGER) != NULL;
    free(doctor->portd.unit);
    doctor->portd.unit = is_users && !read_manager(path, &doctor->portd.unit_uid) ? NULL : strdup(names.unit);
    doctor->portd.unit_is_users = is_users;
}

/* In a unit's file these two are systemd's own (systemd.service(5)). */
static void escape_for_unit(const char *command, char *ret_text, size_t size) {
    struct line line = {.text = ret_text, .size = size};

    ret_text[0] = '\0';
    for (; *command != '\0'; command++)
        append(&line, *command == '%' || *command == '$' ? "%c%c" : "%c", *command, *command);
}

/* A file of ours beside the unit's own changes its command; what the unit says else stays. */
static void append_unit_change(struct line *line, const struct doctor *doctor, const char *command, bool as_root) {
    char user[32];
    char systemctl[MANAGER_MAX];
    char escaped[DOCTOR_COMMAND_MAX];
    char setting[DOCTOR_COMMAND_MAX + 16];
    char word[2 * DOCTOR_COMMAND_MAX];
    char folder[PATH_MAX];
    char folder_word[WORD_MAX];

    name_user(doctor->portd.unit_is_users ? doctor->portd.unit_uid : 0, user, sizeof user);
    name_manager(doctor, systemctl);
    if (!find_unit_folder(doctor, folder, sizeof folder))
        return;
    text_quote_word(folder, folder_word, sizeof folder_word);
    escape_for_unit(command, escaped, sizeof escaped);
    snprintf(setting, sizeof setting, "ExecStart=%s", escaped);
    append(line, "%smkdir -p %s && printf '%%s\\n' '[Service]' %sExecStart= %s | %stee %s/doctor.conf > /dev/null && ",
           user, folder_word, as_root ? "User=root " : "", text_quote_word(setting, word, sizeof word), user,
           folder_word);
    append(line, "%s daemon-reload && ", systemctl);
}

/* ---- the line ---- */

/* The command by which it runs again, without what is to be added. */
static void append_command(struct line *line, const struct doctor *doctor) {
    char running[DOCTOR_COMMAND_MAX];
    char kept[DOCTOR_COMMAND_MAX];

    if (!doctor->portd.answers && doctor->portd.command == NULL) {
        append_start(line, doctor);
        return;
    }
    if (doctor->portd.command != NULL)
        name_running(doctor, running, sizeof running);
    else
        name_portd(running, sizeof running);
    doctor_drop_options(running, line->more != NULL ? line->more : "", kept, sizeof kept);
    append(line, "%s%s", doctor->portd.variables != NULL ? doctor->portd.variables : "", kept);
    if (doctor->portd.answers)
        append_settings(line, doctor);
}

/* The unit's file says how it is started, unless that is to be another way. */
static bool changes_unit(const struct doctor_restart *restart) {
    return restart->more != NULL || restart->as_root || restart->other_program;
}

static void append_unit_restart(struct line *line, const struct doctor *doctor, const struct doctor_restart *restart) {
    char word[2 * CGROUP_UNIT_MAX];
    char systemctl[MANAGER_MAX];
    char command[DOCTOR_COMMAND_MAX];
    struct line changed = {.text = command, .size = sizeof command, .more = restart->more};

    text_quote_word(doctor->portd.unit, word, sizeof word);
    name_manager(doctor, systemctl);
    if (doctor->broken_pid != 0) /* else it waits for a minute and a half */
        append(line, "%s kill -s KILL %s; ", systemctl, word);
    if (restart->between != NULL)
        append(line, "%s stop %s; %s && ", systemctl, word, restart->between);
    if (changes_unit(restart)) {
        append_command(&changed, doctor);
        append(&changed, "%s", restart->more != NULL ? restart->more : "");
        append_unit_change(line, doctor, command, restart->as_root);
    }
    append(line, "%s restart %s", systemctl, word);
}

/* What there is, is ended. */
static void append_end(struct line *line, const struct doctor *doctor, const char *user) {
    const struct doctor_portd *portd = &doctor->portd;
    char word[2 * CGROUP_UNIT_MAX];
    char systemctl[MANAGER_MAX];

    name_manager(doctor, systemctl);
    if (portd->unit != NULL)
        append(line, "%s disable --now %s; ", systemctl, text_quote_word(portd->unit, word, sizeof word));
    else if (portd->pid != 0)
        append(line, "%skill %d; " DOCTOR_AWAIT_FORMAT "; ", user, (int)portd->pid, (int)portd->pid);
    else if (doctor->broken_pid != 0) /* what hangs may not hear a TERM */
        append(line, "kill -KILL %d; " DOCTOR_AWAIT_FORMAT "; ", (int)doctor->broken_pid, (int)doctor->broken_pid);
    else if (!portd->answers && doctor->original_pid != 0)
        append(line, "kill %d; " DOCTOR_AWAIT_FORMAT "; ", (int)doctor->original_pid, (int)doctor->original_pid);
}

static bool can_restart(const struct doctor *doctor, const struct doctor_restart *restart, bool keeps_unit) {
    char folder[PATH_MAX];

    if (!keeps_unit)
        return !doctor->portd.command_hidden;
    return !changes_unit(restart) || (!doctor->portd.command_hidden && find_unit_folder(doctor, folder, sizeof folder));
}

/* Who starts it again must see by himself how; ps makes safe what it shows. */
static void append_look(struct line *line, const struct doctor *doctor) {
    pid_t pid = doctor->broken_pid != 0 ? doctor->broken_pid : doctor->portd.pid;

    if (pid != 0)
        append(line, "ps -o user,args -p %d", (int)pid);
    else
        append(line, "ps -o user,args -C portd");
}

void doctor_restart_command(const struct doctor *doctor, const struct doctor_restart *restart, char *ret_command,
                            size_t size) {
    struct line line = {.text = ret_command, .size = size, .more = restart->more};
    const struct doctor_portd *portd = &doctor->portd;
    const bool keeps_unit = portd->unit != NULL && !(portd->unit_is_users && restart->as_root);
    char user[32] = "";

    ret_command[0] = '\0';
    if (!can_restart(doctor, restart, keeps_unit)) {
        append_look(&line, doctor);
        return;
    }
    append(&line, "%s", restart->before != NULL ? restart->before : "");
    /* A person's own manager cannot make it root's. */
    if (keeps_unit) {
        append_unit_restart(&line, doctor, restart);
        return;
    }
    if (portd->answers)
        name_user(portd->uid, user, sizeof user);
    append_end(&line, doctor, user);
    if (restart->between != NULL)
        append(&line, "%s && ", restart->between);
    append(&line, "%s", restart->as_root ? doctor_as_root() : user);
    append_command(&line, doctor);
    append(&line, "%s &", restart->more != NULL ? restart->more : "");
}

/* ---- portctl's own ---- */

/* sudo hands no variables on, so there it has to be told what they say. */
const char *doctor_portctl(const struct doctor *doctor, bool as_root, char *ret_words, size_t size) {
    const char *sudo = as_root ? doctor_as_root() : "";
    const char *socket = doctor->options->socket;
    const char *url = doctor->options->url;
    char word[WORD_MAX];

    if (socket == NULL && url == NULL && sudo[0] != '\0') {
        socket = doctor_variable("PM_SOCKET");
        url = socket == NULL ? doctor_variable("PM_URL") : NULL;
    }
    if (socket != NULL)
        snprintf(ret_words, size, "%sportctl --socket %s", sudo, text_quote_word(socket, word, sizeof word));
    else if (url != NULL)
        snprintf(ret_words, size, "%sportctl --url %s", sudo, text_quote_word(url, word, sizeof word));
    else
        snprintf(ret_words, size, "%sportctl", sudo);
    return ret_words;
}
