/* Writing answers: JSON documents into responses, and text from outside into JSON. */
#ifndef SRC_API_ANSWER_H
#define SRC_API_ANSWER_H

#include <cjson/cJSON.h>

#include "src/api/request.h"
#include "src/base/json_text.h"

/* Makes `response` 200 with this document. Consumes `json`; NULL (memory was short) makes it a 500. */
void answer_ok(struct api_response *response, cJSON *json);

/* The same with a document that is a text already, which is emptied. */
void answer_ok_text(struct api_response *response, struct json_text *text);

/* Writes the document into the response, whose status and content type are set. Consumes `json`. */
void answer_write(struct api_response *response, cJSON *json);

#endif
