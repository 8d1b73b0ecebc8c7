/*
 * The id of a message that is refused as a whole. Without it the client could not tell which of its requests the answer is
 * about, and would wait for the other one for ever.
 */
#ifndef CLI_MCP_ID_H
#define CLI_MCP_ID_H

#include <cjson/cJSON.h>
#include <stddef.h>

/*
 * Looks for the member "id" of the object that the line is, whatever else is wrong with it: nested too deep, a key twice, bytes
 * that are not UTF-8. Where its quotes and brackets do not match nothing is sure, and of two ids none is.
 * Returns what stands there, the caller's to free; NULL: there is none that is sure, or memory is short.
 */
cJSON *mcp_id_find(const char *line, size_t length);

#endif
