/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/*
 * What a client takes, from `accept` and `accept-encoding` with their weights (RFC 9110, sections
 * 12.5.1, 12.5.3). An element that is malformed is passed over; nothing is ever refused.
 */

/* OpenMetrics 1.0 is named, and wanted at least as much as plain text. Wildcards stand for text,
 * which everybody can read. */
bool accept_wants_openmetrics(struct bytes accept);

bool accept_allows_gzip(struct bytes accept_encoding);
