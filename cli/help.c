/*
 * Help. See help.h.
 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/paragraph.h"
#include "src/base/text.h"

#define INDENT 2
#define GAP    2

/* Where the second column begins at most, and what it keeps to itself on a narrow terminal. */
#define COLUMN_MAX   30
#define COLUMN_LEAST 20

struct page {
    FILE *stream;
    bool colour;
    size_t width;
};

static struct page page_on(const struct output *output, FILE *stream) {
    bool on_stdout = stream == stdout;
    bool terminal = on_stdout ? output->terminal : output->error_terminal;

    return (struct page){
        .stream = stream,
        .colour = on_stdout ? output->colour : output->error_colour,
        .width = terminal ? output->width : 80,
    };
}

/* Running text from `column` on; the cursor is there already. */
static struct paragraph begin_text(const struct page *page, size_t column) {
    return (struct paragraph){.stream = page->stream,
                              .width = page->width,
                              .indent = column < page->width ? column : 0,
                              .colour = page->colour,
                              .column = column};
}

static void print_wrapped(const struct page *page, const char *text, size_t column) {
    struct paragraph paragraph = begin_text(page, column);

    paragraph_put(&paragraph, STYLE_PLAIN, text);
    paragraph_end(&paragraph);
}

static void print_heading(const struct page *page, const char *heading) {
    struct paragraph paragraph = begin_text(page, 0);

    paragraph_put(&paragraph, STYLE_BOLD, heading);
    paragraph_end(&paragraph);
}

/* How an option or a command is written. A terminal that has no room for two columns has none for a letter that is not there either. */
static void print_term(const struct page *page, const char *term, bool is_command) {
    struct paragraph paragraph = begin_text(page, INDENT);

    fprintf(page->stream, "%*s", INDENT, "");
    paragraph.indent = (size_t)2 * INDENT < page->width ? (size_t)2 * INDENT : 0;
    if (is_command)
        paragraph_put_command(&paragraph, term);
    else
        paragraph_put(&paragraph, STYLE_PLAIN, term);
}

/* Two columns; where the first leaves no room the second begins on a line of its own. */
static void print_two(const struct page *page, const char *term, bool is_command, const char *text, size_t column) {
    size_t used = INDENT + strlen(term);

    if (page->width < column + COLUMN_LEAST) {
        column = INDENT + INDENT;
        print_term(page, term, is_command);
    } else {
        fprintf(page->stream, "%*s%s", INDENT, "", term);
    }
    if (used + GAP > column)
        fprintf(page->stream, "\n%*s", (int)column, "");
    else
        fprintf(page->stream, "%*s", (int)(column - used), "");
    print_wrapped(page, text, column);
}

static void print_entry(const struct page *page, const char *term, const char *text, size_t column) {
    print_two(page, term, false, text, column);
}

/* Lines that end in a newline, wrapped anew where the terminal is narrower than they are. */
static void print_paragraph(const struct page *page, const char *text) {
    char words[2048];

    snprintf(words, sizeof words, "%s", text);
    for (char *at = words; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    print_wrapped(page, words, 0);
}

static void format_option(const struct option_spec *spec, char *ret_text, size_t size) {
    char letter[8] = "    ";

    if (spec->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", spec->letter);
    snprintf(ret_text, size, "%s--%s%s%s", letter, spec->name,
             spec->argument == NULL || spec->argument[0] == '[' ? "" : " ",
             spec->argument != NULL ? spec->argument : "");
}

static void print_options(const struct page *page, const enum option_id *ids) {
    for (; ids != NULL && *ids != OPTION_END; ids++) {
        const struct option_spec *spec = option_get(*ids);
        char term[64];
        char text[OPTION_HELP_MAX];
        format_option(spec, term, sizeof term);
        print_entry(page, term, option_format_help(*ids, text), COLUMN_MAX);
    }
}

static void print_examples(const struct page *page, const struct example *examples, size_t n_examples) {
    for (size_t i = 0; i < n_examples && examples[i].line != NULL; i++)
        print_two(page, examples[i].line, true, examples[i].what, COLUMN_MAX + 6);
}

static void print_exit_codes(const struct page *page, const struct exit_meaning *meanings, size_t n_meanings) {
    for (size_t i = 0; i < n_meanings; i++)
        print_entry(page, meanings[i].code, meanings[i].meaning, 10);
}

static void print_title(const struct page *page, const struct command *command) {
    struct paragraph paragraph = begin_text(page, 0);

    paragraph_format(&paragraph, STYLE_PLAIN, "portctl %s: %s", command->name, command->summary);
    paragraph_end(&paragraph);
    fputc('\n', page->stream);
}

static void print_usage(const struct page *page, const char *name, const char *usage) {
    char line[256];

    snprintf(line, sizeof line, "portctl %s %s", name, usage);
    print_term(page, line, false);
    fputc('\n', page->stream);
}

static void show_command(const struct page *page, const struct command *command) {
    const struct exit_meaning *meanings;
    size_t n_meanings;

    print_title(page, command);
    print_heading(page, "Usage");
    print_usage(page, command->name, command->usage);
    if (command->alias != NULL)
        print_usage(page, command->alias, command->usage);
    fputc('\n', page->stream);
    print_paragraph(page, command->details);
    fputc('\n', page->stream);
    print_heading(page, "Examples");
    print_examples(page, command->examples, EXAMPLES_MAX);
    fputc('\n', page->stream);
    print_heading(page, "Options");
    print_options(page, command->options);
    print_options(page, options_common());
    fputc('\n', page->stream);
    for (const char *const *paragraph = command->more; paragraph != NULL && *paragraph != NULL; paragraph++) {
        print_wrapped(page, *paragraph, 0);
        fputc('\n', page->stream);
    }
    print_heading(page, "Exit codes");
    meanings = command->runs_program ? exit_meanings_of_run(&n_meanings) : exit_meanings(&n_meanings);
    print_exit_codes(page, meanings, n_meanings);
}

static void show_overview(const struct page *page) {
    size_t n;
    const struct command *const *all = commands(&n);

    print_wrapped(page, "portctl: asks portd for local ports that are free in the kernel", 0);
    fputc('\n', page->stream);
    print_heading(page, "Usage");
    print_usage(page, "COMMAND", "[ARGUMENT...] [options]");
    fputc('\n', page->stream);
    print_heading(page, "Commands");
    for (size_t i = 0; i < n; i++)
        print_entry(page, all[i]->name, all[i]->summary, 14);
    print_entry(page, "help", HELP_SUMMARY, 14);
    fputc('\n', page->stream);
    print_heading(page, "Options of every command");
    print_options(page, options_common());
    fputc('\n', page->stream);
    print_wrapped(page, "portctl help COMMAND says more.", 0);
}

int help_show(const struct command *command, const struct output *output) {
    const struct page page = page_on(output, stdout);

    if (command != NULL)
        show_command(&page, command);
    else
        show_overview(&page);
    return EXIT_YES;
}

static void show_exit_codes(const struct page *page) {
    const struct exit_meaning *meanings;
    size_t n_meanings;

    print_heading(page, "Exit codes");
    meanings = exit_meanings(&n_meanings);
    print_exit_codes(page, meanings, n_meanings);
    fputc('\n', page->stream);
    print_heading(page, "Exit codes of portctl run");
    meanings = exit_meanings_of_run(&n_meanings);
    print_exit_codes(page, meanings, n_meanings);
}

static const struct example variables_read[] = {
    {"PM_SOCKET", "portd's Unix socket, like --socket"},
    {"PM_URL", "portd's address, like --url; PM_SOCKET goes first"},
    {"XDG_RUNTIME_DIR, HOME", "where portd's socket is looked for"},
    {"BROWSER", "the program that portctl open starts; without it xdg-open"},
    {"NO_COLOR, TERM", "no colour if NO_COLOR is not empty, or TERM is dumb"},
    {"COLUMNS", "the width of a terminal that does not tell its own"},
    {"LC_ALL, LC_CTYPE, LANG", "whether signs that are not ASCII can be shown"},
};

static const struct example variables_set[] = {
    {"PORT", "the port; the first one, if --env-name asks for several under other names"},
    {"VARIABLE", "each that --env-name names: a port of its own"},
    {"HOST", "the address that --host gave; without --host it is as it was"},
    {"PORTMANAGER_SERVICE", "the service's name"},
    {"PORTMANAGER_LEASE", "the id of the first lease"},
    {"PORTMANAGER_URL", "where the service will be: http://localhost:8001"},
    {"PORTMANAGER_PORT_NAME", "the port of each other service of yours: PORTMANAGER_PORT_MY_DB is that of my-db"},
    {"LISTEN_FDS, LISTEN_PID", "with --listen: so many open sockets, from descriptor 3 on, for this pid"},
    {"LISTEN_FDNAMES", "with --listen: the sockets' names, which are those of the variables"},
};

const char help_search[] = "Where nothing is said, portd is looked for at $XDG_RUNTIME_DIR/portmanager.sock,\n"
                           "~/.portmanager/portd.sock, /run/portmanager/portd.sock and http://localhost:3030, in this\n"
                           "order.";

const struct example *help_variables_read(size_t *ret_n) {
    *ret_n = sizeof variables_read / sizeof variables_read[0];
    return variables_read;
}

const struct example *help_variables_set(size_t *ret_n) {
    *ret_n = sizeof variables_set / sizeof variables_set[0];
    return variables_set;
}

static void show_environment(const struct page *page) {
    print_heading(page, "Variables that portctl reads");
    for (size_t i = 0; i < sizeof variables_read / sizeof variables_read[0]; i++)
        print_entry(page, variables_read[i].line, variables_read[i].what, COLUMN_MAX);
    fputc('\n', page->stream);
    print_heading(page, "Variables that portctl run sets for the program");
    for (size_t i = 0; i < sizeof variables_set / sizeof variables_set[0]; i++)
        print_entry(page, variables_set[i].line, variables_set[i].what, COLUMN_MAX);
    fputc('\n', page->stream);
    print_paragraph(page, help_search);
}

const char *const help_topics[] = {"exit-codes", "environment", NULL};

static int refuse_topic(const char *topic, struct problem *problem) {
    const char *near = command_nearest(topic, help_topics);

    problem_fill_usage(problem, "there is no help on '%s'", topic);
    if (near != NULL)
        return problem_set_hint(problem, "did you mean portctl help %s?", near);
    return problem_set_hint(problem, "portctl help lists the commands");
}

int help_topic(const char *topic, const struct output *output, int *ret_exit_code, struct problem *problem) {
    const struct page page = page_on(output, stdout);
    const struct command *command = topic != NULL ? command_find(topic) : NULL;

    if (topic == NULL || command != NULL || strcmp(topic, "help") == 0) {
        *ret_exit_code = help_show(command, output);
        return 0;
    }
    if (strcmp(topic, "exit-codes") == 0)
        show_exit_codes(&page);
    else if (strcmp(topic, "environment") == 0)
        show_environment(&page);
    else
        return refuse_topic(topic, problem);
    *ret_exit_code = EXIT_YES;
    return 0;
}

int help_first_steps(const struct output *output) {
    static const struct example steps[] = {
        {"PORT=$(portctl alloc my-db)", "a free port in a variable"},
        {"portctl run web npm start", "a program with its port in PORT"},
        {"portctl list", "who has which port"},
        {"portctl lookup my-db", "the port of a service"},
        {"portctl release my-db", "give the port back"},
    };
    const struct page page = page_on(output, stderr);

    fprintf(stderr, "portctl wants a command:\n\n");
    print_examples(&page, steps, sizeof steps / sizeof steps[0]);
    fputc('\n', stderr);
    print_wrapped(&page, "portctl help lists them all.", 0);
    return EXIT_USAGE;
}

int help_version(void) {
    printf("portctl " PM_VERSION "\n");
    return EXIT_YES;
}
