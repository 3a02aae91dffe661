/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resource is put together from the least to the most certain: what is found out, what the
 * program says, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME; each wins over those before it. Then
 * it is copied into one piece of memory and stays as it is.
 */
#include "otel/resource.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"
#include "otel/resource_builder.h"
#include "otel/text_list.h"
#include "otel/variables.h"

enum {
    BYTES_MAX = 1 << 20, /* Linux has variables of 128 KiB at most */
    RESOURCE_E_BAD = 1,
};

/* ---- the builder ---- */

void resource_builder_init(struct resource_builder *builder) {
    arena_init(&builder->arena, BYTES_MAX);
    builder->n = 0;
}

void resource_builder_fini(struct resource_builder *builder) {
    arena_fini(&builder->arena);
}

static int compare(struct bytes a, struct bytes b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int r = len ? memcmp(a.data, b.data, len) : 0;
    return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int copy_value(struct arena *arena, struct otel_value value, struct otel_value *copy) {
    *copy = value;
    return value.type == OTEL_TEXT ? arena_copy(arena, value.text, &copy->text) : 0;
}

int resource_put(struct resource_builder *builder, struct bytes key, struct otel_value value) {
    struct otel_attribute made;
    size_t at = 0;
    assert(value.type == OTEL_TEXT || value.type == OTEL_INTEGER);
    if (arena_copy(&builder->arena, key, &made.key) ||
        copy_value(&builder->arena, value, &made.value))
        return -ENOMEM;
    while (at < builder->n && compare(builder->attributes[at].key, key) < 0)
        at++;
    if (at == builder->n || compare(builder->attributes[at].key, key) > 0) {
        assert(builder->n < RESOURCE_MAX);
        memmove(&builder->attributes[at + 1], &builder->attributes[at],
                (builder->n++ - at) * sizeof(made));
    }
    builder->attributes[at] = made;
    return 0;
}

int resource_put_text(struct resource_builder *builder, const char *key, const char *text) {
    return resource_put(builder, bytes_str(key), otel_str(text));
}

struct bytes resource_text(const struct resource_builder *builder, const char *key) {
    for (size_t i = 0; i < builder->n; i++)
        if (bytes_equal_str(builder->attributes[i].key, key))
            return builder->attributes[i].value.text;
    return (struct bytes){0};
}

/* ---- what the program is ---- */

/* The name `opentelemetry` is reserved for the project's own SDKs (semantic conventions,
 * telemetry.sdk.name). */
static int put_sdk(struct resource_builder *builder) {
    int r = resource_put_text(builder, "telemetry.sdk.language", "c");
    if (r == 0)
        r = resource_put_text(builder, "telemetry.sdk.name", "thermograph");
    return r ? r : resource_put_text(builder, "telemetry.sdk.version", THERMOGRAPH_VERSION);
}

/* A UUID of version 4 (RFC 9562): another one for each start, so that two of one name are told
 * apart. */
static int put_instance_id(struct resource_builder *builder) {
    uint8_t b[16];
    char text[37];
    if (random_bytes(b, sizeof(b)))
        return 0;
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    snprintf(text, sizeof(text),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return resource_put_text(builder, "service.instance.id", text);
}

static int put_default_name(struct resource_builder *builder) {
    char name[300];
    struct bytes executable = resource_text(builder, "process.executable.name");
    snprintf(name, sizeof(name), "unknown_service%s%.*s", executable.len ? ":" : "",
             BYTES_ARGS(executable));
    return resource_put_text(builder, "service.name", name);
}

static int put_service(struct resource_builder *builder,
                       const struct otel_resource_options *options) {
    int r = options->service_name
                ? resource_put_text(builder, "service.name", options->service_name)
                : put_default_name(builder);
    if (r == 0 && options->service_version)
        r = resource_put_text(builder, "service.version", options->service_version);
    return r ? r : put_instance_id(builder);
}

/* ---- what the variables say ---- */

/* 0, RESOURCE_E_BAD or -ENOMEM. */
static int decode(struct arena *arena, struct bytes coded, struct bytes *text) {
    size_t n;
    char *out = arena_alloc(arena, coded.len);
    if (!out)
        return -ENOMEM;
    if (text_percent_decode(coded, out, &n))
        return RESOURCE_E_BAD;
    *text = bytes_of(out, n);
    return utf8_is_valid(*text) ? 0 : RESOURCE_E_BAD;
}

static int decode_pair(struct arena *arena, struct bytes member, struct bytes *key,
                       struct bytes *value) {
    if (!text_split(member, '=', key, value) || key->len == 0)
        return RESOURCE_E_BAD;
    int r = decode(arena, *key, key);
    return r ? r : decode(arena, *value, value);
}

/* The whole variable counts or nothing of it, so it is looked through first. */
static int check_pairs(struct resource_builder *builder, struct bytes rest) {
    struct bytes member, key, value;
    size_t n = 0;
    while (text_list_next(&rest, ',', &member)) {
        if (member.len == 0)
            continue;
        if (n++ == RESOURCE_MAX_NAMED)
            return RESOURCE_E_BAD;
        int r = decode_pair(&builder->arena, member, &key, &value);
        if (r)
            return r;
    }
    return 0;
}

static int put_pairs(struct resource_builder *builder, struct bytes rest) {
    struct bytes member, key, value;
    while (text_list_next(&rest, ',', &member)) {
        if (member.len == 0)
            continue;
        int r = decode_pair(&builder->arena, member, &key, &value);
        if (r == 0)
            r = resource_put(builder, key, otel_text(value));
        if (r)
            return r;
    }
    return 0;
}

static int put_named(struct resource_builder *builder, variable_fn variable) {
    static const char name[] = "OTEL_RESOURCE_ATTRIBUTES";
    struct bytes text = variable_text(variable, name);
    int r = check_pairs(builder, text);
    if (r == RESOURCE_E_BAD) {
        variable_complain(name, text,
                          "a list of at most 200 KEY=VALUE, in UTF-8 and with %XX for "
                          "what would end a key or a value",
                          "nothing of it");
        return 0;
    }
    return r ? r : put_pairs(builder, text);
}

static int put_service_name(struct resource_builder *builder, variable_fn variable) {
    struct bytes name = variable_text(variable, "OTEL_SERVICE_NAME");
    return name.data ? resource_put(builder, bytes_str("service.name"), otel_text(name)) : 0;
}

static int put_all(struct resource_builder *builder, const struct otel_resource_options *options) {
    int r = resource_detect(builder, options->root);
    if (r == 0)
        r = put_sdk(builder);
    if (r == 0)
        r = put_service(builder, options);
    if (r == 0)
        r = put_named(builder, options->variable);
    return r ? r : put_service_name(builder, options->variable);
}

/* ---- the resource ---- */

static size_t text_size(const struct otel_attribute *attribute) {
    const struct otel_value *value = &attribute->value;
    return attribute->key.len + (value->type == OTEL_TEXT ? value->text.len : 0);
}

/* Moves `*bytes` to `*at`, and `*at` behind it. */
static void move_to(struct bytes *bytes, char **at) {
    if (bytes->len > 0)
        memcpy(*at, bytes->data, bytes->len);
    *bytes = bytes_of(*at, bytes->len);
    *at += bytes->len;
}

static void otel_resource_freep(struct otel_resource **resource) {
    otel_resource_free(*resource);
}

static int copy_out(const struct resource_builder *builder, struct otel_resource **out) {
    CLEANUP(otel_resource_freep) struct otel_resource *resource = mem_new(struct otel_resource);
    size_t size = 0;
    for (size_t i = 0; i < builder->n; i++)
        size += text_size(&builder->attributes[i]);
    if (!resource)
        return -ENOMEM;
    resource->memory = mem_alloc(size);
    resource->attributes = mem_new_array(struct otel_attribute, builder->n);
    if (!resource->memory || !resource->attributes)
        return -ENOMEM;
    char *at = resource->memory;
    resource->n_attributes = builder->n;
    for (size_t i = 0; i < builder->n; i++) {
        struct otel_attribute *attribute = &resource->attributes[i];
        *attribute = builder->attributes[i];
        move_to(&attribute->key, &at);
        if (attribute->value.type == OTEL_TEXT)
            move_to(&attribute->value.text, &at);
    }
    *out = STEAL(resource);
    return 0;
}

int otel_resource_new(const struct otel_resource_options *options,
                      struct otel_resource **resource) {
    CLEANUP(resource_builder_fini) struct resource_builder builder;
    resource_builder_init(&builder);
    int r = put_all(&builder, options);
    if (r == 0)
        r = copy_out(&builder, resource);
    return err_trace(r);
}

void otel_resource_free(struct otel_resource *resource) {
    if (!resource)
        return;
    mem_free(resource->attributes);
    mem_free(resource->memory);
    mem_free(resource);
}

struct otel_value otel_resource_get(const struct otel_resource *resource, const char *key) {
    for (size_t i = 0; i < resource->n_attributes; i++)
        if (bytes_equal_str(resource->attributes[i].key, key))
            return resource->attributes[i].value;
    return (struct otel_value){.type = OTEL_EMPTY};
}
