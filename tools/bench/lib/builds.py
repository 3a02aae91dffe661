# SPDX-License-Identifier: Apache-2.0
"""Builds what is measured, below build-bench/. A build that cannot be had here raises LeftOut with the reason.

To add a server: a function that returns a servers.Server, and its line in TABLE.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

from lib import machine, servers

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build-bench"
PROGRAM = FOLDER / "src/cli/thermograph"
CERTS = FOLDER / "certs"
TONIC = ROOT / "bench/peers/tonic"
CPP = FOLDER / "grpc-cpp"
GO_SOURCE = ROOT / "bench/peers/grpc-go"
GO = FOLDER / "grpc-go"
COLLECTOR = pathlib.Path(os.environ.get("PEERS_BIN", "~/.cache/thermograph-peers")).expanduser() / "otelcol"
PYTHON = FOLDER / "python"
PYTHON_SDK = "opentelemetry-sdk==1.45.2"
MEMORY_LIMIT = "8G"  # for readings: what the fastest run sends has to fit


class LeftOut(Exception):
    """Why something is not measured on this machine."""


def run(command, folder=ROOT, **more):
    """Runs a step of a build; its output is shown only when it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=folder, text=True, errors="replace", check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    if done.returncode:
        raise LeftOut(f"{' '.join(map(str, command))} failed: {done.stdout.strip()[-1500:]}")
    return done.stdout


def need(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise LeftOut(f"{', '.join(missing)} is not installed")


# ---- the program ----

def make_program():
    """A release build. Assertions stay in, as in every build of this program."""
    if not (FOLDER / "build.ninja").exists():
        run(["meson", "setup", FOLDER, "--buildtype=release", "-Dtests=false"])
    run(["ninja", "-C", FOLDER, "src/cli/thermograph"])
    if not (CERTS / "server.crt").exists():
        run(["tools/generate-certs", CERTS])
    if not (FOLDER / "token").exists():
        (FOLDER / "tokens").unlink(missing_ok=True)
        done = subprocess.run(
            [PROGRAM, "token", "create", "--tokens", FOLDER / "tokens", "--name", "bench"],
            capture_output=True, text=True, check=True)
        (FOLDER / "token").write_text(done.stdout)


def lines_of(name, cores):
    """What a program of tools/bench prints."""
    run(["ninja", "-C", FOLDER, f"tools/bench/{name}"])
    return run(machine.on_core(cores, [str(FOLDER / "tools/bench" / name)])).strip().splitlines()


def measure_coder():
    make_program()
    return lines_of("bench_chunk", machine.SERVER_CORE)


def measure_otel():
    """Metrics have both cores: two threads measure the same there. Python's SDK makes the same spans."""
    make_program()
    both = f"{machine.SERVER_CORE},{machine.LOAD_CORE}"
    lines = [line for name in ("otel", "otel_call", "otel_encode") for line in lines_of(name, machine.SERVER_CORE)]
    return lines + lines_of("otel_metrics", both) + measure_python()


def measure_python():
    try:
        if not (PYTHON / "bin/python").exists():
            run([sys.executable, "-m", "venv", PYTHON])
        run([PYTHON / "bin/pip", "install", "--quiet", PYTHON_SDK])
        command = [str(PYTHON / "bin/python"), str(ROOT / "tools/bench/otel_python.py")]
        return run(machine.on_core(machine.SERVER_CORE, command)).strip().splitlines()
    except LeftOut as why:
        return [f"left out: Python's {PYTHON_SDK}: {str(why).splitlines()[0]}"]


# Parts of the program that are measured alone, in lines of their own.
ALONE = {"coder": measure_coder, "otel": measure_otel}


def our_server(name, data, is_durable=False):
    def command(address, folder):
        return [str(PROGRAM), "serve", "--listen", address, "--workers", "1", "--log-level", "warn",
                "--cert", str(CERTS / "server.crt"), "--key", str(CERTS / "server.key"),
                "--tokens", str(FOLDER / "tokens"), "--memory-limit", MEMORY_LIMIT,
                "--data", data or str(folder)]
    access = ["--ca", str(CERTS / "ca.crt"), "--token-file", str(FOLDER / "token")]
    return servers.Server(name, command, access, "statistics", FOLDER, is_durable,
                          when_observed=lambda admin: ["--admin", admin])


def thermograph_memory(say):
    say("building the program")
    make_program()
    return our_server("memory", "none")


def thermograph_durable(say):
    make_program()
    if machine.is_in_memory(FOLDER):
        raise LeftOut("build-bench/ lies in memory, where a sync costs nothing")
    server = our_server("durable", None, is_durable=True)
    try:
        with servers.running(server):
            return server
    except servers.Refused:
        raise LeftOut("this version of the program keeps nothing on disk") from None


# ---- the others ----

def peer(name, program):
    def command(address, _):
        return [str(program), address, str(CERTS / "server.crt"), str(CERTS / "server.key")]
    return servers.Server(name, command, ["--ca", str(CERTS / "ca.crt")], "total", FOLDER)


def tonic(say):
    need("cargo", "protoc")
    make_program()
    say("building tonic (minutes, the first time)")
    run(["cargo", "build", "--release", "--manifest-path", TONIC / "Cargo.toml"],
        env=os.environ | {"CARGO_TARGET_DIR": str(FOLDER / "tonic")})
    return peer("tonic", FOLDER / "tonic/release/tonic-server")


def grpc_cpp(say):
    need("g++", "protoc", "grpc_cpp_plugin", "pkg-config")
    make_program()
    source, program = ROOT / "bench/peers/grpc-cpp/main.cc", CPP / "server"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        say("building gRPC C++")
        CPP.mkdir(exist_ok=True)
        run(["protoc", "-Iproto", f"--cpp_out={CPP}", f"--grpc_out={CPP}",
             f"--plugin=protoc-gen-grpc={shutil.which('grpc_cpp_plugin')}", "proto/sensor.proto"])
        flags = run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"]).split()
        run(["g++", "-O2", "-std=c++17", f"-I{CPP}", source, *CPP.glob("*.cc"), "-o", program, *flags])
    return peer("grpc-cpp", program)


def generate_go():
    """The code of the service, by the generators that go.mod pins."""
    tools = GO / "bin"
    run(["go", "build", "-o", f"{tools}/", "google.golang.org/protobuf/cmd/protoc-gen-go",
         "google.golang.org/grpc/cmd/protoc-gen-go-grpc"], folder=GO)
    folder = GO / "sensorpb"
    folder.mkdir(exist_ok=True)
    options = [f"--{kind}{option}" for kind in ("go", "go-grpc")
               for option in (f"_out={folder}", "_opt=paths=source_relative", "_opt=Msensor.proto=grpc-go-server/sensorpb")]
    run(["protoc", "-Iproto", f"--plugin={tools}/protoc-gen-go", f"--plugin={tools}/protoc-gen-go-grpc", *options,
         "sensor.proto"])


def grpc_go(say):
    need("go", "protoc")
    make_program()
    say("building grpc-go (a minute, the first time)")
    GO.mkdir(exist_ok=True)
    for source in GO_SOURCE.iterdir():
        shutil.copy(source, GO)
    generate_go()
    run(["go", "build", "-mod=readonly", "-buildvcs=false", "-o", GO / "server", "."], folder=GO)
    server = peer("grpc-go", GO / "server")
    server.when_observed = lambda _: ["otel"]
    return server


TABLE = {"memory": thermograph_memory, "durable": thermograph_durable, "tonic": tonic, "grpc-cpp": grpc_cpp,
         "grpc-go": grpc_go}


# ---- where telemetry goes ----

def sink(_):
    make_program()
    run(["ninja", "-C", FOLDER, "tools/bench/otlp_sink"])


def collector(_):
    if not COLLECTOR.exists():
        raise LeftOut(f"{COLLECTOR} is not there; tools/install-peers otelcol makes it")


RECEIVERS = {"collector": collector, "sink": sink}


# ---- versions ----

def first_match(command, pattern):
    try:
        found = re.search(pattern, run(command))
    except (LeftOut, FileNotFoundError):
        return None
    return found.group(1) if found else None


def versions():
    found = {
        "thermograph": first_match([PROGRAM, "--version"], r"thermograph (\S+)"),
        "commit": first_match(["git", "describe", "--always", "--dirty"], r"(\S+)"),
        "compiler": first_match(["gcc", "--version"], r"(.*)\n"),
        "tonic": first_match(["grep", "^tonic =", TONIC / "Cargo.toml"], r'version = "=([^"]+)"'),
        "rustc": first_match(["rustc", "--version"], r"rustc (\S+)"),
        "grpc++": first_match(["pkg-config", "--modversion", "grpc++"], r"(\S+)"),
        "grpc-go": first_match(["grep", "google.golang.org/grpc v", GO_SOURCE / "go.mod"], r"grpc v(\S+)"),
        "otelgrpc": first_match(["grep", "otelgrpc v", GO_SOURCE / "go.mod"], r"otelgrpc v(\S+)"),
        "otelcol": first_match([COLLECTOR, "--version"], r"version (\S+)"),
        "go": first_match(["go", "version"], r"go(\d\S+)"),
        "h2load": first_match(["h2load", "--version"], r"h2load (\S+)"),
    }
    return {name: version for name, version in found.items() if version}
