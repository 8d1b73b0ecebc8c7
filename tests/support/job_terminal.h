/*
 * A terminal of a test's own with a small shell in it, which runs one job in the foreground as a shell with job control does: the job is a process group of its
 * own and has the terminal, until it stops or ends.
 */
#ifndef TESTS_SUPPORT_JOB_TERMINAL_H
#define TESTS_SUPPORT_JOB_TERMINAL_H

#include <stddef.h>
#include <sys/types.h>

#define JOB_CTRL_C  "\003"
#define JOB_CTRL_Z  "\032"
#define JOB_CTRL_BS "\034"

/* What job_terminal_end() adds to the number of a signal. */
#define JOB_SIGNAL 200

struct job_terminal {
    int master;
    struct job_shell *shared; /* what the shell tells */
    pid_t shell;
    char text[65536]; /* what has come so far */
    size_t length;
};

/* Starts the program `words` (a path first, NULL last) with the variable in its environment, or NULL; 80 columns and 24 rows. */
void job_terminal_start(struct job_terminal *terminal, const char *const *words, const char *variable);

/* Waits until the terminal has shown the text; _next_ looks at what has come since the last wait only. */
void job_terminal_wait_for(struct job_terminal *terminal, const char *text);
void job_terminal_wait_for_next(struct job_terminal *terminal, const char *text);

void job_terminal_type(const struct job_terminal *terminal, const char *keys);
void job_terminal_resize(const struct job_terminal *terminal, unsigned short rows, unsigned short columns);

/* The job, which is its own process group. */
pid_t job_terminal_job(const struct job_terminal *terminal);

/* Waits until the shell has seen the job stop so many times in all; fg. */
void job_terminal_wait_for_stops(struct job_terminal *terminal, unsigned n_stops);
unsigned job_terminal_count_stops(const struct job_terminal *terminal);
void job_terminal_go_on(struct job_terminal *terminal);

/* Waits for the job's end. Returns its exit code, or JOB_SIGNAL and the signal that ended it. */
int job_terminal_end(struct job_terminal *terminal);

#endif
