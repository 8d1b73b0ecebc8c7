/*
 * A disk that is full: no lease without its place in the database, and everything else goes on. The database is on a tmpfs of
 * its own, which a file of nothing fills to the last byte.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/wait.h"

#define DISK    SANDBOX_DIR "/disk"
#define BALLAST DISK "/ballast"

TestSuite(disk_full, .timeout = 300);

static const struct daemon_setup setup = {.arguments = {"--db", DISK "/leases.db"}};

static void fill_disk(void) {
    static const char nothing[4096];
    CLEANUP(fd_close_at) int fd = open(BALLAST, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    size_t size = sizeof(nothing);
    while (size > 0)
        if (write(fd, nothing, size) < 0)
            size /= 2;
    cr_assert_eq(errno, ENOSPC);
}

static void make_room(void) {
    cr_assert_eq(unlink(BALLAST), 0);
}

static void assert_not_stored(const struct caller *me, const char *body) {
    CLEANUP(file_free_text_at) char *before = caller_digest(me);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(me, "/alloc", "%s", body);
    assert_problem(reply, 507, "not-stored");
    cr_assert(strstr(json_text_at(reply.json, "detail"), "full"), "%s", reply.body);
    CLEANUP(file_free_text_at) char *after = caller_digest(me);
    cr_assert_str_eq(before, after, "a lease that was not stored");
}

static void wait_for_word(const struct daemon *daemon, const char *word) {
    const struct wait wait = wait_for(word);
    for (;;) {
        CLEANUP(file_free_text_at) char *errors = daemon_errors(daemon);
        if (strstr(errors, word))
            return;
        wait_more(&wait);
    }
}

Test(disk_full, nothing_is_granted_everything_else_goes_on_and_is_stored_when_there_is_room) {
    sandbox_enter();
    sandbox_mount_tmpfs(DISK, 1024);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    const uint16_t kept = caller_grant(&me, "{\"service_name\":\"kept\",\"ttl_seconds\":3600}");
    const uint16_t released = caller_grant(&me, "{\"service_name\":\"released\",\"ttl_seconds\":3600}");
    const uint16_t beaten = caller_grant(&me, "{\"service_name\":\"beaten\",\"ttl_seconds\":3600}");

    fill_disk();
    assert_not_stored(&me, "{\"service_name\":\"new\"}");
    assert_not_stored(&me, "{\"service_name\":\"new\",\"count\":3}");
    assert_not_stored(&me, "{\"service_name\":\"new\",\"port\":20000}");
    wait_a_moment();
    CLEANUP(http_reply_deinit) struct http_reply beat = caller_post(&me, "/heartbeat", "{\"port\":%u}", beaten);
    assert_status(beat, 200);
    caller_release(&me, released);
    cr_assert_eq(caller_count_leases(&me), 2);
    cr_assert_not(caller_sees_lease(&me, released));
    assert_not_stored(&me, "{\"service_name\":\"released\"}");
    CLEANUP(http_reply_deinit) struct http_reply lookup = caller_get(&me, "/lookup?service=kept");
    cr_assert_eq(json_number_at(lookup.json, "port"), kept);
    wait_for_word(&daemon, "the database cannot be written");

    make_room();
    const uint16_t new = caller_grant(&me, "{\"service_name\":\"new\"}");
    wait_for_word(&daemon, "the database can be written again");
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);
    daemon_kill(&daemon);
    daemon = daemon_start(&setup);
    CLEANUP(file_free_text_at) char *after = caller_digest(&me);
    cr_assert_str_eq(before, after);
    cr_assert(caller_sees_lease(&me, kept) && caller_sees_lease(&me, beaten) && caller_sees_lease(&me, new));
    cr_assert_not(caller_sees_lease(&me, released), "what was released has come back");
}

/* A squatter stays as it was for whoever asked in vain. */
Test(disk_full, nobody_is_ignored_and_nobody_is_told_of_again) {
    sandbox_enter();
    sandbox_mount_tmpfs(DISK, 1024);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    const pid_t one = puppet_start(&(struct puppet_setup){.name = "one"}, "listen 127.0.0.1 8100 pause");
    const pid_t two = puppet_start(&(struct puppet_setup){.name = "two"}, "listen 127.0.0.1 8200 pause");
    sees_listeners(&me, 8100, 1);
    sees_listeners(&me, 8200, 1);
    CLEANUP(http_reply_deinit) struct http_reply before = caller_post(&me, "/ignore", "{\"port\":8100}");
    assert_status(before, 200);
    fill_disk();
    CLEANUP(http_reply_deinit) struct http_reply more = caller_post(&me, "/ignore", "{\"port\":8200}");
    assert_problem(more, 507, "not-stored");
    CLEANUP(http_reply_deinit)
    struct http_reply undo = caller_post(&me, "/ignore", "{\"port\":8100,\"ignored\":false}");
    assert_problem(undo, 507, "not-stored");
    CLEANUP(http_reply_deinit) struct http_reply squatters = caller_get(&me, "/squatters");
    cr_assert(json_bool_at(sees_find(&squatters, 8100), "ignored"));
    cr_assert_not(json_bool_at(sees_find(&squatters, 8200), "ignored"));
    make_room();
    CLEANUP(http_reply_deinit) struct http_reply now = caller_post(&me, "/ignore", "{\"port\":8200}");
    assert_status(now, 200);
    child_kill(one);
    child_kill(two);
}

/* Nothing that was acknowledged before is lost by it, whatever becomes of portd meanwhile. */
Test(disk_full, a_portd_that_is_killed_on_a_full_disk_has_lost_nothing) {
    sandbox_enter();
    sandbox_mount_tmpfs(DISK, 1024);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    for (int i = 0; i < 20; i++)
        caller_grant(&me, "{\"service_name\":\"service-%d\",\"ttl_seconds\":3600}", i);
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);
    fill_disk();
    assert_not_stored(&me, "{\"service_name\":\"new\"}");
    daemon_kill(&daemon);
    make_room();
    daemon = daemon_start(&setup);
    CLEANUP(file_free_text_at) char *after = caller_digest(&me);
    cr_assert_str_eq(before, after);
    caller_grant(&me, "{\"service_name\":\"new\"}");
}
