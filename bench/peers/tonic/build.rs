// SPDX-License-Identifier: Apache-2.0
fn main() -> std::io::Result<()> {
    tonic_prost_build::configure()
        .include_file("services.rs")
        .compile_protos(&["../../../proto/sensor.proto"], &["../../../proto"])
}
