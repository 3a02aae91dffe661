/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bounds of the SDK that no OTEL_* variable sets. What is over them is dropped and counted, never
 * an error of the caller.
 */

/* Series of an instrument, the overflow series included (Metrics SDK, cardinality limits). */
#define OTEL_MAX_SERIES 2000

/* Bounds of a histogram: each is a word a series and thread, and twice the buckets of an
 * exponential histogram of the specification's size. */
#define OTEL_MAX_BOUNDS 320

/* Memory for what one thread has measured. What does not fit is counted all the same, under a lock:
 * 16 MiB are the counters of 200,000 series, or 50,000 histograms. */
#define OTEL_MAX_THREAD_CELL_BYTES (16u << 20)

/* Tracers of an SDK, and loggers, and meters. A program has one or two for each of its libraries;
 * one that makes them in a loop is stopped here. */
#define OTEL_MAX_SCOPES 1000

/* Instruments of a meter: a program that makes them in a loop is stopped here. */
#define OTEL_MAX_INSTRUMENTS 1000

/*
 * Memory for the spans and log records of one thread, those that run and those that wait for their
 * export: 2,048 queued spans with a dozen attributes each are 4 MiB, and 2 MiB as OTLP has them.
 * The one that an encoder is writing may have as much again.
 */
#define OTEL_MAX_THREAD_BYTES (16u << 20)

/*
 * Threads that record at the same time, or have recorded and wait to be exported; and as many that
 * measure, or have measured since the last collection. One more records nothing, which is counted,
 * and measures all the same, under a lock.
 */
#define OTEL_MAX_THREADS 256

/* Attributes that are written once for many spans: what is larger is written anew for each. */
#define OTEL_MAX_PREPARED_BYTES (16u << 10)

/* W3C Trace Context, section 3.3: members of a tracestate, and what has to be carried at least. */
#define OTEL_MAX_TRACE_STATE_MEMBERS 32
#define OTEL_MAX_TRACE_STATE_BYTES   512

/* W3C Baggage, section 3.3: members and bytes that have to be carried; we carry no more. */
#define OTEL_MAX_BAGGAGE_MEMBERS 64
#define OTEL_MAX_BAGGAGE_BYTES   8192
