/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every bound of the admin port, with its reason. */

/* Scrapers and people: a handful of connections. They are few, as each may hold a page. */
#define WEB_MAX_CONNECTIONS 64

/* Of one IP address, so that one that leaks connections does not shut the others out. */
#define WEB_MAX_CONNECTIONS_OF_ONE 32

/* Memory of a connection in libmicrohttpd, in which the request line and all header fields have to
 * fit. Prometheus sends less than 1 KiB, a browser with cookies 4 KiB. */
#define WEB_CONNECTION_BYTES 16384

/*
 * From the connection, or the request line, to the last byte of the answer. It bounds who sends or
 * reads a byte at a time. Prometheus gives up a scrape after 10 s itself.
 */
#define WEB_REQUEST_TIMEOUT_S 10

/* How long a connection may wait for its next request: longer than most scrapers' interval. */
#define WEB_IDLE_TIMEOUT_S 75

/*
 * A page of metrics. A series is 200 bytes or so: this holds 80,000, more than an instance of
 * Prometheus should be given by one target.
 */
#define WEB_MAX_PAGE_BYTES (16u << 20)

/* Bytes of answers that wait for their readers; with more, /metrics has to wait its turn. So slow
 * readers hold at most this and one page more. */
#define WEB_MAX_HELD_BYTES (32u << 20)

/* `accept` and `accept-encoding`, their fields together; Prometheus sends 300 bytes. */
#define WEB_MAX_LIST_BYTES 1024
