/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every bound of a call and a channel, with its reason. Those of a connection: http2/limits.h,
 * net/limits.h. */

/* One message, before and after decompression: what every gRPC library takes by default. */
#define GRPC_MAX_MESSAGE (4 << 20)

/* A compressed message may grow to this many times its size: text grows 10 to 20 times, a gzip bomb
 * 1,000 times. */
#define GRPC_MAX_INFLATE_RATIO 100

/* Up to this size it may grow whatever the ratio: a few kilobytes of equal bytes are no bomb, and
 * compress 150 times. */
#define GRPC_INFLATE_FREE 65536

/* A status message that goes out, before it is percent-coded: a header field of a peer's 8 KiB
 * budget. */
#define GRPC_MAX_STATUS_MESSAGE 1024

/* Memory that a call's metadata, header lists and handler's state take together. */
#define GRPC_CALL_ARENA 32768

/* Queued answer bytes of one call above which a handler should wait for `writable`: what makes the
 * next DATA frame full. More would only go cold in the cache before it is sent. */
#define GRPC_SEND_MARK 24576

/* Client: calls that wait for a connection or for a free stream. */
#define GRPC_CHANNEL_MAX_WAITING 10000

/* Client: calls on one connection before the next is made: stream numbers are odd and end at 2^31
 * (RFC 9113 section 5.1.1). */
#define GRPC_CONN_MAX_CALLS ((1u << 30) - 1)

/* Client: keys and values of a call's metadata: twice what peers take by default, half of the
 * call's arena. */
#define GRPC_MAX_METADATA 16384

/* Client: fields that an observer adds to a call: traceparent, tracestate, baggage. */
#define GRPC_MAX_OBSERVER_METADATA 3

/* Client: a channel's user agent or `authorization`, as sent with each call: half of the 8 KiB that
 * peers take as a header list. */
#define GRPC_CHANNEL_MAX_TEXT 4096

/* Connections of one server, all workers together; more are closed as they come. */
#define GRPC_MAX_CONNECTIONS 10000
