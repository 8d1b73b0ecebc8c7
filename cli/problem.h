/*
 * A problem: why a command could not do what it was asked, as a person needs it (a sentence and what to do next) and as a
 * script needs it (an exit code, a document).
 *
 * Every function of the command line that can fail in a way worth telling fills one and returns PROBLEM_E_SET; only the
 * command's edge reports it. So there is one place that prints errors, and one table that says which exit code is what.
 */
#ifndef CLI_PROBLEM_H
#define CLI_PROBLEM_H

#include <cjson/cJSON.h>
#include <stddef.h>

struct output;

enum exit_code {
    EXIT_YES = 0,
    EXIT_NO = 1,          /* not found, or any failure that has no number of its own */
    EXIT_USAGE = 2,       /* wrong arguments */
    EXIT_UNREACHABLE = 3, /* no portd answers, or not one to be trusted */
    EXIT_TAKEN = 4,       /* the port is taken, or none is free */
    EXIT_NOT_ALLOWED = 5,
    EXIT_WAITED = 124, /* --wait ran out; as timeout(1) has it */
    /* `run` alone: below these, the number is the program's own. */
    EXIT_RUN_FAILED = 125,
    EXIT_RUN_CANNOT_EXECUTE = 126,
    EXIT_RUN_NOT_FOUND = 127,
    EXIT_RUN_SIGNAL = 128, /* and the signal's number */
};

struct exit_meaning {
    const char *code;
    const char *meaning;
};

/* What `help exit-codes` shows, in order; `run` has its own. Static. */
const struct exit_meaning *exit_meanings(size_t *ret_n);
const struct exit_meaning *exit_meanings_of_run(size_t *ret_n);

#define PROBLEM_DETAIL_MAX 768

/* All texts are safe for a terminal; a longer one is cut. An all-zero struct holds no problem. */
struct problem {
    enum exit_code exit_code;
    unsigned status;                 /* the HTTP status; 0 if the problem is not portd's */
    char type[48];                   /* the last part of the type's URN: "port-taken" */
    char detail[PROBLEM_DETAIL_MAX]; /* a sentence; portd's begin with a capital and end with a full stop */
    char hint[384];                  /* what to do next; "" if there is nothing to say */
    cJSON *document;                 /* portd's own problem document, owned; NULL if the problem is not portd's */
};

#define PROBLEM_E_SET 1

/* Frees the document and leaves no problem. */
void problem_deinit(struct problem *problem);

/* Fills the problem anew. Always returns PROBLEM_E_SET, so that a function can end with it. */
int problem_fill(struct problem *problem, enum exit_code exit_code, const char *type, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));
int problem_fill_usage(struct problem *problem, const char *detail, ...) __attribute__((format(printf, 2, 3)));
int problem_fill_memory(struct problem *problem);

/* Adds or replaces the hint. Returns PROBLEM_E_SET. */
int problem_set_hint(struct problem *problem, const char *hint, ...) __attribute__((format(printf, 2, 3)));

/* Fills the problem from an answer with an error status. `document` is taken over; NULL if the answer held no JSON. What
 * portd did not say (an answer from something else) is made up from the status. Returns PROBLEM_E_SET. */
int problem_fill_reply(struct problem *problem, unsigned status, cJSON *document);

/* The detail as it goes on after "portctl: ": portd's capital and full stop are taken off. In `ret_text`, PROBLEM_DETAIL_MAX
 * bytes. */
void problem_format(const struct problem *problem, char *ret_text);

/* Tells the problem on standard error: `portctl: ...` and `  hint: ...`, or with --json the problem document on one line.
 * Returns the exit code. */
int problem_report(const struct problem *problem, const struct output *output);

#endif
