/*
 * Streams and colours. See output.h.
 */
#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/table.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MAX     1000

static const char *get_environment(const char *name) {
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

/* no-color.org: any value that is not empty. A terminal that does not say what it is gets no escape sequences. */
static bool takes_colour(enum colour_choice choice, bool terminal) {
    const char *term = get_environment("TERM");

    if (choice != COLOUR_AUTO)
        return choice == COLOUR_ALWAYS;
    return terminal && get_environment("NO_COLOR")[0] == '\0' && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

/* By the environment, as setlocale() would, without loading a locale: that costs more than all the rest of a command. */
static bool locale_is_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = get_environment(names[i]);
        if (value[0] != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

/* Standard error's counts where standard output is no terminal: a table may be printed there too. */
static unsigned terminal_width(void) {
    static const int streams[] = {STDOUT_FILENO, STDERR_FILENO};
    uint64_t columns;

    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct winsize size = {0};
        if (ioctl(streams[i], TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
            return size.ws_col;
    }
    if (text_parse_number(get_environment("COLUMNS"), 1, WIDTH_MAX, &columns) == 0)
        return (unsigned)columns;
    return WIDTH_DEFAULT;
}

void output_init(struct output *output, const struct options *options) {
    *output = (struct output){
        .quiet = options->quiet,
        .json = options->json,
        .verbose = options->verbose,
        .terminal = isatty(STDOUT_FILENO) == 1,
        .error_terminal = isatty(STDERR_FILENO) == 1,
        .utf8 = locale_is_utf8(),
        .width = terminal_width(),
    };
    output->colour = takes_colour(options->colour, output->terminal);
    output->error_colour = takes_colour(options->colour, output->error_terminal);
}

const char *output_style(bool colour, enum style style) {
    static const char *const sequences[] = {
        [STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",     [STYLE_DIM] = "\033[2m",    [STYLE_GOOD] = "\033[32m",
        [STYLE_INFO] = "\033[36m", [STYLE_WARNING] = "\033[33m", [STYLE_BAD] = "\033[1;31m",
    };
    return colour ? sequences[style] : "";
}

const char *output_style_end(bool colour, enum style style) {
    return colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

/* Less than PIPE_BUF, so that it goes into a pipe whole or not at all (pipe(7)). */
#define LINE_MAX_BYTES 2048

/* The file behind standard error is also others', so it is not ours to make non-blocking: it is asked beforehand. */
static bool would_wait(void) {
    struct pollfd pollfd = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&pollfd, 1, 0) == 0;
}

/* Such a terminal would break most sentences, and amid their words. */
#define WIDTH_NARROW 40

/* Puts line ends where the text is too wide, and two spaces behind each; it begins at `column`. */
static void break_text(const char *text, size_t column, size_t width, char *ret_text, size_t size) {
    size_t used = 0;

    while (*text != '\0' && used + 4 < size) {
        char word[512];
        size_t length = strcspn(text, " ");
        bool fits;

        snprintf(word, sizeof word, "%.*s", (int)length, text);
        fits = column + table_text_width(word) <= width;
        if (!fits && used > 0) {
            used--; /* the space */
            column = 2;
        }
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s%s", !fits && used > 0 ? "\n  " : "", word,
                                 text[length] == ' ' ? " " : "");
        column += table_text_width(word) + 1;
        text += length + strspn(text + length, " ");
    }
}

/* One write for a line, so that lines of two processes on one terminal do not run into each other. */
static void put_line(const struct output *output, const char *before, const char *text) {
    char line[LINE_MAX_BYTES];
    size_t length = (size_t)snprintf(line, sizeof line - 1, "%s%s", before, text);

    if (length > sizeof line - 2)
        length = sizeof line - 2;
    line[length] = '\n';
    line[length + 1] = '\0';
    if (output->impatient && would_wait())
        return;
    fputs(line, stderr);
    fflush(stderr);
}

/* `column`: how wide `before` is. A hint is left whole, for it is there to be copied. */
static void put_sentence(const struct output *output, const char *before, size_t column, const char *text) {
    char broken[LINE_MAX_BYTES] = "";

    if (!output->error_terminal || output->width == 0 || output->width >= WIDTH_NARROW)
        return put_line(output, before, text);
    break_text(text, column, output->width, broken, sizeof broken);
    put_line(output, before, broken);
}

void output_tell(const struct output *output, const char *format, ...) {
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_sentence(output, "", 0, text);
}

void output_say(const struct output *output, const char *format, ...) {
    char text[1024];
    char before[64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(before, sizeof before, "%sportctl:%s ", output_style(output->error_colour, STYLE_BOLD),
             output_style_end(output->error_colour, STYLE_BOLD));
    put_sentence(output, before, strlen("portctl: "), text);
}

void output_hint(const struct output *output, const char *hint) {
    char before[64];

    snprintf(before, sizeof before, "  %shint:%s ", output_style(output->error_colour, STYLE_INFO),
             output_style_end(output->error_colour, STYLE_INFO));
    put_line(output, before, hint);
}

void output_notes(const struct output *output, const cJSON *notes) {
    const cJSON *note;

    if (output->json)
        return;
    cJSON_ArrayForEach(note, notes) {
        char safe[512];
        if (cJSON_IsString(note))
            output_say(output, "note: %s", text_make_safe(note->valuestring, safe, sizeof safe));
    }
}

/* cJSON copies the key before it frees the one that the member came with. */
static bool move_members(cJSON *from, cJSON *to) {
    while (from->child != NULL) {
        cJSON *member = cJSON_DetachItemViaPointer(from, from->child);
        if (!cJSON_AddItemToObject(to, member->string, member)) {
            cJSON_Delete(member);
            return false;
        }
    }
    return true;
}

int output_json(cJSON *members) {
    CLEANUP(json_free_at) cJSON *owned = members;
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    CLEANUP(json_free_text_at) char *text = NULL;

    if (owned == NULL || cJSON_AddNumberToObject(document, "version", 1) == NULL || !move_members(owned, document))
        return -ENOMEM;
    text = cJSON_PrintUnformatted(document);
    if (text == NULL)
        return -ENOMEM;
    printf("%s\n", text);
    return 0;
}

void output_format_age(int64_t unix_ms, int64_t now_ms, char *ret_text) {
    int64_t seconds = (now_ms - unix_ms) / 1000;

    if (seconds < 1)
        snprintf(ret_text, OUTPUT_AGE_MAX, "just now");
    else if (seconds < 60)
        snprintf(ret_text, OUTPUT_AGE_MAX, "%llds ago", (long long)seconds);
    else if (seconds < 3600)
        snprintf(ret_text, OUTPUT_AGE_MAX, "%lldm ago", (long long)(seconds / 60));
    else if (seconds < 86400)
        snprintf(ret_text, OUTPUT_AGE_MAX, "%lldh ago", (long long)(seconds / 3600));
    else
        snprintf(ret_text, OUTPUT_AGE_MAX, "%lldd ago", (long long)(seconds / 86400));
}

/* A pipe whose reader has gone has killed us by then: what is left is a full disk and the like. */
int output_finish(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return errno != 0 ? -errno : -EIO;
}
