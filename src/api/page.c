/*
 * A page for a person, without a script: the leases as the kernel sees them now, read again every five seconds. What comes
 * from outside (names, tags) is escaped character by character; the Content-Security-Policy would stop the rest.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/lease_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/base/text.h"

static const char head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>PortManager</title>"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"5\">"
    "<link rel=\"stylesheet\" href=\"/page.css\"></head><body><h1>PortManager</h1>";

static const char first_run[] = "<p>Nothing is leased yet. Try one of these:</p>"
                                "<pre>portctl alloc my-api\nportctl run web -- npm start\nportctl list</pre>";

static const char table_head[] = "<table><thead><tr><th>State<th>Port<th>Service<th>User<th>Kept by<th>Time left</tr>"
                                 "</thead><tbody>";

static const char style[] =
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;"
    "padding:0 1rem}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #8884}"
    "td{overflow-wrap:anywhere}pre{padding:.75rem;border:1px solid #8884}";

static void write_escaped(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static const char *state_words(const struct lease *lease) {
    static const char *const words[] = {
        [LEASE_PENDING] = "○ waiting",
        [LEASE_BOUND] = "● in use",
        [LEASE_ELSEWHERE] = "↷ in use, but on another port",
        [LEASE_CONFLICT] = "✕ squatted",
        [LEASE_SILENT] = "◌ stopped",
    };
    return words[lease_state(lease)];
}

static void write_lease(FILE *out, struct api *api, const struct lease *lease, uint64_t now_ms) {
    char user[LEASE_WHO_MAX];
    char left[TEXT_DURATION_MAX] = "—";

    user_to_words(api, lease->uid, user);
    if (lease_keeper(lease) == LEASE_KEPT_BY_TTL)
        text_format_duration(lease->deadline > now_ms ? (lease->deadline - now_ms) / 1000 : 0, left);
    fprintf(out, "<tr><td>%s<td>%" PRIu16 "<td>", state_words(lease), lease->port);
    write_escaped(out, lease->service_name);
    fputs("<td>", out);
    write_escaped(out, user);
    fprintf(out, "<td>%s<td>%s</tr>", lease_keeper_name(lease_keeper(lease)), left);
}

static void write_page(FILE *out, struct api *api) {
    uint64_t now_ms = clock_read(&api->clock).monotonic_ms;
    size_t n_leases;
    struct lease *const *leases = registry_leases(api->registry, &n_leases);

    fprintf(out, "%s<p>%zu leases; ports %" PRIu16 " to %" PRIu16 " are managed.</p>%s", head, n_leases,
            api->rules->min, api->rules->max, n_leases == 0 ? first_run : table_head);
    for (size_t i = 0; i < n_leases; i++)
        write_lease(out, api, leases[i], now_ms);
    fputs(n_leases == 0 ? "</body></html>" : "</tbody></table></body></html>", out);
}

void route_page(struct api *api, const struct api_request *request, const struct query *query,
                struct api_response *response) {
    FILE *out = open_memstream(&response->body, &response->body_length);

    (void)request;
    (void)query;
    if (out == NULL) {
        problem_set(response, PROBLEM_INTERNAL, NULL, "portd is out of memory.");
        return;
    }
    registry_observe(api->registry, 0, NULL);
    write_page(out, api);
    fclose(out);
    response->status = 200;
    response->content_type = "text/html; charset=utf-8";
}

void route_style(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response) {
    (void)api;
    (void)request;
    (void)query;
    response->body = strdup(style);
    response->body_length = response->body != NULL ? strlen(style) : 0;
    response->status = 200;
    response->content_type = "text/css; charset=utf-8";
}
