/* Openings that wait for a name. That they get it is in integration/squatters. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "src/conflict/openings.h"
#include "tests/support/fake_daemon.h"

#define N_MORE 44

static void count(void *context, const struct event_fact *fact) {
    ++*(unsigned *)context;
    cr_assert_eq(fact->kind, EVENT_LISTENER_OPENED);
}

Test(openings_many, in_a_storm_not_all_wait_for_a_name) {
    struct fake_daemon it;
    fake_daemon_start(&it);
    static struct change changes[OPENINGS_MAX + N_MORE];
    for (unsigned i = 0; i < OPENINGS_MAX + N_MORE; i++) {
        const struct sighting *sighting = fake_probe_listen(&it.probe, 8001, ANN, i + 1);
        changes[i] = (struct change){.kind = CHANGE_OPENED, .sighting = *sighting};
    }
    const struct change_list list = {.items = changes, .n_items = OPENINGS_MAX + N_MORE};
    const struct change_list none = {0};
    struct openings openings = {0};
    unsigned n_told = 0;
    const struct event_sink sink = {.tell = count, .context = &n_told};
    openings_update(&openings, &list, &it.probe.snapshot, it.registry, 1000, &sink);
    cr_expect_eq(n_told, N_MORE, "%u", n_told);
    openings_update(&openings, &none, &it.probe.snapshot, it.registry, 10000, &sink);
    cr_expect_eq(n_told, OPENINGS_MAX + N_MORE, "each is told once: %u", n_told);
    openings_deinit(&openings);
    fake_daemon_stop(&it);
}
