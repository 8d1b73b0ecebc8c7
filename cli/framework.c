/*
 * Command lines, and what they are of. See framework.h.
 */
#include "cli/framework.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"

const struct framework framework_rows[] = {
#define FRAMEWORK(name, program, subcommand, kind, how) {name, program, subcommand, FRAMEWORK_##kind, how},
#include "cli/frameworks.def"
#undef FRAMEWORK
};

const size_t framework_n_rows = sizeof framework_rows / sizeof framework_rows[0];

/* A program's name, or a package's. What is longer is none that is known. */
#define NAME_MAX_LENGTH 64

/* ---- Names that a command line goes by */

/* "/usr/bin/python3.11" is python, "-zsh" zsh, and the title "nginx: master process" nginx's. */
static void name_program(const char *word, char *ret_name) {
    const char *slash = strrchr(word, '/');
    const char *name = slash != NULL && slash[1] != '\0' ? slash + 1 : word;
    size_t length;

    snprintf(ret_name, NAME_MAX_LENGTH, "%s", name + (name[0] == '-'));
    length = strlen(ret_name);
    while (length > 1 && strchr("0123456789.:", ret_name[length - 1]) != NULL)
        ret_name[--length] = '\0';
}

/* Without the endings that interpreters' files have. */
static void name_script(const char *word, char *ret_name) {
    static const char *const endings[] = {".js", ".mjs", ".cjs", ".py", ".rb", ".php", ".phar"};
    const char *slash = strrchr(word, '/');
    size_t length;

    snprintf(ret_name, NAME_MAX_LENGTH, "%s", slash != NULL ? slash + 1 : word);
    length = strlen(ret_name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t n = strlen(endings[i]);
        if (length > n && strcmp(ret_name + length - n, endings[i]) == 0) {
            ret_name[length - n] = '\0';
            return;
        }
    }
}

/* The npm package that the file is in: "vite", "@angular/cli"; "" for none. */
static void name_package(const char *word, char *ret_name) {
    static const char folder[] = "/node_modules/";
    const char *at = word;
    const char *package = NULL;
    const char *end;

    ret_name[0] = '\0';
    while ((at = strstr(at, folder)) != NULL)
        package = at += strlen(folder);
    if (package == NULL || package[0] == '.')
        return;
    end = strchr(package, '/');
    if (end != NULL && package[0] == '@')
        end = strchr(end + 1, '/');
    if (end != NULL && end - package < NAME_MAX_LENGTH)
        snprintf(ret_name, NAME_MAX_LENGTH, "%.*s", (int)(end - package), package);
}

/* Interpreters, those of their options that take the next word with them, and commands of theirs that stand before the script. */
struct interpreter {
    const char *name;
    const char *options;
    const char *commands;
};

static const struct interpreter interpreters[] = {
    {"bun", " --config --cwd --preload -r ", " run x "},
    {"deno", " --config -c ", " run serve task "},
    {"node", " --conditions --env-file --experimental-loader --import --loader --require -C -r ", ""},
    {"php", " -d -z ", ""},
    {"python", " -W -X ", ""},
    {"ruby", " -C -I -r ", ""},
};

static const struct interpreter *find_interpreter(const char *program) {
    for (size_t i = 0; i < sizeof interpreters / sizeof interpreters[0]; i++)
        if (strcmp(interpreters[i].name, program) == 0)
            return &interpreters[i];
    return NULL;
}

static bool has_word(const char *list, const char *word) {
    char spaced[NAME_MAX_LENGTH];

    return snprintf(spaced, sizeof spaced, " %s ", word) < (int)sizeof spaced && strstr(list, spaced) != NULL;
}

/* The script or, of python, the module that the interpreter runs: NULL for none, as with a one-liner (-c, -e) and php -S. */
static const char *const *find_script(const char *const *words, const struct interpreter *interpreter) {
    for (size_t i = 1; words[i] != NULL; i++) {
        if (strcmp(words[i], "-e") == 0 || strcmp(words[i], "-S") == 0)
            return NULL;
        if (strcmp(words[i], "-m") == 0)
            return words[i + 1] != NULL ? words + i + 1 : NULL;
        if (has_word(interpreter->options, words[i]) && words[i + 1] != NULL)
            i++;
        else if (strcmp(words[i], "-c") == 0)
            return NULL;
        else if (words[i][0] != '-' && !(i == 1 && has_word(interpreter->commands, words[i])))
            return words + i;
    }
    return NULL;
}

/* From the one that says most. */
enum { NAME_SCRIPT, NAME_PACKAGE, NAME_PROGRAM, N_NAMES };

struct names {
    char names[N_NAMES][NAME_MAX_LENGTH]; /* "": it has none of this kind */
    const char *const *rest[N_NAMES];     /* the words behind each */
};

/* A script that is executed itself, such as ./manage.py, is known as one, too. */
static void name_all(const char *const *words, struct names *ret_names) {
    const struct interpreter *interpreter;
    const char *const *script = words;

    *ret_names = (struct names){.rest = {words + 1, words + 1, words + 1}};
    name_program(words[0], ret_names->names[NAME_PROGRAM]);
    interpreter = find_interpreter(ret_names->names[NAME_PROGRAM]);
    if (interpreter != NULL)
        script = find_script(words, interpreter);
    if (script == NULL)
        return;
    name_script(script[0], ret_names->names[NAME_SCRIPT]);
    name_package(script[0], ret_names->names[NAME_PACKAGE]);
    ret_names->rest[NAME_SCRIPT] = ret_names->rest[NAME_PACKAGE] = script + 1;
}

/* ---- Rows */

/* Is `word` one of the alternatives "a|b*"? */
static bool is_one_of(const char *alternatives, const char *word) {
    while (*alternatives != '\0') {
        const size_t length = strcspn(alternatives, "|");
        const bool is_prefix = length > 0 && alternatives[length - 1] == '*';

        if (is_prefix ? strncmp(alternatives, word, length - 1) == 0
                      : strlen(word) == length && strncmp(alternatives, word, length) == 0)
            return true;
        alternatives += length + (alternatives[length] == '|');
    }
    return false;
}

static bool has_one_of(const char *alternatives, const char *const *words) {
    if (alternatives[0] == '\0')
        return true;
    for (; *words != NULL; words++)
        if (is_one_of(alternatives, *words))
            return true;
    return false;
}

static bool has_within(const char *part, const char *const *words) {
    for (; *words != NULL; words++)
        if (strstr(*words, part) != NULL)
            return true;
    return false;
}

static const struct framework *find_by_name(const char *name, const char *const *rest) {
    for (size_t i = 0; name[0] != '\0' && i < framework_n_rows; i++)
        if (is_one_of(framework_rows[i].program, name) && has_one_of(framework_rows[i].subcommand, rest))
            return &framework_rows[i];
    return NULL;
}

static const struct framework *find_within(const char *const *words) {
    for (size_t i = 0; i < framework_n_rows; i++)
        if (framework_rows[i].program[0] == '*' && has_within(framework_rows[i].program + 1, words))
            return &framework_rows[i];
    return NULL;
}

/* Whose command line is a script's text, or holds those of others: what is in it says nothing about itself. */
static bool is_shell(const char *program) {
    static const char shells[] = "sh|ash|bash|busybox|dash|fish|ksh|zsh";

    return is_one_of(shells, program);
}

const struct framework *framework_find(const char *const *words) {
    const struct framework *found = NULL;
    struct names names;

    if (words[0] == NULL)
        return NULL;
    name_all(words, &names);
    if (is_shell(names.names[NAME_PROGRAM]))
        return NULL;
    for (size_t i = 0; i < N_NAMES && found == NULL; i++)
        found = find_by_name(names.names[i], names.rest[i]);
    return found != NULL ? found : find_within(words);
}

/* ---- What is between run and the framework */

static bool is_named(const struct names *names, const char *alternatives) {
    for (size_t i = 0; i < N_NAMES; i++)
        if (names->names[i][0] != '\0' && is_one_of(alternatives, names->names[i]))
            return true;
    return false;
}

/* "a & b", "a | b": what is put behind reaches the last one, if any. */
static bool starts_several(const char *script) {
    for (const char *at = script; (at = strpbrk(at, "&|")) != NULL; at++) {
        if (at[1] != at[0])
            return true;
        at++;
    }
    return false;
}

/* Arguments of a package manager's script runner go to the script; that of a second one below it is its own. */
static bool is_another(const struct names *names, const char *const **first_rest) {
    static const char managers[] = "npm|npm-cli|pnpm|yarn";
    const char *const *rest = names->rest[names->names[NAME_SCRIPT][0] != '\0' ? NAME_SCRIPT : NAME_PROGRAM];

    if (!is_named(names, managers))
        return false;
    if (*first_rest == NULL) {
        *first_rest = rest;
        return false;
    }
    /* A yarn that starts the yarn of the project is one. */
    for (size_t i = 0; rest[i] != NULL && (*first_rest)[i] != NULL; i++)
        if (strcmp(rest[i], (*first_rest)[i]) != 0)
            return true;
    return false;
}

bool framework_is_out_of_reach(const char *const *const *lines, size_t n_lines) {
    static const char dispatchers[] =
        "concurrently|docker|docker-compose|foreman|gulp|grunt|honcho|just|lerna|make|ninja|"
        "npm-run-all|npm-run-all2|nx|overmind|podman|run-p|run-s|task|tmux|turbo|wireit";
    const char *const *first_rest = NULL;

    for (size_t i = 0; i < n_lines; i++) {
        struct names names;
        if (lines[i][0] == NULL)
            continue;
        name_all(lines[i], &names);
        if (is_named(&names, dispatchers) || is_another(&names, &first_rest))
            return true;
        if (is_shell(names.names[NAME_PROGRAM]) && lines[i][1] != NULL && lines[i][2] != NULL &&
            starts_several(lines[i][2]))
            return true;
    }
    return false;
}

/* ---- Debuggers */

#define LIVERELOAD_PORT 35729

/* A command line with the word (or a path through it) has a second port for its developers: the one that stands in `option` or in the word behind it, and
 * the usual ones in any case. node's workers get those that follow. */
static const struct {
    const char *word;
    const char *option;
    uint16_t usual_port;
    uint16_t n_usual;
} developers[] = {
    {"--inspect", "--inspect", 9229, 100},         /* node, deno, bun: --inspect-brk, --inspect-wait, ... */
    {"-Xrunjdwp", "-Xrunjdwp", 5005, 1},           /* Java, of old */
    {"-agentlib:jdwp", "-agentlib:jdwp", 5005, 1}, /* Java */
    {"caddy", "", 2019, 1},                        /* the administration's */
    {"debugpy", "--listen", 5678, 1},              /* Python */
    {"dlv", "--listen", 2345, 1},                  /* Go: delve */
    {"wrangler", "--inspector-port", 9229, 100},   /* debugs without being asked to */
};

/* Is the number in the word, with no digit beside it? */
static bool has_number(const char *word, uint16_t number) {
    char digits[8];
    const int length = snprintf(digits, sizeof digits, "%u", number);

    for (const char *at = word; (at = strstr(at, digits)) != NULL; at++)
        if ((at == word || !isdigit((unsigned char)at[-1])) && !isdigit((unsigned char)at[length]))
            return true;
    return false;
}

static const char *const *find_beginning(const char *const *words, const char *beginning) {
    for (; beginning[0] != '\0' && *words != NULL; words++)
        if (strncmp(*words, beginning, strlen(beginning)) == 0)
            return words;
    return NULL;
}

static bool has_path_through(const char *const *words, const char *name) {
    char part[NAME_MAX_LENGTH];

    snprintf(part, sizeof part, "/%s", name);
    return has_within(part, words);
}

bool framework_is_side_port(const char *const *words, uint16_t port) {
    if (port == LIVERELOAD_PORT)
        return true;
    for (size_t i = 0; i < sizeof developers / sizeof developers[0]; i++) {
        const char *const *option = find_beginning(words, developers[i].option);

        if (find_beginning(words, developers[i].word) == NULL && !has_path_through(words, developers[i].word))
            continue;
        if ((port >= developers[i].usual_port && port - developers[i].usual_port < developers[i].n_usual) ||
            (option != NULL && (has_number(option[0], port) || (option[1] != NULL && has_number(option[1], port)))))
            return true;
    }
    return false;
}
