// SPDX-License-Identifier: Apache-2.0

// A sensor and its reader in Go: all four kinds of calls, and statistics. Copy from here.
//
//	thermograph-client SERVER CA_FILE TOKEN_FILE
//
// README.md in the folder above says how it is built.
package main

// The code of the two services, by the generators that go.mod names.
//
//go:generate go build -o bin/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
//go:generate -command protoc-go protoc -I../../proto --plugin=bin/protoc-gen-go --plugin=bin/protoc-gen-go-grpc --go_out=. --go_opt=module=thermograph-client --go-grpc_out=. --go-grpc_opt=module=thermograph-client
//go:generate protoc-go --go_opt=Msensor.proto=thermograph-client/sensorpb --go-grpc_opt=Msensor.proto=thermograph-client/sensorpb sensor.proto
//go:generate protoc-go --go_opt=Mthermograph/v1/thermograph.proto=thermograph-client/thermographpb --go-grpc_opt=Mthermograph/v1/thermograph.proto=thermograph-client/thermographpb thermograph/v1/thermograph.proto

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"thermograph-client/sensorpb"
	"thermograph-client/thermographpb"
)

const timeout = 10 * time.Second

// token goes out with every call, and never without TLS.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

func (t token) RequireTransportSecurity() bool { return true }

// tokenOf gives the only word of a file that `thermograph token create` has made.
func tokenOf(file string) (token, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	words := strings.Fields(string(text))
	if len(words) != 1 {
		return "", fmt.Errorf("%s is no token file: it has to hold one word", file)
	}
	return token(words[0]), nil
}

// connect gives an encrypted connection that sends the token with every call. Make one and keep it.
func connect(server, caFile, tokenFile string) (*grpc.ClientConn, error) {
	tls, err := credentials.NewClientTLSFromFile(caFile, "")
	if err != nil {
		return nil, err
	}
	token, err := tokenOf(tokenFile)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(server, grpc.WithTransportCredentials(tls), grpc.WithPerRPCCredentials(token))
}

// sendOne sends one reading, taken now. The sequence makes it safe to send it again after any failure.
func sendOne(ctx context.Context, sensors sensorpb.SensorServiceClient) error {
	ack, err := sensors.SendSingleReading(ctx, &sensorpb.SensorReading{
		SensorId: "example-kitchen", Temperature: 21.5, Timestamp: time.Now().Unix(), Sequence: 4})
	if err != nil {
		return err
	}
	fmt.Println("single:", ack.Message)
	return nil
}

// readingOf makes a reading of a line of sensor.csv: sensor_id,temperature,time,sequence.
func readingOf(line []string) (*sensorpb.SensorReading, error) {
	temperature, err := strconv.ParseFloat(line[1], 64)
	if err != nil {
		return nil, err
	}
	when, err := time.Parse(time.RFC3339Nano, line[2])
	if err != nil {
		return nil, err
	}
	sequence, err := strconv.ParseUint(line[3], 10, 64)
	if err != nil {
		return nil, err
	}
	return &sensorpb.SensorReading{SensorId: line[0], Temperature: temperature, Timestamp: when.Unix(),
		Nanos: int32(when.Nanosecond()), Sequence: sequence}, nil
}

func linesOf(name string) ([][]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) == 0 {
		return nil, fmt.Errorf("%s: no readings: %v", name, err)
	}
	return lines[1:], nil // without the header
}

// sendMany sends a stream of readings, which is answered once, when all of them are kept.
func sendMany(ctx context.Context, sensors sensorpb.SensorServiceClient) error {
	lines, err := linesOf("../sensor.csv")
	if err != nil {
		return err
	}
	stream, err := sensors.StreamSensorReadings(ctx)
	if err != nil {
		return err
	}
	for _, line := range lines {
		reading, err := readingOf(line)
		if err != nil {
			return err
		}
		// io.EOF: the server has ended the call, and CloseAndRecv says why.
		if err := stream.Send(reading); err != nil && err != io.EOF {
			return err
		}
	}
	ack, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	fmt.Printf("stream: %s %d accepted, %d of them kept already\n", ack.Message, ack.Accepted, ack.Duplicates)
	return nil
}

// chat sends readings one by one; each is answered as soon as it is kept, while the call stays open.
func chat(ctx context.Context, sensors sensorpb.SensorServiceClient) error {
	stream, err := sensors.SensorChat(ctx)
	if err != nil {
		return err
	}
	now := time.Now().Unix()
	for i, temperature := range []float64{7.25, 7.5, 8.0} {
		err := stream.Send(&sensorpb.SensorReading{
			SensorId: "example-roof", Temperature: temperature, Timestamp: now + int64(i)})
		if err != nil && err != io.EOF {
			return err
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		fmt.Println("chat:", answer.Message)
	}
	return stream.CloseSend()
}

// read gives the latest five readings of a sensor.
func read(ctx context.Context, sensors sensorpb.SensorServiceClient, sensor string) error {
	stream, err := sensors.GetSensorReadings(ctx,
		&sensorpb.SensorRequest{SensorId: sensor, NewestFirst: true, Limit: 5})
	if err != nil {
		return err
	}
	for {
		reading, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		when := time.Unix(reading.Timestamp, int64(reading.Nanos)).UTC()
		fmt.Println("read:", sensor, when.Format(time.DateTime), reading.Temperature)
	}
}

func statistics(ctx context.Context, thermograph thermographpb.ThermographClient, pattern string) error {
	got, err := thermograph.GetStatistics(ctx, &thermographpb.GetStatisticsRequest{SensorId: pattern})
	if err != nil {
		return err
	}
	fmt.Printf("statistics of %s: %d sensors, %d readings, mean %.2f, %v to %v\n",
		pattern, got.Sensors, got.Count, got.Mean, got.Minimum, got.Maximum)
	return nil
}

func run(server, caFile, tokenFile string) error {
	connection, err := connect(server, caFile, tokenFile)
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	sensors := sensorpb.NewSensorServiceClient(connection)
	for _, step := range []func() error{
		func() error { return sendOne(ctx, sensors) },
		func() error { return sendMany(ctx, sensors) },
		func() error { return chat(ctx, sensors) },
		func() error { return read(ctx, sensors, "example-kitchen") },
		func() error {
			return statistics(ctx, thermographpb.NewThermographClient(connection), "example-*")
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// words gives the status of a call that failed as docs/errors.md lists it, or what else went wrong.
func words(err error) string {
	if s, ok := status.FromError(err); ok {
		return fmt.Sprintf("%s: %s", s.Code(), s.Message())
	}
	return err.Error()
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: thermograph-client SERVER CA_FILE TOKEN_FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, words(err))
		os.Exit(1)
	}
}
