/*
 * Working trees, by files as git writes them: gitrepository-layout(5). Real ones are in tests/integration/test_projects.c.
 */
#include "cli/git_tree.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/path.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define MAIN   SANDBOX_DIR "/main"
#define LINKED SANDBOX_DIR "/linked"
#define ADMIN  MAIN "/.git/worktrees/linked"

static void make_folders(const char *path) {
    char at[PATH_MAX];

    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(at, sizeof at, "%.*s", (int)(slash - path), path);
        mkdir(at, 0755);
    }
    cr_assert(mkdir(path, 0755) == 0 || access(path, F_OK) == 0, "%s", path);
}

static void write_in(const char *folder, const char *name, const char *text) {
    char path[PATH_MAX];

    make_folders(folder);
    cr_assert(path_join(folder, name, path));
    file_write_text(path, text);
}

/* A repository with one linked worktree, whose HEAD is `head`. */
static void make_worktree(const char *head) {
    write_in(MAIN "/.git", "HEAD", "ref: refs/heads/main\n");
    write_in(LINKED, ".git", "gitdir: " ADMIN "\n");
    write_in(ADMIN, "commondir", "../..\n");
    write_in(ADMIN, "gitdir", LINKED "/.git\n");
    write_in(ADMIN, "HEAD", head);
}

/* Another one, which comes before `linked` in the order of names. */
static void make_sibling(const char *head, bool is_there) {
    write_in(MAIN "/.git/worktrees/earlier", "HEAD", head);
    write_in(MAIN "/.git/worktrees/earlier", "gitdir", SANDBOX_DIR "/earlier/.git\n");
    if (is_there)
        write_in(SANDBOX_DIR "/earlier", ".git", "gitdir: " MAIN "/.git/worktrees/earlier\n");
}

static void enter(void) {
    sandbox_enter();
}

TestSuite(cli_git_tree, .init = enter);

static void assert_branch(const char *expected) {
    struct git_tree tree;

    git_tree_find(LINKED, &tree);
    cr_assert(tree.is_linked);
    cr_assert_str_eq(tree.branch, expected);
    cr_assert_str_eq(tree.id, "linked");
}

Test(cli_git_tree, outside_of_any_there_is_none) {
    struct git_tree tree;

    make_folders(SANDBOX_DIR "/a/b");
    git_tree_find(SANDBOX_DIR "/a/b", &tree);
    cr_assert_str_eq(tree.top, "");
    cr_assert_not(tree.is_linked);
}

Test(cli_git_tree, the_main_one_is_found_from_below) {
    struct git_tree tree;

    make_worktree("ref: refs/heads/x\n");
    make_folders(MAIN "/a/b");
    git_tree_find(MAIN "/a/b", &tree);
    cr_assert_str_eq(tree.top, MAIN);
    cr_assert_not(tree.is_linked);
}

Test(cli_git_tree, a_linked_one_knows_its_main_one_and_its_branch) {
    struct git_tree tree;

    make_worktree("ref: refs/heads/fix/the ui\n");
    make_folders(LINKED "/a");
    git_tree_find(LINKED "/a", &tree);
    cr_assert(tree.is_linked);
    cr_assert_str_eq(tree.top, LINKED);
    cr_assert_str_eq(tree.main, MAIN);
    cr_assert_str_eq(tree.branch, "fix/the ui");
}

Test(cli_git_tree, relative_links_are_followed) {
    struct git_tree tree;

    make_worktree("ref: refs/heads/x\n");
    write_in(LINKED, ".git", "gitdir: ../main/.git/worktrees/linked\n");
    git_tree_find(LINKED, &tree);
    cr_assert(tree.is_linked);
    cr_assert_str_eq(tree.main, MAIN);
}

Test(cli_git_tree, without_a_main_one_it_is_the_repository) {
    struct git_tree tree;

    write_in(SANDBOX_DIR "/shop.git/worktrees/linked", "commondir", "../..");
    write_in(SANDBOX_DIR "/shop.git/worktrees/linked", "HEAD", "ref: refs/heads/x");
    write_in(LINKED, ".git", "gitdir: " SANDBOX_DIR "/shop.git/worktrees/linked");
    git_tree_find(LINKED, &tree);
    cr_assert(tree.is_linked);
    cr_assert_str_eq(tree.main, SANDBOX_DIR "/shop.git");
    cr_assert_str_eq(tree.branch, "x");
}

Test(cli_git_tree, a_submodule_is_no_linked_one) {
    struct git_tree tree;

    write_in(MAIN "/.git/modules/sub", "HEAD", "ref: refs/heads/x\n");
    write_in(MAIN "/sub", ".git", "gitdir: ../.git/modules/sub\n");
    git_tree_find(MAIN "/sub", &tree);
    cr_assert_str_eq(tree.top, MAIN "/sub");
    cr_assert_not(tree.is_linked);
}

Test(cli_git_tree, a_detached_head_has_no_branch) {
    make_worktree("0123456789012345678901234567890123456789\n");
    assert_branch("");
}

Test(cli_git_tree, while_it_is_rebased_or_bisected_the_branch_is_the_same) {
    make_worktree("0123456789012345678901234567890123456789\n");
    write_in(ADMIN "/rebase-merge", "head-name", "refs/heads/fix\n");
    assert_branch("fix");
    write_in(ADMIN "/rebase-merge", "head-name", "detached HEAD\n");
    assert_branch("");
    cr_assert_eq(unlink(ADMIN "/rebase-merge/head-name"), 0);
    write_in(ADMIN "/rebase-apply", "head-name", "refs/heads/other\n");
    assert_branch("other");
    cr_assert_eq(unlink(ADMIN "/rebase-apply/head-name"), 0);
    write_in(ADMIN, "BISECT_START", "bisected\n");
    assert_branch("bisected");
    write_in(ADMIN, "BISECT_START", "0123456789012345678901234567890123456789\n");
    assert_branch("");
}

Test(cli_git_tree, a_stub_of_head_tells_no_branch) {
    make_worktree("ref: refs/heads/.invalid\n");
    assert_branch("");
}

Test(cli_git_tree, of_two_that_have_one_branch_the_first_has_its_name) {
    make_worktree("ref: refs/heads/x\n");
    make_sibling("ref: refs/heads/x\n", true);
    assert_branch("");
    make_sibling("ref: refs/heads/y\n", true);
    assert_branch("x");
}

Test(cli_git_tree, one_whose_folder_is_gone_does_not_count) {
    make_worktree("ref: refs/heads/x\n");
    make_sibling("ref: refs/heads/x\n", false);
    assert_branch("x");
}

Test(cli_git_tree, broken_files_are_as_if_they_were_not_there) {
    static const char no_blank[] = "gitdir:" ADMIN;
    static const char *const links[] = {"", "gitdir: \n", "gitdir: /nowhere\n", no_blank, "\xff\xfe"};
    struct git_tree tree;

    make_worktree("ref: refs/heads/x\n");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        write_in(LINKED, ".git", links[i]);
        git_tree_find(LINKED, &tree);
        cr_assert_str_eq(tree.top, LINKED);
        cr_assert_not(tree.is_linked, "%s", links[i]);
    }
    make_worktree("ref: refs/heads/x\n");
    cr_assert_eq(unlink(ADMIN "/HEAD"), 0);
    cr_assert_eq(mkfifo(ADMIN "/HEAD", 0600), 0);
    assert_branch(""); /* and nobody waits for the other end */
}

Test(cli_git_tree, a_name_that_is_too_long_is_none) {
    char head[2 * GIT_BRANCH_MAX] = "ref: refs/heads/";

    memset(head + strlen(head), 'x', sizeof head - strlen(head) - 1);
    make_worktree(head);
    assert_branch("");
}
