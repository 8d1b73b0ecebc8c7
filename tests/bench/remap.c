/*
 * What run --remap costs the program: a bind() that lands, one that passes by, and a call that has nothing to do with it, each
 * with the filter and without. A figure a line; asserts nothing, because machines differ. Started by ./dev bench, in a network of its own.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/remap.h"

#define FIXED  3000
#define LEASED 8001

/* The best of so many rounds, with and without in turn: what disturbs only makes it slower. */
#define ROUNDS  7
#define N_BINDS 2000
#define N_CALLS 500000

struct figures {
    double bind_ns;
    double other_bind_ns;
    double getppid_ns;
};

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "bench_remap: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The bind() alone, without the socket around it. */
static double measure_bind(uint16_t port) {
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    double sum_ns = 0;
    for (int i = 0; i < N_BINDS; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const double begin_ns = now_ns();
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
            give_up("bind");
        sum_ns += now_ns() - begin_ns;
        close(fd);
    }
    return sum_ns / N_BINDS;
}

static double measure_getppid(void) {
    const double begin_ns = now_ns();
    for (int i = 0; i < N_CALLS; i++)
        syscall(SYS_getppid);
    return (now_ns() - begin_ns) / N_CALLS;
}

static void measure(struct figures *ret_figures) {
    ret_figures->bind_ns = measure_bind(FIXED);
    ret_figures->other_bind_ns = measure_bind(FIXED + 1);
    ret_figures->getppid_ns = measure_getppid();
}

/* Memory is all that goes from the child to here, so the descriptor is fetched and not sent. */
struct shared {
    volatile int fd; /* the child's number of it, or -1 */
    struct figures figures;
};

static _Noreturn void be_child(struct shared *shared, bool is_remapped) {
    int fd = -1;
    if (is_remapped && remap_filter_install(&fd) != 0)
        give_up("remap_filter_install");
    shared->fd = fd;
    measure(&shared->figures);
    _exit(EXIT_SUCCESS);
}

static int fetch_fd(const struct shared *shared, int pidfd) {
    int fd;
    while (shared->fd < 0)
        usleep(1000);
    fd = (int)syscall(SYS_pidfd_getfd, pidfd, shared->fd, 0);
    if (fd < 0)
        give_up("pidfd_getfd");
    return fd;
}

static void answer(const struct shared *shared, int pidfd) {
    const struct output output = {.quiet = true};
    struct remap *remap;
    const struct remap_setup setup = {
        .fd = fetch_fd(shared, pidfd), .fixed = FIXED, .leased = LEASED, .service_name = "bench", .output = &output};
    if (remap_new(&setup, &remap) < 0)
        give_up("remap_new");
    struct pollfd fds[] = {{.fd = remap_fd(remap), .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    while (fds[1].revents == 0 && poll(fds, 2, -1) > 0) {
        remap_turn(remap);
        fds[0].fd = remap_fd(remap);
    }
    remap_free(remap);
}

static double lesser(double a, double b) {
    return a < b ? a : b;
}

/* Runs a round in a child of its own, and keeps what is less than what there was. */
static void run(bool is_remapped, struct figures *least) {
    struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    if (shared == MAP_FAILED)
        give_up("mmap");
    shared->fd = -1;
    const pid_t child = fork();
    if (child == 0)
        be_child(shared, is_remapped);
    const int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    if (is_remapped)
        answer(shared, pidfd);
    if (waitpid(child, &status, 0) != child || status != 0)
        give_up("the child");
    close(pidfd);
    least->bind_ns = lesser(least->bind_ns, shared->figures.bind_ns);
    least->other_bind_ns = lesser(least->other_bind_ns, shared->figures.other_bind_ns);
    least->getppid_ns = lesser(least->getppid_ns, shared->figures.getppid_ns);
    munmap(shared, sizeof(*shared));
}

static void print(const char *what, double without_ns, double with_ns) {
    printf("%-34s %9.0f ns without remap, %9.0f ns with: %+.0f ns, %.2f times\n", what, without_ns, with_ns,
           with_ns - without_ns, with_ns / without_ns);
}

int main(void) {
    struct figures without = {1e12, 1e12, 1e12};
    struct figures with = without;
    for (int i = 0; i < ROUNDS; i++) {
        run(false, &without);
        run(true, &with);
    }
    print("remap: bind() of the fixed port", without.bind_ns, with.bind_ns);
    print("remap: bind() of another port", without.other_bind_ns, with.other_bind_ns);
    print("remap: getppid()", without.getppid_ns, with.getppid_ns);
    return EXIT_SUCCESS;
}
