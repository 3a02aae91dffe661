/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `baggage` (W3C Baggage): names and values that a caller wants to travel with its call.
 *
 * Members point into the baggage's own text, which is only ever appended to; what a replaced or
 * removed member leaves behind is swept together when the room is needed. A key is there once: of
 * two, the later one counts (OpenTelemetry specification, "Baggage", conflict resolution). Since
 * it comes from strangers all is bounded, and what does not fit is dropped by whole members.
 */
#include <assert.h>

#include "base/utf8.h"
#include "otel/propagation.h"
#include "otel/text_list.h"

static bool is_baggage_octet(uint8_t byte) {
    return byte > 0x20 && byte < 0x7f && byte != '"' && byte != ',' && byte != ';' && byte != '\\';
}

/* ---- the text ---- */

/* There is room for it. */
static struct bytes append(struct otel_baggage *baggage, struct bytes bytes) {
    struct bytes copy = bytes_of(baggage->text + baggage->n_text, bytes.len);
    assert(bytes.len <= sizeof(baggage->text) - baggage->n_text);
    if (bytes.len > 0)
        memcpy(baggage->text + baggage->n_text, bytes.data, bytes.len);
    baggage->n_text += bytes.len;
    return copy;
}

static size_t room(const struct otel_baggage *baggage) {
    return sizeof(baggage->text) - baggage->n_text;
}

static size_t used_by_members(const struct otel_baggage *baggage) {
    size_t n = 0;
    for (size_t i = 0; i < baggage->n_members; i++) {
        const struct otel_baggage_member *member = &baggage->members[i];
        n += member->key.len + member->value.len + member->metadata.len;
    }
    return n;
}

static void sweep(struct otel_baggage *baggage) {
    char old[OTEL_MAX_BAGGAGE_BYTES];
    memcpy(old, baggage->text, baggage->n_text);
    baggage->n_text = 0;
    for (size_t i = 0; i < baggage->n_members; i++) {
        struct bytes *parts[] = {&baggage->members[i].key, &baggage->members[i].value,
                                 &baggage->members[i].metadata};
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            if (parts[k]->len == 0)
                continue;
            size_t at = (size_t)(parts[k]->data - (const uint8_t *)baggage->text);
            *parts[k] = append(baggage, bytes_of(old + at, parts[k]->len));
        }
    }
}

/* ---- the members ---- */

static struct otel_baggage_member *find(struct otel_baggage *baggage, struct bytes key) {
    for (size_t i = 0; i < baggage->n_members; i++)
        if (bytes_equal(baggage->members[i].key, key))
            return &baggage->members[i];
    return NULL;
}

/* The member of that key; a new one, which there is room for, if there is none yet. */
static struct otel_baggage_member *find_or_add(struct otel_baggage *baggage, struct bytes key) {
    struct otel_baggage_member *member = find(baggage, key);
    if (member)
        return member;
    assert(baggage->n_members < OTEL_MAX_BAGGAGE_MEMBERS);
    member = &baggage->members[baggage->n_members++];
    *member = (struct otel_baggage_member){.key = append(baggage, key)};
    return member;
}

int otel_baggage_set(struct otel_baggage *baggage, struct bytes key, struct bytes value) {
    if (!text_is_token(key))
        return -EINVAL;
    struct otel_baggage_member *old = find(baggage, key);
    if (!old && baggage->n_members == OTEL_MAX_BAGGAGE_MEMBERS)
        return -ENOSPC;
    size_t freed = old ? old->value.len + old->metadata.len : 0;
    size_t needed = value.len + (old ? 0 : key.len);
    if (needed > sizeof(baggage->text) - (used_by_members(baggage) - freed))
        return -ENOSPC;
    if (old)
        old->value = old->metadata = (struct bytes){0};
    if (needed > room(baggage))
        sweep(baggage);
    find_or_add(baggage, key)->value = append(baggage, value);
    return 0;
}

void otel_baggage_remove(struct otel_baggage *baggage, const char *key) {
    struct otel_baggage_member *member = find(baggage, bytes_str(key));
    if (!member)
        return;
    const struct otel_baggage_member *end = baggage->members + baggage->n_members--;
    memmove(member, member + 1, (size_t)(end - member - 1) * sizeof(*member));
}

struct bytes otel_baggage_get(const struct otel_baggage *baggage, const char *key) {
    for (size_t i = 0; i < baggage->n_members; i++)
        if (bytes_equal_str(baggage->members[i].key, key))
            return baggage->members[i].value;
    return (struct bytes){0};
}

/* ---- as a field ---- */

static bool is_value(struct bytes value) {
    for (size_t i = 0; i < value.len; i++)
        if (!is_baggage_octet(value.data[i]))
            return false;
    return true;
}

static bool is_metadata(struct bytes metadata) {
    struct bytes property, key, value;
    while (text_list_next(&metadata, ';', &property)) {
        if (!text_split(property, '=', &key, &value)) {
            key = property;
            value = (struct bytes){0};
        }
        if (!text_is_token(key) || !is_value(value))
            return false;
    }
    return true;
}

/* A member as it stands in the field, its parts not decoded. False: it is malformed. */
static bool read_member(struct bytes text, struct otel_baggage_member *coded) {
    struct bytes pair = text;
    *coded = (struct otel_baggage_member){0};
    if (text_split(text, ';', &pair, &coded->metadata) && !is_metadata(coded->metadata))
        return false;
    return text_split(pair, '=', &coded->key, &coded->value) && text_is_token(coded->key) &&
           is_value(coded->value);
}

/* Each byte that is no UTF-8 was three characters in the field; what stands for it is as long. */
static struct bytes append_mended(struct otel_baggage *baggage, struct bytes text) {
    size_t before = baggage->n_text;
    while (text.len > 0) {
        size_t n = utf8_length(text);
        append(baggage, n ? bytes_of(text.data, n) : bytes_str("\xEF\xBF\xBD"));
        text = bytes_from(text, n ? n : 1);
    }
    return bytes_of(baggage->text + before, baggage->n_text - before);
}

/* There is room for it. */
static void add_decoded(struct otel_baggage *baggage, const struct otel_baggage_member *coded) {
    char decoded[OTEL_MAX_BAGGAGE_BYTES];
    size_t n;
    struct otel_baggage_member *member = find_or_add(baggage, coded->key);
    if (text_percent_decode(coded->value, decoded, &n)) {
        /* A percent sign that stands for itself: as good as any other character. */
    }
    member->value = append_mended(baggage, bytes_of(decoded, n));
    member->metadata = append(baggage, coded->metadata);
}

void otel_baggage_parse(struct bytes field, struct otel_baggage *baggage) {
    struct bytes text;
    struct otel_baggage_member coded;
    baggage->n_members = baggage->n_text = 0;
    while (baggage->n_members < OTEL_MAX_BAGGAGE_MEMBERS && text_list_next(&field, ',', &text)) {
        if (!read_member(text, &coded))
            continue;
        if (coded.key.len + coded.value.len + coded.metadata.len > room(baggage))
            return;
        add_decoded(baggage, &coded);
    }
}

static bool stands_for_itself(uint8_t byte) {
    return is_baggage_octet(byte) && byte != '%';
}

static size_t length_in_field(const struct otel_baggage_member *member) {
    size_t n = member->key.len + 1;
    for (size_t i = 0; i < member->value.len; i++)
        n += stands_for_itself(member->value.data[i]) ? 1 : 3;
    return n + (member->metadata.len ? 1 + member->metadata.len : 0);
}

static char *write_bytes(char *out, struct bytes bytes) {
    if (bytes.len > 0)
        memcpy(out, bytes.data, bytes.len);
    return out + bytes.len;
}

static char *write_coded(char *out, struct bytes value) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.data[i];
        if (stands_for_itself(byte)) {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '%';
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 15];
    }
    return out;
}

static char *write_member(char *out, const struct otel_baggage_member *member) {
    out = write_bytes(out, member->key);
    *out++ = '=';
    out = write_coded(out, member->value);
    if (member->metadata.len == 0)
        return out;
    *out++ = ';';
    return write_bytes(out, member->metadata);
}

size_t otel_baggage_format(const struct otel_baggage *baggage, char *out, size_t cap) {
    char *end = out;
    for (size_t i = 0; i < baggage->n_members; i++) {
        size_t comma = end > out;
        if (comma + length_in_field(&baggage->members[i]) > cap - (size_t)(end - out))
            break;
        if (comma)
            *end++ = ',';
        end = write_member(end, &baggage->members[i]);
    }
    return (size_t)(end - out);
}
