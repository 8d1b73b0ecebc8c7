/*
 * The Content-Type out of the headers of an HTTP answer, as http-parser hands them over: in as many pieces as the network made
 * of them.
 */
#ifndef CLI_CONTENT_TYPE_H
#define CLI_CONTENT_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#define CONTENT_TYPE_NAME_MAX  16 /* longer than "Content-Type" */
#define CONTENT_TYPE_VALUE_MAX 64

/* All zero: no header has come. */
struct content_type {
    bool in_value;                    /* of a header: the next name begins a new one */
    char name[CONTENT_TYPE_NAME_MAX]; /* the header being read, cut where it is longer than any that matters */
    char value[CONTENT_TYPE_VALUE_MAX];
    char found[CONTENT_TYPE_VALUE_MAX]; /* "": the answer does not say */
};

/* A piece of a header's name, of its value, and the end of all headers. */
void content_type_add_name(struct content_type *type, const char *at, size_t length);
void content_type_add_value(struct content_type *type, const char *at, size_t length);
void content_type_end(struct content_type *type);

/* Compares the type without its parameters, and without case. */
bool content_type_is(const struct content_type *type, const char *expected);

#endif
