/*
 * The keys of portmanager.json. See project_keys.h.
 */
#include "cli/project_keys.h"

static const struct project_key document_keys[] = {
    {"services", "An object of services, each under its name",
     "What the project needs ports for, 64 services at most. A name is 1 to 118 bytes of UTF-8 without control "
     "characters and without an @, behind which the "
     "branch of a linked worktree stands."},
    {"env_file", "A file in the project's folder, such as \".env\"",
     "Where portctl up writes the variables. Only their own lines are changed; those that are missing are added at the "
     "end. Without it nothing is "
     "written."},
    {"$schema", "A text", "For editors. It is not looked at."},
};

static const struct project_key service_keys[] = {
    {"variables", "The name of a variable, or an array of 1 to 16 names",
     "The environment variables that tell the service's ports; each has a port of its own. Without it the service has "
     "one, whose variable is made of its "
     "name: WEB_PORT for web. No two services may have the same."},
    {"prefer", "A port, or an array of ports and nulls, one for each variable",
     "The port that the service gets if it can be had, else another. Once the service has had a port, that one goes "
     "first."},
    {"tags", "An array of 1 to 32 texts", "Words to remember with the leases."},
    {"ttl", "A time such as \"90s\", \"5m\", \"2h\" or \"1d\", or a number of seconds",
     "How long the leases live unless renewed; what listens renews them. Without it a day (with portctl run: 5 "
     "minutes, for there the program keeps "
     "them)."},
    {"command", "A text, or an array of texts: a program and its arguments",
     "What portctl run starts for the service where no program is given, in the project's folder. A text with anything "
     "of the shell's in it is run by "
     "/bin/sh. {PORT}, and any of the variables in braces, is replaced by the port."},
};

const struct project_key *project_keys(size_t *ret_n) {
    *ret_n = sizeof document_keys / sizeof document_keys[0];
    return document_keys;
}

const struct project_key *project_service_keys(size_t *ret_n) {
    *ret_n = sizeof service_keys / sizeof service_keys[0];
    return service_keys;
}

const char *project_example(void) {
    return "{\n"
           "  \"env_file\": \".env\",\n"
           "  \"services\": {\n"
           "    \"web\": {\n"
           "      \"variables\": [\"WEB_PORT\", \"HMR_PORT\"],\n"
           "      \"prefer\": [3000, null],\n"
           "      \"tags\": [\"dev\"],\n"
           "      \"command\": \"npm run dev -- --port {WEB_PORT}\"\n"
           "    },\n"
           "    \"db\": {\"variables\": \"DB_PORT\", \"prefer\": 5432, \"ttl\": \"7d\"},\n"
           "    \"worker\": {\"command\": [\"python3\", \"worker.py\"]}\n"
           "  }\n"
           "}\n";
}
