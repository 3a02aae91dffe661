// SPDX-License-Identifier: Apache-2.0
// The SensorService in memory on gRPC C++, callback interface: grpc-cpp-server HOST:PORT CERT KEY.
// See ../README.md.
#include <grpcpp/grpcpp.h>

#include <ctime>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sensor.grpc.pb.h"

namespace {

using Rows = std::vector<std::pair<int64_t, double>>;

// Readings of one sensor before it begins again.
constexpr size_t kMost = 1 << 20;

class Store {
 public:
  void Add(const SensorReading& reading) {
    std::lock_guard<std::mutex> lock(mutex_);
    total_++;
    Rows& rows = of_sensor_[reading.sensor_id()];
    if (rows.size() >= kMost) rows.clear();
    rows.emplace_back(reading.timestamp(), reading.temperature());
  }

  Rows RowsOf(const std::string& sensor_id) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (sensor_id == "__total") return {{total_, 0.0}};
    auto found = of_sensor_.find(sensor_id);
    return found == of_sensor_.end() ? Rows() : found->second;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, Rows> of_sensor_;
  int64_t total_ = 0;
};

class ClientStream : public grpc::ServerReadReactor<SensorReading> {
 public:
  ClientStream(Store* store, Ack* ack) : store_(store), ack_(ack) { StartRead(&reading_); }

  void OnReadDone(bool ok) override {
    if (ok) {
      store_->Add(reading_);
      accepted_++;
      StartRead(&reading_);
      return;
    }
    ack_->set_message("All readings stored.");
    ack_->set_accepted(accepted_);
    Finish(grpc::Status::OK);
  }

  void OnDone() override { delete this; }

 private:
  Store* store_;
  Ack* ack_;
  SensorReading reading_;
  uint64_t accepted_ = 0;
};

class ServerStream : public grpc::ServerWriteReactor<SensorReading> {
 public:
  ServerStream(Store* store, const std::string& sensor_id) : rows_(store->RowsOf(sensor_id)) {
    reading_.set_sensor_id(sensor_id);
    OnWriteDone(true);
  }

  void OnWriteDone(bool ok) override {
    if (!ok || next_ == rows_.size()) {
      Finish(grpc::Status::OK);
      return;
    }
    reading_.set_timestamp(rows_[next_].first);
    reading_.set_temperature(rows_[next_].second);
    grpc::WriteOptions options;
    if (next_++ > 0) options.set_buffer_hint();
    StartWrite(&reading_, options);
  }

  void OnDone() override { delete this; }

 private:
  Rows rows_;
  size_t next_ = 0;
  SensorReading reading_;
};

class Chat : public grpc::ServerBidiReactor<SensorReading, ServerMessage> {
 public:
  explicit Chat(Store* store) : store_(store) { StartRead(&reading_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    store_->Add(reading_);
    std::ostringstream text;
    text << "Received " << reading_.temperature();
    answer_.set_message(text.str());
    answer_.set_server_time(std::time(nullptr));
    answer_.set_accepted(++accepted_);
    StartWrite(&answer_);
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&reading_);
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }

  void OnDone() override { delete this; }

 private:
  Store* store_;
  SensorReading reading_;
  ServerMessage answer_;
  uint64_t accepted_ = 0;
};

class Sensors : public SensorService::CallbackService {
 public:
  grpc::ServerUnaryReactor* SendSingleReading(grpc::CallbackServerContext* context,
                                              const SensorReading* reading, Ack* ack) override {
    store_.Add(*reading);
    ack->set_message("Reading received.");
    ack->set_accepted(1);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerReadReactor<SensorReading>* StreamSensorReadings(grpc::CallbackServerContext*,
                                                               Ack* ack) override {
    return new ClientStream(&store_, ack);
  }

  grpc::ServerWriteReactor<SensorReading>* GetSensorReadings(
      grpc::CallbackServerContext*, const SensorRequest* request) override {
    return new ServerStream(&store_, request->sensor_id());
  }

  grpc::ServerBidiReactor<SensorReading, ServerMessage>* SensorChat(
      grpc::CallbackServerContext*) override {
    return new Chat(&store_);
  }

 private:
  Store store_;
};

std::string ReadFile(const char* name) {
  std::ifstream file(name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: grpc-cpp-server HOST:PORT CERT KEY\n";
    return 2;
  }
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({ReadFile(argv[3]), ReadFile(argv[2])});
  Sensors sensors;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[1], grpc::SslServerCredentials(tls));
  builder.RegisterService(&sensors);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return 1;
  server->Wait();
}
