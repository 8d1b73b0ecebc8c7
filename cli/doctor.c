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
    free(doctor->portd.variables);
    free(doctor->portd.unit);
    free(doctor->plan.before);
    free(doctor->plan.between);
    free(doctor->plan.more);
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
    doctor_put_restart_last(doctor);
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

void doctor_default_database(char *ret_path) {
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
        doctor_default_database(ret_path);
    return ret_path[0] != '\0';
}
