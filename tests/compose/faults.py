# SPDX-License-Identifier: Apache-2.0
"""What is wrong around a container: no room, nothing to write to, files that are missing or that others may read, certificates
that do not hold. Each is named in words, with what to do; what does not do at the start ends the server with a status and
without a port, and what happens later costs nothing that was acknowledged.

The small ones use the image alone, with the folders of the System that is there; certificates use its server and clients.
"""
import contextlib
import datetime
import json
import pathlib
import random
import re
import subprocess
import tempfile

from certificates import make_certificate_for, make_dated_certificate
from engine import run
from images import base_name
from system import CLIENTS, check, until

DISK = "8m"
FILLER = "5M"  # of that, taken by somebody else
BATCH = 20_000  # readings that do not pack: some 400 kB
LIFE_S = 8  # of a certificate that is to end while its server runs
NAMES = "DNS:localhost,DNS:grpc-server,IP:127.0.0.1,IP:::1"


def tried(*command, stdin=""):
    """The status of a command and all that it said."""
    done = subprocess.run([str(part) for part in command], input=stdin, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=60)
    return done.returncode, done.stdout


def check_refusal(words, *arguments, options=()):
    """A server of the image's, with these options of `docker run`, has to end, and never to have served."""
    status, said = tried("docker", "run", "--rm", *options, "thermograph", *arguments)
    check(status == 1 and words in said and "serving on" not in said, f"status {status}: {said}")


# ---- the volume ----

def a_volume_that_is_read_only_is_refused_in_words(system):
    check_refusal("Read-only file system", "serve", "--allow-anyone", "--data=/var/lib/thermograph/elsewhere",
                  options=["--volume", f"{system.name}_thermograph-data:/var/lib/thermograph:ro"])


def a_volume_without_room_for_a_store_is_refused_in_words(_):
    check_refusal("No space left on device", "serve", "--allow-anyone", "--data=/data/readings",
                  options=["--mount=type=tmpfs,destination=/data,tmpfs-size=16k,tmpfs-mode=1777"])


class SmallDisk:
    """A volume of a few megabytes in memory; a container that sleeps keeps it there while the server is away."""

    def __init__(self, system):
        self.volume = f"{system.name}-small"
        self.keeper = f"{self.volume}-keeper"
        self.server = f"{self.volume}-server"

    def __enter__(self):
        run("docker", "volume", "create", "--driver=local", "--opt=type=tmpfs", "--opt=device=tmpfs",
            f"--opt=o=size={DISK},mode=1777", self.volume)
        run("docker", "run", "--detach", "--name", self.keeper, "--init", "--volume", f"{self.volume}:/disk", base_name(),
            "sleep", "600")
        run("docker", "exec", self.keeper, "sh", "-c", f"head -c {FILLER} /dev/zero >/disk/of-somebody-else")
        run("docker", "run", "--detach", "--name", self.server, "--volume", f"{self.volume}:/disk", "--health-interval=1s",
            "--env=THERMOGRAPH_PLAINTEXT=true", "thermograph", "serve", "--allow-anyone", "--data=/disk/readings",
            "--journal-limit=1M")
        return self

    def make_room(self):
        run("docker", "exec", self.keeper, "rm", "/disk/of-somebody-else")

    def thermograph(self, *arguments, stdin=""):
        return tried("docker", "exec", "--interactive", self.server, "/usr/bin/thermograph", *arguments, stdin=stdin)

    def health(self):
        return run("docker", "inspect", "--format", "{{.State.Health.Status}}", self.server).strip()

    def n_readings(self):
        _, listed = self.thermograph("sensors", "--output=json")
        return json.loads(listed)["count"]

    def __exit__(self, *_):
        for command in (["rm", "-f", self.server, self.keeper], ["volume", "rm", "-f", self.volume]):
            subprocess.run(["docker", *command], capture_output=True, check=False)


def readings_that_do_not_pack(rng, begin):
    return "".join(f"attic,{rng.uniform(-1e9, 1e9)},{begin + i}.{rng.randrange(10**9):09},{rng.getrandbits(63)}\n"
                   for i in range(BATCH))


def a_volume_that_gets_full_ends_writing_and_loses_nothing(system):
    """By design it takes nothing more until it is started anew: what the disk then holds is certain again."""
    rng = random.Random(1)
    n_kept = status = 0
    with SmallDisk(system) as disk:
        until("the server is healthy", 30, lambda: disk.health() == "healthy")
        while not status:
            status, said = disk.thermograph("stream", stdin=readings_that_do_not_pack(rng, 1_700_000_000 + n_kept))
            n_kept += BATCH if not status else int(re.search(r"; (\d+) readings before it are stored", said).group(1))
        check("UNAVAILABLE" in said and "takes nothing more" in said, said)
        log = run("docker", "logs", disk.server)
        check(re.search("No space left on device.*Nothing more is accepted; reading goes on. Make room on the disk under "
                        "/disk/readings", log), log)
        until("the server is unhealthy", 30, lambda: disk.health() == "unhealthy")
        check(disk.n_readings() >= n_kept > BATCH, f"{n_kept} were acknowledged, {disk.n_readings()} are there")
        disk.make_room()
        check(disk.thermograph("send", "attic", "1")[0] == 1, "it goes on before it is started anew")
        run("docker", "restart", disk.server)
        until("the server is healthy", 30, lambda: disk.health() == "healthy")
        check(disk.n_readings() >= n_kept, f"{n_kept} were acknowledged, {disk.n_readings()} are there")
        status, said = disk.thermograph("send", "attic", "1")
        check(status == 0, said)
    return f"{n_kept} acknowledged, all there"


# ---- files ----

def a_file_that_is_missing_is_refused_in_words(system):
    certs = ["--volume", f"{system.folder}/certs:/certs:ro", "--user=0"]
    served = ["serve", "--listen=:50051", "--data=none"]
    pair = ["--cert=/certs/server.crt", "--key=/certs/server.key"]
    check_refusal("cannot read the certificate /none/server.crt: No such file or directory (make generate_certs makes one)",
                  *served, "--cert=/none/server.crt", pair[1], "--tokens=/none", options=certs)
    check_refusal("cannot read the key /none/server.key: No such file or directory (make generate_certs makes one)",
                  *served, pair[0], "--key=/none/server.key", "--tokens=/none", options=certs)
    check_refusal("/none/tokens.yaml: there is no such file; `thermograph token create --tokens /none/tokens.yaml' makes it",
                  *served, *pair, "--tokens=/none/tokens.yaml", options=certs)
    status, said = tried("docker", "run", "--rm", "thermograph", "sensors", "--token-file=/none/token")
    check(status == 1 and "/none/token: No such file or directory" in said, f"status {status}: {said}")


def a_key_of_another_user_is_refused_in_words(system):
    key = "/certs/server.key"
    check_refusal(f"cannot read the key {key}: Permission denied (give the user that runs this the right to read it)",
                  "serve", "--allow-anyone", "--data=none", "--cert=/certs/server.crt", f"--key={key}",
                  options=["--volume", f"{system.folder}/certs:/certs:ro", "--user=54321"])


@contextlib.contextmanager
def for_all_to_read(*paths):
    for path in paths:
        path.chmod(0o644)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(0o600)


def secrets_that_others_may_read_are_warned_of(system):
    with for_all_to_read(system.folder / "secrets/token", system.folder / "secrets/tokens/tokens.yaml",
                         system.folder / "certs/server.key"):
        said = system.thermograph("sensors")
        check("/run/secrets/token can be read by every user here; run: chmod 600" in said, f"a client says: {said}")
        run("docker", "restart", system.container("grpc-server"))
        system.wait_for_health("grpc-server")
        said = system.logs("grpc-server")
        for words in ("other users here can read or change /etc/thermograph/tokens/tokens.yaml; run: chmod 600",
                      "every user of this machine can read the key /run/secrets/server.key"):
            check(words in said, f"the server says: {said}")
    check("every user" not in system.thermograph("sensors"), "it still says so")


# ---- certificates ----

@contextlib.contextmanager
def instead_of_certificate(system, certificate, key):
    """The server is shown these in place of its own; new files of the same name would be seen after a restart only."""
    certs = system.folder / "certs"
    kept = {name: (certs / name).read_bytes() for name in ("server.crt", "server.key")}
    try:
        for name, path in (("server.crt", certificate), ("server.key", key)):
            (certs / name).write_bytes(path.read_bytes())
        yield
    finally:
        for name, content in kept.items():
            (certs / name).write_bytes(content)


def words_of_health_check(system):
    return system.inspect("grpc-server")["State"]["Health"]["Log"][-1]["Output"]


def a_certificate_for_another_name_is_named_by_health_check_and_clients(system):
    """The server cannot know by which name it is called."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate_for(pathlib.Path(folder), "elsewhere", system.folder / "certs")
        with instead_of_certificate(system, certificate, key):
            run("docker", "restart", system.container("grpc-server"))
            until("the server is unhealthy", 60, lambda: system.health("grpc-server") == "unhealthy")
            said = words_of_health_check(system)
            check("certificate is not for 'localhost'" in said, f"the health check says: {said}")
            for client in CLIENTS:
                until(f"{client} says why", 30, lambda name=client: "certificate is not for 'grpc-server'" in system.logs(name))
    system.manual.do("docker compose restart grpc-server")
    system.wait_for_health("grpc-server")
    system.wait_for_more_readings(1)


def a_certificate_that_ends_is_named_and_the_page_says_how_it_is_renewed(system):
    certs = system.folder / "certs"
    server = system.container("grpc-server")
    now = datetime.datetime.now(datetime.timezone.utc)
    with tempfile.TemporaryDirectory() as folder:
        ends = make_dated_certificate(pathlib.Path(folder), certs, "20200101",
                                      f"{now + datetime.timedelta(seconds=LIFE_S):%Y%m%d%H%M%S}", NAMES)
        (certs / "server.crt").write_bytes(ends.read_bytes())
    run("docker", "restart", server)
    until("it serves, with a warning", 5, lambda: "server.crt expires in 0 days: make generate_certs RENEW=1" in system.logs("grpc-server"))
    until("a client says that it has expired", LIFE_S + 10, lambda: says_expired(system))
    until("the server is unhealthy", 30, lambda: system.health("grpc-server") == "unhealthy")
    check("has expired" in words_of_health_check(system), words_of_health_check(system))
    run("docker", "restart", server)
    until("the server does not start", 10, lambda: system.inspect("grpc-server")["State"]["ExitCode"] == 1)
    said = run("docker", "logs", "--since=10s", server)
    check("the certificate /run/secrets/server.crt expired on " in said
          and "(to renew it: make generate_certs RENEW=1)" in said and "serving on" not in said.split("expired on")[1], said)
    system.manual.do("make generate_certs RENEW=1")
    system.wait_for_health("grpc-server")
    shown = run("openssl", "x509", "-in", certs / "server.crt", "-noout", "-ext", "subjectAltName")
    check("DNS:grpc-server" in shown and "DNS:sensors.example.org" in shown, shown)
    system.wait_for_more_readings(1)  # of clients that have the CA of before


def says_expired(system):
    status, said = tried("docker", "exec", system.container("grpc-client-1"), "/usr/bin/thermograph", "health")
    return status == 1 and "the server's certificate has expired (to renew it there: make generate_certs RENEW=1)" in said
