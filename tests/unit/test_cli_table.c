/*
 * Tables: fitted to the terminal so that no line wraps, whole in a pipe.
 */
#include "cli/table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct table_column columns[] = {
    {"PORT", 0, 0, true}, {"NAME", 10, 0, false}, {"STATE", 0, 2, false}, {"USER", 8, 3, false}, {"TAGS", 8, 4, false},
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void free_text_at(char **text) {
    free(*text);
}

static void add(struct table *table, const char *port, const char *name, const char *state, const char *user,
                const char *tags) {
    const struct table_cell cells[N_COLUMNS] = {
        {port, STYLE_PLAIN}, {name, STYLE_PLAIN}, {state, STYLE_GOOD}, {user, STYLE_PLAIN}, {tags, STYLE_DIM}};
    cr_assert_eq(table_add(table, cells), 0);
}

static struct table *make_table(void) {
    struct table *table = table_new(columns, N_COLUMNS);
    cr_assert_not_null(table);
    add(table, "22", "a", "in use", "ann", "blue");
    add(table, "18001", "a service with a rather long name", "squatted", "bertholdina", "green,yellow,red");
    return table;
}

static char *print(const struct table *table, struct table_format format) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    cr_assert_not_null(stream);
    table_print(table, &format, stream);
    fclose(stream);
    return text;
}

static struct table_format terminal(unsigned width) {
    return (struct table_format){.terminal = true, .utf8 = true, .width = width};
}

static void assert_fits(char *text, size_t width) {
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        cr_assert_leq(table_text_width(line), width, "at %zu: %s", width, line);
        cr_assert_neq(line[strlen(line) - 1], ' ', "spaces at the end of: %s", line);
    }
}

Test(cli_table, with_room_everything_is_shown_whole) {
    CLEANUP(table_free_at) struct table *table = make_table();
    CLEANUP(free_text_at) char *text = print(table, terminal(200));

    cr_assert_str_eq(text, " PORT  NAME                               STATE     USER         TAGS\n"
                           "   22  a                                  in use    ann          blue\n"
                           "18001  a service with a rather long name  squatted  bertholdina  green,yellow,red\n");
}

Test(cli_table, at_80_columns_the_long_cells_are_cut) {
    CLEANUP(table_free_at) struct table *table = make_table();
    CLEANUP(free_text_at) char *text = print(table, terminal(80));

    cr_assert_str_eq(text, " PORT  NAME                               STATE     USER         TAGS\n"
                           "   22  a                                  in use    ann          blue\n"
                           "18001  a service with a rather long name  squatted  bertholdina  green,yellow,r…\n");
}

Test(cli_table, at_40_columns_what_matters_least_is_left_out) {
    CLEANUP(table_free_at) struct table *table = make_table();
    CLEANUP(free_text_at) char *text = print(table, terminal(40));

    cr_assert_str_eq(text, " PORT  NAME           STATE     USER\n"
                           "   22  a              in use    ann\n"
                           "18001  a serv…g name  squatted  berthol…\n");
}

/* feature/login/oauth and feature/login-oauth begin alike, and so do all names of one service. */
Test(cli_table, a_name_is_cut_behind_all_others_and_in_the_middle) {
    static const struct table_column narrow[] = {{"NAME", 12, 0, false}, {"USER", 4, 1, false}};
    CLEANUP(table_free_at) struct table *table = table_new(narrow, 2);

    table_add(table,
              (const struct table_cell[]){{"redis@feature/login/oauth", STYLE_PLAIN}, {"bertholdina", STYLE_PLAIN}});
    {
        CLEANUP(free_text_at) char *text = print(table, terminal(31));
        cr_assert_str_eq(text, "NAME                       USER\nredis@feature/login/oauth  ber…\n", "%s", text);
    }
    {
        CLEANUP(free_text_at) char *text = print(table, terminal(18));
        cr_assert_str_eq(text, "NAME          USER\nredis…/oauth  ber…\n", "%s", text);
    }
}

Test(cli_table, no_width_makes_a_line_wrap_or_cuts_a_number) {
    CLEANUP(table_free_at) struct table *table = make_table();

    for (unsigned width = 5; width <= 200; width++) {
        CLEANUP(free_text_at) char *text = print(table, terminal(width));
        cr_assert_not_null(strstr(text, "18001"), "at %u: %s", width, text);
        assert_fits(text, width);
    }
}

Test(cli_table, a_terminal_narrower_than_a_port_still_gets_the_port) {
    CLEANUP(table_free_at) struct table *table = make_table();
    CLEANUP(free_text_at) char *text = print(table, terminal(1));

    cr_assert_str_eq(text, " PORT\n   22\n18001\n");
}

Test(cli_table, wide_and_combining_characters_are_measured_as_they_are_shown) {
    CLEANUP(table_free_at) struct table *table = table_new(columns, N_COLUMNS);

    add(table, "1", "日本語日本語日本語", "x", "y", "z");
    add(table, "2", "e\xcc\x81t\xcc\x81", "x", "y", "z");
    cr_assert_eq(table_text_width("日本語"), 6);
    cr_assert_eq(table_text_width("e\xcc\x81"), 1);
    {
        CLEANUP(free_text_at) char *text = print(table, terminal(200));
        cr_assert_str_eq(text, "PORT  NAME                STATE  USER  TAGS\n"
                               "   1  日本語日本語日本語  x      y     z\n"
                               "   2  e\xcc\x81t\xcc\x81                  x      y     z\n");
    }
    for (unsigned width = 20; width < 50; width++) {
        CLEANUP(free_text_at) char *text = print(table, terminal(width));
        assert_fits(text, width);
    }
}

Test(cli_table, without_utf8_the_cut_is_marked_in_ascii) {
    CLEANUP(table_free_at) struct table *table = make_table();
    CLEANUP(free_text_at) char *text = print(table, (struct table_format){.terminal = true, .width = 40});

    cr_assert_not_null(strstr(text, "a serv~g name"), "%s", text);
}

Test(cli_table, a_column_with_nothing_in_it_is_left_out_on_a_terminal) {
    CLEANUP(table_free_at) struct table *table = table_new(columns, N_COLUMNS);

    add(table, "1", "a", "x", NULL, "");
    CLEANUP(free_text_at) char *text = print(table, terminal(80));
    cr_assert_str_eq(text, "PORT  NAME  STATE\n   1  a     x\n");
}

Test(cli_table, in_a_pipe_all_is_there_tab_separated_and_without_a_header) {
    CLEANUP(table_free_at) struct table *table = make_table();

    add(table, "5", "b", NULL, "", NULL);
    CLEANUP(free_text_at) char *text = print(table, (struct table_format){.width = 20});
    cr_assert_str_eq(text, "22\ta\tin use\tann\tblue\n"
                           "18001\ta service with a rather long name\tsquatted\tbertholdina\tgreen,yellow,red\n"
                           "5\tb\t-\t-\t-\n");
}

Test(cli_table, control_characters_never_reach_the_terminal) {
    CLEANUP(table_free_at) struct table *table = table_new(columns, N_COLUMNS);

    add(table, "1", "a\033[2Jb\tc\nd\xff", "x", "y", "z");
    CLEANUP(free_text_at) char *text = print(table, (struct table_format){.width = 20});
    cr_assert_str_eq(text, "1\ta?[2Jb?c?d?\tx\ty\tz\n");
}

Test(cli_table, colour_goes_around_the_text_and_not_around_the_spaces) {
    CLEANUP(table_free_at) struct table *table = table_new(columns, 3);
    const struct table_cell cells[] = {{"1", STYLE_BOLD}, {"a", STYLE_PLAIN}, {"ok", STYLE_GOOD}};

    cr_assert_eq(table_add(table, cells), 0);
    CLEANUP(free_text_at)
    char *text = print(table, (struct table_format){.terminal = true, .colour = true, .width = 80});
    cr_assert_not_null(strstr(text, "\n   \033[1m1\033[0m  a     \033[32mok\033[0m\n"), "%s", text);
}

Test(cli_table, one_without_rows_prints_nothing) {
    CLEANUP(table_free_at) struct table *table = table_new(columns, N_COLUMNS);
    CLEANUP(free_text_at) char *text = print(table, terminal(80));

    cr_assert_str_eq(text, "");
}

Test(cli_table, it_grows) {
    CLEANUP(table_free_at) struct table *table = table_new(columns, N_COLUMNS);

    for (int i = 0; i < 1000; i++)
        add(table, "8000", "n", "s", "u", "t");
    CLEANUP(free_text_at) char *text = print(table, (struct table_format){0});
    cr_assert_eq(strlen(text), 1000 * strlen("8000\tn\ts\tu\tt\n"));
}
