# SPDX-License-Identifier: Apache-2.0
"""`thermograph doctor`: each check with what is well and with what is not."""
import concurrent.futures
import json
import re
import socket
import subprocess
import time

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

import program
from certificates import make_certificate_for, make_dated_certificate, shown
from observed import until
from receivers import GrpcReceiver, HttpReceiver, RESPONSES, respond, tls_context, tls_credentials
from thermograph.v1.thermograph_pb2 import ListSensorsResponse, Status, StoreStatus, Time
from thermograph.v1.thermograph_pb2_grpc import ThermographServicer, add_ThermographServicer_to_server

NOTHING_LISTENS = "http://127.0.0.1:1"
SECRET = "geheim"


def doctor(*arguments, expect=0, through=(), **variables):
    """The checks that it made: name -> (result, words); of several of one name the last."""
    done = program.run("doctor", "--output", "json", *arguments, variables=variables, through=through)
    assert done.returncode == expect, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["check"]: (row["result"], row["words"]) for row in rows}


def telemetry(endpoint, protocol="grpc", expect=0, **more):
    return doctor("--server", "none", expect=expect, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
                  OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_HEADERS=f"api-key={SECRET}", **more)


def check(checks, name, result, *words):
    assert checks[name][0] == result, checks[name]
    for each in words:
        assert each in checks[name][1], checks[name]


both = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
KINDS = {"grpc": GrpcReceiver, "http/protobuf": HttpReceiver}
SIGNALS = ["telemetry.traces", "telemetry.metrics", "telemetry.logs"]


# ---- telemetry ----

@both
def test_what_is_sent_comes_to_jaeger_prometheus_and_the_collector(observed, protocol):
    name = f"doctor-{protocol.partition('/')[0]}"
    checks = doctor("--server", "none", **observed.variables(protocol, OTEL_SERVICE_NAME=name))
    for each in SIGNALS:
        check(checks, each, "ok", "was accepted by http://127.0.0.1")
    traces = until(lambda: observed.traces(name), "the span in Jaeger")
    assert [[span.name for span in trace] for trace in traces] == [["thermograph.doctor"]]
    rows = until(lambda: observed.query(f'{{__name__=~"thermograph_doctor.*",service_name="{name}"}}'),
                 "the metric in Prometheus")
    assert [value for _, value in rows] == [1]
    records = until(lambda: [record for record in observed.log_records()
                             if record["resource"]["service.name"] == name], "the log record")
    assert len(records) == 1


@both
def test_headers_are_sent_and_the_service_has_a_name(receive, protocol):
    receiver = receive(KINDS[protocol])
    telemetry(receiver.endpoint, protocol)
    for signal in RESPONSES:
        sent, = receiver.requests(signal)
        assert sent.headers["api-key"] == SECRET
        assert "thermograph-doctor" in str(sent.message)


def test_nothing_is_exported_without_variables():
    checks = doctor("--server", "none")
    check(checks, "telemetry.traces", "not_checked", "OTEL_EXPORTER_OTLP_ENDPOINT", "_TRACES_ENDPOINT")
    checks = telemetry(NOTHING_LISTENS, OTEL_SDK_DISABLED="true")
    check(checks, "telemetry.logs", "not_checked", "OTEL_SDK_DISABLED")


def test_each_signal_is_checked_as_it_is_exported(receive):
    receiver = receive(GrpcReceiver)
    checks = telemetry(receiver.endpoint, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="prometheus",
                       OTEL_LOGS_EXPORTER="console")
    check(checks, "telemetry.traces", "not_checked", "OTEL_TRACES_EXPORTER is none")
    check(checks, "telemetry.metrics", "not_checked", "http://localhost:9464/metrics")
    check(checks, "telemetry.logs", "not_checked", "standard output")
    assert not any(receiver.requests(signal) for signal in RESPONSES)


@both
def test_a_dead_endpoint_is_told_with_what_to_do(protocol):
    checks = telemetry(NOTHING_LISTENS, protocol, expect=1)
    for each in SIGNALS:
        check(checks, each, "failed", "did not arrive at http://127.0.0.1:1", "is a Collector listening there?")


@both
def test_the_variable_of_one_signal_is_named_where_it_counts(protocol):
    checks = telemetry(NOTHING_LISTENS, protocol, expect=1,
                       OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:2")
    check(checks, "telemetry.traces", "failed", "? OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says where")
    check(checks, "telemetry.logs", "failed", "? OTEL_EXPORTER_OTLP_ENDPOINT says where")


def test_an_endpoint_with_a_password_is_shown_without_it():
    checks = telemetry(f"http://me:{SECRET}@127.0.0.1:1", "http/protobuf", expect=1)
    check(checks, "telemetry.traces", "failed", "http://127.0.0.1:1/v1/traces")
    checks = telemetry(f"http://me:{SECRET}@127.0.0.1:1", expect=1)
    check(checks, "telemetry.traces", "failed", "gRPC cannot send", "OTEL_EXPORTER_OTLP_HEADERS")


def test_an_endpoint_that_is_none_fails_with_the_variables_name():
    checks = telemetry("nonsense://x", "http/protobuf", expect=1)
    check(checks, "telemetry.traces", "failed", "cannot be used")
    check(checks, "telemetry", "warning", "OTEL_EXPORTER_OTLP_ENDPOINT")


def test_a_variable_that_cannot_be_read_is_a_warning():
    checks = doctor("--server", "none", OTEL_BSP_MAX_QUEUE_SIZE="lots")
    check(checks, "telemetry", "warning", "OTEL_BSP_MAX_QUEUE_SIZE=lots", "2048 is taken")


def test_a_sampler_that_lets_nothing_through_is_a_warning(receive):
    receiver = receive(GrpcReceiver)
    done = program.run("doctor", "--server", "none", "--output", "csv", variables={
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_TRACES_SAMPLER": "always_off"})
    assert done.returncode == 0
    assert 'warning,telemetry.traces,"OTEL_TRACES_SAMPLER lets no trace begin' in done.stdout
    assert "ok,telemetry.traces,a span was accepted" in done.stdout


def test_a_refusal_is_told_with_status_words_and_what_to_do(receive):
    def unauthenticated(receiver, signal, context):
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "no key")
    receiver = receive(GrpcReceiver, {"all": [unauthenticated]})
    checks = telemetry(receiver.endpoint, expect=1)
    check(checks, "telemetry.metrics", "failed", "UNAUTHENTICATED: no key", "OTEL_EXPORTER_OTLP_HEADERS")
    assert len(receiver.requests("metrics")) == 1
    receiver = receive(HttpReceiver, {"all": [lambda receiver, signal, handler: respond(handler, 404)]})
    checks = telemetry(receiver.endpoint, "http/protobuf", expect=1)
    check(checks, "telemetry.logs", "failed", "HTTP status 404", "is the path right?")


def test_an_endpoint_of_the_other_protocol_or_scheme_is_told_with_what_to_do(receive, certs):
    plain = {"grpc": receive(GrpcReceiver), "http/protobuf": receive(HttpReceiver)}
    with_tls = {"grpc": receive(GrpcReceiver, {}, tls_credentials(certs)),
                "http/protobuf": receive(HttpReceiver, {}, tls_context(certs))}
    others = {"grpc": "http/protobuf", "http/protobuf": "grpc"}
    for protocol, other in others.items():
        wrong_protocol, tls_to_plain, plain_to_tls, wrong_protocol_with_tls = (
            telemetry(endpoint, protocol, expect=1, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certs / "ca.crt"))
            for endpoint in (plain[other].endpoint, plain[protocol].endpoint.replace("http:", "https:"),
                             with_tls[protocol].endpoint.replace("https:", "http:"), with_tls[other].endpoint))
        for checks in (wrong_protocol, wrong_protocol_with_tls):
            check(checks, "telemetry.traces", "failed", f"OTEL_EXPORTER_OTLP_PROTOCOL={other}")
        check(tls_to_plain, "telemetry.traces", "failed", "an endpoint without TLS begins with http://")
        check(plain_to_tls, "telemetry.traces", "failed", "then the endpoint begins with https://")


def test_a_partial_success_is_told_with_its_words(receive):
    def rejected(receiver, signal, context):
        answer = RESPONSES["traces"]()
        answer.partial_success.rejected_spans = 1
        answer.partial_success.error_message = "too old"
        return answer

    def advised(receiver, signal, context):
        answer = RESPONSES["logs"]()
        answer.partial_success.error_message = "slow down"
        return answer
    receiver = receive(GrpcReceiver, {"traces": [rejected], "logs": [advised]})
    checks = telemetry(receiver.endpoint, expect=1)
    check(checks, "telemetry.traces", "failed", "did not take it: too old")
    check(checks, "telemetry.metrics", "ok")
    check(checks, "telemetry.logs", "warning", "which says: slow down")


@both
def test_a_receiver_that_hangs_is_waited_for_as_the_settings_say(receive, protocol):
    def hang(receiver, signal, caller):
        receiver.is_over.wait(program.PATIENCE_S)
        return RESPONSES[signal]() if protocol == "grpc" else respond(caller, 503)
    receiver = receive(KINDS[protocol], {"all": [hang]})
    checks = telemetry(receiver.endpoint, protocol, expect=1, OTEL_EXPORTER_OTLP_TIMEOUT="300")
    check(checks, "telemetry.traces", "failed", "OTEL_EXPORTER_OTLP_TIMEOUT gives it more time")


# ---- the server ----

SERVER = ["server.connection", "server.certificate", "server.health", "server.token", "server.store",
          "server.clock"]


def test_a_server_that_is_well(server):
    server.call("send", "attic", "21.5")
    checks = doctor(*server.access())
    assert {checks[name][0] for name in SERVER} == {"ok"}, checks
    check(checks, "server.certificate", "ok", "localhost", "127.0.0.1", "signed by Thermograph CA")
    check(checks, "server.store", "ok", "keeps 1 reading of 1 sensor on disk")
    check(checks, "server.clock", "ok", "ms apart")


def test_a_server_without_tls_and_tokens(start):
    server = start(plaintext=True, data="none")
    checks = doctor(*server.access())
    check(checks, "server.connection", "ok", "without TLS")
    check(checks, "server.certificate", "not_checked")
    check(checks, "server.token", "ok", "asks for none")
    check(checks, "server.store", "ok", "in memory only")


def test_nobody_is_there():
    checks = doctor("--server", "127.0.0.1:1", "--plaintext", expect=1)
    check(checks, "server.connection", "failed", "connection refused", "is the server running there?")
    assert {checks[name][0] for name in SERVER[1:]} == {"not_checked"}


def test_a_wrong_token_and_none(server):
    wrong = "tg_" + "a" * 43
    checks = doctor(*server.access(wrong), expect=1)
    check(checks, "server.health", "ok")
    check(checks, "server.token", "failed", "UNAUTHENTICATED", "does the server's tokens file have this token?")
    check(checks, "server.store", "not_checked")
    checks = doctor("--server", server.address, "--ca", server.ca, expect=1)
    check(checks, "server.token", "failed", "--token-file FILE names the file with the token")


def test_a_token_that_may_only_write(server, make_token):
    program_token = make_token("writer", "--write", "boiler-*")
    server.process.send_signal(1)
    server.wait_for("tokens read again")
    checks = doctor(*server.access(program_token))
    assert checks["server.token"][0] in ("ok", "warning")
    check(checks, "server.store", "not_checked", "may not read")


def test_a_ca_that_has_not_signed(server, tmp_path):
    subprocess.run([program.ROOT / "tools/generate-certs", tmp_path / "other"], check=True, capture_output=True)
    checks = doctor("--server", server.address, "--ca", tmp_path / "other/ca.crt", expect=1)
    check(checks, "server.connection", "failed", "signed by no CA that is trusted here")
    check(checks, "server.certificate", "failed", "refused:", "for localhost", "signed by Thermograph CA")
    check(checks, "server.token", "not_checked", "there is no connection")


def test_a_certificate_for_other_names(tmp_path):
    certificate, key = make_certificate_for(tmp_path, "elsewhere.example")
    with shown(certificate, key) as port:
        checks = doctor("--server", f"localhost:{port}", "--ca", certificate, expect=1)
    check(checks, "server.connection", "failed", "is not for 'localhost', but for elsewhere.example",
          'make generate_certs RENEW=1 NAMES="that.name"')
    check(checks, "server.certificate", "failed", "ostname mismatch", "for elsewhere.example")


def test_a_ca_file_that_is_not_there(server, tmp_path):
    checks = doctor("--server", server.address, "--ca", tmp_path / "none.crt", expect=1)
    check(checks, "server.connection", "failed", "cannot read the CA")


@pytest.fixture
def expired(certs, tmp_path):
    folder = tmp_path / "expired"
    folder.mkdir()
    return make_dated_certificate(folder, certs, "20000101", "20010909")


def test_a_servers_certificate_that_has_expired(certs, expired):
    with shown(expired, certs / "server.key") as port:
        checks = doctor("--server", f"localhost:{port}", "--ca", certs / "ca.crt", expect=1)
    check(checks, "server.connection", "failed", "the server's certificate has expired")
    check(checks, "server.certificate", "failed", "expired", "until 2001-09-09")


def test_a_token_file_that_others_can_read_is_a_warning_of_the_report(server, tmp_path):
    file = tmp_path / "all.token"
    file.write_text(server.token + "\n")
    file.chmod(0o644)
    done = program.run("doctor", "--server", server.address, "--ca", server.ca, "--token-file", file)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.count("can be read by every user here") == 1


@pytest.fixture
def status_of_another_clock():
    """status_of_another_clock(s): access to a server whose clock is so many seconds ahead."""
    servers = []

    def begin(ahead_s):
        class Ahead(ThermographServicer):
            def ListSensors(self, request, context):
                return ListSensorsResponse()

            def GetStatus(self, request, context):
                now = time.time() + ahead_s
                return Status(version="0.1.0", now=Time(seconds=int(now), nanos=int(now % 1 * 1e9)),
                              store=StoreStatus(readings=1, sensors=1))
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        add_ThermographServicer_to_server(Ahead(), server)
        checks = health.HealthServicer()
        checks.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return ["--plaintext", "--server", f"127.0.0.1:{port}"]
    yield begin
    for server in servers:
        server.stop(None).wait()


@pytest.mark.parametrize("ahead_s, words", [(3600, "ahead of"), (-3600, "behind")])
def test_a_clock_that_is_wrong_is_a_warning(status_of_another_clock, ahead_s, words):
    checks = doctor(*status_of_another_clock(ahead_s))
    check(checks, "server.clock", "warning", words, "this machine's", "timedatectl")
    assert int(re.search(r"is (\d+) s ", checks["server.clock"][1]).group(1)) in range(3550, 3601)


def test_a_clock_that_is_almost_right_is_fine(status_of_another_clock):
    check(doctor(*status_of_another_clock(2)), "server.clock", "ok", "ms apart")


# ---- files and ports ----

def test_files_that_a_server_can_start_with(certs, tokens_file, make_token, tmp_path):
    make_token("all")
    checks = doctor("--cert", certs / "server.crt", "--key", certs / "server.key", "--tokens", tokens_file,
                    "--data", tmp_path / "new", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    check(checks, "server", "not_checked", "--server")
    check(checks, "files.certificate", "ok", "for localhost", "signed by Thermograph CA")
    check(checks, "files.tokens", "ok", "1 in ")
    check(checks, "files.data", "ok", "a server makes it")
    check(checks, "ports.listen", "ok", "is free")
    check(checks, "ports.admin", "ok", "is free")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def doctor_of_file(tmp_path):
    """doctor_of_file(lines, ...): the checks of a configuration file with these lines."""
    def look(*lines, options=(), **more):
        file = tmp_path / "thermograph.yaml"
        file.write_text("\n".join(lines) + "\n")
        return doctor("--server", "none", "--config", file, *options, **more)
    return look


GOOD_FILE = ["data: none", "allow-anyone: yes", "listen: 127.0.0.1:0"]


def test_a_configuration_file_that_a_server_can_start_with(doctor_of_file):
    check(doctor_of_file(*GOOD_FILE, "workers: 2"), "files.config", "ok", "thermograph.yaml")


@pytest.mark.parametrize("line, words", [
    ("memory-limit: lots", "thermograph.yaml:4: memory-limit: "),
    ("workers: -3", "thermograph.yaml:4: workers: "),
    ("drain-timeout: soon", "thermograph.yaml:4: drain-timeout: "),
    ("journal-limit: 10K", "less than 1M"),
    ("max-future: 200000d", "max-future: "),
    ("allow-plaintext-from-network: yess", "thermograph.yaml:4: allow-plaintext-from-network: "),
    ("tokens: tokens.yaml", "contradict each other"),
])
def test_a_configuration_file_that_a_server_refuses_has_failed(doctor_of_file, tokens_file, make_token, line, words):
    make_token("all")
    checks = doctor_of_file(*GOOD_FILE, line.replace("tokens.yaml", str(tokens_file)), expect=1)
    check(checks, "files.config", "failed", "refuses it", words)


def test_a_configuration_file_without_what_a_server_needs_has_failed(doctor_of_file):
    checks = doctor_of_file("allow-anyone: yes", expect=1)
    check(checks, "files.config", "failed", "say where readings are to be kept")
    checks = doctor_of_file("data: none", expect=1)
    check(checks, "files.config", "failed", "without tokens anyone")
    checks = doctor_of_file("data: none", "allow-anyone: yess", expect=1)
    check(checks, "files.config", "failed", "allow-anyone: ")
    checks = doctor_of_file("data: none", "allow-anyone: yes", "listen: 0.0.0.0:0", expect=1)
    check(checks, "files.config", "failed", "without TLS")


def test_what_the_configuration_file_leaves_out_may_be_an_option(doctor_of_file):
    check(doctor_of_file("data: none", options=["--allow-anyone"]), "files.config", "ok")


def test_a_configuration_file_for_clients_is_none_of_a_server(doctor_of_file):
    check(doctor_of_file("timeout: 5s"), "files.config", "not_checked", "no option of `thermograph serve'")
    check(doctor("--server", "none"), "files.config", "not_checked", "--config")


def test_certificate_files_that_do_not_do(certs, expired, tmp_path):
    checks = doctor("--cert", expired, "--key", certs / "server.key", expect=1)
    check(checks, "files.certificate", "failed", "expired on 2001-09-09")
    checks = doctor("--cert", certs / "server.crt", "--key", certs / "ca.key", expect=1)
    check(checks, "files.certificate", "failed", "does not belong to the certificate")
    key = tmp_path / "open.key"
    key.write_bytes((certs / "server.key").read_bytes())
    key.chmod(0o644)
    done = program.run("doctor", "--cert", certs / "server.crt", "--key", key)
    assert done.returncode == 0 and done.stderr == ""
    assert "every user of this machine can read the key" in done.stdout


def test_a_certificate_that_expires_soon(certs, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-key", certs / "server.key", "-subj", "/CN=me", "-days", "7",
                    "-out", tmp_path / "soon.crt"], check=True, capture_output=True)
    checks = doctor("--cert", tmp_path / "soon.crt", "--key", certs / "server.key")
    check(checks, "files.certificate", "warning", "it expires in ", "no name that is checked")


def test_tokens_files_that_do_not_do(tokens_file, make_token):
    checks = doctor("--tokens", tokens_file, expect=1)
    check(checks, "files.tokens", "failed", "thermograph token create")
    make_token("all")
    tokens_file.chmod(0o644)
    check(doctor("--tokens", tokens_file), "files.tokens", "warning", "chmod 600")
    tokens_file.write_text("tokens: []\n")
    check(doctor("--tokens", tokens_file), "files.tokens", "warning", "holds no tokens")
    tokens_file.write_text("tokens: 7\n")
    check(doctor("--tokens", tokens_file, expect=1), "files.tokens", "failed", str(tokens_file))


def test_a_directory_in_use_and_the_ports_of_its_server(start, tmp_path):
    server = start(plaintext=True, data=tmp_path)
    names = ["--data", tmp_path, "--listen", server.address]
    checks = doctor(*names)
    check(checks, "files.data", "warning", f"in use by process {server.process.pid}")
    check(checks, "ports.listen", "warning", "in use")
    check(doctor(*names, *server.access()), "server.connection", "ok")
    assert server.stop() == 0
    checks = doctor(*names)
    check(checks, "files.data", "ok", "there is a store in format", f"thermograph check {tmp_path}")
    check(checks, "ports.listen", "ok")


def test_directories_that_do_not_do(tmp_path):
    (tmp_path / "file").write_text("")
    check(doctor("--data", tmp_path / "file", expect=1), "files.data", "failed", "is no directory")
    check(doctor("--data", tmp_path / "no/where", expect=1), "files.data", "failed", "cannot be made")
    (tmp_path / "others").mkdir()
    (tmp_path / "others/main.c").write_text("")
    check(doctor("--data", tmp_path / "others", expect=1), "files.data", "failed", "holds other files")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange/store.sqlite").write_bytes(b"x" * 200)
    check(doctor("--data", tmp_path / "strange", expect=1), "files.data", "failed", "another program")
    check(doctor("--data", "none"), "files.data", "not_checked", "in memory only")


def test_a_directory_that_is_not_ours(tmp_path):
    tmp_path.chmod(0o500)
    checks = doctor("--data", tmp_path, expect=1, through=program.WITHOUT_RIGHTS)
    check(checks, "files.data", "failed", "who owns it?")


def test_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = f"127.0.0.1:{listener.getsockname()[1]}"
        checks = doctor("--listen", taken, "--admin", taken, "--data", tmp_path, expect=1)
    check(checks, "ports.listen", "failed", "choose another with --listen")
    check(checks, "ports.admin", "failed", "choose another with --admin")


# ---- the program ----

def test_wrong_options_are_no_checks():
    for arguments in (["--cert", "x"], ["--listen", "nowhere"], ["--output", "xml"], ["--admin", "x:y"],
                      ["--server", "localhost:99999"], ["--nonsense"], ["argument"], ["--token", "a b"]):
        done = program.run("doctor", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done


def test_it_ends_quietly_when_nobody_reads_on():
    with subprocess.Popen([program.BIN, "doctor", "--server", "none", "--data", "none"], text=True,
                          restore_signals=False,  # so it is told that the pipe is closed
                          env=program.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(program.PATIENCE_S) == 1
        assert process.stderr.read() == ""


def test_what_cannot_be_written_is_told():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program.BIN, "doctor", "--server", "none"], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False, env=program.environment(), timeout=program.PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr.startswith("thermograph: doctor: cannot write: ")


def test_people_get_a_table_and_a_sum():
    done = program.run("doctor", "--server", "none", "--data", "none")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["RESULT", "CHECK", "WORDS"]
    assert lines[-1] == "nothing has failed: 0 ok, 0 warnings, 10 not checked"
    assert done.stderr == ""
