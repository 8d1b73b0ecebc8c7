/* Two arrays of one entry a port; a key is searched for through the first, as far as it was ever used: that is little more than the managed range. */
#include "src/lease/sticky.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_PORTS 65536

int sticky_table_init(struct sticky_table *table) {
    struct sticky **by_port = calloc(N_PORTS, sizeof(struct sticky *));
    uint64_t *released_at = calloc(N_PORTS, sizeof *released_at);

    if (by_port == NULL || released_at == NULL) {
        free(by_port);
        free(released_at);
        return -ENOMEM;
    }
    table->by_port = by_port;
    table->first = N_PORTS;
    table->end = 0;
    table->released_at = released_at;
    return 0;
}

static void sticky_free(struct sticky *sticky) {
    if (sticky == NULL)
        return;
    free(sticky->project);
    free(sticky->service_name);
    free(sticky);
}

void sticky_table_deinit(struct sticky_table *table) {
    for (size_t port = 0; table->by_port != NULL && port < N_PORTS; port++)
        sticky_free(table->by_port[port]);
    free(table->by_port);
    free(table->released_at);
    *table = (struct sticky_table){0};
}

static bool is_key(const struct sticky *sticky, const struct lease_key *key) {
    struct lease_key own = {.uid = sticky->uid, .project = sticky->project, .service_name = sticky->service_name};

    return lease_key_equal(&own, key);
}

uint16_t sticky_table_find(const struct sticky_table *table, const struct lease_key *key, unsigned slot) {
    for (size_t port = table->first; port < table->end; port++) {
        const struct sticky *sticky = table->by_port[port];
        if (sticky != NULL && sticky->slot == slot && is_key(sticky, key))
            return (uint16_t)port;
    }
    return 0;
}

int sticky_table_put(struct sticky_table *table, const struct lease_key *key, unsigned slot, uint16_t port) {
    uint16_t before = sticky_table_find(table, key, slot);
    struct sticky *sticky;

    if (before == port)
        return 0;
    sticky = calloc(1, sizeof *sticky);
    if (sticky == NULL)
        return -ENOMEM;
    *sticky = (struct sticky){
        .port = port,
        .slot = slot,
        .uid = key->uid,
        .project = strdup(key->project),
        .service_name = strdup(key->service_name),
    };
    if (sticky->project == NULL || sticky->service_name == NULL) {
        sticky_free(sticky);
        return -ENOMEM;
    }
    if (before != 0) {
        sticky_free(table->by_port[before]);
        table->by_port[before] = NULL;
    }
    sticky_free(table->by_port[port]);
    table->by_port[port] = sticky;
    if (port < table->first)
        table->first = port;
    if (port >= table->end)
        table->end = (size_t)port + 1;
    return 0;
}

bool sticky_table_is_others(const struct sticky_table *table, const struct lease_key *key, uint16_t port) {
    const struct sticky *sticky = table->by_port[port];

    return sticky != NULL && !is_key(sticky, key);
}

void sticky_table_note_release(struct sticky_table *table, uint16_t port, uint64_t now_ms) {
    table->released_at[port] = now_ms;
}

uint64_t sticky_table_cooling(const struct sticky_table *table, uint16_t port, uint64_t now_ms) {
    uint64_t since = table->released_at[port];

    if (since == 0 || now_ms >= since + STICKY_COOL_DOWN_MS)
        return 0;
    return since + STICKY_COOL_DOWN_MS - now_ms;
}
