// SPDX-License-Identifier: Apache-2.0

// The SensorService in memory on grpc-go: grpc-go-server HOST:PORT CERT KEY [otel].
// See ../README.md. Where telemetry goes is told by the OTEL_* variables.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"grpc-go-server/sensorpb"
)

// Readings of one sensor before it begins again.
const most = 1 << 20

type row struct {
	time        int64
	temperature float64
}

type store struct {
	mutex    sync.Mutex
	ofSensor map[string][]row
	total    int64
}

func (s *store) add(reading *sensorpb.SensorReading) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.total++
	rows := s.ofSensor[reading.SensorId]
	if len(rows) >= most {
		rows = nil
	}
	s.ofSensor[reading.SensorId] = append(rows, row{reading.Timestamp, reading.Temperature})
}

// What is appended later lies behind the slice that is given.
func (s *store) rowsOf(sensor string) []row {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if sensor == "__total" {
		return []row{{time: s.total}}
	}
	return s.ofSensor[sensor]
}

type sensors struct {
	sensorpb.UnimplementedSensorServiceServer
	store store
}

func (s *sensors) SendSingleReading(_ context.Context, reading *sensorpb.SensorReading) (*sensorpb.Ack, error) {
	s.store.add(reading)
	return &sensorpb.Ack{Message: "Reading received.", Accepted: 1}, nil
}

func (s *sensors) StreamSensorReadings(stream grpc.ClientStreamingServer[sensorpb.SensorReading, sensorpb.Ack]) error {
	accepted := uint64(0)
	for {
		reading, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&sensorpb.Ack{Message: "All readings stored.", Accepted: accepted})
		}
		if err != nil {
			return err
		}
		s.store.add(reading)
		accepted++
	}
}

func (s *sensors) GetSensorReadings(request *sensorpb.SensorRequest, stream grpc.ServerStreamingServer[sensorpb.SensorReading]) error {
	for _, row := range s.store.rowsOf(request.SensorId) {
		reading := sensorpb.SensorReading{SensorId: request.SensorId, Timestamp: row.time, Temperature: row.temperature}
		if err := stream.Send(&reading); err != nil {
			return err
		}
	}
	return nil
}

func (s *sensors) SensorChat(stream grpc.BidiStreamingServer[sensorpb.SensorReading, sensorpb.ServerMessage]) error {
	for accepted := uint64(1); ; accepted++ {
		reading, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.store.add(reading)
		answer := sensorpb.ServerMessage{
			Message:    fmt.Sprintf("Received %g", reading.Temperature),
			ServerTime: time.Now().Unix(),
			Accepted:   accepted,
		}
		if err := stream.Send(&answer); err != nil {
			return err
		}
	}
}

// Traces and metrics as the OTEL_* variables say; the returned function sends what is left.
func startTelemetry(ctx context.Context) func(context.Context) error {
	spans, err := otlptracegrpc.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	points, err := otlpmetricgrpc.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	tracers := trace.NewTracerProvider(trace.WithBatcher(spans))
	meters := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(points)))
	otel.SetTracerProvider(tracers)
	otel.SetMeterProvider(meters)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return func(ctx context.Context) error {
		return errors.Join(tracers.Shutdown(ctx), meters.Shutdown(ctx))
	}
}

func main() {
	if len(os.Args) < 4 || len(os.Args) > 5 || len(os.Args) == 5 && os.Args[4] != "otel" {
		fmt.Fprintln(os.Stderr, "usage: grpc-go-server HOST:PORT CERT KEY [otel]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tls, err := credentials.NewServerTLSFromFile(os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	options := []grpc.ServerOption{grpc.Creds(tls)}
	if len(os.Args) == 5 {
		shutdown := startTelemetry(ctx)
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := shutdown(ctx); err != nil {
				log.Print(err)
			}
		}()
		options = append(options, grpc.StatsHandler(otelgrpc.NewServerHandler()))
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(options...)
	sensorpb.RegisterSensorServiceServer(server, &sensors{store: store{ofSensor: map[string][]row{}}})
	go func() {
		<-ctx.Done()
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Print(err)
	}
}
