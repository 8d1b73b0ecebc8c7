/* portd's options. */
#include "src/options.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/watch.h"
#include "src/base/text.h"

/* Where an error sentence goes. */
struct complaint {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static bool complain(const struct complaint *complaint, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(complaint->text, complaint->size, format, args);
    va_end(args);
    return false;
}

static bool take_port(struct options *options, const char *source, const char *value,
                      const struct complaint *complaint) {
    uint64_t port;

    if (text_parse_number(value, 0, 65535, &port) != 0)
        return complain(complaint, "%s must be a port from 1 to 65535, or 0 for no TCP, not \"%s\"", source, value);
    options->port = (uint16_t)port;
    return true;
}

static bool take_path(char *to, const char *source, const char *value, const struct complaint *complaint) {
    if (value[0] == '\0')
        return complain(complaint, "%s must be a path, and is empty", source);
    if (strlen(value) >= OPTIONS_PATH_MAX)
        return complain(complaint, "%s is a path of %d bytes or more", source, OPTIONS_PATH_MAX);
    memcpy(to, value, strlen(value) + 1);
    return true;
}

static bool take_socket(struct options *options, const char *source, const char *value,
                        const struct complaint *complaint) {
    return take_path(options->socket, source, value, complaint);
}

static bool take_database(struct options *options, const char *source, const char *value,
                          const struct complaint *complaint) {
    return take_path(options->database, source, value, complaint);
}

static bool take_range_end(uint16_t *to, const char *source, const char *value, const struct complaint *complaint) {
    uint64_t port;

    if (text_parse_number(value, 1, 65535, &port) != 0)
        return complain(complaint, "%s must be a port from 1 to 65535, not \"%s\"", source, value);
    *to = (uint16_t)port;
    return true;
}

static bool take_min(struct options *options, const char *source, const char *value,
                     const struct complaint *complaint) {
    return take_range_end(&options->range_min, source, value, complaint);
}

static bool take_max(struct options *options, const char *source, const char *value,
                     const struct complaint *complaint) {
    return take_range_end(&options->range_max, source, value, complaint);
}

static bool take_range(struct options *options, const char *source, const char *value,
                       const struct complaint *complaint) {
    const char *dash = strchr(value, '-');
    uint64_t min = 0;
    uint64_t max = 0;
    char first[8] = "";

    if (dash != NULL && dash - value < (ptrdiff_t)sizeof first)
        memcpy(first, value, (size_t)(dash - value));
    if (dash == NULL || text_parse_number(first, 1, 65535, &min) != 0 ||
        text_parse_number(dash + 1, 1, 65535, &max) != 0)
        return complain(complaint, "%s must be two ports from 1 to 65535, such as 8000-9000, not \"%s\"", source,
                        value);
    options->range_min = (uint16_t)min;
    options->range_max = (uint16_t)max;
    return true;
}

static bool take_exclude(struct options *options, const char *source, const char *value,
                         const struct complaint *complaint) {
    size_t offset = 0;

    if (strlen(value) >= sizeof options->exclude)
        return complain(complaint, "%s is a list of %d bytes or more", source, OPTIONS_PATH_MAX);
    port_set_clear(&options->excluded);
    if (port_set_parse(&options->excluded, value, &offset) != 0)
        return complain(complaint, "%s must be a list of ports, such as 8080,8100-8110; it goes wrong at \"%s\"",
                        source, value + offset);
    memcpy(options->exclude, value, strlen(value) + 1);
    return true;
}

static bool take_log_level(struct options *options, const char *source, const char *value,
                           const struct complaint *complaint) {
    if (log_parse_level(value, &options->log_level) != 0)
        return complain(complaint, "%s must be error, warning, info or debug, not \"%s\"", source, value);
    return true;
}

static bool take_listen_interval(struct options *options, const char *source, const char *value,
                                 const struct complaint *complaint) {
    if (text_parse_number(value, 10, 60000, &options->listen_ms) != 0)
        return complain(complaint, "%s must be milliseconds from 10 to 60000, not \"%s\"", source, value);
    return true;
}

static bool take_bound_interval(struct options *options, const char *source, const char *value,
                                const struct complaint *complaint) {
    uint64_t bound_ms;

    if (text_parse_number(value, 0, 600000, &bound_ms) != 0 || (bound_ms > 0 && bound_ms < 100))
        return complain(complaint, "%s must be milliseconds from 100 to 600000, or 0 for never, not \"%s\"", source,
                        value);
    options->bound_ms = bound_ms;
    return true;
}

static const struct option_row rows[] = {
    {"port", "PORT", "PM_API_PORT", take_port, "TCP port on 127.0.0.1 and ::1; 0: no TCP (3030)"},
    {"socket", "PATH", "PM_SOCKET", take_socket,
     "Unix socket ($XDG_RUNTIME_DIR/portmanager.sock,\nor ~/.portmanager/portd.sock)"},
    {"db", "PATH", "PM_DB", take_database, "database (~/.portmanager/leases.db)"},
    {NULL, NULL, "PM_PORT_MIN", take_min, NULL},
    {NULL, NULL, "PM_PORT_MAX", take_max, NULL},
    {"range", "MIN-MAX", "PM_PORT_MIN, PM_PORT_MAX", take_range, "the ports that portd grants by itself (8000-9000)"},
    {"exclude", "LIST", "PM_EXCLUDE", take_exclude, "ports of these that it does not, such as\n8080,8100-8110"},
    {"probe-interval", "MS", "PM_PROBE_INTERVAL", take_listen_interval,
     "milliseconds between two readings of the kernel's\nlisteners (250); they come later where they would\ncost more "
     "than half a percent of a core"},
    {"bound-interval", "MS", "PM_BOUND_INTERVAL", take_bound_interval,
     "the same for sockets that are bound and do not\nlisten (2000); 0: these are not looked for"},
    {"log-level", "LEVEL", "PM_LOG_LEVEL", take_log_level, "error, warning, info or debug (info)"},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

const struct option_row *options_rows(size_t *ret_n) {
    *ret_n = N_ROWS;
    return rows;
}

void options_print_help(FILE *out) {
    fputs("Usage: portd [OPTION]...\n"
          "Leases local TCP ports by name, and checks each with the kernel before it grants it.\n\n"
          "Options, each with its environment variable; the command line wins, and of one that\n"
          "is repeated the last:\n",
          out);
    for (size_t i = 0; i < N_ROWS; i++) {
        const char *line = rows[i].help;
        char left[32];

        if (line == NULL)
            continue;
        snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].argument);
        fprintf(out, "  %-20s ", left);
        for (const char *next = strchr(line, '\n'); next != NULL; next = strchr(line, '\n')) {
            fprintf(out, "%.*s\n%23s", (int)(next - line), line, "");
            line = next + 1;
        }
        fprintf(out, "%s\n%23s%s\n", line, "", rows[i].environment);
    }
    fputs("  --help, --version\n\nportctl is its command line; see portctl --help.\n", out);
}

/* NULL: there is none. The root folder is one for root alone, and "" stands for it. */
static const char *home_directory(void) {
    const char *home = getenv("HOME");
    const struct passwd *entry;

    if (home != NULL && home[0] == '/')
        return home;
    entry = getpwuid(getuid());
    if (entry != NULL && strcmp(entry->pw_dir, "/") != 0)
        return entry->pw_dir;
    return geteuid() == 0 ? "" : NULL;
}

/* XDG_RUNTIME_DIR can be set and not be there: after su, or in a container. */
static void set_default_socket(struct options *options, const char *home) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat there;

    if (runtime != NULL && runtime[0] == '/' && stat(runtime, &there) == 0 && S_ISDIR(there.st_mode))
        snprintf(options->socket, sizeof options->socket, "%s/portmanager.sock", runtime);
    else if (home != NULL)
        snprintf(options->socket, sizeof options->socket, "%s/.portmanager/portd.sock", home);
}

static void set_defaults(struct options *options) {
    const char *home = home_directory();

    *options = (struct options){.port = 3030,
                                .range_min = 8000,
                                .range_max = 9000,
                                .log_level = LOG_LEVEL_INFO,
                                .listen_ms = WATCH_LISTEN_MS,
                                .bound_ms = WATCH_BOUND_MS};
    set_default_socket(options, home);
    if (home != NULL)
        snprintf(options->database, sizeof options->database, "%s/.portmanager/leases.db", home);
}

/* An empty variable counts as unset, as shells make them. */
static bool read_environment(struct options *options, const struct complaint *complaint) {
    for (size_t i = 0; i < N_ROWS; i++) {
        const char *value = getenv(rows[i].environment);

        if (value != NULL && value[0] != '\0' && !rows[i].take(options, rows[i].environment, value, complaint))
            return false;
    }
    return true;
}

/* The row that a long option's `val` stands for. */
enum { FIRST_ROW = 256, HELP, VERSION };

static void complain_unknown(const char *argument, const struct complaint *complaint) {
    const char *names[N_ROWS + 2] = {"help", "version"};
    const char *nearest;
    char word[64];
    size_t n_names = 2;

    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].name != NULL)
            names[n_names++] = rows[i].name;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(argument + strspn(argument, "-"), "="),
             argument + strspn(argument, "-"));
    nearest = text_nearest(word, names, n_names);
    if (nearest != NULL)
        complain(complaint, "there is no option %s; did you mean --%s?", argument, nearest);
    else
        complain(complaint, "there is no option %s; see portd --help", argument);
}

static int read_arguments(int argc, char *const *argv, struct options *options, const struct complaint *complaint) {
    struct option long_options[N_ROWS + 3] = {
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
    };
    size_t n_long = 2;
    int choice;

    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].name != NULL)
            long_options[n_long++] =
                (struct option){rows[i].name, required_argument, NULL, (int)(FIRST_ROW + 2 + 1 + i)};
    optind = 0; /* glibc: forget the word that an earlier call stopped in */
    opterr = 0;
    while ((choice = getopt_long(argc, argv, "+:h", long_options, NULL)) != -1) {
        const struct option_row *row;
        char source[32];

        if (choice == 'h' || choice == HELP)
            return OPTIONS_E_HELP;
        if (choice == VERSION)
            return OPTIONS_E_VERSION;
        if (choice == ':') {
            complain(complaint, "%s needs a value; see portd --help", argv[optind - 1]);
            return OPTIONS_E_USAGE;
        }
        if (choice == '?') {
            const char letter[] = {'-', (char)optopt, '\0'};
            /* A letter may stand among others in one argument; for a long option optopt is 0, or our own number. */
            complain_unknown(optopt > 0 && optopt < FIRST_ROW ? letter : argv[optind - 1], complaint);
            return OPTIONS_E_USAGE;
        }
        row = &rows[choice - (FIRST_ROW + 2 + 1)];
        snprintf(source, sizeof source, "--%s", row->name);
        if (!row->take(options, source, optarg, complaint))
            return OPTIONS_E_USAGE;
    }
    if (optind < argc) {
        complain(complaint, "portd takes no arguments, only options; \"%s\" is none", argv[optind]);
        return OPTIONS_E_USAGE;
    }
    return 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the sentence is written through the struct */
int options_read(int argc, char *const *argv, struct options *ret_options, char *ret_reason, size_t size) {
    struct complaint complaint = {.text = ret_reason, .size = size};
    struct options options;
    bool sound;
    int r;

    set_defaults(&options);
    sound = read_environment(&options, &complaint);
    /* Whoever has a wrong variable may well be asking for help. */
    r = read_arguments(argc, argv, &options, &complaint);
    if (r != 0)
        return r;
    if (!sound)
        return OPTIONS_E_USAGE;
    if (options.range_max < options.range_min) {
        complain(&complaint, "the range %u-%u ends before it starts", options.range_min, options.range_max);
        return OPTIONS_E_USAGE;
    }
    if (options.socket[0] == '\0' || options.database[0] == '\0') {
        complain(&complaint, "HOME is not set, and you have no home folder; say where: portd --socket PATH --db PATH");
        return OPTIONS_E_USAGE;
    }
    *ret_options = options;
    return 0;
}
