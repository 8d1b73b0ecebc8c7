/*
 * What a tool takes and what it answers, as data. One table is what a client is told (JSON Schema 2020-12) and what its
 * arguments are checked by.
 */
#ifndef CLI_MCP_SCHEMA_H
#define CLI_MCP_SCHEMA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/problem.h"

enum mcp_type {
    MCP_TEXT,   /* min and max: its bytes */
    MCP_NUMBER, /* a whole one; min and max: its value */
    MCP_FLAG,
    MCP_TEXTS, /* max: how many; min_each and max_each: the bytes of one */
    MCP_OBJECT,
    MCP_LIST,
};

struct mcp_argument {
    const char *name; /* NULL: the end of a table */
    enum mcp_type type;
    uint64_t min;
    uint64_t max;
    uint64_t min_each;
    uint64_t max_each;
    bool required;
    const char *initial; /* what counts without it, as JSON; NULL: nothing does */
    const char *what;    /* for the model */
};

struct mcp_member {
    const char *name; /* NULL: the end of a table */
    enum mcp_type type;
    bool nullable;
    const char *what; /* NULL: the name says it */
};

/* The schemas; NULL: memory is short. */
cJSON *mcp_schema_of_arguments(const struct mcp_argument *table);
cJSON *mcp_schema_of_members(const struct mcp_member *table);

/* Compares what a model has sent (NULL: nothing) with the table; a null counts as absent. The sentence is for the model, which
 * can try again. Returns 0 or PROBLEM_E_SET. */
int mcp_schema_check(const char *tool, const struct mcp_argument *table, const cJSON *arguments,
                     struct problem *problem);

#endif
