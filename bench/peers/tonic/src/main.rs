// SPDX-License-Identifier: Apache-2.0
//! The SensorService in memory on tonic: tonic-server HOST:PORT CERT KEY. See ../README.md.
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio_stream::{Stream, StreamExt};
use tonic::{
    transport::{Identity, Server, ServerTlsConfig},
    Request, Response, Status, Streaming,
};

pub mod pb {
    include!(concat!(env!("OUT_DIR"), "/services.rs"));
}
use pb::{
    sensor_service_server::{SensorService, SensorServiceServer},
    Ack, SensorReading, SensorRequest, ServerMessage,
};

/// Readings of one sensor before it begins again.
const MOST: usize = 1 << 20;

#[derive(Default)]
struct Readings {
    of_sensor: HashMap<String, Vec<(i64, f64)>>,
    total: i64,
}

#[derive(Clone, Default)]
struct Sensors(Arc<Mutex<Readings>>);

impl Sensors {
    fn store(&self, reading: SensorReading) {
        let mut readings = self.0.lock().unwrap();
        readings.total += 1;
        let row = (reading.timestamp, reading.temperature);
        if let Some(rows) = readings.of_sensor.get_mut(&reading.sensor_id) {
            if rows.len() >= MOST {
                rows.clear();
            }
            rows.push(row);
        } else {
            readings.of_sensor.insert(reading.sensor_id, vec![row]);
        }
    }

    fn rows_of(&self, sensor_id: &str) -> Vec<(i64, f64)> {
        let readings = self.0.lock().unwrap();
        if sensor_id == "__total" {
            return vec![(readings.total, 0.0)];
        }
        readings.of_sensor.get(sensor_id).cloned().unwrap_or_default()
    }
}

fn ack(message: &str, accepted: u64) -> Response<Ack> {
    Response::new(Ack { message: message.into(), accepted, duplicates: 0 })
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() as i64)
}

#[tonic::async_trait]
impl SensorService for Sensors {
    async fn send_single_reading(&self, request: Request<SensorReading>) -> Result<Response<Ack>, Status> {
        self.store(request.into_inner());
        Ok(ack("Reading received.", 1))
    }

    async fn stream_sensor_readings(
        &self,
        request: Request<Streaming<SensorReading>>,
    ) -> Result<Response<Ack>, Status> {
        let mut readings = request.into_inner();
        let mut accepted = 0;
        while let Some(reading) = readings.message().await? {
            self.store(reading);
            accepted += 1;
        }
        Ok(ack("All readings stored.", accepted))
    }

    type GetSensorReadingsStream = Pin<Box<dyn Stream<Item = Result<SensorReading, Status>> + Send>>;

    async fn get_sensor_readings(
        &self,
        request: Request<SensorRequest>,
    ) -> Result<Response<Self::GetSensorReadingsStream>, Status> {
        let sensor_id = request.into_inner().sensor_id;
        let rows = self.rows_of(&sensor_id);
        let readings = rows.into_iter().map(move |(timestamp, temperature)| {
            Ok(SensorReading { sensor_id: sensor_id.clone(), temperature, timestamp, nanos: 0, sequence: 0 })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(readings))))
    }

    type SensorChatStream = Pin<Box<dyn Stream<Item = Result<ServerMessage, Status>> + Send>>;

    async fn sensor_chat(
        &self,
        request: Request<Streaming<SensorReading>>,
    ) -> Result<Response<Self::SensorChatStream>, Status> {
        let sensors = self.clone();
        let mut accepted = 0;
        let answers = request.into_inner().map(move |reading| {
            reading.map(|reading| {
                let message = format!("Received {:?}", reading.temperature);
                sensors.store(reading);
                accepted += 1;
                ServerMessage { message, server_time: now(), accepted }
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, cert, key] = &arguments[..] else {
        return Err("usage: tonic-server HOST:PORT CERT KEY".into());
    };
    let identity = Identity::from_pem(std::fs::read(cert)?, std::fs::read(key)?);
    Server::builder()
        .tcp_nodelay(true)
        .tls_config(ServerTlsConfig::new().identity(identity))?
        .add_service(SensorServiceServer::new(Sensors::default()))
        .serve(address.parse()?)
        .await?;
    Ok(())
}
