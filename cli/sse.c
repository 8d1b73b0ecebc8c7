/*
 * Server-sent events. See sse.h.
 */
#include "cli/sse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sse_deinit(struct sse *sse) {
    free(sse->bytes);
    free(sse->data);
    *sse = (struct sse){0};
}

/* What was read goes, so that what is kept is less than a line, however long the stream runs. */
static void drop_read(struct sse *sse) {
    if (sse->n_read == 0)
        return;
    memmove(sse->bytes, sse->bytes + sse->n_read, sse->n_bytes - sse->n_read);
    sse->n_bytes -= sse->n_read;
    sse->n_read = 0;
}

int sse_feed(struct sse *sse, const char *bytes, size_t n_bytes) {
    size_t capacity = sse->capacity == 0 ? 4096 : sse->capacity;
    char *grown;

    drop_read(sse);
    if (n_bytes == 0)
        return 0;
    if (n_bytes > 2 * SSE_EVENT_MAX - sse->n_bytes)
        return -EMSGSIZE;
    while (capacity < sse->n_bytes + n_bytes)
        capacity *= 2;
    if (capacity != sse->capacity) {
        grown = realloc(sse->bytes, capacity);
        if (grown == NULL)
            return -ENOMEM;
        sse->bytes = grown;
        sse->capacity = capacity;
    }
    memcpy(sse->bytes + sse->n_bytes, bytes, n_bytes);
    sse->n_bytes += n_bytes;
    return 0;
}

/* The next line without its end: LF, CR LF, or CR. A CR at the end of what has come may be half of a CR LF: it waits. */
static bool next_line(struct sse *sse, const char **ret_line, size_t *ret_length) {
    const char *line = sse->bytes + sse->n_read;
    size_t left = sse->n_bytes - sse->n_read;
    size_t length = 0;
    size_t end;

    while (length < left && line[length] != '\n' && line[length] != '\r')
        length++;
    if (length == left || (line[length] == '\r' && length + 1 == left))
        return false;
    end = line[length] == '\r' && line[length + 1] == '\n' ? 2 : 1;
    sse->n_read += length + end;
    *ret_line = line;
    *ret_length = length;
    return true;
}

static int append_data(struct sse *sse, const char *value, size_t length) {
    size_t between = sse->has_data ? 1 : 0;
    char *grown;

    if (sse->n_data + between + length > SSE_EVENT_MAX)
        return -EMSGSIZE;
    grown = realloc(sse->data, sse->n_data + between + length + 1);
    if (grown == NULL)
        return -ENOMEM;
    sse->data = grown;
    if (between > 0)
        sse->data[sse->n_data++] = '\n';
    memcpy(sse->data + sse->n_data, value, length);
    sse->n_data += length;
    sse->data[sse->n_data] = '\0';
    sse->has_data = true;
    return 0;
}

/* "name: value"; a line that begins with a colon is a comment, and names that mean nothing to us (id, retry) are passed
 * over: portd's data has the id. */
static int take_field(struct sse *sse, const char *line, size_t length) {
    const char *colon = memchr(line, ':', length);
    size_t n_name = colon != NULL ? (size_t)(colon - line) : length;
    const char *value = colon != NULL ? colon + 1 : line + length;
    size_t n_value = length - (size_t)(value - line);

    if (n_value > 0 && value[0] == ' ') {
        value++;
        n_value--;
    }
    if (n_name == 4 && memcmp(line, "data", 4) == 0)
        return append_data(sse, value, n_value);
    if (n_name == 5 && memcmp(line, "event", 5) == 0)
        snprintf(sse->kind, sizeof sse->kind, "%.*s", (int)(n_value < SSE_KIND_MAX ? n_value : SSE_KIND_MAX), value);
    return 0;
}

static void forget_event(struct sse *sse) {
    sse->n_data = 0;
    sse->has_data = false;
    sse->kind[0] = '\0';
    sse->told = false;
}

int sse_next(struct sse *sse, struct sse_event *ret_event) {
    const char *line;
    size_t length;

    if (sse->told)
        forget_event(sse);
    while (next_line(sse, &line, &length)) {
        int r = length > 0 ? take_field(sse, line, length) : 0;

        if (r < 0)
            return r;
        if (length == 0 && sse->has_data) {
            *ret_event = (struct sse_event){sse->kind[0] != '\0' ? sse->kind : "message", sse->data, sse->n_data};
            sse->told = true;
            return 1;
        }
        if (length == 0)
            forget_event(sse);
    }
    return sse->n_bytes - sse->n_read > SSE_EVENT_MAX ? -EMSGSIZE : 0;
}
