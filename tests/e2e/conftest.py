# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test starts from: stubs, certificates, tokens, a server on a free port.

Python's stubs are made from proto/ before the tests are read, so that these can import them like any
user's program does.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import grpc
import pytest
from grpc_tools import protoc

import program
from observed import NAMES, Observed
from peers import need_peers

PROTO = program.ROOT / "proto"
STUBS = pathlib.Path(tempfile.mkdtemp(prefix="thermograph-stubs-"))
sys.path.insert(0, str(STUBS))
FAILED_STUBS = protoc.main([
    "protoc", f"-I{PROTO}", f"--python_out={STUBS}", f"--grpc_python_out={STUBS}",
    "sensor.proto", "thermograph/v1/thermograph.proto"])
assert not FAILED_STUBS


def pytest_unconfigure():
    shutil.rmtree(STUBS, ignore_errors=True)


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    """A folder with ca.crt, server.crt and server.key."""
    folder = tmp_path_factory.mktemp("certs")
    subprocess.run([program.ROOT / "tools/generate-certs", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def tokens_file(tmp_path):
    return tmp_path / "tokens.yaml"


@pytest.fixture
def make_token(tokens_file):
    """make_token("name", "--write", "boiler-*") adds a token to the server's file."""
    def make(name, *rights):
        done = program.run("token", "create", "--tokens", tokens_file, "--name", name, *rights)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
    return make


@pytest.fixture
def start(certs, tokens_file, make_token, tmp_path_factory):
    """start() serves with TLS and a token that may do all; start(plaintext=True) without either.

    Readings are kept in a directory of the server's own unless `data` names another, or "none".
    At the end of the test each server that still runs is told to stop, and has to end well.
    """
    servers = []

    def begin(*arguments, plaintext=False, variables=None, data=None):
        arguments = ["--data", data or tmp_path_factory.mktemp("data"), *arguments]
        if plaintext:
            server = program.Server(["--allow-anyone", *arguments], variables=variables)
        else:
            token = make_token("all") if not tokens_file.exists() else None
            server = program.Server(
                ["--cert", certs / "server.crt", "--key", certs / "server.key",
                 "--tokens", tokens_file, *arguments], certs, token, variables)
        servers.append(server)
        return server

    yield begin
    try:
        for server in servers:
            if server.process.poll() is None:
                assert server.stop() == 0, server.said()
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def connect():
    """connect(server) is a channel; with token=None it calls without one."""
    channels = []

    def open_channel(server, token=..., options=(), compression=None):
        # A connection of its own for each channel: gRPC would let equal ones share it.
        options = [("grpc.use_local_subchannel_pool", 1), *options]
        if not server.certs:
            channel = grpc.insecure_channel(server.address, options, compression)
        else:
            credentials = grpc.ssl_channel_credentials(server.ca.read_bytes())
            token = server.token if token is ... else token
            if token:
                credentials = grpc.composite_channel_credentials(
                    credentials, grpc.access_token_call_credentials(token))
            channel = grpc.secure_channel(server.address, credentials, options, compression)
        channels.append(channel)
        return channel

    yield open_channel
    for channel in channels:
        channel.close()


@pytest.fixture
def channel(server, connect):
    return connect(server)


@pytest.fixture
def sensors(channel):
    from sensor_pb2_grpc import SensorServiceStub
    return SensorServiceStub(channel)


@pytest.fixture
def thermograph(channel):
    from thermograph.v1.thermograph_pb2_grpc import ThermographStub
    return ThermographStub(channel)


@pytest.fixture
def start_program():
    """start_program("chat", ...) runs a verb until the test ends."""
    programs = []

    def begin(*arguments, **more):
        programs.append(program.Program(*arguments, **more))
        return programs[-1]

    yield begin
    for each in programs:
        each.kill()


PEERS = {"grpcurl", "promtool", "jaeger", "observed"}  # fixtures below


def pytest_configure(config):
    config.addinivalue_line("markers", "peers: needs programs of others, which take minutes to build")


def pytest_collection_modifyitems(items):
    for item in items:
        if PEERS.intersection(item.fixturenames):
            item.add_marker(pytest.mark.peers)


@pytest.fixture(scope="session")
def grpcurl():
    need_peers("grpcurl")
    return program.PEERS / "grpcurl"


@pytest.fixture(scope="session")
def promtool():
    need_peers("promtool")
    return program.PEERS / "promtool"


@pytest.fixture(scope="session")
def jaeger():
    need_peers("jaeger-all-in-one")


@pytest.fixture(scope="session")
def observed(tmp_path_factory):
    """A Collector with Jaeger and Prometheus behind it, for all tests: use a service name of your own."""
    need_peers(*NAMES)
    system = Observed(tmp_path_factory.mktemp("observed"))
    yield system
    system.stop()


@pytest.fixture
def receive():
    """receive(GrpcReceiver, answers) makes a receiver of telemetry that is closed at the end."""
    receivers = []

    def make(kind, *arguments):
        receivers.append(kind(*arguments))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.close()
