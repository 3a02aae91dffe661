# SPDX-License-Identifier: Apache-2.0
"""Telemetry on its way to receivers that take it, and to others: what arrives, what is sent again, what is
lost, and what the program says. The program is examples/instrumented.c: three spans, a counter, a histogram,
three log records; at its end it sends what there is, for at most five seconds.
"""
import pathlib
import re
import subprocess
import time

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

import program
from receivers import (
    RESPONSES, ClosingReceiver, GrpcReceiver, HttpReceiver, respond, tls_context, tls_credentials)

EXAMPLE = pathlib.Path(program.BIN).parent / "examples/instrumented"
STOP_S = 5  # in the example
SIGNALS = ("traces", "metrics", "logs")
# No second attempt: a batch is too old before it could be sent again.
ONCE = {"OTEL_BSP_EXPORT_TIMEOUT": "700", "OTEL_BLRP_EXPORT_TIMEOUT": "700", "OTEL_METRIC_EXPORT_TIMEOUT": "700"}


def start_example(protocol, endpoint, variables):
    settings = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    kept = {name: value for name, value in program.environment().items()
            if not name.startswith("OTEL_") and not name.lower().endswith("_proxy")}
    return subprocess.Popen([EXAMPLE], env=kept | settings | variables, text=True, stderr=subprocess.PIPE)


def run_example(protocol, endpoint, **variables):
    """What it said; it ends well whatever the receiver does."""
    process = start_example(protocol, endpoint, variables)
    started = time.monotonic()
    try:
        _, said = process.communicate(timeout=program.PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert not program.SANITIZER_REPORT.search(said), said
    assert time.monotonic() - started < STOP_S + 2, said
    return said


# ---- answers ----

def refuse(code, text, details=None):
    def answer(receiver, signal, context):
        if details:
            context.set_trailing_metadata([("grpc-status-details-bin", details.SerializeToString())])
        context.abort(code, text)
    return answer


def rpc_status(message, retry_s=None):
    status = status_pb2.Status(code=8, message=message)
    if retry_s:
        info = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=retry_s))
        packed = any_pb2.Any()
        packed.Pack(info)
        status.details.append(packed)
    return status


def partial(signal, n, message):
    field = {"traces": "rejected_spans", "metrics": "rejected_data_points", "logs": "rejected_log_records"}
    response = RESPONSES[signal]()
    setattr(response.partial_success, field[signal], n)
    response.partial_success.error_message = message
    return response


def partial_over_grpc(receiver, signal, context):
    return partial(signal, 1, "too old")


def partial_over_http(receiver, signal, handler):
    respond(handler, 200, partial(signal, 1, "too old"))


def hang_over_grpc(receiver, signal, context):
    receiver.is_over.wait(program.PATIENCE_S)
    return RESPONSES[signal]()


def hang_over_http(receiver, signal, handler):
    receiver.is_over.wait(program.PATIENCE_S)
    handler.close_connection = True


def http_status(status, message=None, **headers):
    return lambda receiver, signal, handler: respond(handler, status, message, **headers)


def close_in_mid_answer(receiver, signal, handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    handler.close_connection = True


def answer_without_end(receiver, signal, handler):
    handler.send_response(200)
    handler.send_header("content-length", str(64 << 20))
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(64):
            handler.wfile.write(bytes(1 << 20))
    except OSError:
        receiver.is_over.set()


def fine(receiver, signal, caller):
    """As it should be, after answers that are not."""
    if isinstance(receiver, HttpReceiver):
        return respond(caller, 200, RESPONSES[signal]())
    return RESPONSES[signal]()


KINDS = {"grpc": GrpcReceiver, "http/protobuf": HttpReceiver}
both = pytest.mark.parametrize("protocol", list(KINDS))


# ---- what goes well ----

def texts_of(attributes):
    return {each.key: each.value.string_value for each in attributes}


def check_traces(message):
    (resource,) = message.resource_spans
    assert texts_of(resource.resource.attributes)["service.name"] == "bakery"
    (scope,) = resource.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("bakery", "1.0")
    assert [span.name for span in scope.spans] == ["bake"] * 3
    assert [span.attributes[0].value.int_value for span in scope.spans] == [1, 2, 3]
    assert [event.name for span in scope.spans for event in span.events] == ["risen"] * 3
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in scope.spans)
    return {(span.trace_id, span.span_id) for span in scope.spans}


def check_metrics(message):
    found = {metric.name: metric for scope in message.resource_metrics[0].scope_metrics
             for metric in scope.metrics if scope.scope.name == "bakery"}
    (point,) = found["bakery.loaves"].sum.data_points
    assert point.as_int == 3 and texts_of(point.attributes) == {"bakery.kind": "rye"}
    (point,) = found["bakery.time"].histogram.data_points
    assert point.count == 3 and sum(point.bucket_counts) == 3
    return {(exemplar.trace_id, exemplar.span_id) for exemplar in point.exemplars}


def check_logs(message):
    records = message.resource_logs[0].scope_logs[0].log_records
    assert [record.body.string_value for record in records] == ["a loaf is done"] * 3
    return {(record.trace_id, record.span_id) for record in records}


@both
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_all_three_signals_arrive(receive, protocol, compression):
    receiver = receive(KINDS[protocol])
    said = run_example(protocol, receiver.endpoint, OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                       OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20secret,x-tenant=cellar")
    assert said == ""
    requests = {signal: receiver.requests(signal) for signal in SIGNALS}
    assert {signal: len(found) for signal, found in requests.items()} == dict.fromkeys(SIGNALS, 1)
    spans = check_traces(requests["traces"][0].message)
    assert check_logs(requests["logs"][0].message) == spans
    assert check_metrics(requests["metrics"][0].message) <= spans
    for (request,) in requests.values():
        assert request.headers["user-agent"].startswith("OTel-OTLP-Exporter-C/")
        assert request.headers["authorization"] == "Bearer secret"
        assert request.headers["x-tenant"] == "cellar"
        if protocol != "grpc":
            assert request.headers["content-type"] == "application/x-protobuf"
            assert request.headers.get("content-encoding", "none") == compression


# ---- what is sent again ----

def check_sent_again(receiver, said, pause_s):
    assert said == ""
    for signal in SIGNALS:
        first, second = receiver.requests(signal)
        assert first.message == second.message
        assert second.time - first.time > pause_s


@pytest.mark.parametrize("code", [
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.DATA_LOSS])
def test_a_receiver_that_is_unavailable_for_a_moment_gets_it_again(receive, code):
    receiver = receive(GrpcReceiver, {"all": [refuse(code, "later"), fine]})
    check_sent_again(receiver, run_example("grpc", receiver.endpoint), pause_s=0.7)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_http_status_that_passes_is_waited_for(receive, status):
    receiver = receive(HttpReceiver, {"all": [http_status(status), fine]})
    check_sent_again(receiver, run_example("http/protobuf", receiver.endpoint), pause_s=0.7)


def test_resource_exhausted_with_retry_info_waits_as_long_as_it_says(receive):
    full = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", rpc_status("full", retry_s=2))
    receiver = receive(GrpcReceiver, {"all": [full, fine]})
    check_sent_again(receiver, run_example("grpc", receiver.endpoint), pause_s=1.9)


def test_429_with_retry_after_waits_as_long_as_it_says(receive):
    receiver = receive(HttpReceiver, {"all": [http_status(429, retry_after="2"), fine]})
    check_sent_again(receiver, run_example("http/protobuf", receiver.endpoint), pause_s=1.9)


def test_a_date_to_retry_after_is_heeded(receive):
    def later(receiver, signal, handler):
        respond(handler, 503, retry_after=handler.date_time_string(time.time() + 3))
    receiver = receive(HttpReceiver, {"all": [later, fine]})
    check_sent_again(receiver, run_example("http/protobuf", receiver.endpoint), pause_s=1.5)


@pytest.mark.parametrize("protocol, hang", [("grpc", hang_over_grpc), ("http/protobuf", hang_over_http)])
def test_a_receiver_that_hangs_is_given_up_and_gets_it_again(receive, protocol, hang):
    receiver = receive(KINDS[protocol], {"all": [hang, fine]})
    said = run_example(protocol, receiver.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="300")
    check_sent_again(receiver, said, pause_s=1.0)


def test_an_answer_that_breaks_off_is_asked_for_again(receive):
    receiver = receive(HttpReceiver, {"all": [close_in_mid_answer, fine]})
    check_sent_again(receiver, run_example("http/protobuf", receiver.endpoint), pause_s=0.7)


@both
def test_a_connection_that_is_closed_at_once_is_made_again(receive, protocol):
    receiver = receive(ClosingReceiver)
    said = run_example(protocol, receiver.endpoint)
    assert said.count("fails: ") == len(SIGNALS)
    assert receiver.n_closed >= 2 * len(SIGNALS)


# ---- what is lost, with words ----

def check_lost(said, words, receiver=None):
    """One line for each signal, and no signal was sent twice."""
    assert len(said.splitlines()) == len(SIGNALS), said
    assert all(words in line for line in said.splitlines()), said
    for signal in SIGNALS if receiver else ():
        assert len(receiver.requests(signal)) == 1


@pytest.mark.parametrize("code, details", [
    (grpc.StatusCode.RESOURCE_EXHAUSTED, None), (grpc.StatusCode.INVALID_ARGUMENT, None),
    (grpc.StatusCode.FAILED_PRECONDITION, None), (grpc.StatusCode.INTERNAL, None),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, rpc_status("no RetryInfo in it"))])
def test_what_is_refused_for_good_is_sent_once(receive, code, details):
    receiver = receive(GrpcReceiver, {"all": [refuse(code, "not so", details)]})
    said = run_example("grpc", receiver.endpoint)
    check_lost(said, f"fails: {code.name}: not so; they are dropped", receiver)


@pytest.mark.parametrize("status", [307, 400, 413, 422, 500])
def test_other_http_statuses_are_final_and_redirects_are_not_followed(receive, status):
    elsewhere = receive(HttpReceiver)
    answer = http_status(status, rpc_status("not so"), location=elsewhere.endpoint + "/v1/traces")
    receiver = receive(HttpReceiver, {"all": [answer]})
    said = run_example("http/protobuf", receiver.endpoint)
    check_lost(said, f"fails: HTTP status {status}: not so; they are dropped", receiver)
    assert not elsewhere.requests("traces")


@pytest.mark.parametrize("kind, answer, status, hint", [
    (GrpcReceiver, refuse(grpc.StatusCode.UNAUTHENTICATED, "not so"), "UNAUTHENTICATED", "HEADERS carries"),
    (GrpcReceiver, refuse(grpc.StatusCode.UNIMPLEMENTED, "not so"), "UNIMPLEMENTED", "choose another endpoint"),
    (HttpReceiver, http_status(401, rpc_status("not so")), "HTTP status 401", "HEADERS carries"),
    (HttpReceiver, http_status(404, rpc_status("not so")), "HTTP status 404", "is the path right?")])
def test_what_is_refused_for_good_is_told_with_what_to_do(receive, kind, answer, status, hint):
    receiver = receive(kind, {"all": [answer]})
    protocol = next(name for name in KINDS if KINDS[name] is kind)
    said = run_example(protocol, receiver.endpoint)
    check_lost(said, f"fails: {status}: not so (", receiver)
    assert said.count(hint) == said.count("); they are dropped") == len(SIGNALS)


@pytest.mark.parametrize("protocol, answer", [("grpc", partial_over_grpc), ("http/protobuf", partial_over_http)])
def test_partial_success_is_told_and_never_sent_again(receive, protocol, answer):
    receiver = receive(KINDS[protocol], {"all": [answer]})
    said = run_example(protocol, receiver.endpoint)
    check_lost(said, "was not taken by", receiver)
    assert said.count("too old") == len(SIGNALS)


@both
def test_a_receiver_that_never_answers_does_not_hold_the_end(receive, protocol):
    hang = hang_over_grpc if protocol == "grpc" else hang_over_http
    receiver = receive(KINDS[protocol], {"all": [hang]})
    check_lost(run_example(protocol, receiver.endpoint), "fails: ", receiver)


@both
def test_an_answer_too_late_is_none(receive, protocol):
    hang = hang_over_grpc if protocol == "grpc" else hang_over_http
    receiver = receive(KINDS[protocol], {"all": [hang]})
    said = run_example(protocol, receiver.endpoint, **ONCE)
    late = "DEADLINE_EXCEEDED" if protocol == "grpc" else "timed out"
    # The sender's own end of it, or, where the machine lets both timers come late, the exporter's.
    check_lost(re.sub(f"{late}|no answer in time", "LATE", said), "LATE", receiver)


@both
def test_an_endpoint_that_refuses_is_named_with_its_reason(protocol):
    said = run_example(protocol, "http://127.0.0.1:1", **ONCE)
    check_lost(said, "connection refused" if protocol == "grpc" else "Failed to connect")


@both
def test_an_unknown_host_is_named_with_its_reason(protocol):
    said = run_example(protocol, "http://receiver.invalid:4317", **ONCE)
    check_lost(said, "no such name" if protocol == "grpc" else "Could not resolve host")


def test_an_answer_over_the_limit_is_not_read(receive):
    receiver = receive(HttpReceiver, {"all": [answer_without_end]})
    check_lost(run_example("http/protobuf", receiver.endpoint, **ONCE), "fails: the answer is too large", receiver)


# ---- TLS ----

TLS = {"grpc": (GrpcReceiver, tls_credentials), "http/protobuf": (HttpReceiver, tls_context)}


@pytest.fixture(scope="module")
def client_pair(tmp_path_factory):
    """A client's certificate, which signs itself, and its key."""
    folder = tmp_path_factory.mktemp("client")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=client", "-keyout", "client.key", "-out", "client.crt"],
        cwd=folder, check=True, capture_output=True)
    return folder / "client.crt", folder / "client.key"


@both
def test_a_receiver_with_tls_gets_it_when_its_ca_is_trusted(receive, certs, protocol):
    kind, secure = TLS[protocol]
    receiver = receive(kind, {}, secure(certs))
    assert run_example(protocol, receiver.endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certs / "ca.crt")) == ""
    check_traces(receiver.requests("traces")[0].message)


@both
def test_a_receiver_that_nobody_vouches_for_gets_nothing(receive, certs, protocol):
    kind, secure = TLS[protocol]
    receiver = receive(kind, {}, secure(certs))
    check_lost(run_example(protocol, receiver.endpoint), "certificate")
    assert not receiver.requests("traces")


@both
def test_a_receiver_that_asks_who_we_are_is_told(receive, certs, client_pair, protocol):
    kind, secure = TLS[protocol]
    receiver = receive(kind, {}, secure(certs, client_pair[0]))
    said = run_example(
        protocol, receiver.endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certs / "ca.crt"),
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(client_pair[0]),
        OTEL_EXPORTER_OTLP_CLIENT_KEY=str(client_pair[1]))
    assert said == ""
    check_traces(receiver.requests("traces")[0].message)


@both
def test_who_does_not_say_who_it_is_is_turned_away(receive, certs, client_pair, protocol):
    kind, secure = TLS[protocol]
    receiver = receive(kind, {}, secure(certs, client_pair[0]))
    said = run_example(protocol, receiver.endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certs / "ca.crt"), **ONCE)
    check_lost(said, "fails: ")
    assert not receiver.requests("traces")


@both
def test_a_receiver_without_tls_is_no_receiver_with_tls(receive, protocol):
    receiver = receive(KINDS[protocol])
    said = run_example(protocol, receiver.endpoint.replace("http", "https"), **ONCE)
    check_lost(said, "fails: ")


# ---- settings that cannot be used ----

@both
@pytest.mark.parametrize("variables, words", [
    ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.crt"}, "cannot read the CA /nowhere/ca.crt"),
    ({"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere/c.crt"}, "the client's certificate /nowhere/c.crt needs a key"),
    ({"OTEL_EXPORTER_OTLP_CLIENT_KEY": "/nowhere/c.key"}, "the client's key /nowhere/c.key needs a certificate")])
def test_a_file_that_cannot_be_used_is_named_and_the_program_works_on(protocol, variables, words):
    check_lost(run_example(protocol, "https://127.0.0.1:1", **variables), words)
