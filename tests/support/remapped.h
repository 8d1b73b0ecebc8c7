/*
 * A program under `run --remap`, with portctl's side of it: the fixed port is REMAPPED_FIXED, and the leased ones are
 * REMAPPED_LEASED and those that follow. Both sides are processes of their own, so that they can be another user's and may have
 * calls refused. For tests that have entered a sandbox.
 */
#ifndef TESTS_SUPPORT_REMAPPED_H
#define TESTS_SUPPORT_REMAPPED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/output.h"

#define REMAPPED_FIXED  3000
#define REMAPPED_LEASED 8001

/* In one of these processes: ends it with a sentence, which remapped_run() shows. */
#define EXPECT_EQ(actual, expected) remapped_expect(__FILE__, __LINE__, #actual, (long)(actual), (long)(expected))
void remapped_expect(const char *file, int line, const char *what, long actual, long expected);

/* What programs do; what is not expected to fail ends the process in the same way. A CLOEXEC socket; 0 or the -errno of binding
 * it; switching an option of it on; and the port of a new TCP socket that is bound to this one. */
int remapped_open_socket(int family, int type, int protocol);
int remapped_bind(int fd, const char *text, uint16_t port);
void remapped_set_option(int fd, int level, int option);
uint16_t remapped_land(const char *text, uint16_t port);

struct remapped_setup {
    bool is_auto;        /* --remap auto */
    bool no_more_leases; /* with auto, the second one is refused */
    bool is_freed;       /* portctl's side gives up when the first bind waits */
    bool is_loud;        /* portctl says what `output` lets it say; else it is quiet */
    struct output output;
    void (*prepare)(void); /* in the child, before the filter is there; or NULL */
    void (*run)(void);     /* in the child, behind it; NULL: `program` is executed */
    const char *const *program;
    void (*supervise)(void);       /* on portctl's side, before the first turn; or NULL */
    void (*on_lease)(pid_t child); /* there, while a lease is asked for; or NULL */
};

/* A program that is a function, in the usual way, and writes nothing. */
#define REMAPPED(function, ...) remapped_run(0, &(const struct remapped_setup){.run = (function), __VA_ARGS__}, "", "")

/* Runs it to its end, both sides as the user `uid` (0: nobody else), and on until nobody is left who could bind. The test fails
 * unless the child exits with 0, `output` is on standard output, and `errors`, of both sides, on standard error, where the
 * child's pid is written as "(pid N)". */
void remapped_run(uid_t uid, const struct remapped_setup *setup, const char *output, const char *errors);

/* The kernel refuses this call from now on, in this process and its children, where the argument has this value, or any of
 * these bits. */
void remapped_refuse(int call, unsigned argument, uint32_t value, int error);
void remapped_refuse_bits(int call, unsigned argument, uint32_t bits, int error);

#endif
