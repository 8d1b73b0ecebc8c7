/*
 * One line an event, written in one call so that lines of several processes on one terminal do not mix. What comes from outside
 * (service names, process names, paths) can hold escape sequences, so the whole line is made safe to show.
 */
#include "src/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static enum log_level level_max = LOG_LEVEL_INFO;

void log_set_level(enum log_level level) {
    level_max = level;
}

int log_parse_level(const char *word, enum log_level *ret_level) {
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

__attribute__((format(printf, 2, 0))) static void write_line(enum log_level level, const char *format, va_list args) {
    char line[1024];
    char safe[1024];

    if (level > level_max)
        return;
    vsnprintf(line, sizeof line, format, args);
    fprintf(stderr, "portd: %s%s%s\n", level <= LOG_LEVEL_WARNING ? level_names[level] : "",
            level <= LOG_LEVEL_WARNING ? ": " : "", text_make_safe(line, safe, sizeof safe));
}

void log_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line(LOG_LEVEL_ERROR, format, args);
    va_end(args);
}

void log_warning(const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line(LOG_LEVEL_WARNING, format, args);
    va_end(args);
}

void log_info(const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line(LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_debug(const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line(LOG_LEVEL_DEBUG, format, args);
    va_end(args);
}
