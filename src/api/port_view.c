/* A port by the last reading, and as JSON. */
#include "src/api/port_view.h"

#include "src/api/finding_json.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"

struct port_view port_view_find(const struct api *api, uint16_t port) {
    struct port_view view = {.port = port, .snapshot = api_last_reading(api)};
    size_t first = 0;

    view.lease = registry_find_port(api->registry, port);
    view.n_sightings = snapshot_find_port(view.snapshot, port, &first);
    if (view.n_sightings > 0)
        view.sightings = &view.snapshot->items[first];
    view.findings = findings_of_port(api->findings, port, &view.n_findings);
    return view;
}

void port_view_add_to(cJSON *json, struct api *api, const struct api_caller *caller, const struct port_view *view) {
    cJSON *findings;

    if (view->lease != NULL)
        cJSON_AddItemToObject(json, "lease", lease_to_json(api, view->lease, caller));
    else
        cJSON_AddNullToObject(json, "lease");
    cJSON_AddItemToObject(json, "listeners", port_to_json(api, caller, view->snapshot, view->port));
    findings = cJSON_AddArrayToObject(json, "findings");
    for (size_t i = 0; i < view->n_findings; i++)
        cJSON_AddItemToArray(findings, finding_to_json(api, caller, &view->findings[i], view->snapshot));
}
