/*
 * The line to copy: the person's own words, with the port where the framework wants it. See framework.h.
 */
#include <stdio.h>
#include <string.h>

#include "cli/framework.h"
#include "probe/command_line.h"
#include "src/base/text.h"

/* A longer line is not read; then only what to add is said. */
#define LINE_MAX_LENGTH 140

struct line {
    char text[LINE_MAX_LENGTH + 1];
    size_t length;
    bool is_bad; /* it does not fit, or holds what is not to be shown */
};

static void add(struct line *line, const char *text) {
    const size_t left = sizeof line->text - line->length;
    const int n = snprintf(line->text + line->length, left, "%s%s", line->length > 0 ? " " : "", text);

    if (n < 0 || (size_t)n >= left)
        line->is_bad = true;
    else
        line->length += (size_t)n;
}

/* What text_make_safe() would change cannot be copied. */
static void add_word(struct line *line, const char *word) {
    char safe[LINE_MAX_LENGTH];
    char quoted[TEXT_QUOTED_MAX(LINE_MAX_LENGTH)];

    if (strcmp(text_make_safe(word, safe, sizeof safe), word) != 0)
        line->is_bad = true;
    else
        add(line, text_quote_word(word, quoted, sizeof quoted));
}

static void begin(struct line *line, const struct framework_case *known, const char *option, const char *value) {
    *line = (struct line){.length = 0};
    add(line, "portctl run");
    add_word(line, known->service_name);
    if (option != NULL) {
        add(line, option);
        add(line, value);
    }
    add(line, "--");
}

static void add_words(struct line *line, const char *const *from, const char *const *end) {
    for (; from != end && *from != NULL; from++)
        add_word(line, *from);
}

/* Is there a password in it that no view shows? Then no hint does. */
static bool holds_secret(const char *const *argv) {
    char arguments[LINE_MAX_LENGTH];
    char shown[2 * LINE_MAX_LENGTH];
    size_t length = 0;

    for (; *argv != NULL; argv++) {
        const size_t n = strlen(*argv) + 1;
        if (n > sizeof arguments - length)
            return true;
        memcpy(arguments + length, *argv, n);
        length += n;
    }
    command_line_format(arguments, length, shown, sizeof shown);
    return strstr(shown, "***") != NULL;
}

/* ---- Where it goes */

enum way {
    WAY_NONE,   /* nobody knows how an argument gets there from here */
    WAY_DIRECT, /* behind the arguments */
    WAY_DASHES, /* behind " -- " */
};

static const char *base_name(const char *word) {
    const char *slash = strrchr(word, '/');
    return slash != NULL ? slash + 1 : word;
}

static bool is_among(const char *word, const char *const *names) {
    for (; *names != NULL; names++)
        if (strcmp(base_name(word), *names) == 0)
            return true;
    return false;
}

/* Behind what only sets something for what follows: "env -u X Y=1 npm start". */
static const char *const *skip_wrappers(const char *const *argv) {
    static const char *const wrappers[] = {"env", "cross-env", "nohup", "time", NULL};
    const char *const *at = argv;

    while (at[0] != NULL && is_among(at[0], wrappers))
        for (at++; at[0] != NULL && (at[0][0] == '-' || strchr(at[0], '=') != NULL); at++)
            at += strcmp(at[0], "-u") == 0 && at[1] != NULL;
    return at[0] != NULL ? at : argv;
}

/* The framework's own name among the arguments of a program that runs what it is told: npx, uv run, bundle exec. */
static const char *const *find_behind_runner(const char *const *argv, const struct framework *framework) {
    static const char *const runners[] = {"bundle", "bunx",   "hatch", "npx", "pdm",  "pipenv", "pnpm",
                                          "pnpx",   "poetry", "uv",    "uvx", "yarn", NULL};

    if (argv[0] == NULL || !is_among(argv[0], runners))
        return NULL;
    for (argv++; *argv != NULL; argv++)
        if (framework_find(argv) == framework)
            return argv;
    return NULL;
}

/* *ret_tool: from where on the words are the framework's. */
static enum way find_way(const struct framework_case *known, const char *const **ret_tool) {
    static const char *const npm[] = {"npm", NULL};
    static const char *const managers[] = {"bun", "deno", "pnpm", "yarn", NULL};
    const char *const *argv = skip_wrappers(known->argv);
    const char *const *tool;

    *ret_tool = argv;
    if (framework_find(argv) == known->framework)
        return WAY_DIRECT;
    tool = find_behind_runner(argv, known->framework);
    if (tool != NULL) {
        *ret_tool = tool;
        return WAY_DIRECT;
    }
    if (argv[0] == NULL || argv[1] == NULL || known->is_out_of_reach || known->framework->kind == FRAMEWORK_FLAG_FIRST)
        return WAY_NONE;
    if (is_among(argv[0], npm))
        return WAY_DASHES;
    return is_among(argv[0], managers) ? WAY_DIRECT : WAY_NONE;
}

/* A number of up to five digits, alone or behind the last ':'. */
static bool is_port(const char *word) {
    const char *colon = strrchr(word, ':');
    const char *digits = colon != NULL ? colon + 1 : word;
    const size_t n = strspn(digits, "0123456789");

    return n > 0 && n <= 5 && digits[n] == '\0';
}

/* The number of words that `how` takes the place of: "--port 5173", "--port=5173", for an argument "5173". 0: none. */
static size_t count_replaced(const struct framework *framework, const char *const *at) {
    const size_t length = strcspn(framework->how, " =");

    if (framework->kind == FRAMEWORK_ARGUMENT)
        return is_port(at[0]) ? 1 : 0;
    if (strncmp(at[0], framework->how, length) != 0)
        return 0;
    if (at[0][length] == '=')
        return 1;
    if (at[0][length] != '\0')
        return 0;
    return at[1] != NULL && at[1][0] != '-' ? 2 : 1;
}

static const char *const *find_replaced(const struct framework *framework, const char *const *from) {
    for (; *from != NULL; from++)
        if (count_replaced(framework, from) > 0)
            return from;
    return NULL;
}

static const char *const *find_word(const char *const *words, const char *word) {
    while (*words != NULL && strcmp(*words, word) != 0)
        words++;
    return words;
}

static const char *const *find_end(const char *const *words) {
    while (*words != NULL)
        words++;
    return words;
}

/* Returns false if it has the port there already. */
static bool format_arguments(const struct framework_case *known, struct line *line) {
    const struct framework *framework = known->framework;
    const char *const *tool;
    const enum way way = find_way(known, &tool);
    const char *const *end = find_end(known->argv);
    const char *const *dashes = find_word(known->argv, "--");
    const char *const *replaced;
    const char *const *at = end;

    line->is_bad = line->is_bad || way == WAY_NONE;
    if (tool[0] == NULL)
        return true;
    /* What stands before the dashes is npm's. */
    replaced = find_replaced(framework, way == WAY_DASHES ? dashes : tool + 1);
    if (replaced != NULL) {
        at = replaced;
        if (strstr(at[0], "{PORT}") != NULL || (at[1] != NULL && strstr(at[1], "{PORT}") != NULL))
            return false;
    } else if (framework->kind == FRAMEWORK_FLAG_FIRST) {
        at = find_word(tool, framework->subcommand);
        at += *at != NULL;
    }
    add_words(line, known->argv, at);
    if (way == WAY_DASHES && *dashes == NULL)
        add(line, "--");
    add(line, framework->how);
    add_words(line, at + (replaced != NULL ? count_replaced(framework, replaced) : 0), end);
    return true;
}

/* ---- Sentences */

/* For what is not known, and what cannot be told from outside: run can move it. */
static void say_remap(const struct framework_case *known, const char *first, char *ret_hint) {
    struct line line;
    char port[8];

    snprintf(port, sizeof port, "%u", known->port);
    begin(&line, known, "--remap", port);
    add_words(&line, known->argv, NULL);
    if (line.is_bad || holds_secret(known->argv))
        snprintf(ret_hint, FRAMEWORK_HINT_MAX, "%s, or let run move it with --remap %s", first, port);
    else
        snprintf(ret_hint, FRAMEWORK_HINT_MAX, "%s, or let run move it: %s", first, line.text);
}

static void say_unknown(const struct framework_case *known, char *ret_hint) {
    say_remap(known, "give it {PORT} as an argument", ret_hint);
}

static void say_configuration(const struct framework_case *known, char *ret_hint) {
    char first[FRAMEWORK_HINT_MAX / 2];

    snprintf(first, sizeof first, "%s takes its port from %s", known->framework->name, known->framework->how);
    say_remap(known, first, ret_hint);
}

static void say_variable(const struct framework_case *known, char *ret_hint) {
    const struct framework *framework = known->framework;
    struct line line;

    begin(&line, known, "--env-name", framework->how);
    add_words(&line, known->argv, NULL);
    if (line.is_bad || holds_secret(known->argv))
        snprintf(ret_hint, FRAMEWORK_HINT_MAX, "%s reads %s, which run sets with --env-name %s", framework->name,
                 framework->how, framework->how);
    else
        snprintf(ret_hint, FRAMEWORK_HINT_MAX, "%s reads %s: %s", framework->name, framework->how, line.text);
}

static void say_arguments(const struct framework_case *known, char *ret_hint) {
    const struct framework *framework = known->framework;
    const char *what = framework->kind == FRAMEWORK_ARGUMENT ? "an argument" : "a flag";
    struct line line;

    begin(&line, known, NULL, NULL);
    if (!format_arguments(known, &line))
        say_unknown(known, ret_hint);
    else if (line.is_bad || holds_secret(known->argv))
        snprintf(ret_hint, FRAMEWORK_HINT_MAX, "%s wants %s, %s: run puts the port there", framework->name, what,
                 framework->how);
    else
        snprintf(ret_hint, FRAMEWORK_HINT_MAX, "%s wants %s: %s", framework->name, what, line.text);
}

const char *framework_format_hint(const struct framework_case *known, char *ret_hint) {
    if (known->framework == NULL)
        say_unknown(known, ret_hint);
    else if (known->framework->kind == FRAMEWORK_CONFIGURATION)
        say_configuration(known, ret_hint);
    else if (known->framework->kind == FRAMEWORK_VARIABLE)
        say_variable(known, ret_hint);
    else
        say_arguments(known, ret_hint);
    return ret_hint;
}
