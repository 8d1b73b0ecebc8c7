/*
 * Writing answers. cJSON's Add functions take NULL for any argument and then do nothing, so a document that could not be made
 * for want of memory needs no check until the end, where it becomes a 500.
 */
#include "src/api/answer.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"

static const char no_memory[] =
    "{\"type\":\"urn:portmanager:problem:internal\",\"title\":\"portd failed\",\"status\":500,"
    "\"detail\":\"portd is out of memory.\"}";

void answer_write(struct api_response *response, cJSON *json) {
    CLEANUP(json_free_at) cJSON *owned = json;
    char *text = owned != NULL ? cJSON_PrintUnformatted(owned) : NULL;

    if (text == NULL) {
        response->status = 500;
        response->content_type = "application/problem+json";
        text = strdup(no_memory);
    }
    response->body = text;
    response->body_length = text != NULL ? strlen(text) : 0;
}

void answer_ok(struct api_response *response, cJSON *json) {
    response->status = 200;
    response->content_type = "application/json";
    answer_write(response, json);
}
