/*
 * The one parse of a request's target. The guard and every handler look at what comes out of here, so that no two of them can
 * read one URL in two ways.
 */
#ifndef SRC_API_QUERY_H
#define SRC_API_QUERY_H

#include <stddef.h>

#define QUERY_PARAMETERS_MAX 8
#define QUERY_TARGET_MAX     8192

struct query_parameter {
    const char *name;
    const char *value;
};

/* An owned copy of the target, cut into its parts. */
struct query {
    char text[QUERY_TARGET_MAX];
    const char *path; /* as sent: a path is compared, never decoded */
    struct query_parameter parameters[QUERY_PARAMETERS_MAX];
    size_t n_parameters;
};

/*
 * Parses "/path?name=value&...": %XX and '+' are decoded in names and values (WHATWG URL, application/x-www-form-urlencoded).
 * Returns NULL if `target` is sound, else why it is not, as a sentence's end ("has ..."): no origin-form (RFC 9112, 3.2.1),
 * too long, a broken %XX, a NUL, no UTF-8, too many parameters, a parameter given twice.
 */
const char *query_parse(const char *target, struct query *ret_query);

/* The value of a parameter, or NULL. */
const char *query_get(const struct query *query, const char *name);

#endif
