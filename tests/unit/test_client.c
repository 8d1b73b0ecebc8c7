/* The places that each uid's connections take: counted when they are taken, and given back. */
#include "src/http/client.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "src/http/server.h"

#define MAX SERVER_CONNECTIONS_PER_UID

static const struct api_caller ann = {.known = true, .uid = 1000};
static const struct api_caller root = {.known = true, .uid = 0};
static const struct api_caller unknown = {.known = false, .uid = 0};

static unsigned count_open(const struct client_counts *counts) {
    unsigned n_open = 0;
    for (size_t i = 0; i < counts->n_items; i++)
        n_open += counts->items[i].n_open;
    return n_open;
}

/* Takes as many as there are. Returns how many that was. */
static unsigned take_all(struct client_counts *counts, const struct api_caller *caller, struct client **ret_clients) {
    unsigned n_taken = 0;
    while (n_taken <= MAX && (ret_clients[n_taken] = client_new(counts, API_TCP, caller)))
        n_taken++;
    return n_taken;
}

static void free_all(struct client **clients, unsigned n_clients) {
    for (unsigned i = 0; i < n_clients; i++)
        client_free(clients[i]);
}

Test(client, it_knows_whose_it_is_and_how_it_came) {
    struct client_counts counts = {0};
    struct client *client = client_new(&counts, API_UNIX, &ann);
    cr_assert_not_null(client);
    cr_expect_eq(client->transport, API_UNIX);
    cr_expect(client->caller.known);
    cr_expect_eq(client->caller.uid, 1000);
    cr_expect_eq(count_open(&counts), 1);
    cr_expect_null(client_free(client));
    cr_expect_eq(counts.n_items, 0);
    cr_expect_null(client_free(NULL));
    client_counts_deinit(&counts);
}

Test(client, a_uid_has_64_places_on_both_transports_together) {
    struct client_counts counts = {0};
    struct client *clients[MAX + 1];
    for (unsigned i = 0; i < MAX; i++)
        cr_assert_not_null(clients[i] = client_new(&counts, i % 2 ? API_TCP : API_UNIX, &ann), "number %u", i);
    cr_expect_null(client_new(&counts, API_TCP, &ann));
    cr_expect_null(client_new(&counts, API_UNIX, &ann));
    client_free(clients[10]);
    cr_assert_not_null(clients[10] = client_new(&counts, API_TCP, &ann), "a place that was given back");
    cr_expect_null(client_new(&counts, API_TCP, &ann));
    free_all(clients, MAX);
    client_counts_deinit(&counts);
    cr_expect_eq(MAX, 64);
}

Test(client, one_uid_takes_no_places_of_another) {
    struct client_counts counts = {0};
    struct client *anns[MAX + 1];
    struct client *roots[MAX + 1];
    struct client *unknowns[MAX + 1];
    cr_expect_eq(take_all(&counts, &ann, anns), MAX);
    cr_expect_eq(take_all(&counts, &root, roots), MAX);
    cr_expect_eq(take_all(&counts, &unknown, unknowns), MAX, "an unknown caller is not root");
    free_all(anns, MAX);
    cr_expect_null(client_new(&counts, API_TCP, &root));
    cr_expect_null(client_new(&counts, API_TCP, &unknown));
    cr_expect_eq(take_all(&counts, &ann, anns), MAX);
    free_all(roots, MAX);
    free_all(anns, MAX);
    free_all(unknowns, MAX);
    client_counts_deinit(&counts);
}

Test(client, unknown_callers_are_counted_together) {
    struct client_counts counts = {0};
    struct client *clients[MAX];
    for (unsigned i = 0; i < MAX; i++) {
        const struct api_caller caller = {.known = false, .uid = i};
        cr_assert_not_null(clients[i] = client_new(&counts, API_TCP, &caller));
    }
    cr_expect_null(client_new(&counts, API_TCP, &unknown));
    cr_expect_eq(counts.n_items, 1);
    free_all(clients, MAX);
    client_counts_deinit(&counts);
}

Test(client, many_uids_come_and_go_in_any_order) {
    enum { N_UIDS = 40, N_STEPS = 20000 };
    struct client_counts counts = {0};
    struct client *open[N_UIDS][MAX];
    unsigned n_open[N_UIDS] = {0};
    unsigned total = 0;
    srand(5);
    for (int step = 0; step < N_STEPS; step++) {
        const unsigned uid = (unsigned)rand() % N_UIDS;
        const struct api_caller caller = {.known = uid > 0, .uid = uid};
        if (rand() % 5 < 3) {
            struct client *client = client_new(&counts, API_TCP, &caller);
            if ((client == NULL) != (n_open[uid] == MAX))
                cr_assert(false, "step %d: uid %u has %u", step, uid, n_open[uid]);
            if (client) {
                open[uid][n_open[uid]++] = client;
                total++;
            }
        } else if (n_open[uid] > 0) {
            client_free(open[uid][--n_open[uid]]);
            total--;
        }
        if (count_open(&counts) != total)
            cr_assert(false, "step %d", step);
    }
    for (unsigned uid = 0; uid < N_UIDS; uid++)
        free_all(open[uid], n_open[uid]);
    cr_expect_eq(counts.n_items, 0);
    client_counts_deinit(&counts);
    client_counts_deinit(&counts);
}

Test(client, a_place_that_was_not_given_back_is_a_fault, .signal = SIGABRT) {
    struct client_counts counts = {0};
    cr_assert_not_null(client_new(&counts, API_TCP, &ann));
    client_counts_deinit(&counts);
}

/* ---- what waits to be read ---- */

Test(client, a_uid_that_reads_nothing_gets_no_more_long_answers) {
    struct client_counts counts = {0};
    const struct api_caller annes = {.known = true, .uid = 1000};
    const struct api_caller bobs = {.known = true, .uid = 1001};
    struct client *first = client_new(&counts, API_TCP, &annes);
    struct client *second = client_new(&counts, API_UNIX, &annes);
    struct client *other = client_new(&counts, API_TCP, &bobs);
    cr_assert(first && second && other);
    cr_expect(client_charge(first, 2 * CLIENT_UNREAD_MAX), "one answer always passes");
    cr_expect_not(client_charge(second, CLIENT_UNREAD_SHORT + 1));
    cr_expect(client_charge(second, CLIENT_UNREAD_SHORT), "a short one, too");
    cr_expect(client_charge(other, CLIENT_UNREAD_MAX), "another uid's are its own");
    client_discharge(first);
    cr_expect(client_charge(first, CLIENT_UNREAD_MAX - CLIENT_UNREAD_SHORT), "up to the limit");
    cr_expect_not(client_charge(first, CLIENT_UNREAD_SHORT + 1), "and no more");
    client_free(first);
    cr_expect(client_charge(second, CLIENT_UNREAD_MAX - CLIENT_UNREAD_SHORT), "who hangs up has nothing waiting");
    client_free(second);
    client_free(other);
    client_counts_deinit(&counts);
}
