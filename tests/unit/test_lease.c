/* The lease as a value: its texts, the state that is derived from what was seen, and the rules for names, tags and folders. */
#include "src/lease/lease.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"

static void lease_free_at(struct lease **lease) {
    *lease = lease_free(*lease);
}

/* ---- ownership ---- */

Test(lease, a_new_lease_is_empty_and_has_no_holder) {
    CLEANUP(lease_free_at) struct lease *lease = lease_new();
    cr_assert_not_null(lease);
    cr_expect_eq(lease->holder_pidfd, -1);
    cr_expect_eq(lease->holder.pid, 0);
    cr_expect_eq(lease->n_tags, 0);
    cr_expect_eq(lease_state(lease), LEASE_PENDING);
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_TTL);
    cr_expect_null(lease_free(NULL));
}

Test(lease, freeing_it_closes_the_holders_pidfd) {
    struct lease *lease = lease_new();
    lease->holder_pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int fd = lease->holder_pidfd;
    cr_assert_geq(fd, 0);
    cr_expect_null(lease_free(lease));
    cr_expect_eq(fcntl(fd, F_GETFD), -1);
}

Test(lease, its_key_is_a_copy_and_can_be_set_anew) {
    CLEANUP(lease_free_at) struct lease *lease = lease_new();
    char name[] = "web";
    char project[] = "/home/ann/shop";
    cr_assert_eq(lease_set_key(lease, &(struct lease_key){.uid = 1000, .service_name = name, .project = project}), 0);
    name[0] = 'X';
    project[0] = 'X';
    struct lease_key key = lease_get_key(lease);
    cr_expect_str_eq(key.service_name, "web");
    cr_expect_str_eq(key.project, "/home/ann/shop");
    cr_expect_eq(key.uid, 1000);
    cr_assert_eq(lease_set_key(lease, &(struct lease_key){.uid = 7, .service_name = "db", .project = ""}), 0);
    key = lease_get_key(lease);
    cr_expect_str_eq(key.service_name, "db");
    cr_expect_str_eq(key.project, "");
    cr_expect_eq(key.uid, 7);
}

Test(lease, its_tags_are_copies_and_can_be_set_anew_and_taken_away) {
    CLEANUP(lease_free_at) struct lease *lease = lease_new();
    char first[] = "blue";
    const char *const two[] = {first, "caf\xC3\xA9"};
    cr_assert_eq(lease_set_tags(lease, two, 2), 0);
    first[0] = 'X';
    cr_assert_eq(lease->n_tags, 2);
    cr_expect_str_eq(lease->tags[0], "blue");
    cr_expect_str_eq(lease->tags[1], "caf\xC3\xA9");
    const char *const one[] = {"green"};
    cr_assert_eq(lease_set_tags(lease, one, 1), 0);
    cr_assert_eq(lease->n_tags, 1);
    cr_expect_str_eq(lease->tags[0], "green");
    cr_assert_eq(lease_set_tags(lease, NULL, 0), 0);
    cr_expect_eq(lease->n_tags, 0);
}

Test(lease, keys_are_equal_only_in_all_three_parts) {
    const struct lease_key key = {.uid = 1000, .service_name = "web", .project = "/a"};
    const struct lease_key same = {.uid = 1000, .service_name = "web", .project = "/a"};
    const struct lease_key others[] = {
        {.uid = 1001, .service_name = "web", .project = "/a"},  {.uid = 1000, .service_name = "Web", .project = "/a"},
        {.uid = 1000, .service_name = "web2", .project = "/a"}, {.uid = 1000, .service_name = "web", .project = "/b"},
        {.uid = 1000, .service_name = "web", .project = ""},    {.uid = 1000, .service_name = "/a", .project = "web"},
    };
    cr_expect(lease_key_equal(&key, &same));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_expect_not(lease_key_equal(&key, &others[i]), "number %zu", i);
        cr_expect_not(lease_key_equal(&others[i], &key), "number %zu", i);
    }
}

/* ---- state and keeper ---- */

Test(lease, the_state_follows_from_what_was_seen) {
    static const struct {
        bool own;
        bool foreign;
        bool was_bound;
        enum lease_state expected;
    } rows[] = {
        {false, false, false, LEASE_PENDING}, {false, false, true, LEASE_SILENT},   {true, false, false, LEASE_BOUND},
        {true, false, true, LEASE_BOUND},     {false, true, false, LEASE_CONFLICT}, {false, true, true, LEASE_CONFLICT},
        {true, true, false, LEASE_CONFLICT},  {true, true, true, LEASE_CONFLICT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct lease lease = {.sight = {.own = rows[i].own, .foreign = rows[i].foreign},
                                    .was_bound = rows[i].was_bound,
                                    .holder_pidfd = -1};
        cr_expect_eq(lease_state(&lease), rows[i].expected, "row %zu: %s", i, lease_state_name(lease_state(&lease)));
    }
}

Test(lease, a_port_that_two_parties_share_is_a_conflict_and_elsewhere_is_no_more_than_nothing_here) {
    const struct lease shared = {.sight = {.own = true, .shared = true}, .holder_pidfd = -1};
    const struct lease elsewhere = {.sight = {.elsewhere = 5173}, .was_bound = true, .holder_pidfd = -1};
    const struct lease both = {.sight = {.own = true, .elsewhere = 5173}, .holder_pidfd = -1};
    cr_expect_eq(lease_state(&shared), LEASE_CONFLICT);
    cr_expect_eq(lease_state(&elsewhere), LEASE_ELSEWHERE);
    cr_expect_eq(lease_state(&both), LEASE_BOUND);
}

Test(lease, a_holder_keeps_it_before_a_listener_and_a_listener_before_the_ttl) {
    const struct lease held = {.holder_pidfd = 0, .sight = {.own = true}};
    const struct lease listening = {.holder_pidfd = -1, .sight = {.own = true, .foreign = true}};
    const struct lease squatted = {.holder_pidfd = -1, .sight = {.foreign = true}};
    const struct lease plain = {.holder_pidfd = -1, .was_bound = true};
    const struct lease orphaned = {.holder_pidfd = -1, .holder = {.pid = 7}};
    cr_expect_eq(lease_keeper(&held), LEASE_KEPT_BY_HOLDER, "descriptor 0 is one, too");
    cr_expect_eq(lease_keeper(&listening), LEASE_KEPT_BY_LISTENER);
    cr_expect_eq(lease_keeper(&squatted), LEASE_KEPT_BY_TTL);
    cr_expect_eq(lease_keeper(&plain), LEASE_KEPT_BY_TTL);
    cr_expect_eq(lease_keeper(&orphaned), LEASE_KEPT_BY_TTL);
}

Test(lease, states_and_keepers_have_the_words_of_the_api) {
    cr_expect_str_eq(lease_state_name(LEASE_PENDING), "pending");
    cr_expect_str_eq(lease_state_name(LEASE_BOUND), "bound");
    cr_expect_str_eq(lease_state_name(LEASE_ELSEWHERE), "elsewhere");
    cr_expect_str_eq(lease_state_name(LEASE_CONFLICT), "conflict");
    cr_expect_str_eq(lease_state_name(LEASE_SILENT), "silent");
    cr_expect_str_eq(lease_keeper_name(LEASE_KEPT_BY_HOLDER), "holder");
    cr_expect_str_eq(lease_keeper_name(LEASE_KEPT_BY_LISTENER), "listener");
    cr_expect_str_eq(lease_keeper_name(LEASE_KEPT_BY_TTL), "ttl");
}

/* ---- rules ---- */

/* `length` bytes of 'a', after `prefix`. */
static char *fill(const char *prefix, size_t length) {
    char *text = calloc(1, length + 1);
    cr_assert_not_null(text);
    memset(text, 'a', length);
    memcpy(text, prefix, strlen(prefix));
    return text;
}

static void assert_longest(const char *(*check)(const char *text), const char *prefix, size_t max) {
    char *text = fill(prefix, max);
    cr_expect_null(check(text), "%zu bytes", max);
    free(text);
    text = fill(prefix, max + 1);
    cr_expect_not_null(check(text), "%zu bytes", max + 1);
    free(text);
}

static const char *const bad_texts[] = {"",          "a\nb",  "\t",   "a\x7F",        "\x1B[31m", "\xC2\x80",
                                        "a\xC2\x9F", "a\xFF", "\xC3", "\xED\xA0\x80", "\x01"};

Test(lease, a_name_is_1_to_128_bytes_of_utf8_without_control_characters) {
    static const char *const good[] = {"a",         "my-api", " ", "caf\xC3\xA9", "\xF0\x9F\x98\x80",
                                       "<b>&\"'\\", "../..",  "0"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_null(lease_check_name(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++)
        cr_expect_not_null(lease_check_name(bad_texts[i]), "number %zu", i);
    assert_longest(lease_check_name, "", 128);
    assert_longest(lease_check_name, "\xF0\x9F\x98\x80", 128);
    cr_expect_eq(strncmp(lease_check_name(""), "must ", 5), 0, "a sentence's end");
    cr_expect_not_null(strstr(lease_check_name(""), "128"));
}

Test(lease, a_tag_is_1_to_64_bytes_of_utf8_without_control_characters) {
    cr_expect_null(lease_check_tag("blue"));
    for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++)
        cr_expect_not_null(lease_check_tag(bad_texts[i]), "number %zu", i);
    assert_longest(lease_check_tag, "", 64);
    cr_expect_eq(strncmp(lease_check_tag(""), "must ", 5), 0);
    cr_expect_not_null(strstr(lease_check_tag(""), "64"));
}

Test(lease, a_project_is_an_absolute_folder) {
    cr_expect_null(lease_check_project("/"));
    cr_expect_null(lease_check_project("/home/ann/my shop"));
    static const char *const bad[] = {"", "home", "./x", "~/x", " /x", "/a\nb", "/a\xFF", "C:\\x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not_null(lease_check_project(bad[i]), "%s", bad[i]);
    assert_longest(lease_check_project, "/", 4096);
    cr_expect_eq(strncmp(lease_check_project(""), "must ", 5), 0);
}
