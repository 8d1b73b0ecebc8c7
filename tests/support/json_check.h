/* Looking into JSON documents that a test has received, by paths: "lease.port", "listeners[0].uid". */
#ifndef TESTS_SUPPORT_JSON_CHECK_H
#define TESTS_SUPPORT_JSON_CHECK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* What is there, null included; NULL if nothing is. Borrowed. */
const cJSON *json_at(const cJSON *json, const char *path);

/* These end the test if something else is there. */
uint64_t json_number_at(const cJSON *json, const char *path);
const char *json_text_at(const cJSON *json, const char *path);
bool json_bool_at(const cJSON *json, const char *path);
int json_size_at(const cJSON *json, const char *path);

bool json_is_null_at(const cJSON *json, const char *path);

/* True if the object has these members and no others: "port lease tags". */
bool json_has_exactly(const cJSON *object, const char *keys);

#endif
