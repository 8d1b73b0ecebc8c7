/*
 * portd's options: one table for the command line, the environment and the help. What stands on the command line wins.
 */
#ifndef SRC_OPTIONS_H
#define SRC_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "src/base/log.h"
#include "src/base/port_set.h"

#define OPTIONS_PATH_MAX 4096

struct options {
    uint16_t port; /* 0: no TCP */
    char socket[OPTIONS_PATH_MAX];
    char database[OPTIONS_PATH_MAX];
    uint16_t range_min;
    uint16_t range_max;
    char exclude[OPTIONS_PATH_MAX]; /* as written; "": nothing */
    struct port_set excluded;
    enum log_level log_level;
    uint64_t listen_ms; /* between two readings of the kernel's listeners */
    uint64_t bound_ms;  /* between two readings of bound sockets; 0: they are not read */
};

/*
 * Reads the environment and then the arguments into *ret_options. Returns
 *   0                     read,
 *   OPTIONS_E_HELP        --help,
 *   OPTIONS_E_VERSION     --version,
 *   OPTIONS_E_USAGE       something is wrong, and `ret_reason` (size bytes) has a sentence about it.
 */
#define OPTIONS_E_HELP    1
#define OPTIONS_E_VERSION 2
#define OPTIONS_E_USAGE   3
int options_read(int argc, char *const *argv, struct options *ret_options, char *ret_reason, size_t size);

/* Writes the help. */
void options_print_help(FILE *out);

#endif
