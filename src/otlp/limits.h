/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every bound of the export, with its reason. */

/* A request over HTTP: what the specification lets a receiver refuse ("OTLP exporter", 64 MiB). */
#define OTLP_MAX_REQUEST (64 << 20)

/* An answer: the same, 4 MiB. All that is in one are a number and a text. */
#define OTLP_MAX_RESPONSE (4 << 20)

/* The memory of a request that is kept for the next: a batch of 512 spans takes 100 to 500 KiB. */
#define OTLP_KEPT_REQUEST (1 << 20)

/* How long a server may ask us to stay away: some answer with a day, and come back in a minute. */
#define OTLP_MAX_WAIT_S 300

/* One attempt, where the settings have no limit: what has not been answered by then is lost. */
#define OTLP_MAX_ATTEMPT_S 3600

/* Between two lines that pass on what a receiver says: some say the same for each batch. */
#define OTLP_WARNING_LINE_S 60

/* What a server says, as it is put into a line of the log. */
#define OTLP_MAX_WORDS 256

/* OTEL_EXPORTER_OTLP_HEADERS, twice: as they are and as they are sent. A call takes
 * GRPC_MAX_METADATA. */
#define OTLP_MAX_HEADERS (64 << 10)

/* How long after an attempt's time its sender may still say why there was no answer: it knows
 * better than who only has a clock. */
#define OTLP_GRACE_MS 100

/* How long a stop waits past its limit for the thread, which then only closes what it has: a busy
 * machine may let it wait. */
#define OTLP_STOP_GRACE_MS 1000
