/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as OTEL_EXPORTER_OTLP_HEADERS and as the endpoint: nothing that comes out of it can end
 * a header or begin another one.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "otel/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *headers, *endpoint;

static void must(bool is_right) {
    if (!is_right)
        abort();
}

static void drop_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    (void)line;
    (void)len;
}

static const char *variable(const char *name) {
    if (strcmp(name, "OTEL_EXPORTER_OTLP_HEADERS") == 0)
        return headers;
    return strcmp(name, "OTEL_EXPORTER_OTLP_ENDPOINT") == 0 ? endpoint : NULL;
}

static void must_be_printable(const char *text, char from) {
    for (; *text; text++)
        must(*text >= from && *text <= 0x7e);
}

static void must_be_sound(const struct otel_otlp_settings *otlp) {
    must(otlp->endpoint != NULL);
    must_be_printable(otlp->endpoint, '!');
    for (size_t i = 0; i < otlp->n_headers; i++) {
        must(*otlp->headers[2 * i] != '\0');
        must_be_printable(otlp->headers[2 * i], '!');
        must_be_printable(otlp->headers[2 * i + 1], ' ');
    }
}

/* The endpoint is a sound one for an even first byte, the same text as the headers for an odd one.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct otel_settings settings;
    if (size == 0)
        return 0;
    log_redirect(drop_line);
    CLEANUP(mem_freep) char *text = mem_copy_text((const char *)data + 1, size - 1);
    must(text != NULL);
    headers = text;
    endpoint = data[0] & 1 ? text : "http://collector:4318";
    must(otel_settings_read(variable, &settings) == 0);
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        if (settings.exporters[i] == OTEL_EXPORT_OTLP)
            must_be_sound(&settings.otlp[i]);
    otel_settings_fini(&settings);
    return 0;
}
