/*
 * Tables. See table.h.
 */
#include "cli/table.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "src/base/text.h"

#define GAP   2   /* between two columns */
#define EMPTY "-" /* what a cell shows that has nothing to say */

/* A longer cell is cut here already: no terminal is that wide, and a pipe's longest cell is a list of 32 tags. */
#define CELL_MAX 4096

struct cell {
    char *text;
    size_t width;
    enum style style;
};

struct table {
    const struct table_column *columns;
    size_t n_columns;
    struct cell *cells; /* row by row */
    size_t n_rows;
    size_t capacity; /* in rows */
};

struct table *table_new(const struct table_column *columns, size_t n_columns) {
    struct table *table = n_columns <= TABLE_COLUMNS_MAX ? calloc(1, sizeof *table) : NULL;

    if (table == NULL)
        return NULL;
    table->columns = columns;
    table->n_columns = n_columns;
    return table;
}

struct table *table_free(struct table *table) {
    if (table == NULL)
        return NULL;
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
    return NULL;
}

/* wcwidth() knows wide and combining characters in a UTF-8 locale only, whatever the user's is. Loaded when the first text
 * that is not ASCII comes by: most never does. */
static locale_t utf8_locale(void) {
    static locale_t loaded = (locale_t)0;

    if (loaded == (locale_t)0)
        loaded = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return loaded;
}

static bool is_ascii(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* The bytes of the character that `text` begins with, and its width. Without the locale every byte that begins a
 * character counts as one column. */
static size_t next_character(const char *text, size_t *ret_width) {
    mbstate_t state = {0};
    wchar_t wide = 0;
    size_t n_bytes = mbrtowc(&wide, text, strlen(text), &state);
    int width;

    if (n_bytes == 0 || n_bytes > strlen(text)) {
        *ret_width = ((unsigned char)text[0] & 0xC0) == 0x80 ? 0 : 1;
        return 1;
    }
    width = wcwidth(wide);
    *ret_width = width < 0 ? 1 : (size_t)width;
    return n_bytes;
}

size_t table_text_fit(const char *text, size_t limit, size_t *ret_length) {
    locale_t locale = is_ascii(text) ? (locale_t)0 : utf8_locale();
    locale_t before = locale != (locale_t)0 ? uselocale(locale) : (locale_t)0;
    size_t width = 0;
    size_t length = 0;

    while (text[length] != '\0') {
        size_t columns;
        size_t n_bytes = next_character(text + length, &columns);
        if (width + columns > limit)
            break;
        width += columns;
        length += n_bytes;
    }
    if (before != (locale_t)0)
        uselocale(before);
    *ret_length = length;
    return width;
}

size_t table_text_width(const char *text) {
    size_t length;
    return table_text_fit(text, SIZE_MAX, &length);
}

static int reserve_row(struct table *table) {
    size_t capacity = table->capacity == 0 ? 16 : table->capacity * 2;
    struct cell *cells;

    if (table->n_rows < table->capacity)
        return 0;
    cells = reallocarray(table->cells, capacity * table->n_columns, sizeof *cells);
    if (cells == NULL)
        return -ENOMEM;
    table->cells = cells;
    table->capacity = capacity;
    return 0;
}

int table_add(struct table *table, const struct table_cell *cells) {
    struct cell *row;

    if (reserve_row(table) < 0)
        return -ENOMEM;
    row = table->cells + table->n_rows * table->n_columns;
    for (size_t i = 0; i < table->n_columns; i++) {
        const char *text = cells[i].text != NULL && cells[i].text[0] != '\0' ? cells[i].text : EMPTY;
        char safe[CELL_MAX];

        row[i].text = strdup(text_make_safe(text, safe, sizeof safe));
        if (row[i].text == NULL) {
            while (i-- > 0)
                free(row[i].text);
            return -ENOMEM;
        }
        row[i].width = table_text_width(row[i].text);
        row[i].style = cells[i].style;
    }
    table->n_rows++;
    return 0;
}

/* How wide each column is printed; 0: it is left out. */
struct layout {
    size_t widths[TABLE_COLUMNS_MAX];
};

static bool column_is_empty(const struct table *table, size_t column) {
    for (size_t row = 0; row < table->n_rows; row++)
        if (strcmp(table->cells[row * table->n_columns + column].text, EMPTY) != 0)
            return false;
    return true;
}

/* A column that could be left out, and says nothing anywhere, is. */
static struct layout natural_layout(const struct table *table) {
    struct layout layout = {0};

    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].rank > 0 && column_is_empty(table, i))
            continue;
        layout.widths[i] = strlen(table->columns[i].header);
        for (size_t row = 0; row < table->n_rows; row++)
            if (table->cells[row * table->n_columns + i].width > layout.widths[i])
                layout.widths[i] = table->cells[row * table->n_columns + i].width;
    }
    return layout;
}

static size_t total_width(const struct table *table, const struct layout *layout) {
    size_t total = 0;

    for (size_t i = 0; i < table->n_columns; i++)
        if (layout->widths[i] > 0)
            total += layout->widths[i] + (total > 0 ? GAP : 0);
    return total;
}

/* By a column that may be cut and stays one tells the rows apart: it is cut behind all others, and in the middle. */
static bool is_name(const struct table_column *column) {
    return column->rank == 0 && column->least > TABLE_SIGN;
}

/* Takes `excess` columns, or as many as there are above their least widths, from the names or from the others that may be cut. */
static size_t shrink_some(const struct table *table, struct layout *layout, bool names, size_t excess) {
    while (excess > 0) {
        size_t widest = table->n_columns;

        for (size_t i = 0; i < table->n_columns; i++) {
            const struct table_column *column = &table->columns[i];
            if (is_name(column) == names && column->least > TABLE_SIGN && layout->widths[i] > column->least &&
                (widest == table->n_columns || layout->widths[i] > layout->widths[widest]))
                widest = i;
        }
        if (widest == table->n_columns)
            break;
        layout->widths[widest]--;
        excess--;
    }
    return excess;
}

static size_t shrink(const struct table *table, struct layout *layout, size_t excess) {
    return shrink_some(table, layout, true, shrink_some(table, layout, false, excess));
}

/* Leaves out the column of the highest rank, or all of it but its sign. Returns false if only those of rank 0 are left. */
static bool drop_one(const struct table *table, struct layout *layout, bool has_signs) {
    size_t first = table->n_columns;

    for (size_t i = 0; i < table->n_columns; i++)
        if (layout->widths[i] > 0 && table->columns[i].rank > 0 &&
            (first == table->n_columns || table->columns[i].rank > table->columns[first].rank))
            first = i;
    if (first == table->n_columns)
        return false;
    layout->widths[first] = has_signs && table->columns[first].least == TABLE_SIGN && layout->widths[first] > 1 ? 1 : 0;
    return true;
}

/* The last resort of a very narrow terminal: whatever is widest gets narrower, and in the end the last columns go. Half a
 * number would be a wrong one, so numbers stay whole or go. */
static void squeeze(const struct table *table, struct layout *layout, size_t width) {
    while (total_width(table, layout) > width) {
        size_t widest = table->n_columns;

        for (size_t i = 0; i < table->n_columns; i++)
            if (!table->columns[i].align_right && layout->widths[i] > 1 &&
                (widest == table->n_columns || layout->widths[i] > layout->widths[widest]))
                widest = i;
        if (widest == table->n_columns)
            break;
        layout->widths[widest]--;
    }
    for (size_t i = table->n_columns; i-- > 1 && total_width(table, layout) > width;)
        layout->widths[i] = 0;
}

/* A column that is left out gives its room back to those that were cut for it. */
static struct layout fit(const struct table *table, size_t width, bool has_signs) {
    const struct layout natural = natural_layout(table);
    struct layout kept = natural;
    struct layout layout;

    for (;;) {
        size_t total = total_width(table, &kept);

        layout = kept;
        if (total <= width || shrink(table, &layout, total - width) == 0)
            return layout;
        if (!drop_one(table, &kept, has_signs))
            break;
    }
    squeeze(table, &layout, width);
    return layout;
}

static void print_spaces(size_t n, FILE *stream) {
    for (size_t i = 0; i < n; i++)
        fputc(' ', stream);
}

struct printed_cell {
    const char *text;
    size_t width;  /* of the text */
    size_t column; /* the width it is printed in */
    bool sign;     /* its first character stands for it */
    bool middle;   /* that is where it is cut */
    bool align_right;
    bool last; /* of its line: no spaces at the end */
    enum style style;
};

/* The end of a text of `width` columns, at most `limit` of them. */
static const char *find_end(const char *text, size_t width, size_t limit, size_t *ret_width) {
    size_t length;
    size_t before = table_text_fit(text, width - limit, &length);

    if (before < width - limit) /* a wide character lies across */
        before = table_text_fit(text, width - limit + 1, &length);
    *ret_width = width - before;
    return text + length;
}

static void print_cell(const struct printed_cell *cell, const struct table_format *format, FILE *stream) {
    const bool is_cut = cell->width > cell->column && !cell->sign;
    const char *mark = !is_cut ? "" : format->utf8 ? "…" : "~";
    const char *end = "";
    size_t width = cell->width;
    size_t end_width = 0;
    size_t length = strlen(cell->text);

    if (is_cut && cell->middle)
        end = find_end(cell->text, width, cell->column / 2, &end_width);
    if (cell->sign)
        width = table_text_fit(cell->text, 1, &length);
    else if (is_cut)
        width = table_text_fit(cell->text, cell->column - 1 - end_width, &length) + 1 + end_width;
    if (cell->align_right)
        print_spaces(cell->column - width, stream);
    fprintf(stream, "%s%.*s%s%s%s", output_style(format->colour, cell->style), (int)length, cell->text, mark, end,
            output_style_end(format->colour, cell->style));
    if (!cell->align_right && !cell->last)
        print_spaces(cell->column - width, stream);
}

static bool is_sign(const struct table *table, const struct layout *layout, size_t column) {
    return table->columns[column].least == TABLE_SIGN && layout->widths[column] == 1;
}

/* `row` NULL: the headers. */
static void print_line(const struct table *table, const struct layout *layout, const struct cell *row,
                       const struct table_format *format, FILE *stream) {
    size_t last = 0;
    bool first = true;

    /* A sign has no header. */
    for (size_t i = 0; i < table->n_columns; i++)
        if (layout->widths[i] > 0 && (row != NULL || !is_sign(table, layout, i)))
            last = i;
    for (size_t i = 0; i <= last; i++) {
        const struct table_column *column = &table->columns[i];
        struct printed_cell cell = {
            .text = row != NULL ? row[i].text : column->header,
            .width = row != NULL ? row[i].width : strlen(column->header),
            .column = layout->widths[i],
            .sign = is_sign(table, layout, i),
            .middle = row != NULL && is_name(column),
            .align_right = column->align_right,
            .last = i == last,
            .style = row != NULL ? row[i].style : STYLE_DIM,
        };

        if (layout->widths[i] == 0)
            continue;
        if (row == NULL && cell.sign)
            cell = (struct printed_cell){.text = " ", .width = 1, .column = 1, .last = cell.last};
        if (!first)
            print_spaces(GAP, stream);
        print_cell(&cell, format, stream);
        first = false;
    }
    fputc('\n', stream);
}

static void print_tabs(const struct table *table, FILE *stream) {
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
        fprintf(stream, "%s%c", table->cells[i].text, (i + 1) % table->n_columns == 0 ? '\n' : '\t');
}

void table_print(const struct table *table, const struct table_format *format, FILE *stream) {
    struct layout layout;

    if (table->n_rows == 0)
        return;
    if (!format->terminal) {
        print_tabs(table, stream);
        return;
    }
    layout = fit(table, format->width, format->utf8);
    print_line(table, &layout, NULL, format, stream);
    for (size_t row = 0; row < table->n_rows; row++)
        print_line(table, &layout, table->cells + row * table->n_columns, format, stream);
}
