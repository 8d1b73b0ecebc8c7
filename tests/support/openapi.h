/*
 * docs/openapi.yaml, held against what a test has: the route table of the code, or answers of a real portd. openapi.py does it, with Debian's own
 * Python, because that has the packages python3-jsonschema and python3-yaml. What is wrong ends the test, in its words.
 */
#ifndef TESTS_SUPPORT_OPENAPI_H
#define TESTS_SUPPORT_OPENAPI_H

#include "tests/support/caller.h"
#include "tests/support/event_stream.h"

/* Fails the test unless the document has this: {"routes": [...], "problems": [...]}. */
void openapi_check_table(const char *json);

/* Answers that are kept, one a line, in a file that the test names. */
struct openapi_book {
    const char *path;
    unsigned n_answers;
};

/* Writes down what came of a request, or an event that came on a stream of this target. */
void openapi_keep(struct openapi_book *book, const char *method, const char *target, const struct http_reply *reply);
void openapi_keep_event(struct openapi_book *book, const char *target, const struct stream_event *event);

/* Makes the call, and writes its answer down. The test's to deinit. */
struct http_reply openapi_get(struct openapi_book *book, const struct caller *caller, const char *target);
__attribute__((format(printf, 4, 5))) struct http_reply
openapi_post(struct openapi_book *book, const struct caller *caller, const char *target, const char *body_format, ...);

/* Fails the test unless each of them is as the document says, all of the document's answers are among them, and nothing that differs a little would
 * pass as well. */
void openapi_check(const struct openapi_book *book);

#endif
