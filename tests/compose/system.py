# SPDX-License-Identifier: Apache-2.0
"""The system of compose.yaml in a folder of its own, driven and asked from outside as a user would.

Jaeger, Prometheus and Grafana are asked through the ports that are published, so nothing else may use these meanwhile.
Every wait ends as soon as the answer is there, and has a bound.
"""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from engine import Trouble, run
from images import ROOT

# What each client calls.
METHODS = {
    "grpc-client-1": "SensorService/SendSingleReading",
    "grpc-client-2": "SensorService/StreamSensorReadings",
    "grpc-client-3": "SensorService/GetSensorReadings",
    "grpc-client-4": "SensorService/SensorChat",
}
CLIENTS = sorted(METHODS)
CHECKED = ["grpc-server", "jaeger", "prometheus", "grafana"]  # have a health check
NEWER = "9.9.9"  # a version that there is not
SERVICES = [*CLIENTS, *CHECKED, "otel-collector"]
# Variables that would change what commands do.
NOT_OURS = {"UID_GID", "NAMES", "RENEW", "FORCE"}
PORTS = {"50051": "grpc-server", "9464": "grpc-server", "16686": "jaeger", "9090": "prometheus", "3000": "grafana"}


def check(holds, otherwise):
    if not holds:
        raise Trouble(otherwise)


def until(what, limit_s, question):
    """The first answer that is not false; how long it took is nobody's business here."""
    end = time.monotonic() + limit_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Trouble(f"not within {limit_s} s: {what}")
        time.sleep(0.2)


def ask(url, password=None, **query):
    """JSON from a page, or None while there is none."""
    request = urllib.request.Request(f"{url}?{urllib.parse.urlencode(query)}" if query else url)
    if password:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def spans_client_and_server(trace):
    """Whether it has a call of a client and, as its child, the same call of the server."""
    service = {key: process["serviceName"] for key, process in trace["processes"].items()}
    calls = {span["spanID"]: span for span in trace["spans"] if service[span["processID"]] == "thermograph-client"}
    return any(service[span["processID"]] == "thermograph" and reference["spanID"] in calls
               and calls[reference["spanID"]]["operationName"] == span["operationName"]
               for span in trace["spans"] for reference in span["references"])


class System:
    def __init__(self, folder, name, program):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.program = program  # ["docker", "compose"] or ["docker-compose"]
        self.manual = None  # who does the page's commands here, if that is wanted
        self.environment = {key: value for key, value in os.environ.items()
                            if key not in NOT_OURS and not key.startswith(("MAKE", "MFLAGS", "THERMOGRAPH_", "OTEL_"))}
        self.environment["COMPOSE_PROJECT_NAME"] = name

    def copy_sources(self):
        """What git has and would take; nothing that was built, and no secret."""
        self.folder.mkdir()
        listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).split("\0")
        for name in filter(None, listed):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name)

    def compose(self, *arguments, timeout=300):
        return run(*self.program, *arguments, cwd=self.folder, env=self.environment, timeout=timeout)

    def refused(self, *arguments):
        """What compose says to something that it must not do."""
        started = time.monotonic()
        done = subprocess.run([*self.program, *arguments], cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
        if done.returncode == 0:
            raise Trouble(f"{' '.join(arguments)} succeeded and should not have")
        if time.monotonic() - started > 10:
            raise Trouble("it was not said at once")
        return done.stdout

    def generate_certs(self, user=None):
        """As `user`, a number, if that is given; then the folder is theirs."""
        command = ["tools/generate-certs"]
        if user is not None:
            run("chown", "-R", f"{user}:{user}", self.folder)
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        run(*command, cwd=self.folder, env=self.environment)

    def make_a_clone(self):
        """Makes the folder a clone of a repository that has a newer version: one whose image says another one."""
        def git(*arguments):
            run("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", *arguments, cwd=self.folder)
        recipe = self.folder / "Dockerfile"
        text = recipe.read_text()
        git("init", "-q", "-b", "main")
        for version in (text, re.sub(r'(image.version)="[^"]*"', rf'\1="{NEWER}"', text)):
            recipe.write_text(version)
            git("add", "-A")
            git("commit", "-q", "-m", "A version")
        git("clone", "-q", "--bare", ".", self.folder.parent / "origin.git")
        git("remote", "add", "origin", self.folder.parent / "origin.git")
        git("fetch", "-q", "origin")
        git("reset", "-q", "--hard", "HEAD~1")
        git("branch", "-q", "--set-upstream-to=origin/main")

    def version_of_image(self):
        """What the image says of itself from which the server was started."""
        return self.inspect("grpc-server")["Config"]["Labels"]["org.opencontainers.image.version"]

    def put_program_where_make_would(self):
        """The image's, with its own libraries: what this machine has may be of another Debian."""
        build = self.folder / "build"
        build.mkdir()
        container = run("docker", "create", "thermograph").strip()
        run("docker", "cp", f"{container}:/", build / "image")
        run("docker", "rm", container)
        libraries, = (build / "image/usr/lib").glob("*-linux-gnu*")
        loader, = libraries.glob("ld-linux*.so.*")
        (build / "thermograph").write_text(
            f'#!/bin/sh\nexec {loader} --library-path {libraries} {build}/image/usr/bin/thermograph "$@"\n')
        (build / "thermograph").chmod(0o755)

    def secret(self, name):
        return (self.folder / "secrets" / name).read_text().strip()

    # ---- containers ----

    def container(self, service):
        listed = run("docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}",
                     "--filter", f"label=com.docker.compose.service={service}",
                     "--filter", "label=com.docker.compose.oneoff=False").split()
        if len(listed) != 1:
            raise Trouble(f"{service} has {len(listed)} containers")
        return listed[0]

    def inspect(self, service):
        return json.loads(run("docker", "inspect", self.container(service)))[0]

    def health(self, service):
        return self.inspect(service)["State"].get("Health", {}).get("Status")

    def wait_for_health(self, *services, limit_s=90):
        for service in services or CHECKED:
            until(f"{service} is healthy", limit_s, lambda name=service: self.health(name) == "healthy")

    def logs(self, service):
        return run("docker", "logs", self.container(service))

    def memory_bytes(self, service):
        text = run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", self.container(service))
        number, unit = re.match(r"([\d.]+)(B|KiB|MiB|GiB)", text).groups()
        return float(number) * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit)

    def thermograph(self, *arguments):
        """A verb, run beside the first client and with its access; no telemetry of its own."""
        return run("docker", "exec", "-e", "OTEL_SDK_DISABLED=true", self.container("grpc-client-1"),
                   "/usr/bin/thermograph", *arguments)

    def n_readings(self, pattern="*"):
        listed = self.thermograph("sensors", pattern, "--output=json").splitlines()
        return sum(json.loads(line)["count"] for line in listed)

    def wait_for_more_readings(self, n, pattern="*"):
        wanted = self.n_readings(pattern) + n
        until(f"{n} more readings", 60, lambda: self.n_readings(pattern) >= wanted)

    def left(self):
        """What is there of this system, whatever it is."""
        found = []
        for kind in ("container", "volume", "network"):
            command = ["docker", kind, "ls", "-q", "--filter", f"label=com.docker.compose.project={self.name}"]
            found += [f"{kind} {name}" for name in run(*command, *(["-a"] if kind == "container" else [])).split()]
        return found

    # ---- what is seen of it ----

    @staticmethod
    def traces(method, since_us=0):
        """Traces of a method's calls that begin with a client and go on in the server."""
        answer = ask("http://127.0.0.1:16686/api/traces", service="thermograph-client", operation=method, limit=50,
                     lookback="1h")
        return [trace for trace in (answer or {}).get("data") or []
                if spans_client_and_server(trace) and min(span["startTime"] for span in trace["spans"]) > since_us]

    @staticmethod
    def value(query):
        """The number that a query has for its answer, or None."""
        answer = ask("http://127.0.0.1:9090/api/v1/query", query=query)
        result = answer["data"]["result"] if answer else []
        return float(result[0]["value"][1]) if result else None

    @staticmethod
    def grafana(path, password):
        return ask(f"http://127.0.0.1:3000{path}", password=password)
