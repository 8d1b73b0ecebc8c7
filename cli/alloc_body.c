/*
 * Members of the body of /alloc. See alloc_body.h.
 */
#include "cli/alloc_body.h"

bool alloc_body_add_prefer(cJSON *body, const uint16_t *ports, size_t n_ports) {
    cJSON *prefer;

    if (n_ports == 0)
        return true;
    prefer = cJSON_AddArrayToObject(body, "prefer");
    for (size_t i = 0; i < n_ports; i++)
        if (!cJSON_AddItemToArray(prefer, ports[i] != 0 ? cJSON_CreateNumber(ports[i]) : cJSON_CreateNull()))
            return false;
    return cJSON_AddTrueToObject(body, "sticky_first") != NULL;
}

bool alloc_body_add_tags(cJSON *body, const char *const *tags, size_t n_tags) {
    cJSON *array;

    if (n_tags == 0)
        return true;
    array = cJSON_CreateStringArray(tags, (int)n_tags);
    if (cJSON_AddItemToObject(body, "tags", array))
        return true;
    cJSON_Delete(array);
    return false;
}
