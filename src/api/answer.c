/*
 * Writing answers. cJSON's Add functions take NULL for any argument and then do nothing, so a document that could not be made
 * for want of memory needs no check until the end, where it becomes a 500.
 */
#include "src/api/answer.h"

#include <string.h>

static const char no_memory[] =
    "{\"type\":\"urn:portmanager:problem:internal\",\"title\":\"portd failed\",\"status\":500,"
    "\"detail\":\"portd is out of memory.\"}";

static void write_text(struct api_response *response, struct json_text *text) {
    size_t length = 0;
    char *bytes = json_text_take(text, &length);

    if (bytes == NULL) {
        response->status = 500;
        response->content_type = "application/problem+json";
        bytes = strdup(no_memory);
        length = bytes != NULL ? strlen(bytes) : 0;
    }
    response->body = bytes;
    response->body_length = length;
}

void answer_write(struct api_response *response, cJSON *json) {
    struct json_text text = {0};

    json_text_add(&text, json);
    write_text(response, &text);
}

void answer_ok_text(struct api_response *response, struct json_text *text) {
    response->status = 200;
    response->content_type = "application/json";
    write_text(response, text);
}

void answer_ok(struct api_response *response, cJSON *json) {
    response->status = 200;
    response->content_type = "application/json";
    answer_write(response, json);
}
