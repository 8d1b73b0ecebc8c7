/*
 * Which port: the order of choice, every reason to pass one over, and what the reply says of it. The kernel's own say is
 * test_kernel_truth.c's.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"

#define SYSCTL "/proc/sys/net/ipv4/"

TestSuite(choice, .timeout = 300);

static struct daemon start_with_range(const char *range) {
    return daemon_start(&(struct daemon_setup){.arguments = {"--range", range}});
}

/* A grant's one note has these words; NULL: there is none. */
static void assert_note(const struct http_reply *reply, const char *words) {
    assert_status(*reply, 200);
    cr_assert_eq(json_size_at(reply->json, "notes"), words ? 1 : 0, "%s", reply->body);
    if (words)
        cr_assert(strstr(json_text_at(reply->json, "notes[0]"), words), "%s", reply->body);
}

static void assert_grant(const struct caller *caller, const char *body, uint16_t port, const char *note) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(caller, "/alloc", "%s", body);
    assert_note(&reply, note);
    cr_assert_eq(json_number_at(reply.json, "port"), port, "%s: %s", body, reply.body);
}

/* ---- rotation, cool-down and stickiness ---- */

Test(choice, each_new_name_gets_the_port_after_the_last_one_granted_and_round_again) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20003");
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"a\"}", 20000, NULL);
    assert_grant(&me, "{\"service_name\":\"b\"}", 20001, NULL);
    assert_grant(&me, "{\"service_name\":\"named\",\"port\":20003}", 20003, NULL);
    assert_grant(&me, "{\"service_name\":\"c\"}", 20002, NULL);
    caller_release(&me, 20003);
    caller_release(&me, 20000);
    /* Both are cooling down, and a name gets its own back. */
    assert_grant(&me, "{\"service_name\":\"a\"}", 20000, NULL);
}

Test(choice, a_released_port_cools_down_for_everybody_but_the_name_that_had_it) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20001");
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"a\"}", 20000, NULL);
    assert_grant(&me, "{\"service_name\":\"b\"}", 20001, NULL);
    caller_release(&me, 20000);

    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"c\"}");
    assert_problem(reply, 503, "range-full");
    cr_assert_eq(json_number_at(reply.json, "leased"), 1);
    cr_assert_eq(json_number_at(reply.json, "cooling"), 1);
    char seconds[16];
    cr_assert_eq(http_header(&reply, "Retry-After", seconds, sizeof(seconds)), 1);
    unsigned n_seconds = 0;
    cr_assert_eq(sscanf(seconds, "%u", &n_seconds), 1);
    cr_assert(n_seconds >= 1 && n_seconds <= 15, "%s", seconds);

    assert_grant(&me, "{\"service_name\":\"a\"}", 20000, NULL);
    caller_release(&me, 20000);
    assert_grant(&me, "{\"service_name\":\"c\",\"prefer\":20000}", 20000, "15 seconds");
    caller_release(&me, 20000);
    assert_grant(&me, "{\"service_name\":\"d\",\"port\":20000}", 20000, "15 seconds");
}

Test(choice, a_name_gets_its_old_port_again_and_one_beside_it_keeps_its_own) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20099");
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"web\"}", 20000, NULL);
    assert_grant(&me, "{\"service_name\":\"web\"}", 20001, NULL);
    assert_grant(&me, "{\"service_name\":\"web\",\"project\":\"/a\"}", 20002, NULL);
    assert_grant(&me, "{\"service_name\":\"web\",\"project\":\"/b\"}", 20003, NULL);
    for (uint16_t port = 20000; port < 20004; port++)
        caller_release(&me, port);
    assert_grant(&me, "{\"service_name\":\"other\"}", 20004, NULL);

    assert_grant(&me, "{\"service_name\":\"web\",\"project\":\"/b\"}", 20003, NULL);
    assert_grant(&me, "{\"service_name\":\"web\",\"project\":\"/a\"}", 20002, NULL);
    CLEANUP(http_reply_deinit) struct http_reply two = caller_alloc(&me, "{\"service_name\":\"web\",\"count\":2}");
    cr_assert_eq(json_number_at(two.json, "ports[0]"), 20000);
    cr_assert_eq(json_number_at(two.json, "ports[1]"), 20001);
    /* The first ends and comes again, while the second lives. */
    caller_release(&me, 20000);
    assert_grant(&me, "{\"service_name\":\"web\"}", 20000, NULL);
}

Test(choice, a_sticky_port_that_somebody_took_meanwhile_is_left_to_him_with_a_note) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20099");
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"web\"}", 20000, NULL);
    caller_release(&me, 20000);
    CLEANUP(fd_close_at) int squatter = tcp_listen("127.0.0.2", 20000);
    assert_grant(&me, "{\"service_name\":\"web\"}", 20001, "port 20000 is the one that this service had last");
}

Test(choice, rotation_goes_on_and_does_not_turn_back_to_a_port_that_it_passed_over) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20002");
    const struct caller me = {.daemon = &daemon};
    CLEANUP(fd_close_at) int squatter = tcp_listen("127.0.0.1", 20000);
    assert_grant(&me, "{\"service_name\":\"a\"}", 20001, NULL);
    close(fd_take(&squatter));
    assert_grant(&me, "{\"service_name\":\"b\"}", 20002, NULL);
    assert_grant(&me, "{\"service_name\":\"c\"}", 20000, NULL);
}

Test(choice, ports_that_were_another_names_come_last) {
    const struct daemon_setup setup = {.arguments = {"--range", "20000-20003"}};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    CLEANUP(fd_close_at) int squatter = tcp_listen("127.0.0.1", 20001);
    assert_grant(&me, "{\"service_name\":\"a\"}", 20000, NULL);
    assert_grant(&me, "{\"service_name\":\"b\"}", 20002, NULL);
    assert_grant(&me, "{\"service_name\":\"c\"}", 20003, NULL);
    close(fd_take(&squatter));
    caller_release(&me, 20000);
    /* A restart forgets the cool-down, which would hide what is shown here, and nothing else. */
    cr_assert_eq(daemon_stop(&daemon), 0);
    daemon = daemon_start(&setup);
    /* Rotation comes to 20000 first, but "a" may want that again. */
    assert_grant(&me, "{\"service_name\":\"d\"}", 20001, NULL);
    assert_grant(&me, "{\"service_name\":\"e\"}", 20000, NULL);
}

/* ---- several at once ---- */

Test(choice, several_are_granted_all_or_none) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20003");
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply five = caller_post(&me, "/alloc", "{\"service_name\":\"web\",\"count\":5}");
    assert_problem(five, 503, "range-full");
    cr_assert_eq(caller_count_leases(&me), 0);

    CLEANUP(http_reply_deinit) struct http_reply three = caller_alloc(&me, "{\"service_name\":\"web\",\"count\":3}");
    cr_assert_eq(json_size_at(three.json, "ports"), 3);
    cr_assert_eq(json_size_at(three.json, "leases"), 3);
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof(path), "leases[%d]", i);
        const cJSON *lease = json_at(three.json, path);
        cr_assert_eq(json_number_at(lease, "port"), 20000U + (unsigned)i);
        cr_assert_str_eq(json_text_at(lease, "service_name"), "web");
        cr_assert_eq(json_number_at(lease, "id"), json_number_at(three.json, "leases[0].id") + (unsigned)i);
    }

    CLEANUP(http_reply_deinit)
    struct http_reply two = caller_post(&me, "/alloc", "{\"service_name\":\"db\",\"count\":2}");
    assert_problem(two, 503, "range-full");
    cr_assert_eq(caller_count_leases(&me), 3);
    assert_grant(&me, "{\"service_name\":\"db\"}", 20003, NULL);
}

Test(choice, several_with_a_preferred_port_begin_with_it) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20099");
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_alloc(&me, "{\"service_name\":\"web\",\"count\":64,\"prefer\":30000}");
    cr_assert_eq(json_number_at(reply.json, "port"), 30000);
    cr_assert_eq(json_size_at(reply.json, "leases"), 64);
    cr_assert_eq(json_number_at(reply.json, "ports[1]"), 20000);
    cr_assert_eq(json_number_at(reply.json, "ports[63]"), 20062);
}

/* ---- a port asked for by its number ---- */

Test(choice, an_exact_port_may_lie_outside_the_range_and_another_is_never_tried) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"web\",\"port\":65535}", 65535, NULL);
    CLEANUP(http_reply_deinit)
    struct http_reply leased = caller_post(&me, "/alloc", "{\"service_name\":\"web\",\"port\":65535}");
    assert_problem(leased, 409, "port-leased");
    cr_assert_eq(json_number_at(leased.json, "port"), 65535);
    cr_assert_str_eq(json_text_at(leased.json, "lease.service_name"), "web");
    cr_assert_eq(json_number_at(leased.json, "lease.port"), 65535);
    CLEANUP(http_reply_deinit)
    struct http_reply own = caller_post(&me, "/alloc", "{\"service_name\":\"web\",\"port\":%u}", DAEMON_PORT);
    assert_problem(own, 409, "reserved-for-portd");
    cr_assert_eq(caller_count_leases(&me), 1);
}

Test(choice, a_preferred_port_that_cannot_be_had_is_replaced_with_a_note) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20099");
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"a\",\"prefer\":30000}", 30000, NULL);
    assert_grant(&me, "{\"service_name\":\"b\",\"prefer\":30000}", 20000,
                 "port 30000 was preferred, but is leased to a");
    assert_grant(&me, "{\"service_name\":\"c\",\"prefer\":3030}", 20001, "port 3030 was preferred, but is portd's own");
    CLEANUP(fd_close_at) int squatter = tcp_listen("::1", 30001);
    assert_grant(&me, "{\"service_name\":\"d\",\"prefer\":30001}", 20002, "port 30001 was preferred, but is in use");
}

Test(choice, portds_own_port_is_never_granted_even_inside_the_range) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("3029-3031");
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"a\"}", 3029, NULL);
    assert_grant(&me, "{\"service_name\":\"b\"}", 3031, NULL);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"c\"}");
    assert_problem(reply, 503, "range-full");
}

/* ---- objections ---- */

Test(choice, excluded_ports_are_passed_over_and_granted_by_number_with_a_note) {
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon daemon =
        daemon_start(&(struct daemon_setup){.arguments = {"--range", "20000-20005", "--exclude", "20000,20002-20003"}});
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"a\",\"count\":3}", 20001, NULL);
    cr_assert(caller_sees_lease(&me, 20004) && caller_sees_lease(&me, 20005));
    CLEANUP(http_reply_deinit) struct http_reply full = caller_post(&me, "/alloc", "{\"service_name\":\"b\"}");
    assert_problem(full, 503, "range-full");
    cr_assert_eq(json_number_at(full.json, "leased"), 3);
    cr_assert_eq(json_number_at(full.json, "excluded"), 3);
    assert_grant(&me, "{\"service_name\":\"b\",\"prefer\":20002}", 20002, "port 20002 is excluded");
    assert_grant(&me, "{\"service_name\":\"c\",\"port\":20003}", 20003, "port 20003 is excluded");
}

/* The kernel's setting can change while portd runs. */
Test(choice, ports_that_the_kernel_reserves_are_passed_over_unless_they_are_the_whole_range) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("20000-20003");
    const struct caller me = {.daemon = &daemon};
    file_write_text(SYSCTL "ip_local_reserved_ports", "20000-20001,20003");
    assert_grant(&me, "{\"service_name\":\"a\"}", 20002, NULL);
    CLEANUP(http_reply_deinit) struct http_reply full = caller_post(&me, "/alloc", "{\"service_name\":\"b\"}");
    assert_problem(full, 503, "range-full");
    cr_assert_eq(json_number_at(full.json, "reserved"), 3);
    assert_grant(&me, "{\"service_name\":\"b\",\"port\":20003}", 20003, "ip_local_reserved_ports");

    file_write_text(SYSCTL "ip_local_reserved_ports", "19000-21000");
    assert_grant(&me, "{\"service_name\":\"c\"}", 20000, NULL);
    assert_grant(&me, "{\"service_name\":\"d\",\"port\":20001}", 20001, NULL);
}

Test(choice, ports_that_browsers_block_are_passed_over) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("5999-6001");
    const struct caller me = {.daemon = &daemon};
    assert_grant(&me, "{\"service_name\":\"a\"}", 5999, NULL);
    assert_grant(&me, "{\"service_name\":\"b\"}", 6001, NULL);
    CLEANUP(http_reply_deinit) struct http_reply full = caller_post(&me, "/alloc", "{\"service_name\":\"c\"}");
    assert_problem(full, 503, "range-full");
    cr_assert_eq(json_number_at(full.json, "blocked"), 1);
    assert_grant(&me, "{\"service_name\":\"x11\",\"port\":6000}", 6000, "blocked by browsers");
}

Test(choice, a_full_range_is_refused_with_a_count_of_every_reason) {
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon daemon =
        daemon_start(&(struct daemon_setup){.arguments = {"--range", "5998-6003", "--exclude", "5998"}});
    const struct caller me = {.daemon = &daemon};
    file_write_text(SYSCTL "ip_local_reserved_ports", "5999");
    CLEANUP(fd_close_at) int squatter = tcp_listen("127.0.0.1", 6001);
    assert_grant(&me, "{\"service_name\":\"a\"}", 6002, NULL);
    assert_grant(&me, "{\"service_name\":\"b\"}", 6003, NULL);
    caller_release(&me, 6002);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"c\"}");
    assert_problem(reply, 503, "range-full");
    const char *const reasons[] = {"excluded", "reserved", "blocked", "in_use", "cooling", "leased"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        cr_assert_eq(json_number_at(reply.json, reasons[i]), 1, "%s: %s", reasons[i], reply.body);
    cr_assert(strstr(json_text_at(reply.json, "detail"), "5998-6003"));
    cr_assert_eq(caller_count_leases(&me), 1);
}

/* ---- privileged ports ---- */

Test(choice, a_privileged_port_is_roots_and_the_kernels_setting_says_where_they_end) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = start_with_range("79-81");
    const struct caller root = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    CLEANUP(http_reply_deinit)
    struct http_reply exact = caller_post(&other, "/alloc", "{\"service_name\":\"web\",\"port\":82}");
    assert_problem(exact, 403, "port-privileged");
    CLEANUP(http_reply_deinit)
    struct http_reply automatic = caller_post(&other, "/alloc", "{\"service_name\":\"web\"}");
    assert_problem(automatic, 503, "range-full");
    cr_assert_eq(caller_count_leases(&root), 0);
    assert_grant(&root, "{\"service_name\":\"web\",\"port\":82}", 82, NULL);
    assert_grant(&root, "{\"service_name\":\"web\"}", 80, NULL);

    file_write_text(SYSCTL "ip_unprivileged_port_start", "81");
    assert_grant(&other, "{\"service_name\":\"web\",\"prefer\":80}", 81, "port 80 was preferred, but is");
    assert_grant(&other, "{\"service_name\":\"mail\",\"port\":83}", 83, NULL);
    CLEANUP(http_reply_deinit)
    struct http_reply below = caller_post(&other, "/alloc", "{\"service_name\":\"web\",\"port\":79}");
    assert_problem(below, 403, "port-privileged");
}

Test(choice, a_portd_that_may_not_bind_a_port_does_not_grant_it_to_root_either) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID});
    const struct caller root = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_post(&root, "/alloc", "{\"service_name\":\"web\",\"port\":443}");
    assert_problem(reply, 403, "port-privileged");
    assert_grant(&root, "{\"service_name\":\"web\",\"prefer\":443}", 8000, "port 443 was preferred, but is privileged");
}
