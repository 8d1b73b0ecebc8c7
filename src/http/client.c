/* One accepted connection, and the count of its uid. Few uids are connected at once, so they are searched in a row. */
#include "src/http/client.h"

#include <assert.h>
#include <stdlib.h>

#include "src/http/server.h"

static struct client_count *find(struct client_counts *counts, const struct api_caller *caller) {
    for (size_t i = 0; i < counts->n_items; i++) {
        const struct api_caller *other = &counts->items[i].caller;
        if (other->known == caller->known && (!caller->known || other->uid == caller->uid))
            return &counts->items[i];
    }
    return NULL;
}

static struct client_count *find_or_add(struct client_counts *counts, const struct api_caller *caller) {
    struct client_count *count = find(counts, caller);

    if (count != NULL)
        return count;
    if (counts->n_items == counts->capacity) {
        size_t capacity = counts->capacity == 0 ? 8 : counts->capacity * 2;
        struct client_count *items = realloc(counts->items, capacity * sizeof *items);

        if (items == NULL)
            return NULL;
        counts->items = items;
        counts->capacity = capacity;
    }
    count = &counts->items[counts->n_items++];
    *count = (struct client_count){.caller = *caller};
    return count;
}

/* Gives a place back; the last one takes its row with it. */
static void uncount(struct client_counts *counts, struct client_count *count) {
    if (--count->n_open == 0)
        *count = counts->items[--counts->n_items];
}

struct client *client_new(struct client_counts *counts, enum api_transport transport, const struct api_caller *caller) {
    struct client_count *count = find_or_add(counts, caller);
    struct client *client;

    if (count == NULL || count->n_open >= SERVER_CONNECTIONS_PER_UID)
        return NULL;
    count->n_open++;
    client = calloc(1, sizeof *client);
    if (client == NULL) {
        uncount(counts, count);
        return NULL;
    }
    *client = (struct client){.transport = transport, .caller = *caller, .counts = counts};
    return client;
}

bool client_charge(struct client *client, size_t n_bytes) {
    struct client_count *count = find(client->counts, &client->caller);

    assert(count != NULL);
    if (n_bytes > CLIENT_UNREAD_SHORT && count->n_unread > 0 && count->n_unread + n_bytes > CLIENT_UNREAD_MAX)
        return false;
    client->n_unread += n_bytes;
    count->n_unread += n_bytes;
    return true;
}

void client_discharge(struct client *client) {
    struct client_count *count = find(client->counts, &client->caller);

    assert(count != NULL && count->n_unread >= client->n_unread);
    count->n_unread -= client->n_unread;
    client->n_unread = 0;
}

struct client *client_free(struct client *client) {
    struct client_count *count;

    if (client == NULL)
        return NULL;
    client_discharge(client);
    count = find(client->counts, &client->caller);
    assert(count != NULL && count->n_open > 0);
    uncount(client->counts, count);
    free(client);
    return NULL;
}

void client_counts_deinit(struct client_counts *counts) {
    assert(counts->n_items == 0);
    free(counts->items);
    *counts = (struct client_counts){0};
}
