# SPDX-License-Identifier: Apache-2.0
"""The same readings into the stores that people would use without Thermograph: data set A, as one CSV file.

Each writer takes the file and a folder, and gives readings, seconds, cpu_seconds (of what stores) and disk_bytes.
To add one: a function and its line in TABLE.
"""
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile
import time

from lib import builds, machine, servers

N_READINGS = 500_000  # 500 of each of 1,000 sensors
ROWS_PER_TRANSACTION = 10_000
PATIENCE_S = 600
POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")


def make_csv():
    path = builds.FOLDER / "data-set-a.csv"
    if not path.exists():
        builds.make_program()
        text = builds.run([builds.PROGRAM, "simulate", "--dataset", "A", "--count", N_READINGS, "--print"])
        path.write_text(text)
    return path


# ---- Thermograph ----

def send_data_set(process, data_set, n_sensors, n_readings):
    """Sends it as one client stream; how long it took."""
    command = [builds.PROGRAM, "simulate", "--dataset", data_set, "--sensors", n_sensors, "--count", n_readings,
               "--kind", "client-stream", "--server", process.address, *process.server.access]
    started = time.monotonic()
    done = subprocess.run(machine.on_core(machine.LOAD_CORE, list(map(str, command))), capture_output=True,
                          text=True, check=False, timeout=PATIENCE_S)
    if done.returncode or f"{n_readings} readings kept" not in done.stderr:
        raise servers.Trouble(done.stderr.strip())
    return time.monotonic() - started


def start_again(process):
    """Seconds until a new server listens on what this one has left, and the memory that it needs for that."""
    started = time.monotonic()
    again = servers.start(process.server, process.data)
    try:
        return {"start_s": time.monotonic() - started, "start_rss_bytes": again.peak_rss_bytes()}
    finally:
        servers.end(again.process)


def thermograph(n_sensors, n_readings, data_set="A"):
    """It is so much faster that it gets more readings, and so much smaller on disk that it needs more: the files
    that it preallocates would be most of it."""
    def write(_csv, _folder):
        with servers.running(builds.thermograph_durable(lambda words: None)) as process:
            before = process.cpu_s()
            took = send_data_set(process, data_set, n_sensors, n_readings)
            found = {"readings": n_readings, "seconds": took, "cpu_seconds": process.cpu_s() - before,
                     "rss_bytes": process.peak_rss_bytes()}
            servers.end(process.process)
            return found | {"disk_bytes": process.disk_bytes()} | start_again(process)
    return write


# ---- SQLite ----

def sqlite(csv, folder):
    builds.need("gcc")
    program, source = builds.FOLDER / "sqlite-store", builds.ROOT / "bench/stores/sqlite.c"
    builds.run(["gcc", "-O2", source, "-o", program, "-lsqlite3"])
    with open(csv, encoding="utf-8") as rows:
        done = subprocess.run(
            machine.on_core(machine.SERVER_CORE, [str(program), str(folder / "readings.db")]), stdin=rows,
            capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    if done.returncode:
        raise servers.Trouble(done.stderr.strip())
    return json.loads(done.stdout)


# ---- PostgreSQL ----

class Cluster:
    """A private PostgreSQL in a folder, on a Unix socket there, with fsync on. Root steps down to postgres."""

    def __init__(self, folder):
        self.data, self.socket = folder / "data", folder
        self.step_down = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self.step_down = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(self, program, *arguments, core=machine.SERVER_CORE, stdin=subprocess.DEVNULL):
        command = [*self.step_down, str(POSTGRES / program), *map(str, arguments)]
        done = subprocess.run(machine.on_core(core, command), stdin=stdin, cwd=self.socket, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S)
        if done.returncode:
            raise servers.Trouble(f"{program}: {done.stdout.strip()[-500:]}")
        return done.stdout.strip()

    def control(self, *arguments):
        """pg_ctl's output goes to a file: the server would hold a pipe open."""
        command = [*self.step_down, str(POSTGRES / "pg_ctl"), "-D", str(self.data), "-w", *arguments]
        with open(self.socket / "pg_ctl.log", "w", encoding="utf-8") as log:
            done = subprocess.run(machine.on_core(machine.SERVER_CORE, command), stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, cwd=self.socket, check=False, timeout=PATIENCE_S)
        if done.returncode:
            raise servers.Trouble(f"pg_ctl {arguments[-1]} failed")

    def __enter__(self):
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.control("-l", str(self.socket / "server.log"), "-o",
                     f"-c listen_addresses='' -c unix_socket_directories='{self.socket}' -c max_wal_size=4GB", "start")
        return self

    def __exit__(self, *_):
        self.control("-m", "immediate", "stop")

    def sql(self, text):
        return self.run("psql", "-h", self.socket, "-U", "postgres", "-Atqc", text)

    def cpu_s(self):
        """Of the server, its children that run, and those that have ended."""
        parent = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        ticks = 0
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, fields = int(path.parent.name), path.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if pid == parent or int(fields[1]) == parent:
                ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")


def write_copies(csv, path):
    """The script for psql: each transaction is one COPY."""
    rows = csv.read_text().splitlines()[1:]
    with open(path, "w", encoding="utf-8") as script:
        for start in range(0, len(rows), ROWS_PER_TRANSACTION):
            script.write("COPY reading(sensor_id, temperature, time, sequence) FROM STDIN WITH (FORMAT csv);\n")
            script.write("\n".join(rows[start:start + ROWS_PER_TRANSACTION]) + "\n\\.\n")
    path.chmod(0o644)


def postgres_folder(folder):
    """One that the user postgres reaches, on the same disk if it can be."""
    if os.getuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in folder.parents):
        return pathlib.Path(tempfile.mkdtemp(prefix="thermograph-bench-", dir="/var/tmp"))
    return folder


def copy_all(cluster, csv):
    # The key is what tells a repeat: sensor, time and sequence.
    cluster.sql("CREATE TABLE reading(sensor_id text, time timestamptz, sequence bigint, temperature float8, "
                "PRIMARY KEY(sensor_id, time, sequence))")
    script = cluster.socket / "copy.sql"
    write_copies(csv, script)
    before, started = cluster.cpu_s(), time.monotonic()
    cluster.run("psql", "-h", cluster.socket, "-U", "postgres", "-q", "-v", "ON_ERROR_STOP=1", "-f", script,
                core=machine.LOAD_CORE)
    took, cpu_s = time.monotonic() - started, cluster.cpu_s() - before
    n_bytes, n = map(int, cluster.sql("SELECT pg_total_relation_size('reading'), count(*) FROM reading").split("|"))
    if n != N_READINGS:
        raise servers.Trouble(f"PostgreSQL holds {n} of {N_READINGS} readings")
    return {"readings": n, "seconds": took, "cpu_seconds": cpu_s, "disk_bytes": n_bytes}


def postgresql(csv, folder):
    if not (POSTGRES / "initdb").exists():
        raise builds.LeftOut("PostgreSQL 15 is not installed (Debian: postgresql-15)")
    folder = postgres_folder(folder)
    try:
        with Cluster(folder) as cluster:
            return copy_all(cluster, csv)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


TABLE = {
    "store-durable": thermograph(1_000, 20_000_000), "store-durable-b": thermograph(1_000, 20_000_000, "B"),
    "store-durable-10k": thermograph(10_000, 20_000_000), "store-durable-1m": thermograph(1_000_000, 4_000_000),
    "store-durable-100m": thermograph(1_000, 100_000_000), "store-sqlite": sqlite, "store-postgresql": postgresql}


def measure(name):
    """One run: what it came to."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="store-", dir=builds.FOLDER))
    try:
        found = TABLE[name](make_csv(), folder)
    except subprocess.TimeoutExpired:
        raise servers.Trouble(f"it did not end within {PATIENCE_S} s") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found | {"rate": found["readings"] / found["seconds"],
                    "cpu_ns": found["cpu_seconds"] * 1e9 / found["readings"]}


def versions():
    """Of what is compared with, where it is there."""
    found = {}
    if (POSTGRES / "postgres").exists():
        found["postgresql"] = re.search(r"[\d.]+", builds.run([POSTGRES / "postgres", "--version"])).group()
    return found
