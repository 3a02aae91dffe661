/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/server.h"

/* The methods of the product's services, one file each. */
extern const struct grpc_method method_send_single_reading;
extern const struct grpc_method method_stream_sensor_readings;
extern const struct grpc_method method_get_sensor_readings;
extern const struct grpc_method method_sensor_chat;
extern const struct grpc_method method_list_sensors;
extern const struct grpc_method method_get_statistics;
extern const struct grpc_method method_get_status;
extern const struct grpc_method method_check_store;
