/*
 * JSON-RPC 2.0. See mcp_message.h.
 */
#include "cli/mcp_message.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

/* Above it, two numbers that differ could be one double: an answer would bear another's id. */
#define ID_MAX 9007199254740991.0

bool mcp_id_can_be_repeated(const cJSON *id) {
    if (cJSON_IsNumber(id))
        return trunc(id->valuedouble) == id->valuedouble && fabs(id->valuedouble) <= ID_MAX;
    return cJSON_IsString(id);
}

static bool malformed(struct mcp_message *message, enum mcp_error error, const char *fault) {
    message->kind = MCP_MALFORMED;
    message->error = error;
    message->fault = fault;
    return false;
}

static bool read_id(const cJSON *json, struct mcp_message *message) {
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(json, "id");

    message->kind = id != NULL ? MCP_REQUEST : MCP_NOTIFICATION;
    if (id == NULL)
        return true;
    if (!mcp_id_can_be_repeated(id))
        return malformed(message, MCP_INVALID_REQUEST, "id must be a string, or a whole number of at most 2^53 - 1");
    message->id = id;
    return true;
}

static bool read_params(const cJSON *json, struct mcp_message *message) {
    message->params = json_get(json, "params");
    if (message->params != NULL && !cJSON_IsObject(message->params))
        return malformed(message, MCP_INVALID_PARAMS, "params must be an object");
    return true;
}

void mcp_message_read(const cJSON *json, struct mcp_message *ret_message) {
    const char *version = "";
    const cJSON *method = cJSON_GetObjectItemCaseSensitive(json, "method");

    *ret_message = (struct mcp_message){0};
    if (!cJSON_IsObject(json)) {
        malformed(ret_message, MCP_INVALID_REQUEST, "a message must be an object");
        return;
    }
    if (!read_id(json, ret_message))
        return;
    json_get_string(json, "jsonrpc", &version);
    if (strcmp(version, "2.0") != 0)
        malformed(ret_message, MCP_INVALID_REQUEST, "jsonrpc must be \"2.0\"");
    else if (method == NULL && (cJSON_HasObjectItem(json, "result") || cJSON_HasObjectItem(json, "error")))
        ret_message->kind = MCP_RESPONSE;
    else if (method == NULL || !cJSON_IsString(method))
        malformed(ret_message, MCP_INVALID_REQUEST, "method must be a string");
    else if (read_params(json, ret_message))
        ret_message->method = method->valuestring;
}

/* cJSON writes a whole number as 1e+15 from there on; not every client takes that for the number it sent. */
static cJSON *copy_id(const cJSON *id) {
    char digits[32];

    if (id == NULL)
        return cJSON_CreateNull();
    if (cJSON_IsString(id))
        return cJSON_CreateString(id->valuestring);
    snprintf(digits, sizeof digits, "%.0f", id->valuedouble + 0.0);
    return cJSON_CreateRaw(digits);
}

/* A line, or in a batch an item of one. `body` is taken over. */
static void write_answer(struct mcp_writer *writer, const cJSON *id, const char *key, cJSON *body) {
    CLEANUP(json_free_at) cJSON *answer = cJSON_CreateObject();
    CLEANUP(json_free_text_at) char *text = NULL;

    cJSON_AddStringToObject(answer, "jsonrpc", "2.0");
    cJSON_AddItemToObject(answer, "id", copy_id(id));
    if (!cJSON_AddItemToObject(answer, key, body))
        cJSON_Delete(body);
    else
        text = cJSON_PrintUnformatted(answer);
    if (text == NULL) {
        writer->broken = true;
        return;
    }
    if (writer->in_batch)
        fputc(writer->n_in_batch++ == 0 ? '[' : ',', writer->stream);
    fputs(text, writer->stream);
    if (!writer->in_batch)
        fputc('\n', writer->stream);
    if (fflush(writer->stream) != 0)
        writer->broken = true;
}

void mcp_write_result(struct mcp_writer *writer, const cJSON *id, cJSON *result) {
    if (result == NULL)
        mcp_write_error(writer, id, MCP_INTERNAL_ERROR, "out of memory");
    else
        write_answer(writer, id, "result", result);
}

void mcp_write_error_data(struct mcp_writer *writer, const cJSON *id, enum mcp_error code, cJSON *data,
                          const char *sentence) {
    cJSON *error = cJSON_CreateObject();
    char safe[512];

    cJSON_AddNumberToObject(error, "code", code);
    cJSON_AddStringToObject(error, "message", text_make_safe(sentence, safe, sizeof safe));
    if (data != NULL)
        cJSON_AddItemToObject(error, "data", data);
    write_answer(writer, id, "error", error);
}

void mcp_write_error(struct mcp_writer *writer, const cJSON *id, enum mcp_error code, const char *format, ...) {
    char raw[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    mcp_write_error_data(writer, id, code, NULL, raw);
}

void mcp_write_batch_begin(struct mcp_writer *writer) {
    writer->in_batch = true;
    writer->n_in_batch = 0;
}

void mcp_write_batch_end(struct mcp_writer *writer) {
    writer->in_batch = false;
    if (writer->n_in_batch == 0)
        return;
    fputs("]\n", writer->stream);
    if (fflush(writer->stream) != 0)
        writer->broken = true;
}
