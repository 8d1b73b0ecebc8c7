"""docs/openapi.yaml, held against the code and against answers of a running portd.

    openapi.py table DOCUMENT            standard input has the route table and the problems of the code, as JSON
    openapi.py answers DOCUMENT FILE...  each FILE has answers of portd, one JSON object a line

Says what is wrong and exits with 1. Needs python3-jsonschema and python3-yaml.
"""

import copy
import functools
import json
import re
import sys

import jsonschema
import yaml

SCHEMAS = "#/components/schemas/"
METHODS = ("get", "post", "put", "patch", "delete")


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.tree = yaml.safe_load(file)
        self.schemas = self.tree["components"]["schemas"]
        self.resolver = jsonschema.RefResolver.from_schema(self.tree)

    def at(self, reference):
        """What "#/components/schemas/Lease" names."""
        node = self.tree
        for step in reference.removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/")]
        return node

    def follow(self, node):
        return self.at(node["$ref"]) if "$ref" in node else node

    def operations(self):
        for path, item in self.tree["paths"].items():
            for method, operation in item.items():
                if method in METHODS:
                    yield method.upper(), path, operation

    def parameters(self, operation, place):
        parameters = [self.follow(node) for node in operation.get("parameters", [])]
        return [parameter["name"] for parameter in parameters if parameter["in"] == place]

    def responses(self, operation):
        return {int(status): self.follow(node) for status, node in operation["responses"].items()}

    @functools.cache
    def validator(self, key):
        schema = {"$ref": SCHEMAS + key} if isinstance(key, str) else json.loads(key[0])
        return jsonschema.Draft202012Validator(schema, resolver=self.resolver)

    def wrong(self, schema, value):
        """The first thing that is wrong with the value, in words; None: nothing."""
        key = schema if isinstance(schema, str) else (json.dumps(schema),)
        error = jsonschema.exceptions.best_match(self.validator(key).iter_errors(value))
        return None if error is None else f"{error.json_path}: {error.message[:300]}"


# ---- the document itself, and the code's table


def nodes(node, where="#"):
    """Every object of the document, and where it is."""
    if isinstance(node, dict):
        yield where, node
        for key, value in node.items():
            yield from nodes(value, f"{where}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, f"{where}/{index}")


def check_references(document):
    used = set()
    for where, node in nodes(document.tree):
        if "$ref" not in node:
            continue
        used.add(node["$ref"])
        try:
            document.at(node["$ref"])
        except KeyError:
            yield f"{where}: there is no {node['$ref']}"
    for kind, named in document.tree["components"].items():
        for name in named:
            if f"#/components/{kind}/{name}" not in used and name not in ("Event",):
                yield f"nothing refers to {kind}/{name}"


def check_schemas(document):
    for name, schema in document.schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if schema.get("type") != "object":
            continue
        if schema.get("additionalProperties") is not False:
            yield f"{name} lets additional properties pass"
        for key in schema.get("required", []):
            if key not in schema["properties"]:
                yield f"{name} requires {key}, which it does not have"
        optional = set(schema["properties"]) - set(schema.get("required", []))
        if optional and name != "Problem" and not name.endswith("Request"):
            yield f"{name} is an answer's, and yet these may be missing: {' '.join(sorted(optional))}"


def is_of_type_only(schema):
    return "$ref" in schema and schema["$ref"] == SCHEMAS + "Problem" and set(schema["properties"]) == {"type"}


def check_problem_responses(document):
    for method, path, operation in document.operations():
        for status, response in document.responses(operation).items():
            if status < 400:
                continue
            content = response["content"]
            if list(content) != ["application/problem+json"] or not is_of_type_only(content["application/problem+json"]["schema"]):
                yield f"{method} {path}, {status}: not a Problem of certain types"


def check_routes(document, routes):
    told = {(method, path): operation for method, path, operation in document.operations()}
    for route in routes:
        name = (route["method"], route["path"])
        operation = told.pop(name, None)
        if operation is None:
            yield "{} {} is not in the document".format(*name)
            continue
        parameters = document.parameters(operation, "query")
        if sorted(parameters) != sorted(route["parameters"]):
            yield "{} {}: the document has the query parameters {}, the code {}".format(*name, sorted(parameters), sorted(route["parameters"]))
        if operation["summary"] != route["summary"]:
            yield "{} {}: the document's summary is {!r}, the code's {!r}".format(*name, operation["summary"], route["summary"])
        for key in ("for_anyone", "any_parameters"):
            if operation.get("x-" + key.replace("_", "-"), False) != route[key]:
                yield "{} {}: {} is {} in the code".format(*name, key, route[key])
        if (route["method"] == "POST") != ("requestBody" in operation):
            yield "{} {}: a POST has a body, and nothing else has".format(*name)
        in_path = re.findall(r"{(\w+)}", route["path"])
        if document.parameters(operation, "path") != in_path:
            yield "{} {}: its path has the parameters {}".format(*name, in_path)
    for name in told:
        yield "{} {} is not in the code".format(*name)


def statuses_of_problems(document):
    """The status that the schema Problem ties each type to."""
    statuses = {}
    for rule in document.schemas["Problem"]["allOf"]:
        status = rule.get("then", {}).get("properties", {}).get("status")
        kind = rule["if"]["properties"]["type"]
        for name in kind.get("enum", [kind.get("const")]) if status else []:
            statuses[name] = status["const"]
    return statuses


def check_problems(document, problems):
    statuses = statuses_of_problems(document)
    told = set(document.schemas["ProblemType"]["enum"])
    code = {"urn:portmanager:problem:" + problem["name"]: problem["status"] for problem in problems}
    for name in sorted(told ^ set(code)):
        yield f"{name} is not in the {'code' if name in told else 'document'}"
    for name, status in code.items():
        if name in told and statuses.get(name) != status:
            yield f"{name}: the status is {statuses.get(name)} in the document, {status} in the code"
    named = set()
    for method, path, operation in document.operations():
        for status, response in document.responses(operation).items():
            for kind in response["content"]["application/problem+json"]["schema"]["properties"]["type"]["enum"] if status >= 400 else []:
                named.add(kind)
                if code.get(kind) != status:
                    yield f"{method} {path}: {kind} has not the status {status}"
    # What is said when there is no operation.
    for name in sorted(told - named - {"urn:portmanager:problem:no-such-path", "urn:portmanager:problem:method-not-allowed"}):
        yield f"{name} is of no call"


def table(document, text):
    code = json.loads(text)
    yield from check_references(document)
    yield from check_schemas(document)
    yield from check_problem_responses(document)
    yield from check_routes(document, code["routes"])
    yield from check_problems(document, code["problems"])


# ---- answers


def match(document, method, path):
    """The operation that a request was to, and its path in the document."""
    for known, template, operation in document.operations():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if known == method and re.fullmatch(pattern, path):
            return template, operation
    return None, None


def schema_of_event(document, answer):
    _, operation = match(document, "GET", answer["target"].partition("?")[0])
    named = operation["responses"]["200"]["x-events"].get(answer["event"])
    if named is None and answer["body"].get("kind") != answer["event"]:
        return None, f"the event {answer['event']} has the kind {answer['body'].get('kind')}"
    return named or {"$ref": SCHEMAS + "Event"}, None


def schema_of_answer(document, answer):
    """The schema that the document has for the answer, or what is wrong with it already."""
    if "event" in answer:
        return schema_of_event(document, answer)
    template, operation = match(document, answer["method"], answer["target"].partition("?")[0])
    if operation is None:
        return {"$ref": SCHEMAS + "Problem", "properties": {"status": {"enum": [404, 405]}}}, None
    response = document.responses(operation).get(answer["status"])
    if response is None:
        return None, f"{template} has no answer with the status {answer['status']}"
    if "content" not in response:
        return None, None if answer["body"] is None else "there is a body"
    media = response["content"].get(answer["type"])
    if media is None:
        return None, f"{template} has no {answer['type']} with the status {answer['status']}"
    for name, header in response.get("headers", {}).items():
        if document.follow(header).get("required") and name not in answer["headers"]:
            return None, f"the header {name} is missing"
    return media["schema"], None


# What a test on one machine does not meet; all else must be among the answers. "Type.member: value".
UNSEEN = re.compile(
    r"""Container\.runtime:.(podman|containerd|cri-o|lxc|nspawn)
    | Container\.id:.string | Container\.address:.null
    | Evidence\.by:.(recognised|older|session|cgroup|asker|environment|holders-uid)
    | Hidden\.reason:.(not-yet|not-dumpable|hidepid|elsewhere|too-many)
    | Listener\.state:.(connected|time-wait|orphan)
    | Listener\.(uid|since|cgroup_id|cgroup):.null | Owner\.(cgroup|pidfd_inode):.null | (Listener|Owner)\.unit:.(string|null)
    | Owner\.pidfd_inode:.integer | (Caller|Portd|LeaseEvent|ListenerEvent|FindingEvent)\.user:.(string|null)
    | (FindingEvent|ListenerEvent)\.(address|inode|pid|process):.null | FindingEvent\.(pid|process):.null | (LeaseEvent|ListenerEvent|FindingEvent)\.reason:.(null|string)
    | ClaimAnswer\.lease:.null | DisownAnswer\.lease:.null | StopAnswer\.process:.null
    | Status\.socket:.null | StreamBegin\.note:.string
    | ProblemType:.urn:portmanager:problem:(unknown-caller|too-many-unread|internal)
    | Signal:.(INT|HUP|QUIT|USR1|USR2|STOP)
    """,
    re.VERBOSE,
)


def branches(schema):
    """A schema's alternatives."""
    return schema["oneOf"] if "oneOf" in schema else [schema]


def possible(name, schema):
    """What a coverage of the schema would have seen of it: members, values of enumerations, null beside anything else."""
    if "enum" in schema:
        return {f"{name}: {'null' if value is None else value}" for value in schema["enum"]}
    kinds = set()
    for branch in branches(schema):
        if "enum" in branch:
            kinds |= possible(name, branch)
        else:
            kind = branch.get("type", "reference")
            kinds |= {f"{name}: {one}" for one in (kind if isinstance(kind, list) else [kind])}
    return kinds if len(kinds) > 1 else set()


def word_of(document, schema, value):
    """The alternative that a value is of, as possible() calls it."""
    if value is None:
        return "null"
    if any("enum" in branch for branch in branches(schema)):
        return value
    if any("$ref" in branch for branch in branches(schema)):
        return "reference"
    return {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}[type(value)]


def walk(document, schema, value):
    """Each object or value of a named schema that is in the value: (its name, itself)."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMAS)
        yield name, value
        yield from walk(document, document.schemas[name], value)
        return
    if "oneOf" in schema and value is not None:
        branches = [branch for branch in schema["oneOf"] if branch.get("type") != "null"]
        for branch in branches:
            if len(branches) == 1 or document.wrong(branch, value) is None:
                yield from walk(document, branch, value)
    if isinstance(value, dict):
        for key, member in schema.get("properties", {}).items():
            if key in value and isinstance(member, dict):
                yield from walk(document, member, value[key])
    if isinstance(value, list) and "items" in schema:
        for item in value:
            yield from walk(document, schema["items"], item)


def look(document, answer):
    """What is wrong with an answer, in words, or None; and the named things in it."""
    schema, wrong = schema_of_answer(document, answer)
    if wrong is None and schema is not None:
        wrong = document.wrong(schema, answer["body"])
    return wrong, list(walk(document, schema, answer["body"])) if wrong is None and schema is not None else []


def seen_in(document, name, value):
    schema = document.schemas[name]
    if "enum" in schema:
        return {f"{name}: {value}"}
    if schema.get("type") != "object":
        return set()
    words = {f"{name}.{key}: {word_of(document, member, value[key])}" for key, member in schema["properties"].items() if key in value}
    return words | {f"{name}.{key}" for key in value}


def wanted(document):
    """All that a test can meet: every operation and event, every schema of an answer with every member, and what these can be."""
    for method, path, operation in document.operations():
        yield f"{method} {path}: {min(document.responses(operation))}"
        for event in operation["responses"]["200"].get("x-events", {}):
            yield f"event {event}"
    for name, schema in document.schemas.items():
        if name.endswith("Request"):
            continue
        if "enum" in schema:
            yield from possible(name, schema)
        for key, member in schema.get("properties", {}).items():
            yield f"{name}.{key}"
            yield from possible(f"{name}.{key}", member)


# Of each type what is of another. Whole numbers are what all numbers are here.
STRANGERS = {
    str: [7, None, ["x"], {"stranger": 1}],
    bool: ["true", 1, None],
    int: ["7", 0.5, -1, None, [1]],
    float: ["7", 0.5, -1, None],
    list: [{}, "x", None, [{"stranger": 1}], [None], [0.5]],
    dict: [[], {}, "x", {"stranger": 1}],
    type(None): [["x"], {"stranger": 1}, 0.5, True],
}


def mutations(schema, value):
    """The object with a member dropped, added or mistyped: (what was done, the object). None of them may pass."""
    yield "with a member that is not known", {**value, "stranger": 1}
    for key in value:
        if key in schema.get("required", []):
            yield f"without {key}", {other: value[other] for other in value if other != key}
        for stranger in STRANGERS[type(value[key])]:
            if stranger is None and is_nullable(schema["properties"][key]):
                continue
            changed = copy.copy(value)
            changed[key] = stranger
            yield f"with {key} {json.dumps(stranger)}", changed


def is_nullable(schema):
    return any(branch.get("type") == "null" or "null" in branch.get("type", []) or None in branch.get("enum", []) for branch in branches(schema))


def shape(value):
    """What makes two objects the same to mutations()."""
    return tuple(sorted((key, type(member).__name__) for key, member in value.items()))


def check_strictness(document, things):
    done = set()
    n_mutations = 0
    for name, value in things:
        if not isinstance(value, dict) or "properties" not in document.schemas[name] or (name, shape(value)) in done:
            continue
        done.add((name, shape(value)))
        for what, changed in mutations(document.schemas[name], value):
            n_mutations += 1
            if document.wrong(name, changed) is None:
                yield f"too lax: a {name} {what} passes"
    print(f"{n_mutations} mutations of {len(done)} objects")


def name_of(document, answer):
    template, _ = match(document, answer["method"], answer["target"].partition("?")[0])
    return f"{answer['method']} {template or answer['target']}: {answer.get('status', 200)}"


def read_answers(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def answers(document, paths):
    things = []
    seen = set()
    complaints = {}
    n_answers = 0
    for answer in read_answers(paths):
        n_answers += 1
        name = name_of(document, answer)
        wrong, found = look(document, answer)
        if wrong is not None:
            # What is wrong in the same way is told once.
            where = f"{name} {answer.get('event', '')}".rstrip()
            complaints.setdefault(f"{where}, {re.sub('[0-9]+', 'N', wrong[:120])}", f"{where}: {wrong}")
        seen |= {name, f"event {answer.get('event')}"}
        for name, value in found:
            seen |= seen_in(document, name, value)
        things += found
    print(f"{n_answers} answers, {len(things)} named things in them")
    yield from complaints.values()
    for missing in sorted(set(wanted(document)) - seen):
        if not UNSEEN.fullmatch(missing):
            yield f"no answer has shown this: {missing}"
    yield from check_strictness(document, things)


def main():
    command, path, *files = sys.argv[1:]
    document = Document(path)
    wrong = list(table(document, sys.stdin.read()) if command == "table" else answers(document, files))
    for line in wrong[:40]:
        print(line)
    if len(wrong) > 40:
        print(f"... and {len(wrong) - 40} more")
    sys.exit(1 if wrong else 0)


main()
