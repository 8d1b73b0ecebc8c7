/*
 * A small world of a test's own: a network namespace (netns.h), and a mount namespace with an empty tmpfs at SANDBOX_DIR.
 * Nothing of the machine is in the test's way, and nothing that the test leaves behind outlives its process, however that
 * ends. Criterion runs each test in a process of its own, so a test enters and never goes back.
 */
#ifndef TESTS_SUPPORT_SANDBOX_H
#define TESTS_SUPPORT_SANDBOX_H

#include "tests/support/holder.h"

#define SANDBOX_DIR  "/tmp/portmanager-test"
#define SANDBOX_HOME SANDBOX_DIR "/home" /* a person's home, empty */
#define SANDBOX_BIN  SANDBOX_DIR "/bin"  /* what PM_BUILD_BIN names: portd and portctl */

/* "Another user", wherever a test needs one: the same as the holders'. */
#define SANDBOX_OTHER_UID HOLDER_OTHER_UID

/* Enters both namespaces. The test works in SANDBOX_DIR from here on: the tests may run in the folder of a project, where
 * names mean something else to portctl. */
void sandbox_enter(void);

/* The mount namespace alone, for a test that has entered a network namespace of another kind. */
void sandbox_mount(void);

/* Mounts an empty tmpfs of so many KiB at `path`, a folder that is made if it is missing. */
void sandbox_mount_tmpfs(const char *path, unsigned size_kib);

/* The same, for a test in which somebody becomes another user: skips the test where that cannot be. */
void sandbox_enter_as_root(void);

/* Can portd look into the test's processes? Not where an ordinary user runs the test: in their user namespace they have every
 * capability and portd, which was executed, has none. */
bool sandbox_shows_processes(void);

#endif
