/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

static void put_byte(struct record *out, size_t byte) {
    uint8_t b = (uint8_t)byte;
    record_append(out, bytes_of(&b, 1));
}

static void put_u32(struct record *out, uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8)
        put_byte(out, number >> shift & 0xff);
}

void raw_frame(struct record *out, enum raw_type type, uint8_t flags, uint32_t id,
               struct bytes payload) {
    put_byte(out, payload.len >> 16 & 0xff);
    put_byte(out, payload.len >> 8 & 0xff);
    put_byte(out, payload.len & 0xff);
    put_byte(out, type);
    put_byte(out, flags);
    put_u32(out, id);
    record_append(out, payload);
}

void raw_number(struct record *out, enum raw_type type, uint32_t id, uint32_t number) {
    struct record payload = {0};
    put_u32(&payload, number);
    raw_frame(out, type, 0, id, bytes_of(payload.data, payload.len));
    record_fini(&payload);
}

void raw_goaway(struct record *out, uint32_t last_id, uint32_t error) {
    struct record payload = {0};
    put_u32(&payload, last_id);
    put_u32(&payload, error);
    raw_frame(out, RAW_GOAWAY, 0, 0, bytes_of(payload.data, payload.len));
    record_fini(&payload);
}

void raw_preface(struct record *out) {
    record_append(out, bytes_str("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    raw_frame(out, RAW_SETTINGS, 0, 0, bytes_of(NULL, 0));
}

/* An integer with a 7-bit prefix, RFC 7541 section 5.1. */
static void put_length(struct record *block, size_t len) {
    if (len < 127) {
        put_byte(block, len);
        return;
    }
    put_byte(block, 127);
    for (len -= 127; len >= 128; len >>= 7)
        put_byte(block, 0x80 | (len & 0x7f));
    put_byte(block, len);
}

void raw_field(struct record *block, const char *name, struct bytes value) {
    put_byte(block, 0);
    put_length(block, strlen(name));
    record_append(block, bytes_str(name));
    put_length(block, value.len);
    record_append(block, value);
}

void raw_request_block(struct record *block) {
    raw_field(block, ":method", bytes_str("POST"));
    raw_field(block, ":scheme", bytes_str("http"));
    raw_field(block, ":path", bytes_str("/SensorService/SendSingleReading"));
    raw_field(block, ":authority", bytes_str("localhost"));
}

void raw_request(struct record *out, uint32_t id, uint8_t flags) {
    struct record block = {0};
    raw_request_block(&block);
    raw_frame(out, RAW_HEADERS, flags | RAW_END_HEADERS, id, bytes_of(block.data, block.len));
    record_fini(&block);
}

int raw_send(struct record *out, struct end *to) {
    int r = pair_deliver(to, bytes_of(out->data, out->len));
    record_fini(out);
    *out = (struct record){0};
    return r;
}
