#!/usr/bin/env python3
"""What the background probe costs, and how soon it sees: portd alone with made-up listeners in a network namespace of its own.

Started by ./dev bench, which makes the namespace. Prints a figure a line; asserts nothing, because machines differ."""

import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BIN = sys.argv[1]
QUICK = "--quick" in sys.argv[2:]
TICK = os.sysconf("SC_CLK_TCK")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Portd:
    def __init__(self, *options):
        self.home = tempfile.mkdtemp(prefix="pm-bench-")
        self.socket = self.home + "/portd.sock"
        self.environment = {**os.environ, "HOME": self.home, "PM_SOCKET": self.socket}
        self.environment.pop("XDG_RUNTIME_DIR", None)
        self.process = subprocess.Popen([BIN + "/portd", "--log-level", "error", *options], env=self.environment,
                                        stdout=subprocess.PIPE)
        for line in self.process.stdout:
            if self.socket.encode() in line:
                break
        self.connection = UnixConnection(self.socket)

    def ask(self, target, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request("GET" if body is None else "POST", target,
                                None if body is None else json.dumps(body), headers)
        reply = self.connection.getresponse()
        return json.loads(reply.read())

    def cpu_s(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def cpu_fine_s(self):
        """CPU time of all threads in nanoseconds (schedstat): ticks are too coarse for an idle daemon."""
        total = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            total += int(open(f"/proc/{self.process.pid}/task/{thread}/schedstat").read().split()[0])
        return total / 1e9

    def rss_kib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def stop(self):
        self.process.terminate()
        self.process.wait()
        subprocess.run(["rm", "-rf", self.home], check=True)


class Events(threading.Thread):
    """Follows /events, and notes when each came."""

    def __init__(self, portd, target="/events"):
        super().__init__(daemon=True)
        self.seen = []
        self.arrived = threading.Condition()
        self.connection = UnixConnection(portd.socket, timeout=120)
        self.connection.request("GET", target)
        self.reply = self.connection.getresponse()
        self.start()

    def run(self):
        kind = None
        try:
            for line in self.reply:
                text = line.decode().rstrip("\n")
                if text.startswith("event: "):
                    kind = text[7:]
                elif text.startswith("data: ") and kind:
                    with self.arrived:
                        self.seen.append((time.monotonic(), kind, json.loads(text[6:])))
                        self.arrived.notify_all()
        except (OSError, http.client.HTTPException):
            pass

    def wait(self, kind, port, after):
        end = time.monotonic() + 10
        with self.arrived:
            while True:
                for at, name, data in self.seen:
                    if name == kind and data.get("port") == port and at >= after:
                        return at
                if not self.arrived.wait(max(0, end - time.monotonic())):
                    raise SystemExit(f"{kind} on {port} was waited for in vain")


def listen(port, address="127.0.0.1"):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen()
    return server


def say(name, values, unit="ms"):
    values = sorted(values)
    p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
    print(f"{name:58} median {statistics.median(values):8.2f}  p99 {p99:8.2f}  max {values[-1]:8.2f} {unit}", flush=True)


def bench_latency(n):
    """The readings are 250 ms apart, and 100 ms for 3 s after a change."""
    portd = Portd()
    events = Events(portd)
    appeared, left, died = [], [], []
    child = "import socket,time; s=socket.socket(); s.setsockopt(1,2,1); s.bind(('127.0.0.1',8500)); s.listen(); print(flush=True); time.sleep(100)"
    time.sleep(4)  # no grant and no change for a while: the slow pace
    for i in range(n):
        time.sleep(random.uniform(0.3, 0.7))  # not in step with the readings
        begin = time.monotonic()
        server = listen(8400)
        appeared.append((events.wait("squatter.appeared", 8400, begin) - begin) * 1000)
        time.sleep(random.uniform(0.3, 0.7))
        begin = time.monotonic()
        server.close()
        left.append((events.wait("squatter.left", 8400, begin) - begin) * 1000)
    for _ in range(n // 2):
        process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
        begin = time.monotonic() - 0.3
        process.stdout.readline()
        events.wait("squatter.appeared", 8500, begin)
        time.sleep(random.uniform(0.3, 0.7))
        begin = time.monotonic()
        process.kill()
        died.append((events.wait("squatter.left", 8500, begin) - begin) * 1000)
        process.wait()
    say("a squatter appears in /events after its listen()", appeared)
    say("it leaves after its close()", left)
    say("it leaves after its process was killed", died)
    portd.stop()


def bench_holder(n):
    portd = Portd()
    freed = []
    for i in range(n):
        run = subprocess.Popen([BIN + "/portctl", "run", f"web{i}", "--", sys.executable, "-c",
                                "import os,socket,time; s=socket.socket(); s.bind(('127.0.0.1',int(os.environ['PORT']))); s.listen(); print(os.getpid(), flush=True); time.sleep(100)"],
                               env=portd.environment, stdout=subprocess.PIPE)
        child = int(run.stdout.readline())
        begin = time.monotonic()
        os.kill(run.pid, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        while portd.ask("/list"):
            pass
        freed.append((time.monotonic() - begin) * 1000)
        run.wait()
    say("kill -9 of portctl run and its program: the lease is gone", freed)
    portd.stop()


def bench_idle(seconds):
    processes = [subprocess.Popen(["sleep", "1000"]) for _ in range(300)]
    servers = [listen(9100 + i) for i in range(100)]
    portd = Portd()
    time.sleep(10)  # the start, and the owners of what was there
    begin_s, before_s = time.monotonic(), portd.cpu_fine_s()
    time.sleep(seconds)
    share = (portd.cpu_fine_s() - before_s) / (time.monotonic() - begin_s) * 100
    print(f"{'idle with 100 listeners and 300 processes: CPU of one core':58} {share:.3f} %", flush=True)
    print(f"{'the same: resident memory':58} {portd.rss_kib()} KiB", flush=True)
    portd.stop()
    for process in processes:
        process.kill()
    for server in servers:
        server.close()


def measure_alloc(portd, n):
    times = []
    for _ in range(n):
        begin = time.monotonic()
        port = portd.ask("/alloc", {"service_name": "bench"})["port"]
        times.append((time.monotonic() - begin) * 1000)
        portd.ask("/release", {"port": port})
    return times


def bench_many(n):
    """10,000 listeners in ten processes; walks are provoked by /who, which looks for the owners anew."""
    portd = Portd("--range", "8000-9000")
    quiet = measure_alloc(portd, n)
    child = ("import socket,time,resource,sys; m=resource.getrlimit(resource.RLIMIT_NOFILE)[1]; resource.setrlimit(resource.RLIMIT_NOFILE,(m,m)); l=[]\n"
             "for p in range(int(sys.argv[1]), int(sys.argv[1])+1000):\n"
             " s=socket.socket(); s.bind(('127.0.0.1',p)); s.listen(); l.append(s)\n"
             "print(flush=True); time.sleep(1000)")
    holders = [subprocess.Popen([sys.executable, "-c", child, str(20000 + 1000 * i)], stdout=subprocess.PIPE)
               for i in range(10)]
    for holder in holders:
        holder.stdout.readline()
    time.sleep(8)
    without = measure_alloc(portd, n)
    stop = threading.Event()
    walks = [0]

    def provoke():
        connection = UnixConnection(portd.socket)
        while not stop.is_set():
            connection.request("GET", f"/who?port={20000 + walks[0] % 10000}")
            connection.getresponse().read()
            walks[0] += 1

    thread = threading.Thread(target=provoke)
    thread.start()
    during = measure_alloc(portd, n)
    stop.set()
    thread.join()
    before_s, begin_s = portd.cpu_fine_s(), time.monotonic()
    time.sleep(20)
    share = (portd.cpu_fine_s() - before_s) / (time.monotonic() - begin_s) * 100
    say("/alloc on a quiet machine", quiet)
    say("/alloc with 10,000 listeners, no walk", without)
    say(f"/alloc with 10,000 listeners, while walks run ({walks[0]} of /who)", during)
    p99 = lambda values: sorted(values)[int(len(values) * 0.99)]
    print(f"{'p99 while the walk runs, as a multiple of p99 without':58} {p99(during) / p99(without):.2f}", flush=True)
    print(f"{'idle with 10,000 listeners: CPU of one core':58} {share:.3f} %", flush=True)
    portd.stop()
    for holder in holders:
        holder.kill()


def bench_ports(n_leases, seconds):
    """What a page costs that is open and follows every port; and how long the loop stands still while its first answer is made."""
    portd = Portd("--range", "1024-65535")
    for i in range(0, n_leases, 50):
        portd.ask("/alloc", {"service_name": f"svc-{i}", "count": 50, "ttl_seconds": 86400})
    times = []
    for _ in range(5):
        begin_s = time.monotonic()
        portd.connection.request("GET", "/snapshot")
        reply = portd.connection.getresponse()
        times.append((time.monotonic() - begin_s) * 1000)
        snapshot = json.loads(reply.read())
    say(f"/snapshot with {n_leases:,} leases: to its first byte", times)
    for n_streams in (0, 1, 16):
        streams = [Events(portd, f"/events?ports={snapshot['run']}.{snapshot['version']}") for _ in range(n_streams)]
        time.sleep(4)  # the quick pace after a grant
        begin_s, before_s = time.monotonic(), portd.cpu_fine_s()
        time.sleep(seconds)
        share = (portd.cpu_fine_s() - before_s) / (time.monotonic() - begin_s) * 100
        print(f"{f'idle with {n_leases:,} leases and {n_streams} streams with ports: CPU of one core':58} {share:.3f} %", flush=True)
        for stream in streams:
            stream.connection.sock.shutdown(socket.SHUT_RDWR)
    portd.stop()


if __name__ == "__main__":
    bench_latency(10 if QUICK else 40)
    bench_holder(5 if QUICK else 20)
    bench_idle(15 if QUICK else 60)
    bench_many(100 if QUICK else 500)
    bench_ports(1000 if QUICK else 10000, 5 if QUICK else 20)
