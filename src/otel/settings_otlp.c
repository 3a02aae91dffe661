/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where and how OTLP goes (OpenTelemetry specification, "OpenTelemetry Protocol Exporter"). Each
 * variable comes in two kinds: OTEL_EXPORTER_OTLP_TIMEOUT is for all signals, and
 * OTEL_EXPORTER_OTLP_TRACES_TIMEOUT wins for one. So the first kind is read once, and for each
 * signal a copy of it is read over with the second.
 *
 * An endpoint or a header that cannot be used is found out when a signal's settings are made of it,
 * since the protocol plays a part; it is logged once, though all signals may share it. Values of
 * headers are secrets, and an endpoint may have a password in it, or a key in its query: none of
 * these is ever logged.
 */
#include "otel/settings_otlp.h"

#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "otel/text_list.h"

enum {
    OTLP_E_BAD = 1, /* it cannot be used; that has been logged */
};

struct named_text {
    char variable[64];
    struct bytes text; /* data NULL: unset */
    bool is_reported;
};

struct how {
    struct named_text *endpoint; /* NULL: none is named */
    bool is_endpoint_its_own;    /* of this signal, not of all */
    struct named_text *headers;  /* NULL: none */
    int protocol;
    bool is_protocol_named;
    bool is_insecure;
    int has_gzip;
    uint64_t timeout_ns;
    struct bytes ca_file, client_cert_file, client_key_file;
};

/* The texts that a `how` points to. */
struct level {
    struct named_text endpoint, headers;
    struct how how;
};

static const char *const infixes[OTEL_N_SIGNALS] = {"TRACES_", "METRICS_", "LOGS_"};
static const char *const endpoint_variables[OTEL_N_SIGNALS] = {
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
};
static const char *const paths[OTEL_N_SIGNALS] = {"v1/traces", "v1/metrics", "v1/logs"};

static void read_named(variable_fn variable, const char *infix, const char *what,
                       struct named_text *named) {
    *named = (struct named_text){0};
    snprintf(named->variable, sizeof(named->variable), "OTEL_EXPORTER_OTLP_%s%s", infix, what);
    named->text = variable_text(variable, named->variable);
}

bool settings_otlp_is_endpoint_named(variable_fn variable, enum otel_signal signal) {
    struct named_text own, of_all;
    read_named(variable, infixes[signal], "ENDPOINT", &own);
    read_named(variable, "", "ENDPOINT", &of_all);
    return own.text.data || of_all.text.data;
}

/* ---- an endpoint ---- */

struct url {
    struct bytes scheme;    /* empty: none */
    struct bytes authority; /* `host:port`, without who logs in there */
    struct bytes port;      /* empty: none */
    size_t path_at;
};

static size_t find_any(struct bytes text, size_t from, const char *any) {
    while (from < text.len && (!text.data[from] || !strchr(any, text.data[from])))
        from++;
    return from;
}

static struct bytes port_of(struct bytes authority) {
    for (size_t i = authority.len; i > 0 && authority.data[i - 1] != ']'; i--)
        if (authority.data[i - 1] == ':')
            return bytes_from(authority, i);
    return (struct bytes){0};
}

static struct bytes without_user(struct bytes authority) {
    const uint8_t *at = authority.len ? memrchr(authority.data, '@', authority.len) : NULL;
    return at ? bytes_from(authority, (size_t)(at - authority.data) + 1) : authority;
}

static struct url split_url(struct bytes text) {
    struct url url = {0};
    const uint8_t *mark = text.len ? memmem(text.data, text.len, "://", 3) : NULL;
    size_t at = 0;
    if (mark) {
        url.scheme = bytes_of(text.data, (size_t)(mark - text.data));
        at = url.scheme.len + 3;
    }
    url.path_at = find_any(text, at, "/?#");
    url.authority = without_user(bytes_of(text.data + at, url.path_at - at));
    url.port = port_of(url.authority);
    return url;
}

static bool is_port(struct bytes port) {
    unsigned number = 0;
    for (size_t i = 0; i < port.len; i++) {
        if (!isdigit(port.data[i]) || number > UINT16_MAX)
            return false;
        number = number * 10 + port.data[i] - '0';
    }
    return number > 0 && number <= UINT16_MAX;
}

static bool is_printable(struct bytes text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    return true;
}

/* What is wrong with it, NULL if nothing is. */
static const char *what_is_wrong(struct bytes text, int protocol) {
    struct url url = split_url(text);
    bool has_http = text_is_word(url.scheme, "http") || text_is_word(url.scheme, "https");
    if (!has_http && (url.scheme.data || protocol != OTEL_PROTOCOL_GRPC))
        return "must start with http:// or https://";
    if (!is_printable(text))
        return "has characters that an address cannot have";
    if (url.authority.len == 0 || url.authority.data[0] == ':')
        return "names no host";
    if (url.port.len > 0 && !is_port(url.port))
        return "must have a port from 1 to 65535";
    return NULL;
}

static bool is_port_of_grpc(struct bytes text) {
    return bytes_equal_str(split_url(text).port, "4317");
}

/* An address that is wrong may be wrong anywhere, so shown_endpoint() would not do: what is before
 * the last `@` is left out, wherever that is, and the query. */
static void report_endpoint(struct named_text *endpoint, const char *wrong) {
    struct bytes text = endpoint->text;
    const uint8_t *at = memrchr(text.data, '@', text.len);
    size_t begin = at ? (size_t)(at - text.data) : 0, end = find_any(text, 0, "?#");
    struct bytes shown = begin < end ? bytes_of(text.data + begin, end - begin) : (struct bytes){0};
    if (!endpoint->is_reported)
        log_error("%s=%s%.*s%s: %s; what would go there is not exported", endpoint->variable,
                  at ? "..." : "", BYTES_ARGS(shown), shown.len && end < text.len ? "..." : "",
                  wrong);
    endpoint->is_reported = true;
}

static int check_endpoint(struct named_text *endpoint, int protocol) {
    const char *wrong = what_is_wrong(endpoint->text, protocol);
    if (!wrong)
        return 0;
    report_endpoint(endpoint, wrong);
    return OTLP_E_BAD;
}

/* The URL of HTTP for a signal: its own as it is, but for a path; of all: that, and the path. */
static char *http_url(const struct how *how, enum otel_signal signal) {
    struct bytes text = how->endpoint->text;
    size_t path_at = split_url(text).path_at;
    if (how->is_endpoint_its_own)
        return mem_format_text("%.*s%s", BYTES_ARGS(text), path_at == text.len ? "/" : "");
    text.len = find_any(text, path_at, "?#");
    bool has_slash = text.data[text.len - 1] == '/';
    return mem_format_text("%.*s%s%s", BYTES_ARGS(text), has_slash ? "" : "/", paths[signal]);
}

static char *default_url(const struct how *how, enum otel_signal signal) {
    if (how->protocol == OTEL_PROTOCOL_GRPC)
        return mem_format_text("http://localhost:4317");
    return mem_format_text("http://localhost:4318/%s", paths[signal]);
}

static char *make_url(const struct how *how, enum otel_signal signal) {
    if (!how->endpoint)
        return default_url(how, signal);
    if (how->protocol == OTEL_PROTOCOL_GRPC)
        return mem_format_text("%.*s", BYTES_ARGS(how->endpoint->text));
    return http_url(how, signal);
}

/* ---- headers ---- */

/* What may be in a header's value without ending it, or breaking HTTP/2 or gRPC. */
static bool is_field_value(struct bytes value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e)
            return false;
    return true;
}

/* HTTP/2 knows names in lower case only. */
static char *copy_in_lower_case(struct bytes name) {
    char *copy = mem_copy_text((const char *)name.data, name.len);
    for (char *c = copy; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static int keep_header(struct otel_otlp_settings *otlp, char **name, char **value) {
    char **headers = mem_resize(otlp->headers, 2 * (otlp->n_headers + 1), sizeof(*headers));
    if (!headers)
        return -ENOMEM;
    otlp->headers = headers;
    headers[2 * otlp->n_headers] = STEAL(*name);
    headers[2 * otlp->n_headers + 1] = STEAL(*value);
    otlp->n_headers++;
    return 0;
}

/* 0, -ENOMEM, or OTLP_E_BAD: it is no header. */
static int add_header(struct otel_otlp_settings *otlp, struct bytes member) {
    struct bytes key, coded;
    size_t n;
    if (!text_split(member, '=', &key, &coded) || !text_is_token(key))
        return OTLP_E_BAD;
    CLEANUP(mem_freep) char *name = copy_in_lower_case(key);
    CLEANUP(mem_freep) char *value = mem_copy_text((const char *)coded.data, coded.len);
    if (!name || !value)
        return -ENOMEM;
    if (text_percent_decode(coded, value, &n) || !is_field_value(bytes_of(value, n)))
        return OTLP_E_BAD;
    value[n] = '\0';
    return keep_header(otlp, &name, &value);
}

static void report_header(struct named_text *headers, unsigned position) {
    if (!headers->is_reported)
        log_warn("%s: member %u is not NAME=VALUE in printable characters, others as %%XX; it is "
                 "left out (values are not shown)",
                 headers->variable, position);
    headers->is_reported = true;
}

static int add_headers(struct otel_otlp_settings *otlp, struct named_text *headers) {
    struct bytes rest = headers->text, member;
    for (unsigned position = 1; text_list_next(&rest, ',', &member); position++) {
        int r = member.len ? add_header(otlp, member) : 0;
        if (r < 0)
            return r;
        if (r == OTLP_E_BAD)
            report_header(headers, position);
    }
    return 0;
}

/* ---- the variables ---- */

static void read_protocol(variable_fn variable, const char *name, struct how *how) {
    static const struct variable_choice protocols[] = {
        {"grpc", OTEL_PROTOCOL_GRPC},
        {"http/protobuf", OTEL_PROTOCOL_HTTP_PROTOBUF},
        {NULL, 0},
    };
    if (!how->is_protocol_named && how->endpoint)
        how->protocol =
            is_port_of_grpc(how->endpoint->text) ? OTEL_PROTOCOL_GRPC : OTEL_PROTOCOL_HTTP_PROTOBUF;
    if (variable_choose(variable, name, protocols, &how->protocol))
        how->is_protocol_named = true;
}

static void read_file(variable_fn variable, const char *name, struct bytes *file) {
    struct bytes text = variable_text(variable, name);
    if (text.data)
        *file = text;
}

/* `level->how` is what counts where a variable is unset. */
static void read_level(variable_fn variable, const char *infix, struct level *level) {
    static const struct variable_choice compressions[] = {{"none", 0}, {"gzip", 1}, {NULL, 0}};
    struct how *how = &level->how;
    struct named_text name;
    read_named(variable, infix, "ENDPOINT", &level->endpoint);
    if (level->endpoint.text.data) {
        how->endpoint = &level->endpoint;
        how->is_endpoint_its_own = *infix != '\0';
    }
    read_named(variable, infix, "HEADERS", &level->headers);
    if (level->headers.text.data)
        how->headers = &level->headers;
    read_named(variable, infix, "PROTOCOL", &name);
    read_protocol(variable, name.variable, how);
    read_named(variable, infix, "INSECURE", &name);
    how->is_insecure = variable_is_true(variable, name.variable, how->is_insecure);
    read_named(variable, infix, "COMPRESSION", &name);
    variable_choose(variable, name.variable, compressions, &how->has_gzip);
    read_named(variable, infix, "TIMEOUT", &name);
    how->timeout_ns = variable_timeout_ns(variable, name.variable, how->timeout_ns);
    read_named(variable, infix, "CERTIFICATE", &name);
    read_file(variable, name.variable, &how->ca_file);
    read_named(variable, infix, "CLIENT_CERTIFICATE", &name);
    read_file(variable, name.variable, &how->client_cert_file);
    read_named(variable, infix, "CLIENT_KEY", &name);
    read_file(variable, name.variable, &how->client_key_file);
}

static int copy_text(struct bytes text, char **copy) {
    if (!text.data)
        return 0;
    *copy = mem_copy_text((const char *)text.data, text.len);
    return *copy ? 0 : -ENOMEM;
}

static int copy_files(const struct how *how, struct otel_otlp_settings *otlp) {
    if (copy_text(how->ca_file, &otlp->ca_file) ||
        copy_text(how->client_cert_file, &otlp->client_cert_file) ||
        copy_text(how->client_key_file, &otlp->client_key_file))
        return -ENOMEM;
    return 0;
}

/* 0, -ENOMEM, or OTLP_E_BAD: it cannot be exported. */
static int settle(const struct how *how, enum otel_signal signal, struct otel_otlp_settings *otlp) {
    if (how->endpoint && check_endpoint(how->endpoint, how->protocol))
        return OTLP_E_BAD;
    otlp->protocol = (enum otel_protocol)how->protocol;
    otlp->is_protocol_named = how->is_protocol_named;
    otlp->is_insecure = how->is_insecure;
    otlp->has_gzip = how->has_gzip;
    otlp->timeout_ns = how->timeout_ns;
    otlp->endpoint = make_url(how, signal);
    otlp->own_endpoint_variable = how->is_endpoint_its_own ? endpoint_variables[signal] : NULL;
    if (!otlp->endpoint || copy_files(how, otlp))
        return -ENOMEM;
    return how->headers ? add_headers(otlp, how->headers) : 0;
}

int settings_otlp_read(variable_fn variable, struct otel_settings *settings) {
    struct level of_all = {.how = {.timeout_ns = 10 * NS_PER_S}};
    bool is_read = false;
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++) {
        if (settings->exporters[i] != OTEL_EXPORT_OTLP)
            continue;
        if (!is_read)
            read_level(variable, "", &of_all);
        is_read = true;
        struct level own = {.how = of_all.how};
        read_level(variable, infixes[i], &own);
        int r = settle(&own.how, (enum otel_signal)i, &settings->otlp[i]);
        if (r < 0)
            return r;
        if (r == OTLP_E_BAD)
            settings->exporters[i] = OTEL_EXPORT_NONE;
    }
    return 0;
}

void settings_otlp_fini(struct otel_otlp_settings *otlp) {
    for (size_t i = 0; i < 2 * otlp->n_headers; i++)
        mem_free(otlp->headers[i]);
    mem_free(otlp->headers);
    mem_free(otlp->endpoint);
    mem_free(otlp->ca_file);
    mem_free(otlp->client_cert_file);
    mem_free(otlp->client_key_file);
    *otlp = (struct otel_otlp_settings){0};
}
