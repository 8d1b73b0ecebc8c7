/* Writing answers: JSON documents into responses, and text from outside into JSON. */
#ifndef SRC_API_ANSWER_H
#define SRC_API_ANSWER_H

#include <cjson/cJSON.h>

#include "src/api/request.h"

/* Makes `response` 200 with this document. Consumes `json`; NULL (memory was short) makes it a 500. */
void answer_ok(struct api_response *response, cJSON *json);

/* Writes the document into the response, whose status and content type are set. Consumes `json`. */
void answer_write(struct api_response *response, cJSON *json);

/* Adds a string that may come from outside: bytes that are no UTF-8, and control characters, become '?', so that the
 * document is always JSON and can be shown anywhere. Cut at 1,023 bytes. */
void answer_add_text(cJSON *object, const char *key, const char *text);

/* The same; NULL adds null. */
void answer_add_text_or_null(cJSON *object, const char *key, const char *text);

/* Adds a time as the API writes it; of milliseconds since 1970. */
void answer_add_time(cJSON *object, const char *key, int64_t unix_ms);

/* Adds null if `present` is false. */
void answer_add_number_or_null(cJSON *object, const char *key, bool present, double number);

#endif
