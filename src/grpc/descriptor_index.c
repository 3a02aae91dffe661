/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors are protobuf messages that describe protobuf messages
 * (google/protobuf/descriptor.proto); only their names are needed here, so they are walked with
 * proto/wire.h, and each file goes to the client as the bytes that protoc made.
 */
#include "grpc/descriptor_index.h"

#include "base/mem.h"
#include "proto/wire.h"

/* Field numbers of descriptor.proto. */
enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_DEPENDENCY = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    SERVICE_METHOD = 2,
    ANY_NAME = 1, /* of a message, an enum, a service, a method */
};

/* Names are dotted paths; protoc's own limit on nesting is far below this length. */
enum {
    SYMBOL_MAX = 512
};

struct symbol {
    const struct descriptor_file *file;
    size_t len;
    char name[];
};

static struct bytes key_of_file(const void *object) {
    return ((const struct descriptor_file *)object)->name;
}

static struct bytes key_of_symbol(const void *object) {
    const struct symbol *symbol = object;
    return bytes_of(symbol->name, symbol->len);
}

/* The content of the first field `id` that holds bytes; data NULL without one. */
static struct bytes find_bytes(struct bytes message, uint32_t id) {
    struct wire_field field;
    while (wire_next(&message, &field) == 0)
        if (field.id == id && field.type == WIRE_BYTES)
            return field.bytes;
    return (struct bytes){0};
}

static int add_symbol(struct descriptor_index *index, const struct descriptor_file *file,
                      struct bytes full_name) {
    if (table_find(&index->symbols, full_name))
        return -EINVAL;
    struct symbol *symbol = mem_alloc(sizeof(*symbol) + full_name.len);
    if (!symbol)
        return -ENOMEM;
    symbol->file = file;
    symbol->len = full_name.len;
    memcpy(symbol->name, full_name.data, full_name.len);
    int r = table_add(&index->symbols, symbol);
    if (r)
        mem_free(symbol);
    return r;
}

/* A name inside a scope: `scope.name`, or the name alone where the scope is empty. */
struct scoped {
    char text[SYMBOL_MAX];
    size_t len;
};

static int scoped_init(struct scoped *scoped, struct bytes scope, struct bytes name) {
    if (name.len == 0 || scope.len + 1 + name.len > sizeof(scoped->text))
        return -EINVAL;
    scoped->len = 0;
    if (scope.len) {
        memcpy(scoped->text, scope.data, scope.len);
        scoped->text[scope.len] = '.';
        scoped->len = scope.len + 1;
    }
    memcpy(scoped->text + scoped->len, name.data, name.len);
    scoped->len += name.len;
    return 0;
}

/* What may lie inside a thing that has a name, and what is inside that. */
struct shape {
    struct {
        uint32_t id;
        const struct shape *shape;
    } inner[3];
};

static const struct shape leaf_shape = {0};
static const struct shape message_shape = {
    {{MESSAGE_NESTED, &message_shape}, {MESSAGE_ENUM, &leaf_shape}}};
static const struct shape service_shape = {{{SERVICE_METHOD, &leaf_shape}}};
static const struct shape file_shape = {
    {{FILE_MESSAGE, &message_shape}, {FILE_ENUM, &leaf_shape}, {FILE_SERVICE, &service_shape}}};

static const struct shape *shape_of_field(const struct shape *shape, uint32_t id) {
    for (size_t i = 0; i < ARRAY_LEN(shape->inner); i++)
        if (shape->inner[i].shape && shape->inner[i].id == id)
            return shape->inner[i].shape;
    return NULL;
}

/* Adds every name inside `wire`, which lies in `scope`. The set comes from our own build, so its
 * depth is what we wrote. 0, -EINVAL or -ENOMEM. */
static int add_symbols(struct descriptor_index *index, const struct descriptor_file *file,
                       const struct shape *shape, struct bytes wire, struct bytes scope) {
    struct wire_field field;
    int end;
    while ((end = wire_next(&wire, &field)) == 0) {
        const struct shape *inner = shape_of_field(shape, field.id);
        if (!inner || field.type != WIRE_BYTES)
            continue;
        struct scoped name;
        int r = scoped_init(&name, scope, find_bytes(field.bytes, ANY_NAME));
        if (!r)
            r = add_symbol(index, file, bytes_of(name.text, name.len));
        if (!r)
            r = add_symbols(index, file, inner, field.bytes, bytes_of(name.text, name.len));
        if (r)
            return r;
    }
    return end == WIRE_E_END ? 0 : -EINVAL;
}

/* Counts the files and sees that the set is a protobuf message. 0 or -EINVAL. */
static int count_files(struct bytes file_set, size_t *n) {
    struct wire_field field;
    int r;
    *n = 0;
    while ((r = wire_next(&file_set, &field)) == 0)
        *n += field.id == SET_FILE && field.type == WIRE_BYTES;
    return r == WIRE_E_END ? 0 : -EINVAL;
}

static int add_file(struct descriptor_index *index, struct bytes wire) {
    struct descriptor_file *file = &index->files[index->n_files];
    *file = (struct descriptor_file){
        .name = find_bytes(wire, FILE_NAME),
        .package = find_bytes(wire, FILE_PACKAGE),
        .wire = wire,
    };
    if (!file->name.data || table_find(&index->files_by_name, file->name))
        return -EINVAL;
    int r = table_add(&index->files_by_name, file);
    if (r)
        return r;
    index->n_files++;
    return add_symbols(index, file, &file_shape, wire, file->package);
}

static int add_files(struct descriptor_index *index, struct bytes file_set) {
    struct wire_field field;
    while (wire_next(&file_set, &field) == 0) {
        bool is_file = field.id == SET_FILE && field.type == WIRE_BYTES;
        int r = is_file ? add_file(index, field.bytes) : 0;
        if (r)
            return r;
    }
    return 0;
}

int descriptor_index_init(struct descriptor_index *index, struct bytes file_set) {
    size_t n;
    *index = (struct descriptor_index){0};
    int r = count_files(file_set, &n);
    if (!r)
        r = table_init(&index->files_by_name, key_of_file);
    if (!r)
        r = table_init(&index->symbols, key_of_symbol);
    if (!r && !(index->files = mem_new_array(struct descriptor_file, n)))
        r = -ENOMEM;
    if (!r)
        r = add_files(index, file_set);
    if (r)
        descriptor_index_fini(index);
    return err_trace(r);
}

void descriptor_index_fini(struct descriptor_index *index) {
    for (size_t i = 0; i < index->symbols.n_slots; i++)
        mem_free(table_at(&index->symbols, i));
    table_fini(&index->symbols);
    table_fini(&index->files_by_name);
    mem_free(STEAL(index->files));
}

const struct descriptor_file *descriptor_index_file(const struct descriptor_index *index,
                                                    struct bytes name) {
    return table_find(&index->files_by_name, name);
}

const struct descriptor_file *descriptor_index_symbol(const struct descriptor_index *index,
                                                      struct bytes full_name) {
    const struct symbol *symbol = table_find(&index->symbols, full_name);
    return symbol ? symbol->file : NULL;
}

static bool is_among(const struct descriptor_file *file, const struct descriptor_file **files,
                     size_t n) {
    for (size_t i = 0; i < n; i++)
        if (files[i] == file)
            return true;
    return false;
}

size_t descriptor_index_closure(const struct descriptor_index *index,
                                const struct descriptor_file *file,
                                const struct descriptor_file **files) {
    size_t n = 0;
    files[n++] = file;
    for (size_t i = 0; i < n; i++) {
        struct bytes rest = files[i]->wire;
        struct wire_field field;
        while (wire_next(&rest, &field) == 0) {
            if (field.id != FILE_DEPENDENCY || field.type != WIRE_BYTES)
                continue;
            const struct descriptor_file *needed = descriptor_index_file(index, field.bytes);
            if (needed && !is_among(needed, files, n))
                files[n++] = needed;
        }
    }
    return n;
}
