/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every bound of the connections, with its reason. */

/* A handshake takes two round trips; who needs longer than this holds a socket for nothing. */
#define NET_HANDSHAKE_TIMEOUT_S 10

/* Bytes wait for the peer and it takes none: it is gone or it attacks by reading slowly. */
#define NET_STALL_TIMEOUT_S 30

/*
 * How long a connection that has said all waits for the peer to hang up. A peer on the other side
 * of the world needs a third of a second; a graceful stop must not wait much longer than that.
 */
#define NET_LINGER_TIMEOUT_S 1

/* Bytes read from a socket at a time: four TLS records, so that a busy stream costs few calls. */
#define NET_READ_SIZE 65536

/* Bytes given to one write under TLS: what one record can carry. */
#define NET_WRITE_SIZE 16384

/* Reads of one socket in one turn, so that a fast peer cannot keep the others waiting. */
#define NET_READS_PER_TURN 4

/* Writes of one socket in one turn, for the same reason. */
#define NET_WRITES_PER_TURN 16

/* Without TLS a turn's share is one write: a system call costs more than what it copies. */
#define NET_PLAIN_WRITE_SIZE (NET_WRITES_PER_TURN * NET_WRITE_SIZE)

/* Sockets accepted in one turn, so that a rush of new ones does not keep the open ones waiting. */
#define NET_ACCEPTS_PER_TURN 64

/* The system's own bound (net.core.somaxconn) is 4096: a fleet that reconnects comes in a rush. */
#define NET_LISTEN_BACKLOG 1024

/* IP addresses that one name to listen on may stand for: `localhost` has two. */
#define NET_LISTEN_ADDRESSES_MAX 16

/* Without a free file descriptor every accept fails at once: trying again sooner only burns CPU. */
#define NET_ACCEPT_PAUSE_MS 100

/*
 * Log lines about peers that were turned away: a few at once, then one a second; the rest is
 * counted, and the next line names the count.
 */
#define NET_REFUSAL_LOG_BURST 10
#define NET_REFUSAL_LOG_PER_S 1
