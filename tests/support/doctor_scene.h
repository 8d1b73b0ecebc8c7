/*
 * A machine that is made up, for doctor's checks: files in place of /proc and of the system, and a portd that has said what a
 * test wants. All names are within a folder of the test's own.
 */
#ifndef TESTS_SUPPORT_DOCTOR_SCENE_H
#define TESTS_SUPPORT_DOCTOR_SCENE_H

#include <limits.h>
#include <stddef.h>

#include "cli/doctor.h"
#include "cli/options.h"
#include "tests/support/fake_home.h"

struct doctor_scene {
    struct fake_home home; /* HOME; "proc" and "root" in it are the machine's */
    struct options options;
    struct doctor doctor;
    char proc[PATH_MAX];
    char root[PATH_MAX];
};

/* For a suite's .init and .fini. */
void doctor_scene_enter(struct doctor_scene *scene);
void doctor_scene_leave(struct doctor_scene *scene);

/* No findings, and a portd with which all is well. */
void doctor_scene_clear(struct doctor_scene *scene);

/* A file or a link of the folder, with the folders above it. */
void doctor_scene_put(const struct doctor_scene *scene, const char *name, const char *text);
void doctor_scene_put_bytes(const struct doctor_scene *scene, const char *name, const void *content, size_t length);
void doctor_scene_put_link(const struct doctor_scene *scene, const char *name, const char *target);

/* The one finding of the check just made, which is cleared; `remedy` NULL: it has none. What is told twice fails. */
void doctor_scene_assert_found(struct doctor_scene *scene, enum finding_state state, const char *words,
                               const char *remedy);

/* A remedy in which the folder stands as @, and what another user than root puts before it as #. Until the next one. */
const char *doctor_scene_fill(const struct doctor_scene *scene, const char *pattern);

#endif
