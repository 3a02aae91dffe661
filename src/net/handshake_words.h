/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>

#include "base/err.h"

/*
 * Why a TLS handshake failed, for the person who can mend it. A server's words begin with the peer
 * ("it offers ..."), because a log line names it before; a client's name the server.
 */

/* After a failed SSL_do_handshake(): `error` is what SSL_get_error() said. */
void handshake_words_for(SSL *ssl, int error, struct err_text *why);

/* The same as gRFC A118 counts it; a constant. */
const char *handshake_result_for(SSL *ssl, int error);

/* The handshake went well, but the peer did not agree on HTTP/2. */
void handshake_words_no_h2(SSL *ssl, struct err_text *why);
