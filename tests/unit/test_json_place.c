/*
 * Where a part of a JSON text stands: the byte, and the line and column that an editor shows.
 */
#include "src/base/json_place.h"

#include <criterion/criterion.h>
#include <string.h>

#include "src/base/json.h"

/* The tree of a text that cJSON takes, also with a key that stands twice. */
static cJSON *parse(const char *text) {
    cJSON *root = cJSON_Parse(text);

    cr_assert_not_null(root, "%s", text);
    return root;
}

/* Every value of the tree in its order; the text at the place of each begins with `begins`. */
static void assert_places(const char *text, const char *const *begins, size_t n) {
    CLEANUP(json_free_at) cJSON *root = parse(text);
    const cJSON *way[JSON_DEPTH_MAX];
    const cJSON *json = root;
    size_t depth = 0;

    for (size_t i = 0; i < n; i++) {
        const char *at = text + json_place(text, root, json, JSON_VALUE);

        cr_assert_eq(strncmp(at, begins[i], strlen(begins[i])), 0, "%zu of %s: %s", i, text, at);
        if (json->child != NULL) {
            way[depth++] = json;
            json = json->child;
            continue;
        }
        while (depth > 0 && json->next == NULL)
            json = way[--depth];
        cr_assert(depth > 0 || i == n - 1, "there are fewer values");
        json = depth > 0 ? json->next : NULL;
    }
    cr_assert_null(json, "there are more values");
}

#define ASSERT_PLACES(text, ...)                                                                                       \
    assert_places(text, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(json_place, each_value_is_found_in_its_order) {
    ASSERT_PLACES("  17 ", "17 ");
    ASSERT_PLACES("[]", "[]");
    ASSERT_PLACES("{\"a\":1,\"b\":{\"c\":[true,null,-1.5e3]},\"d\":\"x\"}", "{\"a\"", "1,", "{\"c\"", "[true", "true",
                  "null", "-1.5e3", "\"x\"");
    ASSERT_PLACES("[[],{},[[1],2],3]", "[[]", "[],", "{},", "[[1]", "[1]", "1]", "2]", "3]");
    ASSERT_PLACES("\n{ \"a\" :\t[ 1 , 2 ] ,\r\n \"b\" : \"\" }", "{ ", "[ 1", "1 ,", "2 ]", "\"\" }");
}

Test(json_place, what_stands_in_a_string_is_no_value) {
    ASSERT_PLACES("[\"a\\\"],[1\",\"\\\\\",\":\",\"{\\u0022\",4]", "[\"a", "\"a\\\"]", "\"\\\\\",", "\":\"", "\"{",
                  "4]");
    ASSERT_PLACES("{\"k\\\":1,\":\"v\",\"\\\\\":2}", "{\"k", "\"v\"", "2}");
    ASSERT_PLACES("[\"a\" , \"b:\", \"c\"\n]", "[\"a", "\"a\" ", "\"b:\"", "\"c\"");
}

Test(json_place, of_keys_that_stand_twice_each_has_its_own_place) {
    static const char text[] = "{\"a\":1,\n \"b\":2, \"a\" :3}";
    CLEANUP(json_free_at) cJSON *root = parse(text);
    const cJSON *last = cJSON_GetArrayItem(root, 2);

    cr_assert_eq(json_place(text, root, root->child, JSON_KEY), 1);
    cr_assert_eq(json_place(text, root, last, JSON_KEY), strlen("{\"a\":1,\n \"b\":2, "));
    cr_assert_eq(json_place(text, root, last, JSON_VALUE), strlen("{\"a\":1,\n \"b\":2, \"a\" :"));
}

Test(json_place, the_key_is_that_of_the_member_itself) {
    static const char text[] = "{\"a\":{\"b\":[{\"c\":1}]},\"d\":{}}";
    CLEANUP(json_free_at) cJSON *root = parse(text);
    const cJSON *d = root->child->next;

    cr_assert_eq(json_place(text, root, root->child, JSON_KEY), 1);
    cr_assert_eq(json_place(text, root, root->child->child, JSON_KEY), strlen("{\"a\":{"));
    cr_assert_eq(json_place(text, root, d, JSON_KEY), strlen("{\"a\":{\"b\":[{\"c\":1}]},"));
}

static void assert_line(const char *text, const char *mark, size_t line, size_t column) {
    const char *at = strstr(text, mark);
    struct json_line place;

    cr_assert_not_null(at);
    place = json_line_at(text, (size_t)(at - text));
    cr_assert_eq(place.line, line, "%s: line %zu", text, place.line);
    cr_assert_eq(place.column, column, "%s: column %zu", text, place.column);
}

Test(json_place, lines_and_columns_are_an_editors) {
    assert_line("x", "x", 1, 1);
    assert_line("\n\n  x", "x", 3, 3);
    assert_line("{\r\n  \"a\": 1,\r\n\tx", "x", 3, 2);
    assert_line("\t\tx", "x", 1, 3);
    assert_line("{\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\":x", "x", 1, 8);
}
