/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "net/conn_impl.h"

/* The way of a client's connection from a name to a connected socket. */

/* NULL is fine. */
void connector_free(struct connector *connector);

/* Tries the next of the server's IP addresses; without one left the connection ends. */
void connect_try_next(struct net_conn *conn);

/* The attempt under way succeeded or failed. */
void connect_on_event(struct net_conn *conn);

/* RESOLVING: the connection ends as soon as the resolver lets go of it. */
void connect_cancel(struct net_conn *conn);
