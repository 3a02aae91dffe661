/* SPDX-License-Identifier: Apache-2.0 */
#include "web/pages.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "grpc/compression.h"
#include "unit.h"
#include "web/limits.h"

static const struct otel_scope scope = {.name = {(const uint8_t *)"s", 1}};

struct rig {
    struct web_pages pages;
    struct otel_point point;
    struct otel_metric metrics[2];
    struct otel_scope_metrics scope_metrics;
    struct otel_metrics all;
    bool is_off;
    const char *why_not_ready;
    struct web_answer answer;
};

static int n_lines_logged;

static void count_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    (void)line;
    (void)len;
    n_lines_logged++;
}

static int collect(void *user, void (*use)(void *use_user, const struct otel_metrics *metrics),
                   void *use_user) {
    const struct rig *rig = user;
    if (!rig->is_off)
        use(use_user, &rig->all);
    return 0;
}

static const char *why_not_ready(void *user) {
    const struct rig *rig = user;
    return rig->why_not_ready;
}

static int set_up(void **state) {
    static struct rig rig;
    rig = (struct rig){
        .pages.sources = {.collect = collect,
                          .collect_user = &rig,
                          .why_not_ready = why_not_ready,
                          .user = &rig,
                          .version = "thermograph 1\n"},
        .point.integer = 3,
        .metrics[0] = {.name = "a.b",
                       .unit = "",
                       .description = "",
                       .kind = OTEL_GAUGE,
                       .is_integer = true,
                       .points = &rig.point,
                       .n_points = 1},
        .scope_metrics = {&scope, rig.metrics, 1},
        .all = {.scopes = &rig.scope_metrics, .n_scopes = 1, .n_points = 1},
    };
    rig.metrics[1] = rig.metrics[0];
    rig.metrics[1].name = "a_b";
    n_lines_logged = 0;
    log_redirect(count_line);
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    buf_fini(&rig->answer.body);
    log_redirect(NULL);
    return 0;
}

static void ask(struct rig *rig, struct web_request request) {
    if (!request.method)
        request.method = "GET";
    buf_fini(&rig->answer.body);
    assert_int_equal(web_pages_answer(&rig->pages, &request, &rig->answer), 0);
}

static void assert_answer(const struct rig *rig, unsigned status, const char *words) {
    struct bytes body = buf_bytes(&rig->answer.body);
    assert_int_equal(rig->answer.status, status);
    if (!memmem(body.data, body.len, words, strlen(words)))
        fail_msg("'%.*s' does not say '%s'", BYTES_ARGS(body), words);
}

static void test_pages_of_words(void **state) {
    struct rig *rig = *state;
    ask(rig, (struct web_request){.path = "/healthz"});
    assert_answer(rig, 200, "ok\n");
    ask(rig, (struct web_request){.path = "/version"});
    assert_answer(rig, 200, "thermograph 1\n");
    ask(rig, (struct web_request){.path = "/"});
    assert_answer(rig, 200, "<a href=\"/metrics\">");
    assert_string_equal(rig->answer.content_type, "text/html; charset=utf-8");
}

static void test_ready_says_why_it_is_not(void **state) {
    struct rig *rig = *state;
    ask(rig, (struct web_request){.path = "/readyz"});
    assert_answer(rig, 200, "ready\n");
    rig->why_not_ready = "stopping";
    ask(rig, (struct web_request){.path = "/readyz"});
    assert_answer(rig, 503, "stopping\n");
}

static void test_metrics_come_in_the_format_asked_for(void **state) {
    struct rig *rig = *state;
    ask(rig, (struct web_request){.path = "/metrics"});
    assert_answer(rig, 200, "# TYPE a_b gauge\na_b{");
    assert_string_equal(rig->answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_true(rig->answer.is_negotiated);
    ask(rig, (struct web_request){.path = "/metrics",
                                  .accept = bytes_str("application/openmetrics-text")});
    assert_answer(rig, 200, "# EOF\n");
    assert_string_equal(rig->answer.content_type,
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static void test_metrics_are_packed_if_asked_for(void **state) {
    struct rig *rig = *state;
    struct buf plain;
    buf_init(&plain, 4096);
    ask(rig, (struct web_request){.path = "/metrics", .accept_encoding = bytes_str("gzip")});
    assert_true(rig->answer.is_gzip);
    assert_int_equal(grpc_gunzip(buf_bytes(&rig->answer.body), &plain), 0);
    ask(rig, (struct web_request){.path = "/metrics"});
    assert_false(rig->answer.is_gzip);
    assert_true(bytes_equal(buf_bytes(&plain), buf_bytes(&rig->answer.body)));
    buf_fini(&plain);
}

static void test_no_metrics_is_no_empty_page(void **state) {
    struct rig *rig = *state;
    rig->is_off = true;
    ask(rig, (struct web_request){.path = "/metrics"});
    assert_answer(rig, 503, "there are no metrics");
}

static void test_metrics_wait_while_others_are_sent(void **state) {
    struct rig *rig = *state;
    ask(rig, (struct web_request){.path = "/metrics", .is_crowded = true});
    assert_answer(rig, 503, "still being sent");
    ask(rig, (struct web_request){.path = "/healthz", .is_crowded = true});
    assert_answer(rig, 200, "ok");
}

static void test_a_page_too_large_is_told(void **state) {
    struct rig *rig = *state;
    enum {
        LONG = 1 << 20
    };
    static char text[LONG];
    struct otel_attribute attributes[20];
    char keys[20][4];
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 20; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%02d", i);
        attributes[i] = otel_attribute(keys[i], otel_text(bytes_of(text, LONG)));
    }
    rig->point.attributes = attributes;
    rig->point.n_attributes = 20;
    ask(rig, (struct web_request){.path = "/metrics"});
    assert_answer(rig, 500, "do not fit into a page of 16 MiB\n");
    assert_true(buf_len(&rig->answer.body) < 100);
    rig->point.n_attributes = 15;
    ask(rig, (struct web_request){.path = "/metrics"});
    assert_answer(rig, 200, "# TYPE");
}

static void test_clashes_are_logged_once(void **state) {
    struct rig *rig = *state;
    rig->scope_metrics.n_metrics = 2;
    for (int i = 0; i < 3; i++)
        ask(rig, (struct web_request){.path = "/metrics"});
    assert_int_equal(n_lines_logged, 1);
}

static void test_what_is_not_there_is_said_so(void **state) {
    struct rig *rig = *state;
    static const char *const paths[] = {"", "/x", "/metrics/", "/METRICS", "//metrics", "metrics"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ask(rig, (struct web_request){.path = paths[i]});
        assert_answer(rig, 404, "there is no such page; / lists what there is\n");
    }
}

static void test_pages_can_only_be_read(void **state) {
    struct rig *rig = *state;
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "get", "X"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        ask(rig, (struct web_request){.method = methods[i], .path = "/healthz"});
        assert_answer(rig, 405, "use GET or HEAD\n");
        assert_string_equal(rig->answer.allow, "GET, HEAD");
    }
    ask(rig, (struct web_request){.method = "HEAD", .path = "/healthz"});
    assert_answer(rig, 200, "ok\n");
    ask(rig, (struct web_request){.path = "/healthz", .has_body = true});
    assert_answer(rig, 413, "nothing here takes a body\n");
}

static void test_every_allocation_may_fail(void **state) {
    struct rig *rig = *state;
    static const char *const paths[] = {"/", "/metrics", "/version", "/readyz", "/none"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const struct web_request request = {
            .method = "GET", .path = paths[i], .accept_encoding = bytes_str("gzip")};
        int r = -ENOMEM;
        for (size_t n = 1; r; n++) {
            fail_alloc_at(n);
            buf_fini(&rig->answer.body);
            r = web_pages_answer(&rig->pages, &request, &rig->answer);
            fail_alloc_off();
            assert_true(r == 0 || r == -ENOMEM);
        }
    }
}

#define ON_PAGES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_PAGES(test_pages_of_words),
        ON_PAGES(test_ready_says_why_it_is_not),
        ON_PAGES(test_metrics_come_in_the_format_asked_for),
        ON_PAGES(test_metrics_are_packed_if_asked_for),
        ON_PAGES(test_no_metrics_is_no_empty_page),
        ON_PAGES(test_metrics_wait_while_others_are_sent),
        ON_PAGES(test_a_page_too_large_is_told),
        ON_PAGES(test_clashes_are_logged_once),
        ON_PAGES(test_what_is_not_there_is_said_so),
        ON_PAGES(test_pages_can_only_be_read),
        ON_PAGES(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
