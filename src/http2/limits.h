/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every bound of a session, with its reason. Sizes are bytes.
 *
 * What one connection can hold, whatever its peer does: about 60 KiB of its own (nghttp2's frame
 * buffer, two HPACK tables), for each stream up to H2_MAX_STREAM_ARENA of header fields, over all
 * streams up to H2_MAX_CONNECTION_QUEUE of bytes to send, and H2_MAX_OUTBOUND_FRAMES small frames.
 * That is 128 * 72 KiB + 32 MiB + 1 MiB: 42 MiB at the worst, under 100 KiB for a quiet one.
 * Received bodies are not held here; the windows bound what the owner holds of them.
 */

/*
 * Calls at a time on one connection. Envoy's advice for an edge is 100; gRPC clients open a second
 * connection when they need more.
 */
#define H2_MAX_STREAMS 128

/*
 * All fields of one header block, each counted as name + value + 32 (RFC 9113 section 6.5.2):
 * gRPC's suggested default.
 */
#define H2_MAX_HEADER_LIST 8192

/* Fields of one block: 8 KiB of empty ones would be 256. */
#define H2_MAX_HEADER_FIELDS 128

/* What we send in one block, counted alike. Peers may take less, hardly any takes more. */
#define H2_MAX_SEND_HEADER_LIST 32768

/*
 * Fields of one stream at the worst: two blocks received, each with H2_MAX_HEADER_LIST of text and
 * a list that has grown by doubling (240 fields of 40 bytes), and the trailers that wait,
 * H2_MAX_SEND_HEADER_LIST with a list of 128. That is 2 * 17 KiB + 37 KiB; stream.c holds it
 * against the sizes. So the limit on a block is met first, with its own words.
 */
#define H2_MAX_STREAM_ARENA (72 * 1024)

/*
 * HPACK's table: the protocol's default; more would be memory for each connection that strangers
 * fill.
 */
#define H2_HEADER_TABLE 4096

/*
 * Flow control: what a peer may send before we have consumed it. One stream fills a 10 Gbit/s LAN
 * at 1 ms with about 1 MiB; a connection holds at most 4 of that, whatever the number of streams.
 */
#define H2_STREAM_WINDOW     (1 << 20)
#define H2_CONNECTION_WINDOW (4 << 20)

/*
 * Bytes that may be queued for sending: on one stream the largest message twice; on one connection
 * a few such streams. An owner stops well before, when a stream has H2_STREAM_QUEUE_LOW.
 */
#define H2_MAX_STREAM_QUEUE     (8 << 20)
#define H2_MAX_CONNECTION_QUEUE (32 << 20)

/* Queued bytes below which a stream asks for more (`writable`): less would not fill a DATA frame.
 */
#define H2_STREAM_QUEUE_LOW 16384

/* The memory of a queue that is kept for the next stream: some answers of usual size. */
#define H2_SPARE_QUEUE 4096

/* The peer's SETTINGS must arrive, and ours be acknowledged, in this time. */
#define H2_SETTINGS_TIMEOUT_S 10

/* After the first GOAWAY of a drain the last one goes out at the latest. */
#define H2_DRAIN_NOTICE_S 1

/*
 * Streams that the peer may have reset before we close the connection. A browser that navigates
 * away resets a few; an attacker (CVE-2023-44487) resets thousands, each costing us a request.
 * Burst 1000, then 33 a second: nghttp2's own figures. Streams that the peer makes us reset by
 * breaking the rules (CVE-2025-8671) cost the same and are counted with them.
 */
#define H2_RESET_BURST      1000
#define H2_RESET_RATE_PER_S 33

/*
 * CONTINUATION frames in one header block (CVE-2024-28182) and entries in one SETTINGS frame
 * (CVE-2020-11080): nghttp2's own figures, no client comes near.
 */
#define H2_MAX_CONTINUATIONS 8
#define H2_MAX_SETTINGS      32

/*
 * Answers to PING and SETTINGS (CVE-2019-9512, CVE-2019-9515), and frames of all kinds but DATA,
 * that may wait for a peer who does not read. A full connection needs about 400.
 */
#define H2_MAX_OUTBOUND_ACKS   1000
#define H2_MAX_OUTBOUND_FRAMES 5000
