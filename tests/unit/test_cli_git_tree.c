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

Test(cli_git_tree, where_an_earlier_one_is_may_be_said_relative_to_what_says_it) {
    make_worktree("ref: refs/heads/x\n");
    make_sibling("ref: refs/heads/x\n", true);
    write_in(MAIN "/.git/worktrees/earlier", "gitdir", "../../../../earlier/.git\n");
    assert_branch("");
}

Test(cli_git_tree, line_ends_of_windows_are_as_good) {
    struct git_tree tree;

    make_worktree("ref: refs/heads/x\r\n");
    write_in(LINKED, ".git", "gitdir: " ADMIN "\r\n");
    write_in(ADMIN, "commondir", "../..\r\n");
    assert_branch("x");
    git_tree_find(LINKED, &tree);
    cr_assert_str_eq(tree.main, MAIN);
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

/* ---- A submodule's worktrees */

static void assert_main(const char *config, const char *expected) {
    struct git_tree tree;

    write_in(MAIN "/.git/modules/sub", "config", config);
    git_tree_find(LINKED, &tree);
    cr_assert(tree.is_linked);
    cr_assert_str_eq(tree.main, expected, "%s", config);
}

static void make_submodule(void) {
    write_in(MAIN "/.git/modules/sub/worktrees/linked", "commondir", "../..\n");
    write_in(MAIN "/.git/modules/sub/worktrees/linked", "HEAD", "ref: refs/heads/x\n");
    write_in(LINKED, ".git", "gitdir: " MAIN "/.git/modules/sub/worktrees/linked\n");
    make_folders(MAIN "/sub");
}

Test(cli_git_tree, of_a_submodule_the_main_one_is_where_its_files_are) {
    make_submodule();
    assert_main("[core]\n\tbare = false\n\tworktree = ../../../sub\n[remote \"x\"]\n\turl = y\n", MAIN "/sub");
    assert_main("[CORE]\n  WorkTree=" MAIN "/sub  \r\n", MAIN "/sub");
    assert_main("[core] # git's\nworktree = /nowhere\nworktree = ../../../sub", MAIN "/sub");
}

Test(cli_git_tree, git_may_have_put_it_into_a_file_of_the_worktrees_own) {
    make_submodule();
    write_in(MAIN "/.git/modules/sub", "config.worktree", "[core]\n\tworktree = ../../../sub\n");
    assert_main("[core]\n\tbare = false\n[extensions]\n\tworktreeConfig = true\n", MAIN "/sub");
}

Test(cli_git_tree, without_a_line_that_says_it_the_main_one_is_the_repository) {
    static const char *const configs[] = {
        "",
        "worktree = ../../../sub\n",
        "[core]\n[other]\nworktree = ../../../sub\n",
        "[core \"x\"]\nworktree = ../../../sub\n",
        "[corex]\nworktree = ../../../sub\n",
        "[core]\nworktree\n",
        "[core]\nworktree =\n",
        "[core]\nworktrees = ../../../sub\n",
        "[core]\n# worktree = ../../../sub\n",
        "[core]\nworktree = /nowhere\n",
        "[core]\nworktree = \"../../../sub\"\n",
    };

    make_submodule();
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++)
        assert_main(configs[i], MAIN "/.git/modules/sub");
    cr_assert_eq(unlink(MAIN "/.git/modules/sub/config"), 0);
    cr_assert_eq(mkfifo(MAIN "/.git/modules/sub/config", 0600), 0);
    git_tree_find(LINKED, &(struct git_tree){0}); /* and nobody waits for the other end */
}

/* ---- Whose it is */

static void assert_top(const char *folder, const char *expected) {
    struct git_tree tree;

    git_tree_find(folder, &tree);
    cr_assert_str_eq(tree.top, expected);
}

#define SHARED SANDBOX_DIR "/shared"

static void give(const char *path, unsigned uid) {
    cr_assert_eq(lchown(path, uid, uid), 0, "%s", path);
}

Test(cli_git_tree, a_strangers_is_passed_by) {
    sandbox_enter_as_root();
    make_folders(SHARED "/.git");
    make_folders(SHARED "/a/b");
    make_folders(SANDBOX_DIR "/.git");
    cr_assert_eq(chmod(SHARED, 01777), 0);
    assert_top(SHARED "/a/b", SHARED);
    give(SHARED "/.git", SANDBOX_OTHER_UID);
    assert_top(SHARED "/a/b", SANDBOX_DIR);
    cr_assert_eq(rmdir(SHARED "/.git"), 0);
    make_worktree("ref: refs/heads/x\n");
    write_in(SHARED, ".git", "gitdir: " ADMIN "\n");
    assert_top(SHARED "/a/b", SHARED);
    give(SHARED "/.git", SANDBOX_OTHER_UID);
    assert_top(SHARED "/a/b", SANDBOX_DIR);
    /* A link of his to something of mine. */
    cr_assert_eq(unlink(SHARED "/.git"), 0);
    cr_assert_eq(symlink(MAIN "/.git", SHARED "/.git"), 0);
    assert_top(SHARED "/a/b", SHARED);
    give(SHARED "/.git", SANDBOX_OTHER_UID);
    assert_top(SHARED "/a/b", SANDBOX_DIR);
}

/* A container's mount, sudo. */
Test(cli_git_tree, root_may_be_in_somebodys_own_folder) {
    sandbox_enter_as_root();
    make_folders(SHARED "/.git");
    give(SHARED, SANDBOX_OTHER_UID);
    give(SHARED "/.git", SANDBOX_OTHER_UID);
    assert_top(SHARED, SHARED);
    cr_assert_eq(chmod(SHARED, 0775), 0);
    assert_top(SHARED, "");
}

Test(cli_git_tree, to_others_it_is_theirs_or_roots) {
    sandbox_enter_as_root();
    make_folders(SHARED "/.git");
    cr_assert_eq(seteuid(SANDBOX_OTHER_UID), 0);
    assert_top(SHARED, SHARED);
    cr_assert_eq(seteuid(0), 0);
    give(SHARED "/.git", SANDBOX_OTHER_UID);
    cr_assert_eq(seteuid(SANDBOX_OTHER_UID), 0);
    assert_top(SHARED, SHARED);
    cr_assert_eq(seteuid(0), 0);
    give(SHARED "/.git", SANDBOX_OTHER_UID + 1);
    give(SHARED, SANDBOX_OTHER_UID + 1);
    cr_assert_eq(seteuid(SANDBOX_OTHER_UID), 0);
    assert_top(SHARED, "");
    cr_assert_eq(seteuid(0), 0);
}
