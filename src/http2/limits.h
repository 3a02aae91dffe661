/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every bound of a session, with its reason. Sizes are bytes. */

/* Calls at a time on one connection. Envoy's advice for an edge is 100; gRPC clients open a second
 * connection when they need more. */
#define H2_MAX_STREAMS 128

/* All fields of one header block, each counted as name + value + 32 (RFC 9113 section 6.5.2):
 * gRPC's suggested default. */
#define H2_MAX_HEADER_LIST 8192

/* Fields of one block: 8 KiB of empty ones would be 256. */
#define H2_MAX_HEADER_FIELDS 128

/* HPACK's table: the protocol's default; more would be memory for each connection that strangers
 * fill. */
#define H2_HEADER_TABLE 4096

/*
 * Flow control: what a peer may send before we have consumed it. One stream fills a 10 Gbit/s LAN
 * at 1 ms with about 1 MiB; a connection holds at most 4 of that, whatever the number of streams.
 */
#define H2_STREAM_WINDOW     (1 << 20)
#define H2_CONNECTION_WINDOW (4 << 20)

/* Bytes that one stream may have queued for sending; its owner is asked to stop well before. */
#define H2_MAX_STREAM_QUEUE (8 << 20)

/* Queued bytes below which a stream asks for more (`writable`). */
#define H2_STREAM_QUEUE_LOW 32768

/* The peer's SETTINGS must arrive, and ours be acknowledged, in this time. */
#define H2_SETTINGS_TIMEOUT_S 10
