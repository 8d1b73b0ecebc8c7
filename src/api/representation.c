/* Accept-Encoding and If-None-Match. What is malformed asks for nothing. */
#include "src/api/representation.h"

#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* A weight in thousandths, or one of these. */
#define WEIGHT_NONE  (-1) /* not named */
#define WEIGHT_WRONG (-2)
#define WEIGHT_FULL  1000

static const char *skip_blanks(const char *at) {
    return at + strspn(at, BLANKS);
}

/* "0", "0.5", "1.000": at most three digits behind the point, and at most 1. Moves *at behind it. */
static int read_weight(const char **at) {
    int weight = **at == '1' ? WEIGHT_FULL : 0;

    if (**at != '0' && **at != '1')
        return WEIGHT_WRONG;
    (*at)++;
    if (**at != '.')
        return weight;
    (*at)++;
    for (int unit = 100; unit > 0 && **at >= '0' && **at <= '9'; unit /= 10, (*at)++)
        weight += (**at - '0') * unit;
    return weight <= WEIGHT_FULL ? weight : WEIGHT_WRONG;
}

/* What follows a coding's name up to the next comma: nothing, or ";q=" and its weight. */
static int read_parameter(const char *at) {
    int weight;

    at = skip_blanks(at);
    if (*at == ',' || *at == '\0')
        return WEIGHT_FULL;
    if (*at++ != ';')
        return WEIGHT_WRONG;
    at = skip_blanks(at);
    if (strncasecmp(at, "q=", 2) != 0)
        return WEIGHT_WRONG;
    at += 2;
    weight = read_weight(&at);
    at = skip_blanks(at);
    return *at == ',' || *at == '\0' ? weight : WEIGHT_WRONG;
}

/* The weights that are named, each WEIGHT_NONE or worse if it is not. */
struct wishes {
    int gzip;
    int identity;
    int any;
};

static void read_wish(struct wishes *wishes, const char *at) {
    size_t length = strcspn(at, BLANKS ",;");
    int weight = read_parameter(at + length);

    if ((length == 4 && strncasecmp(at, "gzip", length) == 0) ||
        (length == 6 && strncasecmp(at, "x-gzip", length) == 0))
        wishes->gzip = weight;
    else if (length == 8 && strncasecmp(at, "identity", length) == 0)
        wishes->identity = weight;
    else if (length == 1 && *at == '*')
        wishes->any = weight;
}

/* Several lines of a header are one list. */
bool representation_wants_gzip(const struct api_request *request) {
    struct wishes wishes = {WEIGHT_NONE, WEIGHT_NONE, WEIGHT_NONE};
    int gzip;

    for (size_t i = 0; i < request->n_headers; i++) {
        if (strcasecmp(request->headers[i].name, "Accept-Encoding") != 0)
            continue;
        for (const char *at = request->headers[i].value; at != NULL; at = strchr(at, ',')) {
            at = skip_blanks(*at == ',' ? at + 1 : at);
            read_wish(&wishes, at);
        }
    }
    gzip = wishes.gzip != WEIGHT_NONE ? wishes.gzip : wishes.any;
    return gzip > 0 && gzip >= wishes.identity;
}

/* Does the list have `etag`? Tags are quoted, so none is the beginning of another, and may have commas in them; a weak one is as good here. */
static bool list_has(const char *list, const char *etag) {
    const char *at = skip_blanks(list);

    if (*at == '*')
        return *skip_blanks(at + 1) == '\0';
    for (; *at != '\0'; at += strspn(at, BLANKS ",")) {
        size_t length;

        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        length = *at == '"' ? strcspn(at + 1, "\"") + 2 : 0;
        if (length == 0 || at[length - 1] != '"')
            return false;
        if (strncmp(at, etag, length) == 0)
            return true;
        at += length;
    }
    return false;
}

bool representation_is_known(const struct api_request *request, const char *etag) {
    for (size_t i = 0; i < request->n_headers; i++)
        if (strcasecmp(request->headers[i].name, "If-None-Match") == 0 && list_has(request->headers[i].value, etag))
            return true;
    return false;
}
