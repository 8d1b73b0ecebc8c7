/*
 * How a program that did not take its port from PORT wants to be told it: known for the frameworks that people use (frameworks.def), and
 * said as a line to copy that is made of the person's own words, wherever that line is sure to work.
 *
 * framework.c finds the row, framework_hint.c makes the line. Pure: command lines come in, a text goes out. Only what is in a person's own command line is
 * ever shown; a line that holds a secret (command_line.h), a control character or no UTF-8 is not.
 */
#ifndef CLI_FRAMEWORK_H
#define CLI_FRAMEWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of frameworks.def, where its members are explained. */
enum framework_kind {
    FRAMEWORK_FLAG,
    FRAMEWORK_FLAG_FIRST,
    FRAMEWORK_ARGUMENT,
    FRAMEWORK_VARIABLE,
    FRAMEWORK_CONFIGURATION,
};

struct framework {
    const char *name;
    const char *program;
    const char *subcommand;
    enum framework_kind kind;
    const char *how;
};

extern const struct framework framework_rows[];
extern const size_t framework_n_rows;

/* The row of the framework that a command line is of; static. `words`: the program and its arguments, NULL last. NULL: none that is known. */
const struct framework *framework_find(const char *const *words);

/* True if what is put behind the arguments of the program of `run` does not reach the framework, because something is between that starts several
 * programs or has arguments of its own: concurrently, make, a second npm below the first. `lines`: the command lines from the framework's up to the
 * program's. */
bool framework_is_out_of_reach(const char *const *const *lines, size_t n_lines);

/* True if this port is for who develops the program and not for who uses it: by what the command line says, a debugger's (node --inspect, a JVM's jdwp,
 * debugpy, delve, wrangler's), or caddy's administration; whatever it says, LiveReload's registered one, which is mostly opened by a library. */
bool framework_is_side_port(const char *const *words, uint16_t port);

/* What the hint is to be made of. */
struct framework_case {
    const struct framework *framework; /* NULL: unknown */
    const char *service_name;
    const char *const *argv; /* what the person gave to `run`, NULL last */
    uint16_t port;           /* where it listens */
    bool is_out_of_reach;    /* see framework_is_out_of_reach() */
};

#define FRAMEWORK_HINT_MAX 256
/* Writes what to do, one line, to `ret_hint` (FRAMEWORK_HINT_MAX bytes). Returns `ret_hint`. */
const char *framework_format_hint(const struct framework_case *known, char *ret_hint);

#endif
