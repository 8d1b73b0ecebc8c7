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
#define INNER  MAIN "/.wt/fix"
#define ADMIN  MAIN "/.git/worktrees/linked"

static void enter(void) {
    sandbox_enter();
}

TestSuite(cli_scope, .init = enter);

static void make_worktree(const char *branch) {
    static const char *const folders[] = {
        MAIN, MAIN "/.git", MAIN "/.git/worktrees", ADMIN, LINKED, LINKED "/pkg", MAIN "/.wt", INNER};
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
    cr_assert_eq(scope_match(&scope, "web", "web", NULL), 2);
    cr_assert_eq(scope_match(&scope, "web", "web", ""), 2);
    cr_assert_eq(scope_match(&scope, "web", "web", "/p"), 1, "a project's, where there is no global one");
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

/* git worktree add .wt/fix: what stands in the main one is about the main one. */
Test(cli_scope, a_worktree_within_the_main_one_does_not_take_the_main_ones_file) {
    struct scope scope;

    make_worktree("fix");
    file_write_text(INNER "/.git", "gitdir: " ADMIN "\n");
    file_write_text(MAIN "/" SCOPE_FILE, "{}");
    file_write_text(MAIN "/.wt/" SCOPE_FILE, "{}");
    scope = find(INNER);
    cr_assert_not(scope.has_file);
    assert_scope(&scope, INNER, MAIN, "@fix");
    file_write_text(SANDBOX_DIR "/" SCOPE_FILE, "{}");
    scope = find(INNER);
    cr_assert(scope.has_file);
    assert_scope(&scope, SANDBOX_DIR, SANDBOX_DIR, "@fix");
    file_write_text(INNER "/" SCOPE_FILE, "{}");
    scope = find(INNER);
    assert_scope(&scope, INNER, MAIN, "@fix");
    scope = find(MAIN "/.wt");
    assert_scope(&scope, MAIN "/.wt", MAIN "/.wt", "");
}

Test(cli_scope, nor_does_one_within_a_linked_one_take_that_ones) {
    struct scope scope;

    make_worktree("fix");
    cr_assert_eq(mkdir(LINKED "/.wt", 0755), 0);
    cr_assert_eq(mkdir(LINKED "/.wt/inner", 0755), 0);
    cr_assert_eq(mkdir(MAIN "/.git/worktrees/inner", 0755), 0);
    file_write_text(LINKED "/.wt/inner/.git", "gitdir: " MAIN "/.git/worktrees/inner\n");
    file_write_text(MAIN "/.git/worktrees/inner/commondir", "../..\n");
    file_write_text(MAIN "/.git/worktrees/inner/HEAD", "ref: refs/heads/inner\n");
    file_write_text(LINKED "/" SCOPE_FILE, "{}");
    scope = find(LINKED "/.wt/inner");
    cr_assert_not(scope.has_file);
    assert_scope(&scope, LINKED "/.wt/inner", MAIN, "@inner");
    scope = find(LINKED);
    cr_assert(scope.has_file);
    file_write_text(SANDBOX_DIR "/" SCOPE_FILE, "{}");
    scope = find(LINKED "/.wt/inner");
    assert_scope(&scope, SANDBOX_DIR, SANDBOX_DIR, "@inner");
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
    cr_assert_eq(scope_word_length(&scope, "web@main@fix"), 12, "nobody here writes web@main for it");
}

Test(cli_scope, a_shortened_suffix_is_known_again) {
    struct scope scope = {.project = "/p", .suffix = "@"};
    char word[OPTIONS_NAME_MAX + 1] = "";
    char name[OPTIONS_NAME_MAX + 1];

    for (int i = 0; i < 30; i++)
        strcat(scope.suffix, "\xc3\xa4"); /* a cut moves to a character's begin */
    for (size_t length = 1; length <= 118; length++) {
        memset(word, 'w', length);
        assert_name(&scope, word, (scope_name(&scope, word, name, &(struct problem){0}), name));
        cr_assert_eq(scope_word_length(&scope, name), length, "%zu: %s", length, name);
    }
    name[strlen(name) - 1] ^= 1;
    cr_assert_eq(scope_word_length(&scope, name), strlen(name), "another branch's");
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

/* A link is whose it is, too: whoever makes one to a file of mine says that my commands shall run in his folder. */
Test(cli_scope, a_strangers_link_is_not_followed) {
    struct scope scope;

    sandbox_enter_as_root();
    cr_assert_eq(mkdir(SANDBOX_DIR "/own", 0755), 0);
    cr_assert_eq(mkdir(SANDBOX_DIR "/shared", 0777), 0);
    cr_assert_eq(chmod(SANDBOX_DIR "/shared", 0777), 0);
    file_write_text(SANDBOX_DIR "/own/" SCOPE_FILE, "{}");
    cr_assert_eq(symlink(SANDBOX_DIR "/own/" SCOPE_FILE, SANDBOX_DIR "/shared/" SCOPE_FILE), 0);
    scope = find(SANDBOX_DIR "/shared");
    cr_assert(scope.has_file);
    cr_assert_eq(lchown(SANDBOX_DIR "/shared/" SCOPE_FILE, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID), 0);
    scope = find(SANDBOX_DIR "/shared");
    assert_scope(&scope, "", "", "");
}

static void assert_project(const char *folder, const char *project) {
    struct options given = {0};
    char path[PATH_MAX];
    char git[PATH_MAX];
    char expected[PATH_MAX];
    struct scope scope;

    snprintf(path, sizeof path, SANDBOX_DIR "/%s", folder);
    snprintf(git, sizeof git, SANDBOX_DIR "/%s/.git", folder);
    snprintf(expected, sizeof expected, SANDBOX_DIR "/%s", project);
    cr_assert_eq(mkdir(path, 0755), 0);
    cr_assert_eq(mkdir(git, 0755), 0);
    scope = find(path);
    assert_scope(&scope, path, expected, "");
    memcpy(given.project, path, sizeof given.project);
    scope = find_in(SANDBOX_DIR, &given);
    assert_scope(&scope, path, expected, "");
}

Test(cli_scope, a_path_that_is_no_text_has_a_stand_in_of_its_own) {
    assert_project("l\xe9on", "l\\xe9on");
    assert_project("l\\xe9on", "l\\x5cxe9on");
    assert_project("l\xc3\xa9on", "l\xc3\xa9on");
    assert_project("a\nb\x7f", "a\\x0ab\\x7f");
    assert_project("c1\xc2\x85", "c1\\xc2\\x85");
    assert_project("cut\xe2\x82", "cut\\xe2\\x82");
    assert_project("back\\slash", "back\\slash");
}

/* Each byte of the path is four of the stand-in, and portd takes 4096. */
Test(cli_scope, a_stand_in_that_would_be_too_long_ends_in_a_hash) {
    const struct options options = {0};
    char folder[NAME_MAX + 1];
    struct scope one;
    struct scope other;

    memset(folder, '\xe9', NAME_MAX);
    folder[NAME_MAX] = '\0';
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(mkdir(folder, 0755), 0);
        cr_assert_eq(chdir(folder), 0);
    }
    cr_assert_eq(mkdir("a", 0755), 0);
    cr_assert_eq(mkdir("b", 0755), 0);
    cr_assert_eq(mkdir("a/.git", 0755), 0);
    cr_assert_eq(mkdir("b/.git", 0755), 0);
    cr_assert_eq(chdir("a"), 0);
    scope_find(&options, &one);
    cr_assert_eq(chdir("../b"), 0);
    scope_find(&options, &other);
    cr_assert_gt(strlen(one.project), PATH_MAX - 8);
    cr_assert_str_neq(one.project, other.project);
    cr_assert_eq(strncmp(one.project, SANDBOX_DIR "/\\xe9\\xe9", strlen(SANDBOX_DIR) + 9), 0);
    cr_assert_eq(one.project[strlen(one.project) - 9], '~');
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
