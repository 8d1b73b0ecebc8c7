/*
 * What a name means in a project, in a linked worktree, and nowhere.
 */
#include "cli/scope.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define MAIN   SANDBOX_DIR "/main"
#define LINKED SANDBOX_DIR "/linked"
#define ADMIN  MAIN "/.git/worktrees/linked"

static void enter(void) {
    sandbox_enter();
}

TestSuite(cli_scope, .init = enter);

static void make_worktree(const char *branch) {
    static const char *const folders[] = {MAIN, MAIN "/.git", MAIN "/.git/worktrees", ADMIN, LINKED, LINKED "/pkg"};
    char head[1024];

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        mkdir(folders[i], 0755);
    snprintf(head, sizeof head, "ref: refs/heads/%s\n", branch);
    file_write_text(MAIN "/.git/HEAD", "ref: refs/heads/main\n");
    file_write_text(ADMIN "/HEAD", head);
    file_write_text(ADMIN "/commondir", "../..\n");
    file_write_text(LINKED "/.git", "gitdir: " ADMIN "\n");
}

static struct scope find_in(const char *folder, const struct options *options) {
    struct scope scope;

    cr_assert_eq(chdir(folder), 0, "%s", folder);
    scope_find(options, &scope);
    return scope;
}

static struct scope find(const char *folder) {
    const struct options options = {0};

    return find_in(folder, &options);
}

static void assert_scope(const struct scope *scope, const char *root, const char *project, const char *suffix) {
    cr_assert_str_eq(scope->root, root);
    cr_assert_str_eq(scope->project, project);
    cr_assert_str_eq(scope->suffix, suffix);
}

static void assert_name(const struct scope *scope, const char *word, const char *expected) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    char name[OPTIONS_NAME_MAX + 1];

    cr_assert_eq(scope_name(scope, word, name, &problem), 0, "%s", problem.detail);
    cr_assert_str_eq(name, expected);
}

Test(cli_scope, outside_of_any_project_names_are_global) {
    struct scope scope = find(SANDBOX_DIR);

    assert_scope(&scope, "", "", "");
    assert_name(&scope, "web", "web");
    cr_assert_eq(scope_match(&scope, "web", "web", NULL), 1);
    cr_assert_eq(scope_match(&scope, "web", "web", "/p"), 1);
    cr_assert_eq(scope_match(&scope, "web", "web@x", "/p"), 0);
}

Test(cli_scope, a_project_is_the_folder_of_its_file_or_the_top_of_its_repository) {
    struct scope scope;

    make_worktree("x");
    scope = find(MAIN);
    assert_scope(&scope, MAIN, MAIN, "");
    cr_assert_not(scope.has_file);
    cr_assert_eq(mkdir(MAIN "/pkg", 0755), 0);
    cr_assert_eq(mkdir(MAIN "/pkg/src", 0755), 0);
    file_write_text(MAIN "/pkg/" SCOPE_FILE, "{}");
    scope = find(MAIN "/pkg/src");
    assert_scope(&scope, MAIN "/pkg", MAIN "/pkg", "");
    cr_assert(scope.has_file);
}

Test(cli_scope, a_linked_worktree_has_the_main_ones_project_and_its_branch) {
    struct scope scope;

    make_worktree("fix/ui");
    scope = find(LINKED);
    assert_scope(&scope, LINKED, MAIN, "@fix/ui");
    assert_name(&scope, "web", "web@fix/ui");
    file_write_text(LINKED "/pkg/" SCOPE_FILE, "{}");
    scope = find(LINKED "/pkg");
    assert_scope(&scope, LINKED "/pkg", MAIN "/pkg", "@fix/ui");
}

Test(cli_scope, a_file_above_the_worktrees_is_one_project_for_them) {
    struct scope scope;

    make_worktree("fix");
    file_write_text(SANDBOX_DIR "/" SCOPE_FILE, "{}");
    scope = find(LINKED);
    assert_scope(&scope, SANDBOX_DIR, SANDBOX_DIR, "@fix");
    scope = find(MAIN);
    assert_scope(&scope, SANDBOX_DIR, SANDBOX_DIR, "");
}

Test(cli_scope, without_a_branch_the_worktrees_own_name_stands_for_it) {
    struct scope scope;

    make_worktree("x");
    file_write_text(ADMIN "/HEAD", "0123456789012345678901234567890123456789\n");
    scope = find(LINKED);
    assert_scope(&scope, LINKED, MAIN, "@~linked");
}

Test(cli_scope, a_name_with_an_at_is_whole_already) {
    struct scope scope;

    make_worktree("fix");
    scope = find(LINKED);
    assert_name(&scope, "web@main", "web@main");
    assert_name(&scope, "@", "@");
}

Test(cli_scope, a_long_branch_is_shortened_and_stays_one_of_its_own) {
    struct scope one;
    struct scope other;
    char branch[256];

    memset(branch, 'b', 200);
    branch[200] = '\0';
    make_worktree(branch);
    one = find(LINKED);
    branch[199] = 'c';
    make_worktree(branch);
    other = find(LINKED);
    cr_assert_eq(strlen(one.suffix), 64);
    cr_assert_eq(strncmp(one.suffix, "@bbbb", 5), 0);
    cr_assert_str_neq(one.suffix, other.suffix);
}

Test(cli_scope, no_character_is_cut_in_two) {
    struct scope scope;
    char branch[256] = "x";

    for (int i = 0; i < 60; i++)
        strcat(branch, "\xc3\xa4");
    make_worktree(branch);
    scope = find(LINKED);
    assert_name(&scope, "w", strcat(strcpy(branch, "w"), scope.suffix));
    cr_assert_leq(strlen(scope.suffix), 64);
    cr_assert_eq(options_check_name(branch, &(struct problem){0}), 0, "%s", branch);
}

Test(cli_scope, a_branch_that_no_name_may_have_is_told_by_a_hash) {
    struct scope scope;

    make_worktree("a\001b");
    scope = find(LINKED);
    cr_assert_eq(strncmp(scope.suffix, "@~", 2), 0);
    cr_assert_eq(strlen(scope.suffix), 10);
}

Test(cli_scope, a_long_name_leaves_the_branch_less_room_and_at_last_none) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct scope scope;
    char word[OPTIONS_NAME_MAX + 1];
    char name[OPTIONS_NAME_MAX + 1];

    make_worktree("a-branch-with-a-name-of-some-length");
    scope = find(LINKED);
    memset(word, 'w', sizeof word);
    word[118] = '\0';
    cr_assert_eq(scope_name(&scope, word, name, &problem), 0);
    cr_assert_eq(strlen(name), OPTIONS_NAME_MAX);
    cr_assert_eq(strncmp(name, word, 118), 0);
    cr_assert_eq(strncmp(name + 118, "@~", 2), 0, "%s", name + 118);
    word[118] = 'w';
    word[119] = '\0';
    cr_assert_eq(scope_name(&scope, word, name, &problem), PROBLEM_E_SET);
    cr_assert_eq(problem.exit_code, EXIT_USAGE);
    cr_assert_not_null(strstr(problem.hint, "--global"));
}

Test(cli_scope, global_and_project_say_it_otherwise) {
    struct options options = {.global = true};
    struct scope scope;

    make_worktree("fix");
    file_write_text(LINKED "/" SCOPE_FILE, "{}");
    scope = find_in(LINKED, &options);
    assert_scope(&scope, LINKED, "", "");
    cr_assert(scope.has_file);
    options = (struct options){.project = MAIN};
    scope = find_in(LINKED, &options);
    assert_scope(&scope, MAIN, MAIN, "");
    cr_assert_not(scope.has_file);
}

Test(cli_scope, a_name_means_the_projects_own_lease_or_else_a_global_one) {
    const struct scope scope = {.root = "/fix", .project = "/p", .suffix = "@fix"};

    cr_assert_eq(scope_match(&scope, "web", "web@fix", "/p"), 2);
    cr_assert_eq(scope_match(&scope, "web", "web", NULL), 1);
    cr_assert_eq(scope_match(&scope, "web", "web", ""), 1);
    cr_assert_eq(scope_match(&scope, "web", "web", "/p"), 0, "the main worktree's");
    cr_assert_eq(scope_match(&scope, "web", "web@fix", "/q"), 0, "another project's");
    cr_assert_eq(scope_match(&scope, "web", "web@fix", NULL), 0);
    cr_assert_eq(scope_match(&scope, "web@other", "web@other", "/p"), 2);
    cr_assert_eq(scope_match(&scope, "", "", "/p"), 0);
}

Test(cli_scope, the_word_of_a_full_name_is_without_the_suffix) {
    const struct scope scope = {.project = "/p", .suffix = "@fix"};
    const struct scope nowhere = {0};

    cr_assert_eq(scope_word_length(&scope, "web@fix"), 3);
    cr_assert_eq(scope_word_length(&scope, "web"), 3);
    cr_assert_eq(scope_word_length(&scope, "@fix"), 4);
    cr_assert_eq(scope_word_length(&nowhere, "web@fix"), 7);
}

/* Somebody else's file in a folder above that anybody may write says nothing. */
Test(cli_scope, a_strangers_file_is_not_looked_at) {
    struct scope scope;

    sandbox_enter_as_root();
    cr_assert_eq(mkdir(SANDBOX_DIR "/shared", 01777), 0);
    cr_assert_eq(chmod(SANDBOX_DIR "/shared", 01777), 0);
    cr_assert_eq(mkdir(SANDBOX_DIR "/shared/mine", 0755), 0);
    file_write_text(SANDBOX_DIR "/shared/" SCOPE_FILE, "{}");
    cr_assert_eq(chown(SANDBOX_DIR "/shared/" SCOPE_FILE, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID), 0);
    scope = find(SANDBOX_DIR "/shared/mine");
    assert_scope(&scope, "", "", "");
    /* Root in a folder of his that nobody else may write: a container's mount, sudo. */
    cr_assert_eq(chmod(SANDBOX_DIR "/shared", 0755), 0);
    cr_assert_eq(chown(SANDBOX_DIR "/shared", SANDBOX_OTHER_UID, SANDBOX_OTHER_UID), 0);
    scope = find(SANDBOX_DIR "/shared/mine");
    assert_scope(&scope, SANDBOX_DIR "/shared", SANDBOX_DIR "/shared", "");
    cr_assert_eq(chmod(SANDBOX_DIR "/shared", 0777), 0);
    scope = find(SANDBOX_DIR "/shared/mine");
    assert_scope(&scope, "", "", "");
}

Test(cli_scope, a_folder_that_is_gone_is_in_no_project) {
    const struct options options = {0};
    struct scope scope;

    cr_assert_eq(mkdir(SANDBOX_DIR "/gone", 0755), 0);
    cr_assert_eq(chdir(SANDBOX_DIR "/gone"), 0);
    cr_assert_eq(rmdir(SANDBOX_DIR "/gone"), 0);
    scope_find(&options, &scope);
    assert_scope(&scope, "", "", "");
}
