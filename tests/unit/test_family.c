/* New processes and their parents, with real ones. */
#include "probe/family.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/wait.h"

TestSuite(family, .timeout = 60);

#define BIRTHS_MAX 4096

struct births {
    struct family_process items[BIRTHS_MAX];
    size_t n_items;
};

static void note(void *context, pid_t pid, pid_t parent) {
    struct births *births = context;
    cr_assert_lt(births->n_items, BIRTHS_MAX);
    births->items[births->n_items++] = (struct family_process){.pid = pid, .parent = parent};
}

static struct births *look(struct family *family) {
    static struct births births;
    births.n_items = 0;
    cr_assert_eq(family_look(family, note, &births), 0);
    return &births;
}

/* The parent that was told for the process, 0 if it was not told. */
static pid_t parent_in(const struct births *births, pid_t pid) {
    for (size_t i = 0; i < births->n_items; i++)
        if (births->items[i].pid == pid)
            return births->items[i].parent;
    return 0;
}

Test(family, the_first_look_tells_of_everybody_and_of_parents_first) {
    CLEANUP(family_deinit) struct family family = {0};
    const pid_t child = child_start_idle(0);
    const struct births *births = look(&family);
    cr_expect_eq(parent_in(births, child), getpid());
    cr_expect_eq(parent_in(births, getpid()), getppid());
    for (size_t i = 0; i < births->n_items; i++)
        for (size_t j = i + 1; j < births->n_items; j++)
            cr_expect_neq(births->items[i].parent, births->items[j].pid, "a child before its parent");
    child_kill(child);
}

Test(family, a_later_look_tells_of_what_is_new_and_once) {
    CLEANUP(family_deinit) struct family family = {0};
    look(&family);
    const pid_t child = child_start_idle(0);
    cr_expect_not(family_has(&family, child));
    const struct births *births = look(&family);
    cr_expect_eq(parent_in(births, child), getpid());
    cr_expect_eq(parent_in(births, getpid()), 0, "we are not new");
    cr_expect(family_has(&family, child));
    family.last_pid = 0;
    cr_expect_eq(parent_in(look(&family), child), 0);
    child_kill(child);
    family.last_pid = 0;
    look(&family);
    cr_expect_not(family_has(&family, child));
}

Test(family, where_no_pid_was_given_out_nothing_is_read) {
    CLEANUP(family_deinit) struct family family = {0};
    look(&family);
    /* Other processes of the machine may fork meanwhile, so: as if the last pid were still the last. */
    const pid_t child = child_start_idle(0);
    look(&family);
    const pid_t last_pid = family.last_pid;
    cr_assert_geq(last_pid, child);
    const struct family_process *const items = family.items;
    const struct births *births = look(&family);
    if (family.last_pid == last_pid) {
        cr_expect_eq(births->n_items, 0);
        cr_expect_eq(family.items, items, "the list is not made anew");
    }
    child_kill(child);
}

/* The middle one forks and ends; what is left is adopted by us. */
static int orphan_one(void *context) {
    int *const line = context;
    const pid_t grandchild = fork();
    if (grandchild == 0) {
        for (;;)
            pause();
    }
    cr_assert_eq(write(line[1], &grandchild, sizeof(grandchild)), (ssize_t)sizeof(grandchild));
    char byte;
    return read(line[0], &byte, 1) == 1 ? 0 : 1;
}

Test(family, an_orphan_is_told_again_with_the_parent_that_adopted_it) {
    CLEANUP(family_deinit) struct family family = {0};
    int up[2];
    int down[2];
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    cr_assert(pipe(up) == 0 && pipe(down) == 0);
    int line[2] = {down[0], up[1]};
    const pid_t middle = child_start(0, orphan_one, line);
    pid_t grandchild = 0;
    cr_assert_eq(read(up[0], &grandchild, sizeof(grandchild)), (ssize_t)sizeof(grandchild));
    cr_expect_eq(parent_in(look(&family), grandchild), middle);
    cr_assert_eq(write(down[1], "x", 1), 1);
    cr_assert_eq(child_wait(middle), 0);
    family.last_pid = 0;
    cr_expect_eq(parent_in(look(&family), grandchild), getpid());
    kill(grandchild, SIGKILL);
    cr_assert_eq(waitpid(grandchild, NULL, 0), grandchild);
}

Test(family, a_name_with_parentheses_and_spaces_hides_no_parent) {
    CLEANUP(family_deinit) struct family family = {0};
    cr_assert_eq(prctl(PR_SET_NAME, ") R 1 1 ("), 0);
    const pid_t child = child_start_idle(0);
    const struct births *births = look(&family);
    cr_expect_eq(parent_in(births, child), getpid());
    cr_expect_eq(parent_in(births, getpid()), getppid());
    child_kill(child);
}
