/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To add a page: a function and a line in the table. Pages only read: there is nothing on the admin
 * port that changes the server, as whoever reaches the port may ask.
 */
#include "web/pages.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/plural.h"
#include "grpc/compression.h"
#include "otlp/prometheus.h"
#include "web/accept.h"
#include "web/limits.h"

#define PLAIN_TEXT "text/plain; charset=utf-8"

/* Replaces the body, by a line for people. */
static int say(struct web_answer *answer, unsigned status, const char *words) {
    answer->status = status;
    answer->content_type = PLAIN_TEXT;
    buf_reset(&answer->body);
    int r = buf_append(&answer->body, bytes_str(words));
    return r ? r : buf_append(&answer->body, bytes_str("\n"));
}

/* ---- /metrics ---- */

struct metrics_page {
    struct web_pages *pages;
    enum prometheus_format format;
    struct buf *body;
    bool is_written;
    int r;
};

/* Once for each that is new: the same page comes several times a minute. */
static void tell_clashes(struct web_pages *pages, const struct prometheus_clashes *clashes) {
    if (clashes->n > pages->n_clashes)
        log_warn("%s cannot be on the page /metrics; %s",
                 counted(clashes->n, "metric or series", "metrics or series").text,
                 clashes->first.text);
    pages->n_clashes = clashes->n;
}

static void write_metrics(void *user, const struct otel_metrics *metrics) {
    struct metrics_page *page = user;
    struct prometheus_clashes clashes;
    page->is_written = true;
    page->r = prometheus_write(metrics, page->format, page->body, &clashes);
    tell_clashes(page->pages, &clashes);
}

static int pack(struct web_answer *answer) {
    struct buf packed;
    buf_init(&packed, WEB_MAX_PAGE_BYTES);
    int r = grpc_gzip(buf_bytes(&answer->body), &packed);
    if (r) {
        buf_fini(&packed);
        return r == BUF_E_FULL ? 0 : r; /* no room to pack it: it goes as it is */
    }
    buf_fini(&answer->body);
    answer->body = packed;
    answer->is_gzip = true;
    return 0;
}

static int answer_metrics(struct web_pages *pages, const struct web_request *request,
                          struct web_answer *answer) {
    const struct web_sources *sources = &pages->sources;
    bool is_open = accept_wants_openmetrics(request->accept);
    struct metrics_page page = {
        .pages = pages,
        .format = is_open ? PROMETHEUS_OPENMETRICS : PROMETHEUS_TEXT,
        .body = &answer->body,
    };
    if (request->is_crowded)
        return say(answer, 503, "other pages are still being sent: try again in a moment");
    answer->is_negotiated = true;
    int r = sources->collect(sources->collect_user, write_metrics, &page);
    if (r || page.r == -ENOMEM)
        return -ENOMEM;
    if (page.r == BUF_E_FULL)
        return say(answer, 500, "the metrics do not fit into a page of 16 MiB");
    if (!page.is_written)
        return say(answer, 503, "there are no metrics: they are switched off");
    answer->content_type = prometheus_content_type(page.format);
    return accept_allows_gzip(request->accept_encoding) ? pack(answer) : 0;
}

/* ---- the others ---- */

static int answer_health(struct web_pages *pages, const struct web_request *request,
                         struct web_answer *answer) {
    (void)pages;
    (void)request;
    return say(answer, 200, "ok");
}

static int answer_ready(struct web_pages *pages, const struct web_request *request,
                        struct web_answer *answer) {
    const char *reason = pages->sources.why_not_ready(pages->sources.user);
    (void)request;
    return reason ? say(answer, 503, reason) : say(answer, 200, "ready");
}

static int answer_version(struct web_pages *pages, const struct web_request *request,
                          struct web_answer *answer) {
    (void)request;
    return buf_append(&answer->body, bytes_str(pages->sources.version));
}

static int answer_index(struct web_pages *pages, const struct web_request *request,
                        struct web_answer *answer);

static const struct page {
    const char *path;
    const char *what;
    int (*answer)(struct web_pages *pages, const struct web_request *request,
                  struct web_answer *answer);
} table[] = {
    {"/", "This list", answer_index},
    {"/metrics", "Metrics for Prometheus", answer_metrics},
    {"/healthz", "Whether the process lives", answer_health},
    {"/readyz", "Whether it serves", answer_ready},
    {"/version", "Versions of the program and its libraries", answer_version},
};

static int answer_index(struct web_pages *pages, const struct web_request *request,
                        struct web_answer *answer) {
    char line[256];
    (void)pages;
    (void)request;
    answer->content_type = "text/html; charset=utf-8";
    int r =
        buf_append(&answer->body, bytes_str("<!DOCTYPE html>\n<title>Thermograph</title>\n<ul>\n"));
    for (size_t i = 1; i < ARRAY_LEN(table) && r == 0; i++) {
        snprintf(line, sizeof(line), "<li><a href=\"%s\">%s</a>: %s</li>\n", table[i].path,
                 table[i].path, table[i].what);
        r = buf_append(&answer->body, bytes_str(line));
    }
    return r ? r : buf_append(&answer->body, bytes_str("</ul>\n"));
}

static int answer_any(struct web_pages *pages, const struct web_request *request,
                      struct web_answer *answer) {
    if (request->has_body)
        return say(answer, 413, "nothing here takes a body");
    size_t i = 0;
    while (i < ARRAY_LEN(table) && strcmp(table[i].path, request->path) != 0)
        i++;
    if (i == ARRAY_LEN(table))
        return say(answer, 404, "there is no such page; / lists what there is");
    if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
        return table[i].answer(pages, request, answer);
    answer->allow = "GET, HEAD";
    return say(answer, 405, "pages can only be read: use GET or HEAD");
}

int web_pages_answer(struct web_pages *pages, const struct web_request *request,
                     struct web_answer *answer) {
    *answer = (struct web_answer){.status = 200, .content_type = PLAIN_TEXT};
    buf_init(&answer->body, WEB_MAX_PAGE_BYTES);
    int r = answer_any(pages, request, answer);
    if (r == 0)
        return 0;
    buf_fini(&answer->body);
    return -ENOMEM; /* full is what no page but one can be, and that one tells it */
}
