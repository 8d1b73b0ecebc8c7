/*
 * The tools of `portctl mcp` as a table, and what a call of one is given and gives. None of them can stop a process: an agent
 * that found its port taken would use it on somebody else's work.
 *
 * An answer goes to a model, which takes text for what it is told: names and command lines are other programs' bytes, and each
 * line of an answer is made safe where it is written (mcp_say()), each string of a document before it is handed over.
 */
#ifndef CLI_MCP_TOOL_H
#define CLI_MCP_TOOL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "cli/command.h"
#include "cli/mcp_schema.h"

struct mcp_answer {
    FILE *lines; /* the sentences so far */
    cJSON *structured;
};

/* A call that has passed the check of its arguments. */
struct mcp_call {
    const struct invocation *invocation; /* with a client and a scope of its own */
    const cJSON *arguments;              /* NULL: none */
    pid_t asker;                         /* who started this server; 0: that says nothing any more */
};

struct mcp_tool {
    const char *name;
    const char *title;
    const char *description; /* for the model: when, what it gets, what then */
    const struct mcp_argument *arguments;
    const struct mcp_member *members; /* of the structured answer */
    bool reads_only;
    bool ends_something; /* destructive, in the protocol's word */
    bool may_be_repeated;
    /* Returns 0 with the answer filled, or PROBLEM_E_SET. */
    int (*function)(const struct mcp_call *call, struct mcp_answer *answer, struct problem *problem);
};

/* The table, as tools/list tells it. NULL: memory is short. */
cJSON *mcp_tools_describe(void);

/* NULL: there is none; *ret_near is the one that was probably meant, or NULL. */
const struct mcp_tool *mcp_tool_find(const char *name, const char **ret_near);

/* Does the call, and makes the result of tools/call, errors included. NULL: memory is short. */
cJSON *mcp_tool_call(const struct mcp_tool *tool, const struct invocation *invocation, const cJSON *arguments,
                     pid_t asker);

/* ---- for the tools ---- */

/* A line of the answer; made safe, and cut after a thousand bytes. */
void mcp_say(struct mcp_answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool mcp_flag(const struct mcp_call *call, const char *name, bool initial);
uint64_t mcp_number(const struct mcp_call *call, const char *name);  /* 0: not given */
const char *mcp_text(const struct mcp_call *call, const char *name); /* NULL: not given */

extern const struct mcp_tool mcp_tool_alloc;
extern const struct mcp_tool mcp_tool_conflicts;
extern const struct mcp_tool mcp_tool_list;
extern const struct mcp_tool mcp_tool_lookup;
extern const struct mcp_tool mcp_tool_release;
extern const struct mcp_tool mcp_tool_who;

/* What every tool takes. */
#define MCP_ARGUMENT_GLOBAL                                                                                            \
    {                                                                                                                  \
        .name = "global", .type = MCP_FLAG, .initial = "false",                                                        \
        .what = "true: beyond the project; a name means the same in every folder of this machine"                      \
    }

#endif
