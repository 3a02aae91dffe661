/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every bound of the connections, with its reason. */

/* A handshake takes two round trips; who needs longer than this holds a socket for nothing. */
#define NET_HANDSHAKE_TIMEOUT_S 10

/* Bytes wait for the peer and it takes none: it is gone or it attacks by reading slowly. */
#define NET_STALL_TIMEOUT_S 30

/* Bytes read from a socket at a time: four TLS records, so that a busy stream costs few calls. */
#define NET_READ_SIZE 65536

/* Bytes given to one write: what one TLS record can carry. */
#define NET_WRITE_SIZE 16384

/* Reads of one socket in one turn, so that a fast peer cannot keep the others waiting. */
#define NET_READS_PER_TURN 4

/* Writes of one socket in one turn, for the same reason. */
#define NET_WRITES_PER_TURN 16

/* Log lines about peers that were turned away: a few at once, then one a second; the rest is
 * counted. */
#define NET_REFUSAL_LOG_BURST 10
#define NET_REFUSAL_LOG_PER_S 1
