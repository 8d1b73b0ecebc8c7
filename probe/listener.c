/*
 * Listeners as values, and the list that collects them. Nothing here talks to the kernel.
 */
#include "probe/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void listener_list_deinit(struct listener_list *list) {
    if (!list)
        return;
    free(list->items);
    *list = (struct listener_list){0};
}

void listener_list_clear(struct listener_list *list) {
    list->n_items = 0;
}

/* Makes room for `n_more` items: at least doubles, so that n appends cost n copies and not n squared. */
static int reserve(struct listener_list *list, size_t n_more) {
    const size_t n_max = SIZE_MAX / 2 / sizeof(*list->items);
    if (n_more > n_max - list->n_items)
        return -ENOMEM;
    const size_t n_needed = list->n_items + n_more;
    if (n_needed <= list->capacity)
        return 0;

    size_t capacity = list->capacity ? list->capacity : 8;
    while (capacity < n_needed)
        capacity *= 2;
    struct listener *items = realloc(list->items, capacity * sizeof(*items));
    if (!items)
        return -ENOMEM;
    list->items = items;
    list->capacity = capacity;
    return 0;
}

int listener_list_add(struct listener_list *list, const struct listener *listener) {
    /* Copied first: `listener` may be an item of this very list, which reserve() may move. */
    const struct listener copy = *listener;
    int r = reserve(list, 1);
    if (r < 0)
        return r;
    list->items[list->n_items++] = copy;
    return 0;
}

int listener_list_add_all(struct listener_list *list, const struct listener_list *others) {
    if (others->n_items == 0)
        return 0;
    int r = reserve(list, others->n_items);
    if (r < 0)
        return r;
    memcpy(&list->items[list->n_items], others->items, others->n_items * sizeof(*others->items));
    list->n_items += others->n_items;
    return 0;
}

void listener_map_ipv4(struct in_addr ipv4, struct in6_addr *ret_mapped) {
    *ret_mapped = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&ret_mapped->s6_addr[12], &ipv4, sizeof(ipv4));
}

void listener_format_address(const struct listener *listener, char *ret_text) {
    const struct in6_addr *address = &listener->address;
    if (IN6_IS_ADDR_V4MAPPED(address))
        inet_ntop(AF_INET, &address->s6_addr[12], ret_text, LISTENER_ADDRESS_MAX);
    else
        inet_ntop(AF_INET6, address, ret_text, LISTENER_ADDRESS_MAX);
}

const char *listener_state_name(enum listener_state state) {
    switch (state) {
    case LISTENER_LISTEN:
        return "listen";
    case LISTENER_BOUND:
        return "bound";
    case LISTENER_CONNECTED:
        return "connected";
    case LISTENER_TIME_WAIT:
        return "time-wait";
    case LISTENER_ORPHAN:
        return "orphan";
    }
    return "unknown";
}
