/*
 * Option parsing over getopt_long(3), with three habits of its own: names are taken whole (an abbreviation that works today
 * would break with the next option), each mistake gets its own sentence, and options may stand after operands, but never
 * behind the program of `run`.
 */
#include "cli/options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/variable.h"
#include "probe/process_stop.h"
#include "src/base/text.h"

/* How a value is checked, and where it goes. */
enum value_kind {
    VALUE_SWITCH,
    VALUE_DURATION,
    VALUE_PORT,
    VALUE_COUNT,
    VALUE_LIMIT,
    VALUE_SIGNAL,
    VALUE_PID,
    VALUE_SINCE,
    VALUE_TAG,
    VALUE_DIRECTORY,
    VALUE_VARIABLE,
    VALUE_HOST,
    VALUE_REMAP,
    VALUE_LISTEN,
    VALUE_COLOUR,
    VALUE_FORMAT,
    VALUE_TEXT,
};

struct option_entry {
    struct option_spec spec;
    enum value_kind kind;
    size_t offset; /* in struct options */
};

#define AT(member) offsetof(struct options, member)

static const struct option_entry entries[N_OPTIONS] = {
    [OPTION_TTL] = {{"ttl", 0, "TIME", "how long the lease lives unless renewed: 90, 90s, 5m, 2h, 1d (5m; up: a day)"},
                    VALUE_DURATION,
                    AT(ttl_seconds)},
    [OPTION_PORT] = {{"port", 'p', "PORT", "this port and no other"}, VALUE_PORT, AT(port)},
    [OPTION_PREFER] = {{"prefer", 0, "PORT", "this port if it can be had, else another"}, VALUE_PORT, AT(prefer)},
    [OPTION_COUNT] = {{"count", 'n', "N", "so many ports, all or none (1); free: the first so many (all)"},
                      VALUE_COUNT,
                      AT(count)},
    [OPTION_REUSE] = {{"reuse", 0, NULL, "the lease you have under this name, if there is one, instead of a second"},
                      VALUE_SWITCH,
                      AT(reuse)},
    [OPTION_TAG] = {{"tag", 0, "TAG", "a word to remember with the lease; may be given again"}, VALUE_TAG, 0},
    [OPTION_PROJECT] = {{"project", 0, "DIR", "the name is one of the project in this directory"},
                        VALUE_DIRECTORY,
                        AT(project)},
    [OPTION_ENV_NAME] = {{"env-name", 0, "VARIABLE",
                          "the variable that tells the program its port (PORT); each further one gets a port more"},
                         VALUE_VARIABLE,
                         0},
    [OPTION_HOST] = {{"host", 0, "ADDRESS", "sets HOST for the program too"}, VALUE_HOST, AT(host)},
    [OPTION_WAIT] = {{"wait", 0, "TIME", "if no port can be had, try again for so long: 30s"},
                     VALUE_DURATION,
                     AT(wait_seconds)},
    [OPTION_KILL_AFTER] = {{"kill-after", 0, "TIME", "SIGKILL so long after a signal that asked the program to end"},
                           VALUE_DURATION,
                           AT(kill_after_seconds)},
    [OPTION_KEEP] = {{"keep", 0, NULL, "let what still serves the port live on when the program has ended"},
                     VALUE_SWITCH,
                     AT(keep)},
    [OPTION_REMAP] = {{"remap", 0, "PORT|auto", "where the program binds this port it gets the leased one instead"},
                      VALUE_REMAP,
                      0},
    [OPTION_LISTEN] = {{"listen", 0, "[=ADDRESS]",
                        "hand the port over as an open socket, as systemd does: LISTEN_FDS (127.0.0.1)"},
                       VALUE_LISTEN,
                       AT(listen_address)},
    [OPTION_ALL] = {{"all", 'a', NULL, "all leases of the name; the ignored squatters, too"}, VALUE_SWITCH, AT(all)},
    [OPTION_UNDO] = {{"undo", 0, NULL, "no longer ignore it"}, VALUE_SWITCH, AT(undo)},
    [OPTION_YES] = {{"yes", 'y', NULL, "do not ask"}, VALUE_SWITCH, AT(yes)},
    [OPTION_SIGNAL] = {{"signal", 's', "SIGNAL", "what is sent"}, VALUE_SIGNAL, AT(signal)},
    [OPTION_PID] = {{"pid", 0, "PID", "this process, where several have the port"}, VALUE_PID, AT(pid)},
    [OPTION_SINCE] = {{"since", 0, "TIME", "from then on: 1h (so long ago), or 2026-01-02T03:04:05Z"},
                      VALUE_SINCE,
                      AT(since)},
    [OPTION_LIMIT] = {{"limit", 0, "N", "the newest so many (100)"}, VALUE_LIMIT, AT(limit)},
    [OPTION_GLOBAL] = {{"global", 'g', NULL, "the name as it is, and of no project"}, VALUE_SWITCH, AT(global)},
    [OPTION_TIMEOUT] = {{"timeout", 0, "TIME", "give up after so long, with exit code 124 (1m)"},
                        VALUE_DURATION,
                        AT(timeout_seconds)},
    [OPTION_GONE] = {{"gone", 0, NULL, "until nothing is leased any more"}, VALUE_SWITCH, AT(gone)},
    [OPTION_EXPORT] = {{"export", 0, NULL, "lines that export the variables"}, VALUE_SWITCH, AT(exported)},
    [OPTION_FORMAT] = {{"format", 0, "FORMAT", "how they are written"}, VALUE_FORMAT, 0},
    [OPTION_JSON] = {{"json", 0, NULL, "answer with a JSON document, errors too"}, VALUE_SWITCH, AT(json)},
    [OPTION_QUIET] = {{"quiet", 'q', NULL, "ports only, one a line; run: errors only"}, VALUE_SWITCH, AT(quiet)},
    [OPTION_VERBOSE] = {{"verbose", 'v', NULL, "say more on standard error"}, VALUE_SWITCH, AT(verbose)},
    [OPTION_COLOR] = {{"color", 0, "WHEN", "colours"}, VALUE_COLOUR, AT(colour)},
    [OPTION_SOCKET] = {{"socket", 0, "PATH", "portd's Unix socket"}, VALUE_TEXT, AT(socket)},
    [OPTION_URL] = {{"url", 0, "URL", "portd's address: http://localhost:3030"}, VALUE_TEXT, AT(url)},
    [OPTION_HELP] = {{"help", 'h', NULL, "show this and end"}, VALUE_SWITCH, AT(help)},
    [OPTION_VERSION] = {{"version", 'V', NULL, "show the version and end"}, VALUE_SWITCH, AT(version)},
};

static const enum option_id common_ids[] = {
    OPTION_JSON, OPTION_QUIET, OPTION_VERBOSE, OPTION_COLOR, OPTION_SOCKET,
    OPTION_URL,  OPTION_HELP,  OPTION_VERSION, OPTION_END,
};

const struct option_spec *option_get(enum option_id id) {
    return &entries[id].spec;
}

const enum option_id *options_common(void) {
    return common_ids;
}

/* The accepted options in the forms that getopt_long() and text_nearest() want. */
struct accepted {
    struct option longs[N_OPTIONS + 1];
    char shorts[2 * N_OPTIONS + 3];
    const char *words[N_OPTIONS]; /* with their dashes */
    char names[N_OPTIONS][24];
    size_t n;
};

static void accept_all(struct accepted *accepted, const enum option_id *ids) {
    size_t used = strlen(accepted->shorts);

    for (; ids != NULL && *ids != OPTION_END; ids++) {
        const struct option_spec *spec = option_get(*ids);
        size_t n = accepted->n++;

        accepted->longs[n] = (struct option){
            .name = spec->name,
            .has_arg = spec->argument == NULL     ? no_argument
                       : spec->argument[0] == '[' ? optional_argument
                                                  : required_argument,
            .val = (int)*ids,
        };
        snprintf(accepted->names[n], sizeof accepted->names[n], "--%s", spec->name);
        accepted->words[n] = accepted->names[n];
        if (spec->letter != 0) {
            accepted->shorts[used++] = spec->letter;
            if (spec->argument != NULL)
                accepted->shorts[used++] = ':';
        }
    }
    accepted->shorts[used] = '\0';
}

/* '+': stop at the first operand, for the caller to judge; ':': tell a missing value apart. */
static void accepted_init(struct accepted *accepted, const struct options_grammar *grammar) {
    *accepted = (struct accepted){.shorts = "+:"};
    accept_all(accepted, grammar->accepted);
    accept_all(accepted, common_ids);
}

static enum option_id find_letter(int letter) {
    for (enum option_id id = OPTION_END + 1; id < N_OPTIONS; id++)
        if (entries[id].spec.letter == letter)
            return id;
    return OPTION_END;
}

/* A usage problem about `command`, or about portctl itself before the command is known. */
static const char *who(const struct options_grammar *grammar) {
    return grammar->command != NULL ? grammar->command : "portctl";
}

static bool belongs_to_a_command(const char *name) {
    for (enum option_id id = OPTION_END + 1; id < OPTION_JSON; id++)
        if (strcmp(entries[id].spec.name, name) == 0)
            return true;
    return false;
}

static int refuse_unknown(const struct options_grammar *grammar, const struct accepted *accepted, const char *option,
                          struct problem *problem) {
    const char *near = text_nearest(option, accepted->words, accepted->n);

    problem_fill_usage(problem, "%s has no option %s", who(grammar), option);
    if (grammar->command == NULL && belongs_to_a_command(option + 2))
        return problem_set_hint(problem, "a command's own options stand after it: portctl alloc %s ...", option);
    if (near != NULL)
        return problem_set_hint(problem, "did you mean %s?", near);
    if (grammar->n_leading == 1)
        return problem_set_hint(problem, "options of the program stand behind it: portctl run NAME -- PROGRAM %s",
                                option);
    return problem_set_hint(problem, "portctl %s%s--help lists the options",
                            grammar->command == NULL ? "" : who(grammar), grammar->command == NULL ? "" : " ");
}

/* getopt_long() would take any unambiguous beginning of a name. */
static int check_long_name(const struct options_grammar *grammar, const struct accepted *accepted, const char *argument,
                           struct problem *problem) {
    char option[64];
    size_t length = strcspn(argument, "=");

    if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0')
        return 0;
    if (length >= sizeof option)
        length = sizeof option - 1;
    memcpy(option, argument, length);
    option[length] = '\0';
    for (size_t i = 0; i < accepted->n; i++)
        if (strcmp(option, accepted->words[i]) == 0)
            return 0;
    return refuse_unknown(grammar, accepted, option, problem);
}

static int refuse_value(struct problem *problem, enum option_id id, const char *value, const char *is_no,
                        const char *hint) {
    problem_fill_usage(problem, "--%s %s is no %s", entries[id].spec.name, value[0] == '\0' ? "''" : value, is_no);
    return problem_set_hint(problem, "%s", hint);
}

/* For options that have words: the hint is the nearest, or else all of them. */
static int refuse_word(struct problem *problem, enum option_id id, const char *value, const char *is_no,
                       const char *hint) {
    const char *near = option_nearest_word(id, value);
    char words[128];

    refuse_value(problem, id, value, is_no,
                 hint != NULL ? hint : options_join_words(option_value(id)->words, words, sizeof words));
    if (near != NULL)
        return problem_set_hint(problem, "did you mean --%s %s?", entries[id].spec.name, near);
    return PROBLEM_E_SET;
}

static int take_number(enum option_id id, const char *value, uint64_t max, const char *is_no, uint16_t *ret_number,
                       struct problem *problem) {
    uint64_t number;
    char hint[48];

    snprintf(hint, sizeof hint, "a whole number from 1 to %u", (unsigned)max);
    if (text_parse_number(value, 1, max, &number) < 0)
        return refuse_value(problem, id, value, is_no, hint);
    *ret_number = (uint16_t)number;
    return 0;
}

/* An address, or a host name: what a server may take for HOST. */
static bool is_host(const char *text) {
    struct in6_addr address;

    if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1)
        return true;
    if (text[0] == '\0' || strlen(text) > 253)
        return false;
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && strchr(".-_", *text) == NULL)
            return false;
    return true;
}

static int take_variable(const char *value, struct options *options, struct problem *problem) {
    const char *fault = variable_fault(value);

    if (fault != NULL)
        return problem_fill_usage(problem, "--env-name %s %s", value[0] == '\0' ? "''" : value, fault);
    for (size_t i = 0; i < options->n_env_names; i++)
        if (strcmp(options->env_names[i], value) == 0)
            return problem_fill_usage(problem, "--env-name %s is there twice: each variable tells one port", value);
    if (options->n_env_names == OPTIONS_ENV_NAMES_MAX)
        return problem_fill_usage(problem, "one grant is of %d ports at most", OPTIONS_ENV_NAMES_MAX);
    options->env_names[options->n_env_names++] = value;
    return 0;
}

static int take_remap(const char *value, struct options *options, struct problem *problem) {
    uint64_t port;

    options->remap_auto = strcmp(value, "auto") == 0;
    options->remap = 0;
    if (options->remap_auto)
        return 0;
    if (text_parse_number(value, 1, UINT16_MAX, &port) < 0)
        return refuse_word(problem, OPTION_REMAP, value, "port", "a whole number from 1 to 65535, or auto");
    options->remap = (uint16_t)port;
    return 0;
}

/* A socket listens on an address of this machine, so there are no names to look up. */
static int take_listen(const char *value, const char **ret_address, struct problem *problem) {
    struct in6_addr address;

    *ret_address = value != NULL ? value : "127.0.0.1";
    if (inet_pton(AF_INET, *ret_address, &address) == 1 || inet_pton(AF_INET6, *ret_address, &address) == 1)
        return 0;
    return refuse_value(problem, OPTION_LISTEN, value, "address",
                        "--listen=127.0.0.1, --listen=0.0.0.0 or --listen=::");
}

static int take_directory(const char *value, char *ret_path, struct problem *problem) {
    char path[PATH_MAX];
    struct stat status;

    if (realpath(value, path) == NULL)
        return problem_fill_usage(problem, "--project %s: %s", value, strerror(errno));
    if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode))
        return problem_fill_usage(problem, "--project %s is no directory", value);
    memcpy(ret_path, path, sizeof path);
    return 0;
}

static int take_tag(const char *value, struct options *options, struct problem *problem) {
    size_t length = strlen(value);

    if (length == 0 || length > OPTIONS_TAG_MAX || !text_is_utf8(value, length) || text_has_control(value, length))
        return refuse_value(problem, OPTION_TAG, value, "tag", "1 to 64 bytes of UTF-8 without control characters");
    if (options->n_tags == OPTIONS_TAGS_MAX)
        return problem_fill_usage(problem, "a lease has at most %d tags", OPTIONS_TAGS_MAX);
    options->tags[options->n_tags++] = value;
    return 0;
}

/* The place of the value among the option's words. */
static int take_word(enum option_id id, const char *value, const char *is_no, int *ret_place, struct problem *problem) {
    const char *const *words = option_value(id)->words;

    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(value, words[i]) == 0) {
            *ret_place = i;
            return 0;
        }
    }
    return refuse_word(problem, id, value, is_no, NULL);
}

static int take_colour(const char *value, enum colour_choice *ret_colour, struct problem *problem) {
    int place;
    int r = take_word(OPTION_COLOR, value, "choice", &place, problem);

    if (r == 0)
        *ret_colour = (enum colour_choice)place;
    return r;
}

static int take_format(const char *value, enum env_format *ret_format, struct problem *problem) {
    int place;
    int r = take_word(OPTION_FORMAT, value, "format", &place, problem);

    if (r == 0)
        *ret_format = (enum env_format)place;
    return r;
}

/* Also with SIG before it, or its number. */
static int take_signal(const char *value, int *ret_signal, struct problem *problem) {
    int number = process_signal_parse(value);

    if (number == 0)
        return refuse_word(problem, OPTION_SIGNAL, value, "signal that stop sends", NULL);
    *ret_signal = number;
    return 0;
}

static int take_pid(const char *value, pid_t *ret_pid, struct problem *problem) {
    uint64_t number;

    if (text_parse_number(value, 1, INT32_MAX, &number) < 0)
        return refuse_value(problem, OPTION_PID, value, "process id", "a whole number, as portctl who shows it");
    *ret_pid = (pid_t)number;
    return 0;
}

static int check_since(const char *value, struct problem *problem) {
    uint64_t seconds;
    int64_t unix_ms;

    if (text_parse_duration(value, &seconds) == 0 || text_parse_time(value, &unix_ms) == 0)
        return 0;
    return refuse_value(problem, OPTION_SINCE, value, "time", "90s, 5m, 2h or 1d ago, or 2026-01-02T03:04:05Z");
}

int options_take(enum option_id id, const char *value, struct options *options, struct problem *problem) {
    void *at = (char *)options + entries[id].offset;

    switch (entries[id].kind) {
    case VALUE_SWITCH:
        *(bool *)at = true;
        return 0;
    case VALUE_DURATION:
        if (text_parse_duration(value, at) < 0)
            return refuse_value(problem, id, value, "time", "90, 90s, 5m, 2h or 1d; at least one second");
        return 0;
    case VALUE_PORT:
        return take_number(id, value, UINT16_MAX, "port", at, problem);
    case VALUE_COUNT:
        return take_number(id, value, OPTIONS_COUNT_MAX, "count", at, problem);
    case VALUE_LIMIT:
        return take_number(id, value, OPTIONS_LIMIT_MAX, "count", at, problem);
    case VALUE_SIGNAL:
        return take_signal(value, at, problem);
    case VALUE_PID:
        return take_pid(value, at, problem);
    case VALUE_SINCE:
        if (check_since(value, problem) != 0)
            return PROBLEM_E_SET;
        break;
    case VALUE_TAG:
        return take_tag(value, options, problem);
    case VALUE_DIRECTORY:
        return take_directory(value, at, problem);
    case VALUE_VARIABLE:
        return take_variable(value, options, problem);
    case VALUE_REMAP:
        return take_remap(value, options, problem);
    case VALUE_LISTEN:
        return take_listen(value, at, problem);
    case VALUE_HOST:
        if (!is_host(value))
            return refuse_value(problem, id, value, "address", "an IP address or a host name");
        break;
    case VALUE_COLOUR:
        return take_colour(value, at, problem);
    case VALUE_FORMAT:
        return take_format(value, &options->format, problem);
    case VALUE_TEXT:
        if (value[0] == '\0')
            return problem_fill_usage(problem, "--%s is empty", entries[id].spec.name);
        break;
    }
    *(const char **)at = value;
    return 0;
}

/* getopt_long() leaves in `optopt` the letter, or for a long option its `val`. */
static int refuse_form(const struct options_grammar *grammar, const struct accepted *accepted, int answer,
                       struct problem *problem) {
    enum option_id id = optopt > 0 && optopt < N_OPTIONS ? (enum option_id)optopt : find_letter(optopt);
    char letter[3] = {'-', (char)optopt, '\0'};

    if (answer == ':')
        return problem_fill_usage(problem, "--%s wants a value: %s", entries[id].spec.name, entries[id].spec.argument);
    if (optopt > 0 && optopt < N_OPTIONS)
        return problem_fill_usage(problem, "--%s takes no value", entries[id].spec.name);
    return refuse_unknown(grammar, accepted, letter, problem);
}

static int check_together(const struct options *options, struct problem *problem) {
    if (options->json && options->quiet)
        return problem_fill_usage(problem, "--json and --quiet exclude each other");
    if (options->socket != NULL && options->url != NULL)
        return problem_fill_usage(problem, "--socket and --url exclude each other");
    if (options->global && options->project[0] != '\0')
        return problem_fill_usage(problem, "--global and --project exclude each other");
    if (options->port != 0 && options->prefer != 0)
        return problem_fill_usage(problem, "--port and --prefer exclude each other");
    if (options->port != 0 && options->count > 1)
        return problem_fill_usage(problem, "--port is one port, --count %u are several", options->count);
    if (options->port != 0 && options->n_env_names > 1) {
        problem_fill_usage(problem, "--port is one port, and there are %zu variables", options->n_env_names);
        return problem_set_hint(problem, "--prefer %u, and the others come beside it", options->port);
    }
    if (options->listen_address != NULL && (options->remap != 0 || options->remap_auto))
        return problem_fill_usage(problem, "--listen and --remap exclude each other: the port is open already");
    if (options->n_env_names > 0 && options->host != NULL) {
        for (size_t i = 0; i < options->n_env_names; i++)
            if (strcmp(options->env_names[i], "HOST") == 0)
                return problem_fill_usage(problem, "--host and --env-name HOST exclude each other");
    }
    return 0;
}

/* Moves the rest of argv behind the operands found so far. Operands only ever move towards the front. */
static void take_rest(struct operands *operands, int argc, char **argv, int from) {
    for (int i = from; i < argc; i++)
        operands->items[operands->n_items++] = argv[i];
}

int options_parse(const struct options_grammar *grammar, int argc, char **argv, struct options *options,
                  struct operands *ret_operands, struct problem *problem) {
    struct accepted accepted;
    struct operands operands = {.items = argv + 1};

    accepted_init(&accepted, grammar);
    opterr = 0;
    optind = 0; /* glibc: start anew */
    for (int next = 1; next < argc; next = optind) {
        int answer;
        int r = check_long_name(grammar, &accepted, argv[next], problem);

        if (r != 0)
            return r;
        answer = getopt_long(argc, argv, accepted.shorts, accepted.longs, NULL);
        if (answer == '?' || answer == ':')
            return refuse_form(grammar, &accepted, answer, problem);
        if (answer != -1) {
            r = options_take(answer < N_OPTIONS ? (enum option_id)answer : find_letter(answer), optarg, options,
                             problem);
            if (r != 0)
                return r;
        } else if (optind > next || operands.n_items >= grammar->n_leading) {
            take_rest(&operands, argc, argv, optind); /* behind `--`, or from the operand that ends the options */
            break;
        } else {
            operands.items[operands.n_items++] = argv[optind++];
        }
    }
    operands.items[operands.n_items] = NULL;
    *ret_operands = operands;
    return check_together(options, problem);
}

int options_check_name(const char *name, struct problem *problem) {
    size_t length = strlen(name);

    if (length > 0 && length <= OPTIONS_NAME_MAX && text_is_utf8(name, length) && !text_has_control(name, length))
        return 0;
    problem_fill_usage(problem, "'%.40s' is no service name", name);
    return problem_set_hint(problem, "a name is 1 to %d bytes of UTF-8 without control characters", OPTIONS_NAME_MAX);
}

const char *options_format_operand(const char *word, const char *options, char *ret_text, size_t size) {
    const char *space = options[0] != '\0' ? " " : "";
    char quoted[TEXT_QUOTED_MAX(PROBLEM_DETAIL_MAX)];

    text_quote_word(word, quoted, sizeof quoted);
    if (word[0] == '-')
        snprintf(ret_text, size, "%s%s-- %s", options, space, quoted);
    else
        snprintf(ret_text, size, "%s%s%s", quoted, space, options);
    return ret_text;
}

bool options_is_port(const char *word) {
    return word[0] != '\0' && strspn(word, "0123456789") == strlen(word);
}

static int refuse_port(const char *word, struct problem *problem) {
    problem_fill_usage(problem, "%s is no port: they go from 1 to 65535", word[0] == '\0' ? "''" : word);
    if (options_check_name(word, &(struct problem){0}) == 0 && !options_is_port(word))
        return problem_set_hint(problem, "portctl lookup tells the port of a name");
    return PROBLEM_E_SET;
}

int options_check_port(const char *word, uint16_t *ret_port, struct problem *problem) {
    uint64_t port;

    if (text_parse_number(word, 1, UINT16_MAX, &port) < 0)
        return refuse_port(word, problem);
    if (ret_port != NULL)
        *ret_port = (uint16_t)port;
    return 0;
}
