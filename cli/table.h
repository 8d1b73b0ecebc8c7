/*
 * Tables. On a terminal: a header, colour, fitted to the width, so that no line ever wraps. In a pipe: tab-separated, no
 * header, every column, nothing cut.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/output.h"
#include "probe/fd.h"

#define TABLE_COLUMNS_MAX 16

/* The `least` of a column whose cells begin with a sign: it is not cut, but before it is left out there is the sign alone (UTF-8). */
#define TABLE_SIGN 1

struct table_column {
    const char *header;
    unsigned
        least; /* the cell may be cut to this width; 0: it is not cut before all else was tried; TABLE_SIGN: see there */
    /* Where there is no room the columns of the highest rank go first; 0: it stays, and if it may be cut, it is the last one to be, and in the middle. */
    unsigned rank;
    bool align_right; /* numbers */
};

struct table_format {
    bool terminal;
    bool colour;
    bool utf8;
    unsigned width;
};

struct table;

/* `columns` must outlive the table. NULL when memory is short. */
struct table *table_new(const struct table_column *columns, size_t n_columns);

/* NULL is allowed; returns NULL. */
struct table *table_free(struct table *table);

static inline void table_free_at(struct table **table) {
    *table = table_free(*table);
}

struct table_cell {
    const char *text; /* copied and made safe for a terminal; NULL or "": shown as "-" */
    enum style style;
};

/* Appends a row of as many cells as there are columns. Returns 0 or -ENOMEM. */
int table_add(struct table *table, const struct table_cell *cells);

/* Prints the table. One without rows prints nothing. */
void table_print(const struct table *table, const struct table_format *format, FILE *stream);

/* The width of the text, up to `limit` columns, and in `ret_length` the bytes that fit into these. */
size_t table_text_fit(const char *text, size_t limit, size_t *ret_length);

/* How many columns of a terminal the UTF-8 text takes. */
size_t table_text_width(const char *text);

#endif
