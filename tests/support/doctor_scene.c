/* A machine that is made up, for doctor's checks. See doctor_scene.h. */
#include "tests/support/doctor_scene.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_folders(const struct doctor_scene *scene, const char *name) {
    char path[PATH_MAX];
    fake_home_path(&scene->home, name, path);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

void doctor_scene_put_bytes(const struct doctor_scene *scene, const char *name, const void *content, size_t length) {
    make_folders(scene, name);
    fake_home_write(&scene->home, name, content, length);
}

void doctor_scene_put(const struct doctor_scene *scene, const char *name, const char *text) {
    doctor_scene_put_bytes(scene, name, text, strlen(text));
}

void doctor_scene_put_link(const struct doctor_scene *scene, const char *name, const char *target) {
    char path[PATH_MAX];
    make_folders(scene, name);
    fake_home_path(&scene->home, name, path);
    cr_assert_eq(symlink(target, path), 0);
}

void doctor_scene_clear(struct doctor_scene *scene) {
    const struct doctor_portd portd = {.answers = true,
                                       .version = strdup(PM_VERSION),
                                       .uid = geteuid(),
                                       .shares_pids = true,
                                       .sees_bound = true,
                                       .port = DOCTOR_PORT,
                                       .has_ipv4 = true,
                                       .range_min = 8000,
                                       .range_max = 9000};
    doctor_deinit(&scene->doctor);
    doctor_init(&scene->doctor, &scene->options);
    scene->doctor.proc = scene->proc;
    scene->doctor.root = scene->root;
    scene->doctor.portd = portd;
}

void doctor_scene_enter(struct doctor_scene *scene) {
    static const char *const variables[] = {"PM_SOCKET",      "PM_URL",        "PM_DB",           "PM_API_PORT",
                                            "PM_PORT_MIN",    "PM_PORT_MAX",   "PM_EXCLUDE",      "XDG_RUNTIME_DIR",
                                            "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"};
    char program[PATH_MAX];
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    fake_home_make(&scene->home);
    fake_home_path(&scene->home, "proc", scene->proc);
    fake_home_path(&scene->home, "root", scene->root);
    setenv("HOME", scene->home.path, 1);
    setenv("PATH", scene->home.path, 1);
    doctor_scene_put(scene, "portd", "");
    fake_home_path(&scene->home, "portd", program);
    cr_assert_eq(chmod(program, 0755), 0);
    doctor_scene_clear(scene);
}

void doctor_scene_leave(struct doctor_scene *scene) {
    doctor_deinit(&scene->doctor);
    fake_home_remove(&scene->home);
}

void doctor_scene_assert_found(struct doctor_scene *scene, enum finding_state state, const char *words,
                               const char *remedy) {
    cr_assert_eq(scene->doctor.n_findings, 1, "%zu findings", scene->doctor.n_findings);
    const struct finding *finding = &scene->doctor.findings[0];
    cr_assert_eq(finding->state, state, "%s: %s", finding_state_name(finding->state), finding->text);
    cr_assert_not_null(strstr(finding->text, words), "\"%s\" is not in: %s", words, finding->text);
    if (remedy == NULL)
        cr_assert_null(finding->remedy, "%s", finding->remedy);
    else
        cr_assert_str_eq(finding->remedy, remedy);
    cr_assert_eq(finding->remedy != NULL, state != FINDING_OK);
    doctor_scene_clear(scene);
}

const char *doctor_scene_fill(const struct doctor_scene *scene, const char *pattern) {
    static char text[8192];
    size_t used = 0;
    for (; *pattern != '\0'; pattern++) {
        char letter[2] = {*pattern, '\0'};
        const char *piece = *pattern == '@' ? scene->home.path : *pattern == '#' ? doctor_as_root() : letter;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", piece);
    }
    return text;
}
