/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/metric_data.h"

/*
 * What the admin port answers, without the port: a request in, an answer out.
 *
 *     /metrics   the metrics, in the format that `accept` asks for, packed if that is asked for
 *     /healthz   200: the process lives
 *     /readyz    200: it serves; 503: not yet, no more, or it cannot, and why
 *     /version   the program's and its libraries'
 *     /          a list of these
 */

/* Where the pages get what they say. Its functions run on the admin port's thread. */
struct web_sources {
    /*
     * Collects, and gives what there is to `use`, before it returns; that is otel_sdk_collect()
     * with an SDK as the user. 0 or -ENOMEM; without a call of `use` there are no metrics.
     */
    int (*collect)(void *user, void (*use)(void *use_user, const struct otel_metrics *metrics),
                   void *use_user);
    void *collect_user;
    /* NULL: it serves; else words why not, which live on. */
    const char *(*why_not_ready)(void *user);
    void *user;
    const char *version; /* lines */
};

struct web_pages {
    struct web_sources sources;
    size_t n_clashes; /* of names in metrics, that the log has told already */
};

struct web_request {
    const char *method;
    const char *path;                     /* without a query */
    struct bytes accept, accept_encoding; /* empty: none */
    bool has_body;
    bool is_crowded; /* answers that wait for slow readers hold WEB_MAX_HELD_BYTES already */
};

struct web_answer {
    unsigned status;
    const char *content_type;
    const char *allow;  /* the header's value; NULL: no such header */
    bool is_negotiated; /* it depends on `accept` and `accept-encoding` */
    bool is_gzip;
    struct buf body; /* the caller's to buf_fini() */
};

/* What is wrong with a request is an answer. 0 or -ENOMEM (no answer, nothing to free). */
MUST_USE int web_pages_answer(struct web_pages *pages, const struct web_request *request,
                              struct web_answer *answer);
