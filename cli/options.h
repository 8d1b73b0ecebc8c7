/*
 * The options of the command line as data: one table says how each is written, what it takes and what it does, and every
 * command names those it accepts. The parser, the help, completions and man pages are made from it.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/problem.h"

enum option_id {
    OPTION_END, /* ends a command's list */
    OPTION_TTL,
    OPTION_PORT,
    OPTION_PREFER,
    OPTION_COUNT,
    OPTION_REUSE,
    OPTION_TAG,
    OPTION_PROJECT,
    OPTION_ENV_NAME,
    OPTION_HOST,
    OPTION_WAIT,
    OPTION_KILL_AFTER,
    OPTION_KEEP,
    OPTION_REMAP,
    OPTION_LISTEN,
    OPTION_ALL,
    OPTION_UNDO,
    OPTION_YES,
    OPTION_SIGNAL,
    OPTION_PID,
    OPTION_SINCE,
    OPTION_LIMIT,
    OPTION_GLOBAL,
    OPTION_TIMEOUT,
    OPTION_GONE,
    OPTION_EXPORT,
    OPTION_FORMAT,
    /* What every command takes, before its name or after it. */
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_COLOR,
    OPTION_SOCKET,
    OPTION_URL,
    OPTION_HELP,
    OPTION_VERSION,
    N_OPTIONS,
};

/* How env writes its variables. */
enum env_format { ENV_SHELL, ENV_DOTENV, ENV_JSON, ENV_FISH };

enum colour_choice { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* The rules of docs/api.md that are cheap to know here: a wrong argument is told before anything is asked. */
#define OPTIONS_NAME_MAX  128
#define OPTIONS_TAGS_MAX  32
#define OPTIONS_TAG_MAX   64
#define OPTIONS_COUNT_MAX 64
#define OPTIONS_LIMIT_MAX 1000

/* So many ports has a grant at most, and each has a variable of its own. */
#define OPTIONS_ENV_NAMES_MAX OPTIONS_COUNT_MAX

/* The values as given; texts point into argv. All zero: nothing was given. */
struct options {
    uint64_t ttl_seconds;        /* 0: not given */
    uint64_t wait_seconds;       /* 0: not given */
    uint64_t kill_after_seconds; /* 0: not given */
    uint64_t timeout_seconds;    /* 0: not given */
    uint16_t port;               /* 0: not given */
    uint16_t prefer;             /* 0: not given */
    uint16_t count;              /* 0: not given */
    uint16_t limit;              /* 0: not given */
    uint16_t remap;              /* the port to remap; 0: not given, or remap_auto */
    bool remap_auto;
    bool keep;
    int signal; /* 0: not given */
    pid_t pid;  /* 0: not given */
    bool reuse;
    bool all;
    bool undo;
    bool yes;
    bool global;
    bool gone;
    bool exported; /* --export */
    bool json;
    bool quiet;
    bool verbose;
    bool help;
    bool version;
    enum colour_choice colour;
    enum env_format format;
    const char *host;
    const char *listen_address; /* IPv4 or IPv6; NULL: --listen was not given */
    const char *socket;
    const char *url;
    const char *since; /* a duration, or a time of RFC 3339; NULL: not given */
    const char *tags[OPTIONS_TAGS_MAX];
    size_t n_tags;
    const char *env_names[OPTIONS_ENV_NAMES_MAX]; /* no two of them alike */
    size_t n_env_names;
    char project[PATH_MAX]; /* absolute; "": not given */
};

struct option_spec {
    const char *name;     /* without the dashes */
    char letter;          /* 0: it has none */
    const char *argument; /* "PORT"; NULL for a switch; "[=ADDRESS]" for one that may be left out */
    const char *help;     /* one line, no full stop */
};

enum option_path { OPTION_PATH_NONE, OPTION_PATH_FILE, OPTION_PATH_DIRECTORY };

/* What an option's values are, for help, "did you mean" and completions: what the parser takes is the same data. */
struct option_value {
    const char *const
        *words; /* NULL behind the last, what holds without the option first; NULL: no words in particular */
    bool open;  /* other values are right, too */
    enum option_path path;
    bool repeats; /* the option may be given again */
};

/* The entry of `id`, which is neither OPTION_END nor N_OPTIONS. Static. */
const struct option_spec *option_get(enum option_id id);

/* Of the same. Static. */
const struct option_value *option_value(enum option_id id);

/* What it does, with the words that it takes and the one that holds without it. Returns `ret_text`, OPTION_HELP_MAX bytes. */
#define OPTION_HELP_MAX 256
const char *option_format_help(enum option_id id, char *ret_text);

/* The one of its words, of which it has some, that was probably meant; NULL: none is near. Static. */
const char *option_nearest_word(enum option_id id, const char *word);

/* "a, b or c"; cut at `size`. Returns `ret_text`. */
const char *options_join_words(const char *const *words, char *ret_text, size_t size);

/* The ids that every command takes, ended by OPTION_END. Static. */
const enum option_id *options_common(void);

/* The arguments that are no options, in order; items[n_items] is NULL. Points into argv. */
struct operands {
    char **items;
    size_t n_items;
};

#define OPTIONS_ANYWHERE SIZE_MAX

struct options_grammar {
    const char *command;            /* for the error sentences; NULL for what stands before the command */
    const enum option_id *accepted; /* besides the common ones, ended by OPTION_END; NULL: none */
    size_t n_leading; /* options may stand before and between so many operands; the next one ends them, and what
                         follows belongs to somebody else. OPTIONS_ANYWHERE: to the end */
};

/*
 * Parses argv[1..argc-1] and adds to `options`. `--` ends the options. argv is reordered in place.
 * Returns 0, or PROBLEM_E_SET with a usage problem.
 */
int options_parse(const struct options_grammar *grammar, int argc, char **argv, struct options *options,
                  struct operands *ret_operands, struct problem *problem);

/* Takes one value in, as options_parse() does. Returns 0 or PROBLEM_E_SET. `value` NULL: it was left out. */
int options_take(enum option_id id, const char *value, struct options *options, struct problem *problem);

/* The rule for service names. Returns 0 or PROBLEM_E_SET. */
int options_check_name(const char *name, struct problem *problem);

/* A word and the options that go with it ("": none) as the end of a command to copy: "web --all", or of a word that would be read as
 * an option "--all -- -web"; cut after `size` bytes. Returns `ret_text`. */
const char *options_format_operand(const char *word, const char *options, char *ret_text, size_t size);

/* A port as an operand: 1 to 65535. Returns 0 or PROBLEM_E_SET; `ret_port` may be NULL. */
int options_check_port(const char *word, uint16_t *ret_port, struct problem *problem);

/* True if the word has the form of a port and not that of a name. */
bool options_is_port(const char *word);

#endif
