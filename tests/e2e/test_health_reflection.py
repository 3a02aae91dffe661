# SPDX-License-Identifier: Apache-2.0
"""Health and reflection, as grpc_health, grpc_reflection and grpcurl use them, over TLS."""
import json
import subprocess
import tempfile

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase)
from grpc_tools import protoc

import program
from readings import BEGIN, reading

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
SERVICES = ["SensorService", "thermograph.v1.Thermograph"]


# ---- health ----

@pytest.fixture
def health(server, connect):
    """Without a token: health needs none."""
    return health_pb2_grpc.HealthStub(connect(server, token=None))


def request(service=""):
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_check_says_that_it_serves(health, service):
    assert health.Check(request(service)).status == SERVING


def test_check_of_an_unknown_service_is_not_found(health):
    with pytest.raises(grpc.RpcError) as error:
        health.Check(request("nobody.knows.It"))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_list_names_every_service_and_the_whole(health):
    statuses = health.List(health_pb2.HealthListRequest()).statuses
    assert {"", *SERVICES} <= set(statuses)
    assert all(each.status == SERVING for each in statuses.values())


def test_watch_tells_at_once_and_stays_open(health):
    watch = health.Watch(request())
    assert next(watch).status == SERVING
    assert watch.is_active()
    watch.cancel()


def test_watch_of_an_unknown_service_says_so_and_stays_open(health):
    watch = health.Watch(request("nobody.knows.It"))
    assert next(watch).status == SERVICE_UNKNOWN
    assert watch.is_active()
    watch.cancel()


def test_watchers_hear_of_the_stop_before_it_happens(server, health):
    watches = [health.Watch(request(service)) for service in ["", *SERVICES]]
    assert [next(watch).status for watch in watches] == [SERVING] * 3
    server.process.terminate()
    assert [next(watch).status for watch in watches] == [NOT_SERVING] * 3
    for watch in watches:
        with pytest.raises(grpc.RpcError) as error:
            next(watch)
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert server.end(timeout=program.STOP_S) == 0


# ---- reflection by Python ----

@pytest.fixture
def pool(channel):
    return descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))


def test_v1alpha_lists_the_services(channel):
    services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert {*SERVICES, "grpc.health.v1.Health"} <= set(services)


def test_v1alpha_describes_services_well_enough_to_call_them(channel, pool):
    service = pool.FindServiceByName("SensorService")
    assert [method.name for method in service.methods] == [
        "SendSingleReading", "StreamSensorReadings", "GetSensorReadings", "SensorChat"]
    method = service.FindMethodByName("SendSingleReading")
    make = message_factory.GetMessageClass(method.input_type)
    answer_type = message_factory.GetMessageClass(method.output_type)
    call = channel.unary_unary("/SensorService/SendSingleReading", make.SerializeToString,
                               answer_type.FromString)
    answer = call(make(sensor_id="reflected", temperature=1.5, timestamp=BEGIN))
    assert answer.message == "Reading received."


@pytest.mark.parametrize("symbol", [
    "SensorReading", "Ack", "thermograph.v1.Statistics", "thermograph.v1.Time",
    "grpc.health.v1.HealthCheckResponse"])
def test_v1alpha_knows_every_message(pool, symbol):
    assert pool.FindMessageTypeByName(symbol).full_name == symbol


def reflection_messages():
    """The classes of reflection v1. Their Python module would be called grpc, which is taken."""
    with tempfile.NamedTemporaryFile() as file:
        failed = protoc.main(["protoc", f"-I{program.ROOT}/proto", f"--descriptor_set_out={file.name}",
                              "grpc/reflection/v1/reflection.proto"])
        assert not failed
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    return message_factory.GetMessages(files.file, pool=descriptor_pool.DescriptorPool())


@pytest.fixture(scope="module")
def v1():
    messages = reflection_messages()
    return {name.rsplit(".", 1)[1]: each for name, each in messages.items()}


@pytest.fixture
def ask(channel, v1):
    """ask(list_services="") puts questions to reflection v1, on one stream each time."""
    call = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        v1["ServerReflectionRequest"].SerializeToString, v1["ServerReflectionResponse"].FromString)
    return lambda *questions: list(call(v1["ServerReflectionRequest"](**each) for each in questions))


def test_v1_lists_the_services(ask):
    [answer] = ask({"list_services": ""})
    names = {service.name for service in answer.list_services_response.service}
    assert {*SERVICES, "grpc.health.v1.Health"} <= names


def test_v1_answers_several_questions_in_order_on_one_stream(ask):
    answers = ask({"file_containing_symbol": "SensorReading"},
                  {"file_by_filename": "thermograph/v1/thermograph.proto"},
                  {"file_containing_symbol": "SensorService.SensorChat"})
    files = [descriptor_pb2.FileDescriptorProto.FromString(
        answer.file_descriptor_response.file_descriptor_proto[0]) for answer in answers]
    assert [file.name for file in files] == [
        "sensor.proto", "thermograph/v1/thermograph.proto", "sensor.proto"]
    assert answers[0].original_request.file_containing_symbol == "SensorReading"


def test_v1_says_what_it_does_not_find_and_goes_on(ask):
    unknown = [{"file_containing_symbol": "no.such.Thing"}, {"file_by_filename": "no/such.proto"},
               {"all_extension_numbers_of_type": "no.such.Thing"},
               {"file_containing_extension":
                {"containing_type": "SensorReading", "extension_number": 1000}}]
    answers = ask(*unknown, {"list_services": ""})
    for answer in answers[:-1]:
        assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
        assert answer.error_response.error_message
    assert answers[-1].list_services_response.service


def test_reflection_needs_a_token(server, connect):
    with pytest.raises(grpc.RpcError) as error:
        list(ProtoReflectionDescriptorDatabase(connect(server, token=None)).get_services())
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED


# ---- grpcurl, which knows no .proto file here ----

@pytest.fixture
def curl(grpcurl, server):
    """curl("list") and the like: what it printed. stdin goes to -d @."""
    def run(*arguments, stdin="", status=0):
        command = [grpcurl, "-cacert", server.ca, "-H", f"authorization: Bearer {server.token}"]
        if stdin:
            command += ["-d", "@"]
        done = subprocess.run([*command, server.address, *arguments], input=stdin, text=True,
                              capture_output=True, check=False, timeout=program.PATIENCE_S)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr
    return run


def objects(text):
    """JSON objects one behind the other."""
    decoder = json.JSONDecoder()
    found = []
    while text := text.strip():
        each, end = decoder.raw_decode(text)
        found.append(each)
        text = text[end:]
    return found


def test_grpcurl_lists_and_describes(curl):
    assert set(SERVICES) <= set(curl("list").split())
    assert curl("list", "SensorService").split() == [
        "SensorService.GetSensorReadings", "SensorService.SendSingleReading",
        "SensorService.SensorChat", "SensorService.StreamSensorReadings"]
    assert "rpc SensorChat ( stream .SensorReading ) returns ( stream .ServerMessage );" in curl(
        "describe", "SensorService")
    assert "int32 nanos = 4;" in curl("describe", "SensorReading")
    assert "double standard_deviation = 4;" in curl("describe", "thermograph.v1.Statistics")


def test_grpcurl_makes_all_four_kinds_of_calls(curl):
    lines = "".join(json.dumps({"sensor_id": "curl", "temperature": 20 + i / 2,
                                "timestamp": BEGIN + i}) for i in range(3))
    single = '{"sensor_id": "curl", "temperature": 19, "timestamp": %d}' % (BEGIN - 1)
    assert objects(curl("SensorService/SendSingleReading", stdin=single)) == [
        {"message": "Reading received.", "accepted": "1"}]
    assert objects(curl("SensorService/StreamSensorReadings", stdin=lines)) == [
        {"message": "All readings stored.", "accepted": "3"}]
    answers = objects(curl("SensorService/SensorChat", stdin=lines))
    assert [each["message"] for each in answers] == [
        "Received 20.0", "Received 20.5", "Received 21.0"]
    read = objects(curl("SensorService/GetSensorReadings", stdin='{"sensor_id": "curl"}'))
    assert [each["temperature"] for each in read] == [19, 20, 20, 20.5, 20.5, 21, 21]


def test_grpcurl_reads_statistics_and_health(curl, sensors):
    sensors.StreamSensorReadings(iter([reading(temperature=1), reading(temperature=3)]))
    got, = objects(curl("thermograph.v1.Thermograph/GetStatistics", stdin='{"sensor_id": "*"}'))
    assert (got["mean"], got["standardDeviation"], got["count"]) == (2, 1, "2")
    assert objects(curl("grpc.health.v1.Health/Check")) == [{"status": "SERVING"}]


def test_grpcurl_shows_why_a_call_failed(curl):
    said = curl("SensorService/SendSingleReading", stdin="{}", status=64 + 3)
    assert "Code: InvalidArgument" in said
    assert "Message: sensor_id: must not be empty" in said
