/* Pins, alone: one descriptor a process, however often it is found, and never too many. */
#include "probe/watch_pins.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "probe/fd.h"
#include "tests/support/child.h"

struct world {
    int epoll_fd;
    struct pins pins;
    struct snapshot snapshot;
};

static struct world make_world(void) {
    struct world world = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    cr_assert_geq(world.epoll_fd, 0);
    pins_init(&world.pins, world.epoll_fd);
    return world;
}

static void end_world(struct world *world) {
    pins_deinit(&world->pins);
    snapshot_deinit(&world->snapshot);
    close(world->epoll_fd);
}

static struct process_info *read_process(pid_t pid) {
    struct process_info *info = NULL;
    int r = process_info_read(pid, NULL, &info);
    cr_assert_eq(r, 0, "process_info_read: %d", r);
    return info;
}

/* Takes an answer with one owner, whose reference is given away, and returns the owner that the answer has then. */
static struct process_info *take(struct world *world, struct process_info *info) {
    struct process_info *owners[] = {info};
    struct owner_answer answer = {.inode = 1, .owners = owners, .n_owners = 1};
    pins_take(&world->pins, &world->snapshot, &answer);
    return owners[0];
}

static struct pin *next_end(const struct world *world) {
    struct epoll_event event;
    return epoll_wait(world->epoll_fd, &event, 1, 0) == 1 ? event.data.ptr : NULL;
}

Test(watch_pins, a_process_that_is_found_again_has_one_pin_and_one_descriptor) {
    struct world world = make_world();
    const pid_t pid = child_start_idle(0);
    struct process_info *first = take(&world, read_process(pid));
    const int pidfd = first->pidfd;
    cr_assert_geq(pidfd, 0);
    for (unsigned i = 0; i < 20; i++) {
        struct process_info *again = read_process(pid);
        const int other_pidfd = again->pidfd;
        cr_assert_eq(take(&world, again), first);
        cr_assert_lt(fcntl(other_pidfd, F_GETFD), 0, "it is closed");
    }
    cr_assert_eq(world.pins.n_pins, 1);
    cr_assert_eq(world.pins.n_watched, 1);
    for (unsigned i = 0; i < 21; i++)
        process_info_unref(first);
    pins_sweep(&world.pins);
    cr_assert_eq(world.pins.n_pins, 0);
    cr_assert_lt(fcntl(pidfd, F_GETFD), 0, "it is closed");
    child_kill(pid);
    end_world(&world);
}

Test(watch_pins, the_end_of_each_of_many_is_heard) {
    enum { N = 100 };
    struct world world = make_world();
    pid_t pids[N];
    struct process_info *infos[N];
    for (size_t i = 0; i < N; i++) {
        pids[i] = child_start_idle(0);
        infos[i] = take(&world, read_process(pids[i]));
    }
    cr_assert_eq(world.pins.n_watched, N);
    cr_assert_null(next_end(&world));
    for (size_t i = 0; i < N; i++) {
        child_kill(pids[i]);
        struct pin *pin = next_end(&world);
        cr_assert_not_null(pin);
        const struct process_id id = pins_drop(&world.pins, pin);
        cr_assert(process_id_equal(&id, &infos[i]->id));
        cr_assert_null(next_end(&world));
        process_info_unref(infos[i]);
    }
    cr_assert_eq(world.pins.n_pins, 0);
    cr_assert_eq(world.pins.n_watched, 0);
    end_world(&world);
}

Test(watch_pins, a_process_that_tells_other_things_takes_its_own_place) {
    struct world world = make_world();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    const struct listener listener = {.family = AF_INET, .port = 8000, .inode = 7, .state = LISTENER_LISTEN};
    cr_assert_eq(listener_list_add(&list, &listener), 0);
    cr_assert_eq(snapshot_update(&world.snapshot, SNAPSHOT_LISTENING, &list, true, 1000, NULL), 0);

    const pid_t pid = child_start_idle(0);
    struct owner_answer answer = {.inode = 7, .owners = calloc(1, sizeof(struct process_info *)), .n_owners = 1};
    cr_assert_not_null(answer.owners);
    answer.owners[0] = read_process(pid);
    pins_take(&world.pins, &world.snapshot, &answer);
    snapshot_take_owners(&world.snapshot, &answer);

    struct process_info *renamed = read_process(pid);
    strcpy(renamed->name, "node");
    cr_assert_eq(take(&world, renamed), renamed);
    cr_assert_eq(world.snapshot.items[0].owners[0], renamed);
    cr_assert_eq(world.pins.n_pins, 1);
    cr_assert_eq(world.pins.n_watched, 1);

    /* There was no descriptor to spare when it was read: the old one serves on. */
    struct process_info *poor = read_process(pid);
    strcpy(poor->name, "python3");
    fd_close_at(&poor->pidfd);
    cr_assert_eq(take(&world, poor), poor);
    cr_assert_eq(world.pins.n_watched, 1);
    process_info_unref(renamed);
    process_info_unref(poor);
    child_kill(pid);
    cr_assert_not_null(next_end(&world));
    end_world(&world);
}

Test(watch_pins, beyond_the_limit_a_process_gives_up_its_descriptor) {
    struct world world = make_world();
    world.pins.n_watched_max = 1;
    const pid_t one = child_start_idle(0);
    const pid_t other = child_start_idle(0);
    struct process_info *first = take(&world, read_process(one));
    struct process_info *second = take(&world, read_process(other));
    cr_assert_geq(first->pidfd, 0);
    cr_assert_eq(second->pidfd, -1);
    cr_assert_eq(world.pins.n_pins, 2);
    cr_assert_eq(world.pins.n_watched, 1);

    child_kill(one);
    pins_drop(&world.pins, next_end(&world));
    cr_assert_eq(take(&world, read_process(other)), second);
    cr_assert_geq(second->pidfd, 0, "now there is room for it");
    cr_assert_eq(world.pins.n_watched, 1);
    child_kill(other);
    cr_assert_not_null(next_end(&world));
    process_info_unref(first);
    process_info_unref(second);
    process_info_unref(second);
    end_world(&world);
}

Test(watch_pins, two_processes_with_one_pid_are_two) {
    struct world world = make_world();
    const pid_t pid = child_start_idle(0);
    struct process_info *first = take(&world, read_process(pid));
    struct process_info *earlier = read_process(pid);
    earlier->id.start_time--;
    cr_assert_eq(take(&world, earlier), earlier);
    cr_assert_eq(world.pins.n_pins, 2);
    process_info_unref(first);
    process_info_unref(earlier);
    child_kill(pid);
    end_world(&world);
}
