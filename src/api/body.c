/* Reading a request's body, member by member. */
#include "src/api/body.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/api/answer.h"
#include "src/api/problem.h"
#include "src/base/text.h"

bool body_ok(const struct body *body) {
    return !body->failed;
}

void body_deinit(struct body *body) {
    cJSON_Delete(body->owned);
    body->owned = NULL;
    body->json = NULL;
}

static void finish(struct body *body, cJSON *problem) {
    problem_finish(body->response, problem);
    body->failed = true;
}

static void refuse_malformed(struct body *body, const struct json_error *error) {
    cJSON *problem =
        problem_begin(body->response, PROBLEM_MALFORMED_JSON,
                      "The body is not JSON that is taken here: %s, at byte %zu.", error->reason, error->offset);
    cJSON_AddNumberToObject(problem, "offset", (double)error->offset);
    finish(body, problem);
}

static void refuse_unknown(struct body *body, const char *key, const char *const *keys, size_t n_keys) {
    const char *nearest = text_nearest(key, keys, n_keys);
    cJSON *problem;

    if (nearest != NULL)
        problem =
            problem_begin(body->response, PROBLEM_UNKNOWN_KEY,
                          "The body has a key that is not known here, \"%s\". Did you mean \"%s\"?", key, nearest);
    else
        problem = problem_begin(body->response, PROBLEM_UNKNOWN_KEY,
                                "The body has a key that is not known here, \"%s\".", key);
    json_add_text(problem, "key", key);
    if (nearest != NULL)
        json_add_text(problem, "nearest", nearest);
    finish(body, problem);
}

static bool is_one_of(const char *key, const char *const *keys, size_t n_keys) {
    for (size_t i = 0; i < n_keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

/* An object, with no other keys than these? */
static void check_object(struct body *body, const char *what, const char *const *keys, size_t n_keys) {
    const cJSON *member;

    if (!cJSON_IsObject(body->json)) {
        finish(body, problem_begin(body->response, PROBLEM_INVALID_VALUE, "%s must be a JSON object, not %s.", what,
                                   json_type_name(body->json)));
        return;
    }
    cJSON_ArrayForEach(member, body->json) {
        if (is_one_of(member->string, keys, n_keys))
            continue;
        refuse_unknown(body, member->string, keys, n_keys);
        return;
    }
}

void body_init(struct body *body, const struct api_request *request, const char *const *keys, size_t n_keys,
               struct api_response *response) {
    struct json_error error = {0};
    int r;

    *body = (struct body){.response = response};
    r = json_parse(request->body, request->body_length, &body->owned, &error);
    if (r < 0) {
        finish(body, problem_begin(response, PROBLEM_INTERNAL, "portd is out of memory."));
        return;
    }
    if (r != 0) {
        refuse_malformed(body, &error);
        return;
    }
    body->json = body->owned;
    check_object(body, "The body", keys, n_keys);
}

void body_init_inner(struct body *body, const cJSON *json, const char *const *keys, size_t n_keys,
                     struct api_response *response) {
    *body = (struct body){.response = response, .json = json};
    check_object(body, "Each member", keys, n_keys);
}
void body_refuse(struct body *body, const char *key, const char *rule) {
    cJSON *problem;

    if (body->failed)
        return;
    problem = problem_begin(body->response, PROBLEM_INVALID_VALUE, "\"%s\" %s.", key, rule);
    json_add_text(problem, "key", key);
    finish(body, problem);
}

/* NULL if the member is absent, or if something was wrong before. */
static const cJSON *get(const struct body *body, const char *key) {
    return body->failed ? NULL : json_get(body->json, key);
}

static void refuse_type(struct body *body, const char *key, const char *wanted, const cJSON *item) {
    char rule[160];

    snprintf(rule, sizeof rule, "must be %s, not %s", wanted, json_type_name(item));
    body_refuse(body, key, rule);
}

bool body_text(struct body *body, const char *key, const char *(*check)(const char *text), const char **ret_text) {
    const cJSON *item = get(body, key);
    const char *rule;

    if (item == NULL)
        return false;
    if (!cJSON_IsString(item)) {
        refuse_type(body, key, "a string", item);
        return false;
    }
    rule = check(item->valuestring);
    if (rule != NULL) {
        body_refuse(body, key, rule);
        return false;
    }
    *ret_text = item->valuestring;
    return true;
}

bool body_number(struct body *body, const char *key, uint64_t min, uint64_t max, uint64_t *ret_number) {
    const cJSON *item = get(body, key);
    char rule[128];

    if (item == NULL)
        return false;
    if (json_is_whole(item, min, max, ret_number))
        return true;
    snprintf(rule, sizeof rule, "a whole number from %" PRIu64 " to %" PRIu64, min, max);
    if (!cJSON_IsNumber(item)) {
        refuse_type(body, key, rule, item);
        return false;
    }
    snprintf(rule, sizeof rule, "must be a whole number from %" PRIu64 " to %" PRIu64, min, max);
    body_refuse(body, key, rule);
    return false;
}

bool body_need_number(struct body *body, const char *key, uint64_t min, uint64_t max, uint64_t *ret_number) {
    if (body_number(body, key, min, max, ret_number))
        return true;
    if (!body->failed)
        finish(body, problem_begin(body->response, PROBLEM_MISSING_KEY, "The body needs a \"%s\".", key));
    return false;
}

bool body_flag(struct body *body, const char *key, bool *ret_flag) {
    const cJSON *item = get(body, key);

    if (item == NULL)
        return false;
    if (!cJSON_IsBool(item)) {
        refuse_type(body, key, "true or false", item);
        return false;
    }
    *ret_flag = cJSON_IsTrue(item);
    return true;
}

/* NULL if the element is a port or null, else what is wrong with it, in `rule`. */
static const char *check_port(const cJSON *item, size_t at, uint16_t *ret_port, char *rule, size_t size) {
    uint64_t number = 0;

    if (!cJSON_IsNull(item) && !json_is_whole(item, 1, 65535, &number)) {
        if (cJSON_IsNumber(item))
            snprintf(rule, size, "must have whole numbers from 1 to 65535; element %zu is none", at);
        else
            snprintf(rule, size, "must be an array of ports; element %zu is %s", at, json_type_name(item));
        return rule;
    }
    *ret_port = (uint16_t)number;
    return NULL;
}

bool body_ports(struct body *body, const char *key, size_t max, uint16_t *ret_ports) {
    const cJSON *array = get(body, key);
    const cJSON *item;
    size_t n_ports = 0;
    uint64_t number = 0;
    char rule[160];

    if (!cJSON_IsArray(array)) {
        if (!body_number(body, key, 1, 65535, &number))
            return false;
        ret_ports[0] = (uint16_t)number;
        return true;
    }
    cJSON_ArrayForEach(item, array) {
        const char *wrong = NULL;

        if (n_ports == max) {
            snprintf(rule, sizeof rule, "must have at most %zu ports, one for each that is asked for", max);
            wrong = rule;
        } else {
            wrong = check_port(item, n_ports, &ret_ports[n_ports], rule, sizeof rule);
        }
        if (wrong != NULL) {
            body_refuse(body, key, wrong);
            return false;
        }
        n_ports++;
    }
    return true;
}

const cJSON *body_need_array(struct body *body, const char *key, size_t min, size_t max) {
    const cJSON *array = get(body, key);
    char rule[96];
    size_t n_items;

    if (array == NULL) {
        if (!body->failed)
            finish(body, problem_begin(body->response, PROBLEM_MISSING_KEY, "The body needs a \"%s\".", key));
        return NULL;
    }
    if (!cJSON_IsArray(array)) {
        refuse_type(body, key, "an array", array);
        return NULL;
    }
    n_items = (size_t)cJSON_GetArraySize(array);
    if (n_items >= min && n_items <= max)
        return array;
    snprintf(rule, sizeof rule, "must have %zu to %zu members, not %zu", min, max, n_items);
    body_refuse(body, key, rule);
    return NULL;
}

bool body_texts(struct body *body, const char *key, size_t max, const char *(*check)(const char *text),
                const char **ret_texts, size_t *ret_n_texts) {
    const cJSON *array = get(body, key);
    const cJSON *item;
    size_t n_texts = 0;
    char rule[160];

    if (array == NULL)
        return false;
    if (!cJSON_IsArray(array)) {
        refuse_type(body, key, "an array of strings", array);
        return false;
    }
    cJSON_ArrayForEach(item, array) {
        const char *wrong = NULL;

        if (n_texts == max) {
            snprintf(rule, sizeof rule, "must have at most %zu strings", max);
            wrong = rule;
        } else if (!cJSON_IsString(item)) {
            snprintf(rule, sizeof rule, "must be an array of strings; element %zu is %s", n_texts,
                     json_type_name(item));
            wrong = rule;
        } else if (check(item->valuestring) != NULL) {
            snprintf(rule, sizeof rule, "has an element, number %zu, that %s", n_texts, check(item->valuestring));
            wrong = rule;
        }
        if (wrong != NULL) {
            body_refuse(body, key, wrong);
            return false;
        }
        ret_texts[n_texts++] = item->valuestring;
    }
    *ret_n_texts = n_texts;
    return true;
}
