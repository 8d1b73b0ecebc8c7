/* Writing answers: JSON documents into responses, and text from outside into JSON. */
#ifndef SRC_API_ANSWER_H
#define SRC_API_ANSWER_H

#include <cjson/cJSON.h>

#include "src/api/request.h"

/* Makes `response` 200 with this document. Consumes `json`; NULL (memory was short) makes it a 500. */
void answer_ok(struct api_response *response, cJSON *json);

/* Writes the document into the response, whose status and content type are set. Consumes `json`. */
void answer_write(struct api_response *response, cJSON *json);

#endif
