/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/limits.h"

/* Every bound of the services, with its reason. */

/* Bytes of a sensor's id: fits a path or a label in every system that people export to. What the
 * rules let pass the store must take. */
#define COLLECTOR_MAX_SENSOR_ID STORE_ID_MAX_BYTES

/* Answers that one chat may owe: a reading beyond waits in the client's window. 4,096 keep a
 * connection with 1 ms of commit busy at 4 million a second. */
#define COLLECTOR_MAX_UNANSWERED 4096

/* Sensors in one page of ListSensors: a page stays under 300 KB. */
#define COLLECTOR_PAGE_DEFAULT 100
#define COLLECTOR_PAGE_MAX     1000

/* Sensors whose latest temperature is a metric each: of a hundred thousand, a monitoring system
 * would keep a hundred thousand series. --metrics-sensors chooses which. */
#define COLLECTOR_MAX_MEASURED_SENSORS 500
