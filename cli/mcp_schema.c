/*
 * What a tool takes and answers. See mcp_schema.h.
 */
#include "cli/mcp_schema.h"

#include <stdio.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

#define ARGUMENTS_MAX 16

static const char *type_word(enum mcp_type type) {
    switch (type) {
    case MCP_TEXT:
        return "string";
    case MCP_NUMBER:
        return "integer";
    case MCP_FLAG:
        return "boolean";
    case MCP_TEXTS:
    case MCP_LIST:
        return "array";
    case MCP_OBJECT:
        break;
    }
    return "object";
}

static void add_limits(cJSON *property, const struct mcp_argument *argument) {
    cJSON *items;

    switch (argument->type) {
    case MCP_TEXT:
        cJSON_AddNumberToObject(property, "minLength", (double)argument->min);
        cJSON_AddNumberToObject(property, "maxLength", (double)argument->max);
        break;
    case MCP_NUMBER:
        cJSON_AddNumberToObject(property, "minimum", (double)argument->min);
        cJSON_AddNumberToObject(property, "maximum", (double)argument->max);
        break;
    case MCP_TEXTS:
        items = cJSON_AddObjectToObject(property, "items");
        cJSON_AddStringToObject(items, "type", "string");
        cJSON_AddNumberToObject(items, "minLength", (double)argument->min_each);
        cJSON_AddNumberToObject(items, "maxLength", (double)argument->max_each);
        cJSON_AddNumberToObject(property, "maxItems", (double)argument->max);
        break;
    case MCP_FLAG:
    case MCP_OBJECT:
    case MCP_LIST:
        break;
    }
}

/* An object schema with nothing in it yet, and where its properties and the required ones go. */
static cJSON *make_object(cJSON **ret_properties, cJSON **ret_required) {
    cJSON *schema = cJSON_CreateObject();

    cJSON_AddStringToObject(schema, "type", "object");
    *ret_properties = cJSON_AddObjectToObject(schema, "properties");
    *ret_required = cJSON_AddArrayToObject(schema, "required");
    return schema;
}

cJSON *mcp_schema_of_arguments(const struct mcp_argument *table) {
    cJSON *properties;
    cJSON *required;
    cJSON *schema = make_object(&properties, &required);

    for (; table->name != NULL; table++) {
        cJSON *property = cJSON_AddObjectToObject(properties, table->name);

        cJSON_AddStringToObject(property, "type", type_word(table->type));
        cJSON_AddStringToObject(property, "description", table->what);
        add_limits(property, table);
        if (table->initial != NULL)
            cJSON_AddRawToObject(property, "default", table->initial);
        if (table->required)
            cJSON_AddItemToArray(required, cJSON_CreateString(table->name));
    }
    cJSON_AddFalseToObject(schema, "additionalProperties");
    return schema;
}

static void add_type(cJSON *property, const struct mcp_member *member) {
    const char *types[] = {type_word(member->type), "null"};

    if (member->nullable)
        cJSON_AddItemToObject(property, "type", cJSON_CreateStringArray(types, 2));
    else
        cJSON_AddStringToObject(property, "type", types[0]);
}

cJSON *mcp_schema_of_members(const struct mcp_member *table) {
    cJSON *properties;
    cJSON *required;
    cJSON *schema = make_object(&properties, &required);

    for (; table->name != NULL; table++) {
        cJSON *property = cJSON_AddObjectToObject(properties, table->name);

        add_type(property, table);
        if (table->what != NULL)
            cJSON_AddStringToObject(property, "description", table->what);
        cJSON_AddItemToArray(required, cJSON_CreateString(table->name));
    }
    return schema;
}

/* ---- checking ---- */

static const struct mcp_argument *find(const struct mcp_argument *table, const char *name) {
    for (; table->name != NULL; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static int refuse_unknown(const char *tool, const struct mcp_argument *table, const char *name,
                          struct problem *problem) {
    const char *names[ARGUMENTS_MAX];
    char list[256] = "";
    size_t n_names = 0;
    size_t used = 0;
    const char *near;

    for (; table[n_names].name != NULL && n_names < ARGUMENTS_MAX && used < sizeof list; n_names++) {
        names[n_names] = table[n_names].name;
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", n_names == 0 ? "" : ", ", table[n_names].name);
    }
    near = text_nearest(name, names, n_names);
    problem_fill_usage(problem, "%s has no argument '%s'", tool, name);
    if (near != NULL)
        return problem_set_hint(problem, "did you mean '%s'? It takes: %s", near, list);
    return problem_set_hint(problem, "it takes: %s", list);
}

static int refuse_value(const struct mcp_argument *argument, const cJSON *value, struct problem *problem) {
    const unsigned long long min = argument->min;
    const unsigned long long max = argument->max;
    char number[32];

    switch (argument->type) {
    case MCP_TEXT:
        return problem_fill_usage(problem, "'%s' must be a string of %llu to %llu bytes", argument->name, min, max);
    case MCP_NUMBER:
        if (cJSON_IsNumber(value))
            snprintf(number, sizeof number, "%.15g", value->valuedouble);
        return problem_fill_usage(problem, "'%s' must be a whole number from %llu to %llu, not %s", argument->name, min,
                                  max, cJSON_IsNumber(value) ? number : json_type_name(value));
    case MCP_TEXTS:
        return problem_fill_usage(problem, "'%s' must be an array of at most %llu strings, each of %llu to %llu bytes",
                                  argument->name, max, (unsigned long long)argument->min_each,
                                  (unsigned long long)argument->max_each);
    case MCP_FLAG:
    case MCP_OBJECT:
    case MCP_LIST:
        break;
    }
    return problem_fill_usage(problem, "'%s' must be true or false, not %s", argument->name, json_type_name(value));
}

static bool is_text(const cJSON *value, uint64_t min, uint64_t max) {
    return cJSON_IsString(value) && strlen(value->valuestring) >= min && strlen(value->valuestring) <= max;
}

static bool are_texts(const cJSON *array, const struct mcp_argument *argument) {
    const cJSON *item;
    uint64_t n_items = 0;

    cJSON_ArrayForEach(item, array) {
        if (!is_text(item, argument->min_each, argument->max_each) || ++n_items > argument->max)
            return false;
    }
    return cJSON_IsArray(array);
}

static bool fits(const struct mcp_argument *argument, const cJSON *value) {
    uint64_t number;

    switch (argument->type) {
    case MCP_TEXT:
        return is_text(value, argument->min, argument->max);
    case MCP_NUMBER:
        return json_is_whole(value, argument->min, argument->max, &number);
    case MCP_TEXTS:
        return are_texts(value, argument);
    case MCP_FLAG:
    case MCP_OBJECT:
    case MCP_LIST:
        break;
    }
    return cJSON_IsBool(value);
}

int mcp_schema_check(const char *tool, const struct mcp_argument *table, const cJSON *arguments,
                     struct problem *problem) {
    const cJSON *value;

    cJSON_ArrayForEach(value, arguments) {
        const struct mcp_argument *argument = find(table, value->string);

        if (argument == NULL)
            return refuse_unknown(tool, table, value->string, problem);
        if (!cJSON_IsNull(value) && !fits(argument, value))
            return refuse_value(argument, value, problem);
    }
    for (; table->name != NULL; table++)
        if (table->required && json_get(arguments, table->name) == NULL)
            return problem_fill_usage(problem, "%s wants '%s'", tool, table->name);
    return 0;
}
