/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "net/loop.h"
#include "otlp/sender.h"

/*
 * OTLP over gRPC, by a channel of its own (grpc/channel.h). Borrows the settings. 0, -ENOMEM, or
 * -EINVAL and the like with words about what is wrong in the settings: the endpoint, a header that
 * may not be sent, a certificate.
 */
MUST_USE int otlp_sender_grpc_new(struct net_loop *loop, const struct otel_otlp_settings *settings,
                                  enum otel_signal signal, struct otlp_sender **sender,
                                  struct err_text *why);
