/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/metadata.h"

#include <openssl/evp.h>

struct bytes grpc_fields_find(const struct h2_field *fields, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_str(fields[i].name, name))
            return fields[i].value;
    return (struct bytes){0};
}

static bool is_binary(struct bytes key) {
    return key.len > 4 && memcmp(key.data + key.len - 4, "-bin", 4) == 0;
}

/* HTTP's own fields and gRPC's: the rest is the caller's. */
static bool is_reserved(struct bytes key) {
    static const char *const names[] = {"te", "content-type", "user-agent"};
    if (key.len == 0 || key.data[0] == ':' || bytes_start_with(key, "grpc-"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal_str(key, names[i]))
            return true;
    return false;
}

/* The value of a base64 digit, or -1. */
static int base64_value(uint8_t digit) {
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '+')
        return 62;
    return digit == '/' ? 63 : -1;
}

/* Without the blanks around it, which a list may have (RFC 9110 section 5.6.1), and without
 * padding. */
static struct bytes base64_digits(struct bytes text) {
    size_t n_padding = 0;
    while (text.len && text.data[0] == ' ')
        text = bytes_from(text, 1);
    while (text.len && text.data[text.len - 1] == ' ')
        text.len--;
    for (; n_padding < 2 && text.len && text.data[text.len - 1] == '='; n_padding++)
        text.len--;
    return text;
}

/*
 * Base64 with or without its padding, into the arena. 0, GRPC_METADATA_E_INVALID or -ENOMEM. Not
 * OpenSSL's: that one skips blanks and dashes, and takes padding anywhere.
 */
static int base64_decode(struct bytes text, struct arena *arena, struct bytes *out) {
    struct bytes digits = base64_digits(text);
    uint32_t bits = 0;
    size_t n = 0;
    uint8_t *bytes = arena_alloc(arena, digits.len * 3 / 4);
    if (!bytes)
        return -ENOMEM;
    for (size_t i = 0; i < digits.len; i++) {
        int value = base64_value(digits.data[i]);
        if (value < 0)
            return GRPC_METADATA_E_INVALID;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)
            bytes[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    *out = bytes_of(bytes, n);
    return digits.len % 4 == 1 ? GRPC_METADATA_E_INVALID : 0;
}

int grpc_fields_find_binary(const struct h2_field *fields, size_t n, const char *name,
                            struct arena *arena, struct bytes *value) {
    struct bytes text = grpc_fields_find(fields, n, name);
    *value = (struct bytes){0};
    if (!text.data)
        return 0;
    int r = base64_decode(text, arena, value);
    if (r > 0)
        *value = (struct bytes){0};
    return r < 0 ? r : 0;
}

/* How many entries the fields can make: a -bin value may hold several, split by commas. */
static size_t count_entries(const struct h2_field *fields, size_t n) {
    size_t count = n;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; is_binary(fields[i].name) && k < fields[i].value.len; k++)
            count += fields[i].value.data[k] == ',';
    return count;
}

/* Adds the entries of a -bin field; one that is no base64 is left out. 0 or -ENOMEM. */
static int add_binary(const struct h2_field *field, struct arena *arena, struct grpc_entry *entries,
                      size_t *n) {
    struct bytes rest = field->value;
    for (;;) {
        const uint8_t *comma = rest.len ? memchr(rest.data, ',', rest.len) : NULL;
        size_t len = comma ? (size_t)(comma - rest.data) : rest.len;
        struct bytes value;
        int r = base64_decode(bytes_of(rest.data, len), arena, &value);
        if (r < 0)
            return r;
        if (r == 0)
            entries[(*n)++] = (struct grpc_entry){field->name, value};
        if (!comma)
            return 0;
        rest = bytes_from(rest, len + 1);
    }
}

int grpc_metadata_of_fields(const struct h2_field *fields, size_t n, struct arena *arena,
                            struct grpc_entry **entries, size_t *n_entries) {
    *n_entries = 0;
    *entries = arena_alloc(arena, count_entries(fields, n) * sizeof(struct grpc_entry));
    if (!*entries)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (is_reserved(fields[i].name))
            continue;
        if (!is_binary(fields[i].name)) {
            (*entries)[(*n_entries)++] = (struct grpc_entry){fields[i].name, fields[i].value};
            continue;
        }
        int r = add_binary(&fields[i], arena, *entries, n_entries);
        if (r)
            return r;
    }
    return 0;
}

static bool may_be_key(struct bytes key) {
    if (is_reserved(key))
        return false;
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.data[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
        if (!good)
            return false;
    }
    return true;
}

static bool may_be_text(struct bytes value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7E)
            return false;
    return true;
}

static int base64_encode(struct bytes bytes, struct arena *arena, struct bytes *text) {
    uint8_t *out = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
    if (!out)
        return -ENOMEM;
    int n = EVP_EncodeBlock(out, bytes.data, (int)bytes.len);
    while (n > 0 && out[n - 1] == '=')
        n--;
    *text = bytes_of(out, (size_t)n);
    return 0;
}

int grpc_metadata_to_field(const struct grpc_entry *entry, struct arena *arena,
                           struct h2_field *field) {
    bool binary = is_binary(entry->key);
    if (!may_be_key(entry->key) || (!binary && !may_be_text(entry->value)))
        return GRPC_METADATA_E_INVALID;
    *field = (struct h2_field){.is_secret = bytes_equal_str(entry->key, "authorization")};
    int r = arena_copy(arena, entry->key, &field->name);
    if (r)
        return r;
    return binary ? base64_encode(entry->value, arena, &field->value)
                  : arena_copy(arena, entry->value, &field->value);
}
