/*
 * Writing answers. cJSON's Add functions take NULL for any argument and then do nothing, so a document that could not be made
 * for want of memory needs no check until the end, where it becomes a 500.
 */
#include "src/api/answer.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

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

void answer_add_text(cJSON *object, const char *key, const char *text) {
    char safe[1024];

    cJSON_AddStringToObject(object, key, text_make_safe(text, safe, sizeof safe));
}

void answer_add_text_or_null(cJSON *object, const char *key, const char *text) {
    if (text != NULL)
        answer_add_text(object, key, text);
    else
        cJSON_AddNullToObject(object, key);
}

void answer_add_time(cJSON *object, const char *key, int64_t unix_ms) {
    char text[TEXT_TIME_MAX];

    text_format_time(unix_ms, text);
    cJSON_AddStringToObject(object, key, text);
}

void answer_add_number_or_null(cJSON *object, const char *key, bool present, double number) {
    if (present)
        cJSON_AddNumberToObject(object, key, number);
    else
        cJSON_AddNullToObject(object, key);
}
