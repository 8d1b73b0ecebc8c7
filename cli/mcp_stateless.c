/*
 * The version of the protocol that has no sessions. See mcp_stateless.h.
 */
#include "cli/mcp_stateless.h"

#include <string.h>

#include "src/base/json.h"

#define META         "_meta"
#define VERSION      "io.modelcontextprotocol/protocolVersion"
#define CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define SERVER_INFO  "io.modelcontextprotocol/serverInfo"

/* The tools change with portctl's version alone, and a client may keep them beyond this process. */
#define FRESH_MS 300000

static const cJSON *read_meta(const struct mcp_message *message) {
    return json_get(message->params, META);
}

bool mcp_is_stateless(const struct mcp_message *message) {
    if (strcmp(message->method, "server/discover") == 0)
        return true;
    return strcmp(message->method, "initialize") != 0 && json_get(read_meta(message), VERSION) != NULL;
}

/* The versions that a request may name for itself: those that begin with initialize are not among them. */
static cJSON *list_versions(void) {
    static const char *const versions[] = {MCP_STATELESS_VERSION};

    return cJSON_CreateStringArray(versions, sizeof versions / sizeof versions[0]);
}

/* In a client's eyes this error, and no other, tells a server of this kind from one that wants initialize. */
static void refuse_version(struct mcp_writer *writer, const cJSON *id, const char *wanted) {
    cJSON *data = cJSON_CreateObject();

    cJSON_AddItemToObject(data, "supported", list_versions());
    cJSON_AddStringToObject(data, "requested", wanted);
    mcp_write_error_data(writer, id, MCP_UNSUPPORTED_VERSION, data,
                         "without initialize this server speaks " MCP_STATELESS_VERSION " alone");
}

/* The version comes first: what else there must be is each version's own. */
bool mcp_stateless_accept(struct mcp_writer *writer, const struct mcp_message *message) {
    const cJSON *meta = read_meta(message);
    const char *wanted = NULL;

    if (!json_get_string(meta, VERSION, &wanted)) {
        mcp_write_error(writer, message->id, MCP_INVALID_PARAMS, META " wants " VERSION ", a string");
        return false;
    }
    if (strcmp(wanted, MCP_STATELESS_VERSION) != 0) {
        refuse_version(writer, message->id, wanted);
        return false;
    }
    if (!cJSON_IsObject(json_get(meta, CAPABILITIES))) {
        mcp_write_error(writer, message->id, MCP_INVALID_PARAMS, META " wants " CAPABILITIES ", an object");
        return false;
    }
    return true;
}

cJSON *mcp_server_info(void) {
    cJSON *info = cJSON_CreateObject();

    cJSON_AddStringToObject(info, "name", "portctl");
    cJSON_AddStringToObject(info, "title", "PortManager");
    cJSON_AddStringToObject(info, "version", PM_VERSION);
    return info;
}

cJSON *mcp_stateless_complete(cJSON *result, bool cacheable) {
    if (result == NULL)
        return NULL;
    cJSON_AddStringToObject(result, "resultType", "complete");
    cJSON_AddItemToObject(cJSON_AddObjectToObject(result, META), SERVER_INFO, mcp_server_info());
    if (cacheable) {
        cJSON_AddNumberToObject(result, "ttlMs", FRESH_MS);
        cJSON_AddStringToObject(result, "cacheScope", "public");
    }
    return result;
}

cJSON *mcp_stateless_describe(const char *instructions) {
    cJSON *result = cJSON_CreateObject();

    cJSON_AddItemToObject(result, "supportedVersions", list_versions());
    cJSON_AddObjectToObject(cJSON_AddObjectToObject(result, "capabilities"), "tools");
    cJSON_AddStringToObject(result, "instructions", instructions);
    return result;
}
