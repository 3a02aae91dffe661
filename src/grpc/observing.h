/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/framing.h"
#include "grpc/observer.h"

/*
 * What a call, the server's or the client's, keeps for its observer. Counting is inline, because a
 * stream's readings pass here by the million.
 */
struct observing {
    bool is_on; /* there is an observer */
    bool tells_messages;
    bool was_counted; /* the message that is offered: it was not taken when it was offered before */
    struct grpc_counts received, sent;
};

static inline void observing_start(struct observing *observing, bool tells_messages) {
    *observing = (struct observing){.is_on = true, .tells_messages = tells_messages};
}

/* Counts a message; whether it is to be told as well. */
static inline bool observing_count(struct observing *observing, struct grpc_counts *counts,
                                   size_t size, size_t wire_size) {
    if (!observing->is_on)
        return false;
    counts->n++;
    counts->bytes += size;
    counts->wire_bytes += wire_size;
    return observing->tells_messages;
}

/* Counts `n` messages that go out behind each other, whole and none of them compressed. False: each
 * is to be told, and is counted then. */
static inline bool observing_count_framed(struct observing *observing, size_t n, size_t used) {
    struct grpc_counts *sent = &observing->sent;
    size_t size = used - n * GRPC_PREFIX_SIZE;
    if (!observing->is_on)
        return true;
    if (observing->tells_messages)
        return false;
    sent->n += n;
    sent->bytes += size;
    sent->wire_bytes += size;
    return true;
}

/* Takes one of these off `frames`; false: none is left. It is whole, so the framing keeps nothing.
 */
static inline bool observing_next_framed(struct bytes *frames, struct grpc_message *message) {
    struct grpc_framing framing;
    grpc_framing_init(&framing);
    bool is_one = grpc_framing_next(&framing, frames, message) == 0;
    grpc_framing_fini(&framing);
    return is_one;
}

/* The message that was counted last. */
static inline struct grpc_observed_message
observing_message(const struct grpc_counts *counts, size_t size, const struct grpc_message *wire) {
    return (struct grpc_observed_message){.number = counts->n - 1,
                                          .size = size,
                                          .wire_size = wire->bytes.len,
                                          .is_compressed = wire->is_compressed};
}

static inline struct grpc_call_end observing_end(const struct observing *observing,
                                                 enum grpc_status status, struct bytes text) {
    return (struct grpc_call_end){
        .status = status, .text = text, .received = &observing->received, .sent = &observing->sent};
}
