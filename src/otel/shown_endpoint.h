/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An endpoint as it may be said to people: without a user and password before the host, and without
 * a query, where some receivers want their key. Cut when it is too long.
 */
struct shown_endpoint {
    char text[256];
};
struct shown_endpoint shown_endpoint(const char *url);
