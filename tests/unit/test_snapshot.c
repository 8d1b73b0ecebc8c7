/* One reading over another, with readings and processes that the test makes up. */
#include "probe/snapshot.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"

/* ---- memory that runs out: what grows in a snapshot grows by this ---- */

static unsigned n_until_failure; /* counts down; 0: no failure is near */

void *reallocarray(void *pointer, size_t count, size_t size) {
    if (n_until_failure > 0 && --n_until_failure == 0) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(pointer, count * size);
}

/* ---- readings ---- */

static struct listener make(uint16_t port, uint32_t inode) {
    struct listener listener = {.family = AF_INET, .port = port, .inode = inode, .uid = 1000, .state = LISTENER_LISTEN};
    listener_map_ipv4((struct in_addr){.s_addr = htonl(INADDR_LOOPBACK)}, &listener.address);
    return listener;
}

static struct listener make_bound(uint16_t port, uint32_t inode) {
    struct listener listener = make(port, inode);
    listener.state = LISTENER_BOUND;
    return listener;
}

static struct listener make_ipv6(uint16_t port, uint32_t inode) {
    struct listener listener = make(port, inode);
    listener.family = AF_INET6;
    listener.address = in6addr_loopback;
    return listener;
}

/* What a reading has: an array that ends with port 0. */
static int update_part(struct snapshot *snapshot, enum snapshot_part part, bool complete, int64_t now,
                       struct change_list *changes, const struct listener *listeners) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    for (; listeners->port != 0; listeners++)
        cr_assert_eq(listener_list_add(&list, listeners), 0);
    return snapshot_update(snapshot, part, &list, complete, now, changes);
}

#define READING(...) ((const struct listener[]){__VA_ARGS__, {0}})
#define NOTHING      ((const struct listener[]){{0}})

static void update(struct snapshot *snapshot, int64_t now, struct change_list *changes,
                   const struct listener *listeners) {
    cr_assert_eq(update_part(snapshot, SNAPSHOT_LISTENING, true, now, changes, listeners), 0);
}

static void update_bound(struct snapshot *snapshot, int64_t now, struct change_list *changes,
                         const struct listener *listeners) {
    cr_assert_eq(update_part(snapshot, SNAPSHOT_BOUND, true, now, changes, listeners), 0);
}

static void assert_change(const struct change_list *changes, size_t index, enum change_kind kind, uint16_t port) {
    cr_assert_gt(changes->n_items, index, "there are %zu changes", changes->n_items);
    cr_assert_eq(changes->items[index].kind, kind);
    cr_assert_eq(changes->items[index].sighting.listener.port, port);
}

static struct sighting *find(struct snapshot *snapshot, uint16_t port) {
    size_t first;
    cr_assert_eq(snapshot_find_port(snapshot, port, &first), 1, "one sighting on port %u", port);
    return &snapshot->items[first];
}

/* ---- processes ---- */

static struct process_info *make_process(pid_t pid) {
    struct process_info *info = calloc(1, sizeof(*info));
    cr_assert_not_null(info);
    *info = (struct process_info){.n_references = 1, .id = {.pid = pid, .start_time = 77}, .pidfd = -1};
    info->command = strdup("");
    return info;
}

/* The answer of a walk: one or two owners, whose references stay the test's. */
static void resolve(struct snapshot *snapshot, uint32_t inode, struct process_info *one, struct process_info *other) {
    struct owner_answer answer = {.inode = inode, .hidden = one ? OWNER_SEEN : OWNER_OF_OTHER_USER};
    answer.owners = calloc(2, sizeof(struct process_info *));
    cr_assert_not_null(answer.owners);
    if (one)
        answer.owners[answer.n_owners++] = process_info_ref(one);
    if (other)
        answer.owners[answer.n_owners++] = process_info_ref(other);
    if (!one)
        answer.cgroup = strdup("/system.slice/other.service");
    struct owner_result result = {.answers = calloc(1, sizeof(answer)), .n_answers = 1};
    cr_assert_not_null(result.answers);
    result.answers[0] = answer;
    snapshot_take_owners(snapshot, &result.answers[0]);
    owner_result_deinit(&result);
}

/* ---- what opens and closes ---- */

Test(snapshot, the_first_reading_opens_nothing) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    cr_assert_not(snapshot.complete);
    update(&snapshot, 1000, &changes, READING(make(8000, 1), make(8001, 2)));
    cr_assert_eq(changes.n_items, 0);
    cr_assert_eq(snapshot.n_items, 2);
    cr_assert_eq(snapshot.generation, 1);
    cr_assert_eq(snapshot.revision, 1);
    cr_assert_eq(snapshot.read_unix_ms, 1000);
    cr_assert(snapshot.complete);
    const struct sighting *sighting = find(&snapshot, 8000);
    cr_assert(sighting->since_start);
    cr_assert_eq(sighting->since_unix_ms, 1000);
    cr_assert_eq(sighting->n_seen, 1);
    cr_assert_eq(sighting->state, SIGHTING_UNRESOLVED);
}

Test(snapshot, later_ones_tell_what_opened_and_closed) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    update(&snapshot, 1000, &changes, READING(make(8000, 1), make(8001, 2)));
    update(&snapshot, 2000, &changes, READING(make(8002, 3), make(8000, 1)));
    cr_assert_eq(changes.n_items, 2);
    assert_change(&changes, 0, CHANGE_CLOSED, 8001);
    assert_change(&changes, 1, CHANGE_OPENED, 8002);
    cr_assert_eq(find(&snapshot, 8000)->n_seen, 2);
    cr_assert_eq(find(&snapshot, 8000)->since_unix_ms, 1000);
    cr_assert_eq(find(&snapshot, 8002)->since_unix_ms, 2000);
    cr_assert_not(find(&snapshot, 8002)->since_start);
    cr_assert_eq(snapshot.revision, 2);
}

Test(snapshot, a_reading_that_changes_nothing_raises_the_generation_only) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    for (unsigned i = 1; i <= 5; i++) {
        update(&snapshot, 1000 * i, NULL, READING(make(8000, 1)));
        cr_assert_eq(snapshot.generation, i);
        cr_assert_eq(snapshot.revision, 1);
        cr_assert_eq(snapshot.read_unix_ms, 1000 * i);
    }
    find(&snapshot, 8000)->n_seen = UINT_MAX;
    update(&snapshot, 9000, NULL, READING(make(8000, 1)));
    cr_assert_eq(find(&snapshot, 8000)->n_seen, UINT_MAX);
}

Test(snapshot, the_order_is_by_port_then_family_then_inode) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    update(&snapshot, 1000, NULL,
           READING(make_ipv6(8000, 1), make(9000, 2), make(8000, 4000000000), make(8000, 3), make(80, 5)));
    const uint32_t inodes[] = {5, 3, 4000000000, 1, 2};
    cr_assert_eq(snapshot.n_items, 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(snapshot.items[i].listener.inode, inodes[i]);
}

Test(snapshot, a_ports_sightings_are_found) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    size_t first = 99;
    cr_assert_eq(snapshot_find_port(&snapshot, 80, &first), 0);
    update(&snapshot, 1000, NULL, READING(make(80, 1), make(8000, 2), make_ipv6(8000, 3), make(65535, 4)));
    cr_assert_eq(snapshot_find_port(&snapshot, 8000, &first), 2);
    cr_assert_eq(first, 1);
    cr_assert_eq(snapshot_find_port(&snapshot, 65535, &first), 1);
    cr_assert_eq(first, 3);
    cr_assert_eq(snapshot_find_port(&snapshot, 8001, &first), 0);
}

Test(snapshot, an_inode_on_another_port_or_address_is_another_socket) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    update(&snapshot, 1000, &changes, READING(make(8000, 1), make(8001, 2)));
    struct listener elsewhere = make(8001, 2);
    elsewhere.address.s6_addr[15] = 2;
    update(&snapshot, 2000, &changes, READING(make(9000, 1), elsewhere));
    cr_assert_eq(changes.n_items, 4);
    assert_change(&changes, 0, CHANGE_CLOSED, 8000);
    assert_change(&changes, 1, CHANGE_CLOSED, 8001);
    assert_change(&changes, 2, CHANGE_OPENED, 8001);
    assert_change(&changes, 3, CHANGE_OPENED, 9000);
    cr_assert_eq(find(&snapshot, 8001)->since_unix_ms, 2000);
}

Test(snapshot, a_socket_that_is_told_twice_is_one) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    update(&snapshot, 1000, &changes, READING(make(8000, 1), make(8001, 2), make(8000, 1)));
    cr_assert_eq(snapshot.n_items, 2);
    update(&snapshot, 2000, &changes, READING(make(8000, 1), make(8001, 2), make(8000, 1)));
    cr_assert_eq(snapshot.n_items, 2);
    cr_assert_eq(find(&snapshot, 8000)->n_seen, 2);
    cr_assert_eq(changes.n_items, 0);
}

Test(snapshot, sockets_without_an_inode_are_told_apart_by_their_addresses) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    struct listener one = make(8000, 0);
    struct listener other = make(8000, 0);
    other.address.s6_addr[15] = 2;
    update(&snapshot, 1000, &changes, READING(one, other));
    update(&snapshot, 2000, &changes, READING(other, one));
    cr_assert_eq(snapshot.n_items, 2);
    cr_assert_eq(changes.n_items, 0);
}

Test(snapshot, what_the_kernel_tells_anew_is_taken_over) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    update(&snapshot, 1000, NULL, READING(make(8000, 1)));
    struct listener given_away = make(8000, 1);
    given_away.uid = 1001;
    update(&snapshot, 2000, NULL, READING(given_away));
    cr_assert_eq(find(&snapshot, 8000)->listener.uid, 1001);
    cr_assert_eq(snapshot.revision, 2);
}

/* ---- readings that are not whole ---- */

Test(snapshot, an_interrupted_reading_adds_and_never_removes) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    update(&snapshot, 1000, &changes, READING(make(8000, 1), make(8001, 2)));
    cr_assert_eq(
        update_part(&snapshot, SNAPSHOT_LISTENING, false, 2000, &changes, READING(make(8001, 2), make(8002, 3))), 0);
    cr_assert_not(snapshot.complete);
    cr_assert_eq(snapshot.n_items, 3);
    cr_assert_eq(find(&snapshot, 8000)->n_seen, 1);
    cr_assert_eq(find(&snapshot, 8001)->n_seen, 2);
    cr_assert_eq(changes.n_items, 1);
    assert_change(&changes, 0, CHANGE_OPENED, 8002);

    update(&snapshot, 3000, &changes, READING(make(8001, 2), make(8002, 3)));
    cr_assert(snapshot.complete);
    cr_assert_eq(changes.n_items, 2);
    assert_change(&changes, 1, CHANGE_CLOSED, 8000);
}

Test(snapshot, until_a_reading_was_whole_nothing_is_known_to_have_opened) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    cr_assert_eq(update_part(&snapshot, SNAPSHOT_LISTENING, false, 1000, &changes, READING(make(8000, 1))), 0);
    update(&snapshot, 2000, &changes, READING(make(8000, 1), make(8001, 2)));
    cr_assert_eq(changes.n_items, 0);
    cr_assert(find(&snapshot, 8001)->since_start);
}

Test(snapshot, a_failed_reading_leaves_all_as_it_was) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    update(&snapshot, 1000, NULL, READING(make(8000, 1)));
    snapshot_mark_failed(&snapshot, SNAPSHOT_BOUND);
    cr_assert_not(snapshot.complete);
    cr_assert_eq(snapshot.n_items, 1);
    cr_assert_eq(snapshot.generation, 1);
    update(&snapshot, 2000, NULL, READING(make(8000, 1)));
    cr_assert_not(snapshot.complete, "the other part's reading mends nothing");
    update_bound(&snapshot, 3000, NULL, NOTHING);
    cr_assert(snapshot.complete);
}

/* ---- bound sockets ---- */

Test(snapshot, bound_sockets_are_no_changes) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    update(&snapshot, 1000, &changes, NOTHING);
    update_bound(&snapshot, 1000, &changes, READING(make_bound(8000, 1)));
    cr_assert(find(&snapshot, 8000)->since_start);
    update_bound(&snapshot, 2000, &changes, READING(make_bound(8001, 2)));
    cr_assert_eq(snapshot.n_items, 1);
    cr_assert_not(find(&snapshot, 8001)->since_start);
    cr_assert_eq(changes.n_items, 0);
}

Test(snapshot, each_part_leaves_the_other_alone) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    update(&snapshot, 1000, NULL, READING(make(8000, 1)));
    update_bound(&snapshot, 1000, NULL, READING(make_bound(8001, 2)));
    update(&snapshot, 2000, NULL, READING(make(8000, 1)));
    update_bound(&snapshot, 2000, NULL, READING(make_bound(8001, 2)));
    cr_assert_eq(snapshot.n_items, 2);
    cr_assert_eq(find(&snapshot, 8000)->n_seen, 2);
    cr_assert_eq(find(&snapshot, 8001)->n_seen, 2);
    update(&snapshot, 3000, NULL, NOTHING);
    cr_assert_eq(snapshot.n_items, 1);
    update_bound(&snapshot, 3000, NULL, NOTHING);
    cr_assert_eq(snapshot.n_items, 0);
}

Test(snapshot, a_bound_socket_that_stays_is_news_once) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    update_bound(&snapshot, 1000, NULL, READING(make_bound(8000, 1)));
    cr_assert_eq(snapshot.revision, 1);
    update_bound(&snapshot, 2000, NULL, READING(make_bound(8000, 1)));
    cr_assert_eq(snapshot.revision, 2);
    update_bound(&snapshot, 3000, NULL, READING(make_bound(8000, 1)));
    cr_assert_eq(snapshot.revision, 2);
}

Test(snapshot, a_bound_socket_that_listens_has_opened_and_is_the_same_one) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    CLEANUP(process_info_unref_at) struct process_info *process = make_process(10);
    update(&snapshot, 1000, &changes, NOTHING);
    update_bound(&snapshot, 1000, &changes, NOTHING);
    update_bound(&snapshot, 2000, &changes, READING(make_bound(8000, 1)));
    update_bound(&snapshot, 2500, &changes, READING(make_bound(8000, 1)));
    resolve(&snapshot, 1, process, NULL);
    update(&snapshot, 3000, &changes, READING(make(8000, 1)));
    update_bound(&snapshot, 3000, &changes, NOTHING);
    cr_assert_eq(changes.n_items, 1);
    assert_change(&changes, 0, CHANGE_OPENED, 8000);
    cr_assert_eq(changes.items[0].sighting.n_owners, 1);
    const struct sighting *sighting = find(&snapshot, 8000);
    cr_assert_eq(sighting->listener.state, LISTENER_LISTEN);
    cr_assert_eq(sighting->since_unix_ms, 2000);
    cr_assert_eq(sighting->n_seen, 1, "once as a listener");
    cr_assert_eq(sighting->state, SIGHTING_RESOLVED);
    cr_assert_eq(process->n_references, 3, "the test's, the snapshot's, the change's");
}

Test(snapshot, a_listener_that_goes_back_to_bound_has_closed) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    update(&snapshot, 1000, &changes, READING(make(8000, 1)));
    update_bound(&snapshot, 1000, &changes, NOTHING);
    update_bound(&snapshot, 2000, &changes, READING(make_bound(8000, 1)));
    cr_assert_eq(changes.n_items, 1);
    assert_change(&changes, 0, CHANGE_CLOSED, 8000);
    cr_assert_eq(find(&snapshot, 8000)->listener.state, LISTENER_BOUND);
    update(&snapshot, 3000, &changes, NOTHING);
    cr_assert_eq(snapshot.n_items, 1);
    cr_assert_eq(changes.n_items, 1);
}

/* ---- owners ---- */

Test(snapshot, owners_are_moved_out_of_the_answer_and_live_as_long_as_the_listener) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    CLEANUP(process_info_unref_at) struct process_info *process = make_process(10);
    update(&snapshot, 1000, &changes, READING(make(8000, 7), make(9000, 3)));
    resolve(&snapshot, 7, process, NULL);
    cr_assert_eq(process->n_references, 2);
    cr_assert_eq(snapshot.revision, 2);
    const struct sighting *sighting = find(&snapshot, 8000);
    cr_assert_eq(sighting->state, SIGHTING_RESOLVED);
    cr_assert_eq(sighting->n_owners, 1);
    cr_assert_eq(sighting->owners[0], process);
    cr_assert_eq(find(&snapshot, 9000)->state, SIGHTING_UNRESOLVED);

    update(&snapshot, 2000, &changes, READING(make(8000, 7), make(9000, 3), make(70, 8)));
    cr_assert_eq(find(&snapshot, 8000)->owners[0], process);
    resolve(&snapshot, 8, process, NULL);
    cr_assert_eq(find(&snapshot, 70)->owners[0], process, "the index was made anew");
    update(&snapshot, 3000, &changes, READING(make(9000, 3)));
    assert_change(&changes, 1, CHANGE_CLOSED, 70);
    assert_change(&changes, 2, CHANGE_CLOSED, 8000);
    cr_assert_eq(changes.items[2].sighting.owners[0], process, "whose it was is told with its end");
    cr_assert_eq(process->n_references, 3);
    change_list_deinit(&changes);
    cr_assert_eq(process->n_references, 1);
}

Test(snapshot, the_same_answer_again_is_no_news) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(process_info_unref_at) struct process_info *process = make_process(10);
    update(&snapshot, 1000, NULL, READING(make(8000, 1)));
    resolve(&snapshot, 1, process, NULL);
    resolve(&snapshot, 1, process, NULL);
    cr_assert_eq(snapshot.revision, 2);
    cr_assert_eq(process->n_references, 2);
    resolve(&snapshot, 1, NULL, NULL);
    cr_assert_eq(snapshot.revision, 3);
    cr_assert_eq(process->n_references, 1);
}

Test(snapshot, a_hidden_owner_has_a_reason_and_a_cgroup) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    update(&snapshot, 1000, &changes, READING(make(8000, 1)));
    resolve(&snapshot, 1, NULL, NULL);
    const struct sighting *sighting = find(&snapshot, 8000);
    cr_assert_eq(sighting->state, SIGHTING_UNRESOLVED, "one walk that found nobody proves nothing");
    resolve(&snapshot, 1, NULL, NULL);
    cr_assert_eq(sighting->state, SIGHTING_RESOLVED);
    cr_assert_eq(sighting->n_owners, 0);
    cr_assert_eq(sighting->hidden, OWNER_OF_OTHER_USER);
    cr_assert_str_eq(sighting->cgroup, "/system.slice/other.service");
    update(&snapshot, 2000, &changes, NOTHING);
    cr_assert_str_eq(changes.items[0].sighting.cgroup, "/system.slice/other.service");
}

Test(snapshot, an_answer_for_a_socket_that_has_closed_is_passed_over) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(process_info_unref_at) struct process_info *process = make_process(10);
    update(&snapshot, 1000, NULL, READING(make(8000, 1)));
    update(&snapshot, 2000, NULL, NOTHING);
    const uint64_t revision = snapshot.revision;
    resolve(&snapshot, 1, process, NULL);
    cr_assert_eq(snapshot.revision, revision);
    cr_assert_eq(process->n_references, 1);
}

Test(snapshot, of_two_sightings_of_one_inode_the_unresolved_one_is_meant) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(process_info_unref_at) struct process_info *old = make_process(10);
    CLEANUP(process_info_unref_at) struct process_info *new = make_process(11);
    update(&snapshot, 1000, NULL, READING(make(8000, 1)));
    resolve(&snapshot, 1, old, NULL);
    cr_assert_eq(update_part(&snapshot, SNAPSHOT_LISTENING, false, 2000, NULL, READING(make(9000, 1))), 0);
    resolve(&snapshot, 1, new, NULL);
    cr_assert_eq(find(&snapshot, 8000)->owners[0], old);
    cr_assert_eq(find(&snapshot, 9000)->owners[0], new);
}

Test(snapshot, a_process_that_ends_owns_nothing_any_more) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(process_info_unref_at) struct process_info *parent = make_process(10);
    CLEANUP(process_info_unref_at) struct process_info *child = make_process(11);
    update(&snapshot, 1000, NULL, READING(make(8000, 1), make(8001, 2), make(8002, 3)));
    resolve(&snapshot, 1, parent, child);
    resolve(&snapshot, 2, parent, NULL);
    resolve(&snapshot, 3, child, NULL);
    const uint64_t revision = snapshot.revision;
    snapshot_forget_process(&snapshot, &(struct process_id){.pid = 10, .start_time = 78});
    cr_assert_eq(snapshot.revision, revision, "that was another process with this pid");
    cr_assert_eq(find(&snapshot, 8001)->n_owners, 1);

    snapshot_forget_process(&snapshot, &find(&snapshot, 8001)->owners[0]->id);
    cr_assert_eq(snapshot.revision, revision + 1);
    cr_assert_eq(parent->n_references, 1);
    cr_assert_eq(find(&snapshot, 8000)->n_owners, 1);
    cr_assert_eq(find(&snapshot, 8000)->owners[0], child);
    cr_assert_eq(find(&snapshot, 8000)->state, SIGHTING_RESOLVED);
    cr_assert_eq(find(&snapshot, 8001)->n_owners, 0);
    cr_assert_eq(find(&snapshot, 8001)->state, SIGHTING_UNRESOLVED);
    cr_assert_eq(find(&snapshot, 8002)->owners[0], child);
}

Test(snapshot, many_that_end_are_forgotten_in_one_pass) {
    enum { N = 50 };
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    struct listener listeners[N + 1] = {0};
    for (unsigned i = 0; i < N; i++)
        listeners[i] = make((uint16_t)(8000 + i), i + 1);
    update(&snapshot, 1000, NULL, listeners);
    struct process_id ids[N];
    size_t n_ids = 0;
    for (uint32_t i = 0; i < N; i++) {
        struct process_info *process = make_process((pid_t)(100 + i));
        resolve(&snapshot, i + 1, process, NULL);
        if (i % 3 == 0)
            ids[n_ids++] = process->id;
        process_info_unref(process);
    }
    snapshot_forget_processes(&snapshot, ids, n_ids);
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(find(&snapshot, (uint16_t)(8000 + i))->n_owners, i % 3 != 0);
}

Test(snapshot, a_process_that_was_read_anew_takes_its_own_place) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(process_info_unref_at) struct process_info *before = make_process(10);
    CLEANUP(process_info_unref_at) struct process_info *after = make_process(10);
    CLEANUP(process_info_unref_at) struct process_info *other = make_process(11);
    update(&snapshot, 1000, NULL, READING(make(8000, 1), make(8001, 2)));
    resolve(&snapshot, 1, before, other);
    resolve(&snapshot, 2, other, NULL);
    const uint64_t revision = snapshot.revision;
    snapshot_renew_process(&snapshot, after);
    cr_assert_eq(snapshot.revision, revision + 1);
    cr_assert_eq(find(&snapshot, 8000)->owners[0], after);
    cr_assert_eq(find(&snapshot, 8000)->owners[1], other);
    cr_assert_eq(before->n_references, 1);
    cr_assert_eq(after->n_references, 2);
    snapshot_renew_process(&snapshot, after);
    cr_assert_eq(snapshot.revision, revision + 1);
}

/* ---- many, and bad days ---- */

Test(snapshot, without_memory_all_stays_as_it_was) {
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    CLEANUP(process_info_unref_at) struct process_info *process = make_process(10);
    struct listener many[33] = {0};
    for (uint16_t i = 0; i < 32; i++)
        many[i] = make((uint16_t)(9000 + i), 100U + i);
    update(&snapshot, 1000, &changes, READING(make(8000, 1), make(8001, 2)));
    resolve(&snapshot, 1, process, NULL);

    unsigned n_failed = 0;
    for (unsigned n = 1;; n++) {
        n_until_failure = n;
        int r = update_part(&snapshot, SNAPSHOT_LISTENING, true, 2000, &changes, many);
        n_until_failure = 0;
        if (r == 0)
            break;
        n_failed++;
        cr_assert_eq(r, -ENOMEM);
        cr_assert_eq(snapshot.n_items, 2);
        cr_assert_eq(snapshot.generation, 1);
        cr_assert_eq(find(&snapshot, 8000)->owners[0], process);
        cr_assert_eq(process->n_references, 2);
        cr_assert_eq(changes.n_items, 0);
        cr_assert(snapshot.complete);
    }
    cr_assert_geq(n_failed, 3, "the items, and the changes more than once");
    cr_assert_eq(changes.n_items, 34);
    cr_assert_eq(snapshot.n_items, 32);
}

/* A made-up life of 40 sockets, against what it plainly means. */
Test(snapshot, any_sequence_of_readings_tells_each_change_once) {
    enum { N = 40 };
    CLEANUP(snapshot_deinit) struct snapshot snapshot = {0};
    bool was_there[N] = {0};
    unsigned state = 1;
    for (int round = 0; round < 3000; round++) {
        CLEANUP(change_list_deinit) struct change_list changes = {0};
        CLEANUP(listener_list_deinit) struct listener_list list = {0};
        const bool complete = round == 0 || round % 5 != 0;
        bool is_there[N];
        for (unsigned i = 0; i < N; i++) {
            state = state * 1103515245 + 12345;
            is_there[i] = state >> 16 & 1;
            const struct listener listener =
                i % 2 ? make((uint16_t)(8000 + i / 4), i) : make_ipv6((uint16_t)(8000 + i / 4), i);
            if (is_there[i])
                cr_assert_eq(listener_list_add(&list, &listener), 0);
            is_there[i] |= !complete && was_there[i];
        }
        cr_assert_eq(snapshot_update(&snapshot, SNAPSHOT_LISTENING, &list, complete, round, &changes), 0);

        size_t n_there = 0;
        size_t n_changed = 0;
        for (unsigned i = 0; i < N; i++) {
            n_there += is_there[i];
            n_changed += round > 0 && is_there[i] != was_there[i];
        }
        cr_assert_eq(snapshot.n_items, n_there);
        cr_assert_eq(changes.n_items, n_changed);
        for (size_t i = 0; i < changes.n_items; i++) {
            const uint32_t inode = changes.items[i].sighting.listener.inode;
            cr_assert_eq(changes.items[i].kind, is_there[inode] ? CHANGE_OPENED : CHANGE_CLOSED);
            cr_assert_neq(is_there[inode], was_there[inode]);
        }
        for (size_t i = 0; i < snapshot.n_items; i++)
            cr_assert(is_there[snapshot.items[i].listener.inode]);
        memcpy(was_there, is_there, sizeof(was_there));
    }
}

Test(snapshot, freeing_nothing_is_allowed) {
    snapshot_deinit(NULL);
    change_list_deinit(NULL);
    struct snapshot snapshot = {0};
    snapshot_deinit(&snapshot);
}
