/*
 * The table of tools, and calling one. See mcp_tool.h.
 */
#include "cli/mcp_tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/json.h"
#include "src/base/text.h"

static const struct mcp_tool *const table[] = {
    &mcp_tool_alloc, &mcp_tool_lookup, &mcp_tool_list, &mcp_tool_who, &mcp_tool_release, &mcp_tool_conflicts,
};

#define N_TOOLS (sizeof table / sizeof table[0])

static cJSON *describe(const struct mcp_tool *tool) {
    cJSON *json = cJSON_CreateObject();
    cJSON *annotations;

    cJSON_AddStringToObject(json, "name", tool->name);
    cJSON_AddStringToObject(json, "title", tool->title);
    cJSON_AddStringToObject(json, "description", tool->description);
    cJSON_AddItemToObject(json, "inputSchema", mcp_schema_of_arguments(tool->arguments));
    cJSON_AddItemToObject(json, "outputSchema", mcp_schema_of_members(tool->members));
    annotations = cJSON_AddObjectToObject(json, "annotations");
    cJSON_AddStringToObject(annotations, "title", tool->title);
    cJSON_AddBoolToObject(annotations, "readOnlyHint", tool->reads_only);
    cJSON_AddBoolToObject(annotations, "destructiveHint", tool->ends_something);
    cJSON_AddBoolToObject(annotations, "idempotentHint", tool->may_be_repeated);
    cJSON_AddFalseToObject(annotations, "openWorldHint");
    return json;
}

cJSON *mcp_tools_describe(void) {
    cJSON *result = cJSON_CreateObject();
    cJSON *tools = cJSON_AddArrayToObject(result, "tools");

    for (size_t i = 0; i < N_TOOLS; i++)
        cJSON_AddItemToArray(tools, describe(table[i]));
    return result;
}

const struct mcp_tool *mcp_tool_find(const char *name, const char **ret_near) {
    const char *names[N_TOOLS];

    for (size_t i = 0; i < N_TOOLS; i++) {
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
        names[i] = table[i]->name;
    }
    *ret_near = text_nearest(name, names, N_TOOLS);
    return NULL;
}

/* ---- answers ---- */

void mcp_say(struct mcp_answer *answer, const char *format, ...) {
    char raw[1024];
    char safe[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    fprintf(answer->lines, "%s\n", text_make_safe(raw, safe, sizeof safe));
}

bool mcp_flag(const struct mcp_call *call, const char *name, bool initial) {
    bool value = initial;

    json_get_bool(call->arguments, name, &value);
    return value;
}

uint64_t mcp_number(const struct mcp_call *call, const char *name) {
    uint64_t value = 0;

    json_get_number(call->arguments, name, 0, UINT64_MAX, &value);
    return value;
}

const char *mcp_text(const struct mcp_call *call, const char *name) {
    const char *value = NULL;

    json_get_string(call->arguments, name, &value);
    return value;
}

/* portd has made its texts safe; but what answers need not be as new as this portctl. Returns false if memory is short. */
static bool make_string_safe(cJSON *json) {
    const size_t size = strlen(json->valuestring) + 4;
    char *safe = malloc(size);
    bool done;

    if (safe == NULL)
        return false;
    text_make_safe(json->valuestring, safe, size);
    done = strcmp(safe, json->valuestring) == 0 || cJSON_SetValuestring(json, safe) != NULL;
    free(safe);
    return done;
}

/* The recursion is as deep as a document may be nested: json_parse() has seen to it. */
static bool make_safe(cJSON *json) { // NOLINT(misc-no-recursion)
    cJSON *item;

    if (cJSON_IsString(json))
        return make_string_safe(json);
    cJSON_ArrayForEach(item, json) {
        if (!make_safe(item))
            return false;
    }
    return true;
}

static void say_problem(struct mcp_answer *answer, const struct problem *problem) {
    mcp_say(answer, "%s", problem->detail);
    if (problem->hint[0] != '\0')
        mcp_say(answer, "What to do: %s", problem->hint);
    else if (problem->exit_code == EXIT_UNREACHABLE)
        mcp_say(answer, "What to do: tell the user; `portctl doctor` finds what is wrong with portd.");
    if (problem->exit_code == EXIT_UNREACHABLE)
        mcp_say(answer, "This server goes on running: as soon as portd is there, the same call works.");
}

static cJSON *make_result(const char *text, cJSON *structured, bool is_error) {
    cJSON *result = cJSON_CreateObject();
    cJSON *content = cJSON_AddArrayToObject(result, "content");
    cJSON *block = cJSON_CreateObject();

    cJSON_AddStringToObject(block, "type", "text");
    cJSON_AddStringToObject(block, "text", text);
    cJSON_AddItemToArray(content, block);
    if (structured != NULL)
        cJSON_AddItemToObject(result, "structuredContent", structured);
    cJSON_AddBoolToObject(result, "isError", is_error);
    return result;
}

/* A client of its own for each call: the servers are looked for anew, so that portd may come, go and come back elsewhere while
 * an agent works. The scope, too: a worktree may have changed its branch. */
static int carry_out(const struct mcp_tool *tool, const struct invocation *invocation, struct mcp_call *call,
                     struct mcp_answer *answer, struct problem *problem) {
    CLEANUP(client_close_at) struct client *client = NULL;
    struct invocation own = *invocation;
    int r = mcp_schema_check(tool->name, tool->arguments, call->arguments, problem);

    if (r == 0)
        r = client_open(&own.options, &client, problem);
    if (r != 0)
        return r;
    own.client = client;
    own.scope = (struct scope){0};
    own.options.global = own.options.global || mcp_flag(call, "global", false);
    if (!own.options.global)
        scope_find(&own.options, &own.scope);
    call->invocation = &own;
    r = tool->function(call, answer, problem);
    call->invocation = NULL;
    return r;
}

static void drop_last_newline(char *text) {
    const size_t length = strlen(text);

    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
}

cJSON *mcp_tool_call(const struct mcp_tool *tool, const struct invocation *invocation, const cJSON *arguments,
                     pid_t asker) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct mcp_call call = {.arguments = arguments, .asker = asker};
    struct mcp_answer answer = {0};
    cJSON *result = NULL;
    char *text = NULL;
    size_t length;
    bool failed;

    answer.lines = open_memstream(&text, &length);
    if (answer.lines == NULL)
        return NULL;
    failed = carry_out(tool, invocation, &call, &answer, &problem) != 0;
    if (failed) {
        cJSON_Delete(answer.structured);
        answer.structured = NULL;
        say_problem(&answer, &problem);
    }
    if (fclose(answer.lines) == 0 && text != NULL && make_safe(answer.structured)) {
        drop_last_newline(text);
        result = make_result(text, answer.structured, failed);
        answer.structured = NULL;
    }
    cJSON_Delete(answer.structured);
    free(text);
    return result;
}
