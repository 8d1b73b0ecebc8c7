/*
 * The daemon's log: one line an event on stderr, for a person or for the journal.
 *
 * The level is the one thing of the process that is global here: a log that had to be handed through every call would be
 * left out where it is needed most.
 */
#ifndef SRC_BASE_LOG_H
#define SRC_BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* What is less grave than `level` is not written. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* Reads "error", "warning", "info" or "debug". Returns 0 or -EINVAL. */
int log_parse_level(const char *word, enum log_level *ret_level);

__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_debug(const char *format, ...);

#endif
