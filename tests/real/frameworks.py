#!/usr/bin/env python3
"""What portctl run says of real frameworks, as they are published, and whether its advice works.

Started by ./dev real, which installs them and makes the network and pid namespace that this runs in. Each case of cases.py is run

  plain         as a person would: it takes its port from PORT, and nothing is said; or it listens elsewhere, and that is said once, within 3 s;
  without PORT  if it took it: once more behind `env -u PORT`, so that there is something to say;
  with hint     by the line of the hint, copied: it serves on its leased port, and nothing is said.

Prints a row for each. Exits with 1 if one of them is not as it should be."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from cases import CASES

ROOT = pathlib.Path(__file__).resolve().parents[2]
REAL = ROOT / "build/real"
BIN = ROOT / "build/bin"

PROMISE_S = 3.0
START_S = 120  # a framework that listens nowhere by then is broken, or this machine is
NOBODY = 65534

ENVIRONMENT = {
    "PATH": f"{BIN}:{REAL}/venv/bin:{REAL}/node_modules/.bin:{REAL}/apart/node_modules/.bin:"
            f"{os.environ['PATH']}:/usr/sbin:/sbin",
    "LANG": "C.UTF-8", "TERM": "dumb", "PM_SOCKET": "/tmp/pm-real/portd.sock",
    # Nobody is told that we are here, and nothing asks questions.
    "ASTRO_TELEMETRY_DISABLED": "1", "NEXT_TELEMETRY_DISABLED": "1", "NUXT_TELEMETRY_DISABLED": "1",
    "STORYBOOK_DISABLE_TELEMETRY": "1", "STORYBOOK_DISABLE_VERSION_CHECK": "1", "WRANGLER_SEND_METRICS": "false",
    "NG_CLI_ANALYTICS": "false", "DO_NOT_TRACK": "1", "NO_UPDATE_NOTIFIER": "1", "NO_UPDATE_CHECK": "1", "BROWSER": "none",
    "npm_config_update_notifier": "false", "DOCUSAURUS_NO_ANALYTICS": "1", "CLOUDFLARE_CF_FETCH_ENABLED": "false",
}


def read_ephemeral_range():
    least, most = map(int, open("/proc/sys/net/ipv4/ip_local_port_range").read().split())
    return range(least, most + 1)


EPHEMERAL = read_ephemeral_range()


def listening():
    """The ports of all listeners of this network namespace."""
    ports = set()
    for name in ("tcp", "tcp6"):
        for line in open("/proc/net/" + name).readlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports


def leases():
    reply = subprocess.run([BIN / "portctl", "list", "--json"], env=ENVIRONMENT, capture_output=True, text=True)
    return json.loads(reply.stdout or "{}").get("leases", [])


def serves(port, is_http):
    for host in ("127.0.0.1", "::1"):
        try:
            if not is_http:
                socket.create_connection((host, port), 5).close()
                return True
            connection = http.client.HTTPConnection(host, port, timeout=120)  # it may compile first
            connection.request("GET", "/", headers={"Host": f"localhost:{port}"})
            connection.getresponse()
            return True
        except (OSError, http.client.HTTPException):
            continue
    return False


def kill_all_but(kept):
    """Ends whatever else is in this pid namespace: what a framework leaves behind must not meet the next one."""
    for _ in range(50):
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in kept]
        pids = [pid for pid in pids if not is_dead(pid)]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)


def is_dead(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


class Portd:
    def __init__(self):
        self.home = pathlib.Path("/tmp/pm-real")
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o755)
        environment = {**os.environ, **ENVIRONMENT, "HOME": str(self.home)}
        environment.pop("XDG_RUNTIME_DIR", None)
        # No framework has a port of these by itself.
        self.process = subprocess.Popen([BIN / "portd", "--log-level", "error", "--range", "21000-21999"], env=environment,
                                        stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "portd.sock" in line:
                break
        os.chmod(self.home / "portd.sock", 0o666)


class Run:
    """One `portctl run`, and what is seen of it: when its program first listened, where, and what was said."""

    def __init__(self, case, line, folder):
        self.case = case
        self.log = folder / "log"
        self.before = listening()
        self.listened = {}  # port: when it was first seen
        self.said_at = None
        uid = NOBODY if case.as_nobody else None
        self.process = subprocess.Popen(["sh", "-c", "exec " + line], cwd=folder, stdin=subprocess.PIPE,
                                        stdout=self.log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True, user=uid,
                                        env={**ENVIRONMENT, "HOME": "/tmp/pm-real/home-nobody" if uid else "/tmp/pm-real/home"})

    def text(self):
        return self.log.read_text(errors="replace")

    def said(self):
        return re.findall(r"^portctl: web listens on .*\n  hint: .*", self.text(), re.MULTILINE)

    def look(self):
        now = time.monotonic()
        for port in listening() - self.before - self.listened.keys():
            self.listened[port] = now
        if self.said_at is None and self.said():
            self.said_at = now

    def watch(self, until, seconds):
        """Looks until `until()`, or for so long. Returns what until() says then."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.02)
            self.look()
        return until()

    def leased(self):
        """The leased port if something listens there; None."""
        if not hasattr(self, "port"):
            granted = leases()
            if not granted:
                return None
            self.port = granted[0]["port"]
        return self.port if self.port in self.listened else None

    def first_elsewhere(self):
        chosen = {port: at for port, at in self.listened.items() if port not in EPHEMERAL and port != getattr(self, "port", 0)}
        return min(chosen.values()) if chosen else None

    def stop(self, kept):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        kill_all_but(kept)
        self.process.wait()
        self.process.stdin.close()
        # portd sees by itself that the program is dead; the next run must not find its lease.
        end = time.monotonic() + 10
        while time.monotonic() < end and leases():
            time.sleep(0.1)


def judge(run, must_serve):
    """Watches a run until it is known what it is. Returns (word, mistake, hint)."""
    run.watch(lambda: run.leased() or run.said_at or run.first_elsewhere(), START_S)
    if not run.listened:
        return "listens nowhere", "it did not start", ""
    # As long as the promise gives, and some more for what must not be said, or not twice.
    run.watch(lambda: run.said_at or run.leased(), PROMISE_S + 1)
    run.watch(lambda: False, PROMISE_S + 1)
    said = run.said()
    if run.leased():
        if said:
            return "leased", "something was said", ""
        if not serves(run.port, run.case.is_http):
            return "leased", "it does not serve", ""
        return "leased", "", ""
    ports = ", ".join(map(str, sorted(run.listened.keys() - set(EPHEMERAL))))
    if run.said_at is None:
        return f"{ports}: not told", "nothing was said", ""
    milliseconds = round((run.said_at - run.first_elsewhere()) * 1000)
    mistake = ""
    if must_serve:
        mistake = "it listens elsewhere with the hint"
    elif len(said) > 1:
        mistake = "it was said more than once"
    elif milliseconds > PROMISE_S * 1000:
        mistake = "it was said too late"
    port = re.search(r"listens on (\d+)", said[0]).group(1)
    return f"{port}, told after {milliseconds} ms", mistake, said[0].split("hint: ", 1)[1]


def place(case):
    return REAL / "apart" if case.apart else REAL


def make_project(case, index):
    folder = place(case) / "projects" / f"{index}-{case.name.lower().replace(' ', '-').replace('.', '-')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    package = {"name": "x", "private": True, "scripts": {"dev": case.script}, "dependencies": {name: "*" for name in case.needs}}
    files = {**case.files, **({"package.json": json.dumps(package)} if case.script else {})}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if case.as_nobody:
        # Its folder is not below a home that nobody else may enter.
        moved = pathlib.Path("/tmp/pm-real/nobody") / folder.name
        shutil.copytree(folder, moved)
        shutil.rmtree(folder)
        folder = moved
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
    if case.prepare:
        subprocess.run(case.prepare, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       user=NOBODY if case.as_nobody else None, env={**ENVIRONMENT, "HOME": "/tmp/pm-real/home-nobody"})
    return folder


def version(case):
    kind, package = case.install.split(":", 1)
    if kind == "npm":
        return json.loads((place(case) / "node_modules" / package / "package.json").read_text())["version"]
    if kind == "pypi":
        pins = (ROOT / "tests/real/requirements.txt").read_text()
        return re.search(rf"^{package}(?:\[.*\])?==(\S+)", pins, re.MULTILINE | re.IGNORECASE).group(1)
    reply = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return reply.stdout


def hint_line(hint):
    found = re.search(r"portctl run .*", hint)
    return found.group(0) if found else None


def run_once(case, line, folder, kept, must_serve=False):
    run = Run(case, line, folder)
    try:
        return judge(run, must_serve), run
    finally:
        run.stop(kept)


def run_case(case, index, kept):
    """Returns the row, and the mistakes."""
    folder = make_project(case, index)
    argv = " ".join(case.argv)
    (plain, mistake, hint), run = run_once(case, f"portctl run web -- {argv}", folder, kept)
    mistakes = [mistake] if mistake else []
    without = ""
    if plain == "leased":
        (without, mistake, hint), run = run_once(case, f"portctl run web -- env -u PORT {argv}", folder, kept)
        mistakes += [mistake] if mistake else []
    line = hint_line(hint)
    expected = case.hint or f"{case.name} wants a"
    if expected not in hint:
        mistakes.append(f"the hint should have {expected!r}")
    outcome = "no line to copy"
    if line:
        (outcome, mistake, _), run = run_once(case, line, folder, kept, must_serve=True)
        if "--remap: this kernel" in run.text():
            mistake, outcome = "", "no --remap here"
        mistakes += [mistake] if mistake else []
        outcome = "ok" if outcome == "leased" and not mistake else outcome
    if mistakes:
        print(run.text()[-2000:], file=sys.stderr)
    return [case.name, version(case), plain, without, outcome, line or hint], mistakes


def choose(names):
    known = {name for case in CASES for name in (case.name, case.install.split(":")[1])}
    for name in names:
        if name not in known:
            sys.exit(f"frameworks.py: there is no framework '{name}'; there are: {', '.join(sorted(known))}")
    return [case for case in CASES if not names or case.name in names or case.install.split(":")[1] in names]


def is_installed(case):
    kind, package = case.install.split(":", 1)
    if kind != "debian":
        return True
    reply = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True)
    return reply.stdout == "installed"


def main():
    words = sys.argv[1:]
    option = words.pop(0) if words and words[0].startswith("--") else None
    cases = choose(words)
    if option == "--kinds":
        print(*sorted({case.install.split(":")[0] for case in cases}))
    elif option == "--debian":
        print(*sorted({case.install.split(":")[1] for case in cases if case.install.startswith("debian:")}))
    else:
        return run_all(cases)
    return 0


def run_all(cases):
    portd = Portd()
    for home, uid in (("home", 0), ("home-nobody", NOBODY), ("nobody", NOBODY)):
        (portd.home / home).mkdir()
        os.chown(portd.home / home, uid, uid)
    kept = {1, os.getpid(), portd.process.pid}
    n_wrong = n_run = 0
    print("framework | version | plain | without PORT | with hint | hint\n--- | --- | --- | --- | --- | ---", flush=True)
    for index, case in enumerate(cases):
        if not is_installed(case):
            print(f"{case.name} | - | not tried: {case.install} is not installed", flush=True)
            continue
        n_run += 1
        try:
            row, mistakes = run_case(case, index, kept)
        except (OSError, subprocess.SubprocessError, AttributeError) as error:
            row, mistakes = [case.name, "-", "not run", "", "", ""], [str(error)]
        n_wrong += bool(mistakes)
        print(" | ".join(row) + "".join(f" | WRONG: {mistake}" for mistake in mistakes), flush=True)
    portd.process.terminate()
    print(f"{n_run - n_wrong} passed, {n_wrong} failed")
    return 1 if n_wrong else 0


sys.exit(main())
