/*
 * Listeners as values and the list of them: what it keeps when it grows, and how addresses read.
 */
#include "probe/listener.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "probe/fd.h"

static struct listener make_listener(const char *address, uint16_t port) {
    struct listener listener = {.family = AF_INET6, .port = port};
    cr_assert_eq(inet_pton(AF_INET6, address, &listener.address), 1, "%s", address);
    return listener;
}

static void assert_reads(const char *address, const char *expected) {
    const struct listener listener = make_listener(address, 1);
    char text[LISTENER_ADDRESS_MAX];
    listener_format_address(&listener, text);
    cr_assert_str_eq(text, expected);
}

Test(listener, an_ipv4_address_reads_as_ipv4_also_in_an_ipv6_socket) {
    assert_reads("::ffff:127.0.0.1", "127.0.0.1");
    assert_reads("::ffff:0.0.0.0", "0.0.0.0");
    assert_reads("::ffff:255.255.255.255", "255.255.255.255");
}

Test(listener, an_ipv6_address_reads_as_ipv6) {
    assert_reads("::", "::");
    assert_reads("::1", "::1");
    assert_reads("fe80::1:2:3:4", "fe80::1:2:3:4");
    assert_reads("1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888");
}

Test(listener, mapping_an_ipv4_address_gives_the_form_that_ipv6_sockets_use) {
    struct in6_addr mapped;
    memset(&mapped, 0x55, sizeof(mapped));
    listener_map_ipv4((struct in_addr){.s_addr = htonl(0x7f000002)}, &mapped);
    const struct listener expected = make_listener("::ffff:127.0.0.2", 1);
    cr_assert_arr_eq(&mapped, &expected.address, sizeof(mapped));
}

Test(listener, each_state_has_the_word_that_the_api_uses) {
    cr_assert_str_eq(listener_state_name(LISTENER_LISTEN), "listen");
    cr_assert_str_eq(listener_state_name(LISTENER_BOUND), "bound");
    cr_assert_str_eq(listener_state_name(LISTENER_CONNECTED), "connected");
    cr_assert_str_eq(listener_state_name(LISTENER_TIME_WAIT), "time-wait");
    cr_assert_str_eq(listener_state_name(LISTENER_ORPHAN), "orphan");
}

Test(listener, a_list_keeps_what_was_added_in_order_while_it_grows) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    for (uint16_t port = 1; port <= 1000; port++) {
        const struct listener listener = make_listener("::1", port);
        cr_assert_eq(listener_list_add(&list, &listener), 0);
    }
    cr_assert_eq(list.n_items, 1000);
    for (size_t i = 0; i < list.n_items; i++)
        cr_assert_eq(list.items[i].port, i + 1);
}

Test(listener, an_item_of_the_list_can_be_added_to_it_again) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    const struct listener first = make_listener("::1", 4711);
    cr_assert_eq(listener_list_add(&list, &first), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(listener_list_add(&list, &list.items[0]), 0);
    for (size_t i = 0; i < list.n_items; i++)
        cr_assert_eq(list.items[i].port, 4711);
}

Test(listener, all_of_another_list_are_appended_in_their_order) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    CLEANUP(listener_list_deinit) struct listener_list others = {0};
    cr_assert_eq(listener_list_add_all(&list, &others), 0, "nothing to add to nothing");
    for (uint16_t port = 1; port <= 20; port++) {
        const struct listener listener = make_listener("::1", port);
        cr_assert_eq(listener_list_add(port <= 3 ? &list : &others, &listener), 0);
    }
    cr_assert_eq(listener_list_add_all(&list, &others), 0);
    cr_assert_eq(list.n_items, 20);
    for (size_t i = 0; i < list.n_items; i++)
        cr_assert_eq(list.items[i].port, i + 1);
    cr_assert_eq(others.n_items, 17, "the other list is as it was");
}

Test(listener, clearing_keeps_the_storage_and_deinit_leaves_an_empty_list) {
    struct listener_list list = {0};
    const struct listener listener = make_listener("::1", 1);
    cr_assert_eq(listener_list_add(&list, &listener), 0);
    const struct listener *storage = list.items;
    listener_list_clear(&list);
    cr_assert_eq(list.n_items, 0);
    cr_assert_eq(listener_list_add(&list, &listener), 0);
    cr_assert_eq(list.items, storage);

    listener_list_deinit(&list);
    cr_assert_null(list.items);
    cr_assert_eq(list.n_items, 0);
    cr_assert_eq(list.capacity, 0);
    listener_list_deinit(&list);
    listener_list_deinit(NULL);
}

Test(listener, a_list_too_long_for_memory_is_refused_and_stays_as_it_was) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    const struct listener listener = make_listener("::1", 1);
    cr_assert_eq(listener_list_add(&list, &listener), 0);
    /* Only the count is looked at: nothing is copied from it. */
    const struct listener_list endless = {.items = list.items, .n_items = SIZE_MAX / sizeof(listener)};
    cr_assert_eq(listener_list_add_all(&list, &endless), -ENOMEM);
    cr_assert_eq(list.n_items, 1);
    cr_assert_eq(list.items[0].port, 1);
}
