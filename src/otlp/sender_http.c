/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on our loop: curl says which sockets it waits for and when it wants to
 * be called without one; we call it, and afterwards look whether the request has ended.
 *
 *     on_socket()   curl's wishes about a socket -> a struct watch (uv_poll)
 *     on_timer()    curl's next moment           -> a timer
 *     run_curl()    something has happened       -> curl, then collect()
 *
 * An answer is handed on only from collect(), never from inside curl, so its receiver may send the
 * next request or cancel.
 *
 * Signals belong to the program's first thread: curl must not touch them (CURLOPT_NOSIGNAL). Nor
 * may it wait for a name that is still being looked up when it is told to stop
 * (CURLOPT_QUICK_EXIT). It follows no redirect: what is sent goes where the settings say.
 */
#include "otlp/sender_http.h"

#include <curl/curl.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "grpc/compression.h"
#include "net/tls.h"
#include "otlp/endpoint.h"
#include "otlp/limits.h"

struct sender_http {
    struct otlp_sender base;
    struct net_loop *loop;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    uv_timer_t timer;
    unsigned n_handles; /* of the loop, not closed yet */
    bool has_gzip;

    bool is_sending;
    struct otlp_request request;
    struct buf packed; /* the message, compressed */
    struct buf answer;
    bool is_answer_too_large;
    bool is_unwatched; /* there was no memory for a watch: the request would wait for ever */
    char error[CURL_ERROR_SIZE];
};

/* A socket that curl waits for. */
struct watch {
    uv_poll_t poll;
    struct sender_http *sender;
    curl_socket_t socket;
};

static struct sender_http *sender_of(struct otlp_sender *base) {
    return CONTAINER_OF(base, struct sender_http, base);
}

/* ---- the answer ---- */

static bool is_protobuf(CURL *easy) {
    char *type = NULL;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    return type && bytes_start_with(bytes_str(type), "application/x-protobuf");
}

static void read_answer(struct sender_http *sender, CURLcode result, struct otlp_answer *answer) {
    long status = 0;
    curl_off_t retry_after_s = 0;
    if (result != CURLE_OK) {
        const char *error = sender->error[0] ? sender->error : curl_easy_strerror(result);
        *answer = (struct otlp_answer){
            .kind = OTLP_NO_ANSWER,
            .text = sender->is_answer_too_large ? "the answer is too large" : error,
        };
        return;
    }
    curl_easy_getinfo(sender->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(sender->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    *answer = (struct otlp_answer){.kind = OTLP_ANSWER_HTTP, .code = (int)status};
    if (is_protobuf(sender->easy))
        answer->body = buf_bytes(&sender->answer);
    if (retry_after_s > 0)
        answer->retry_after_ns =
            (retry_after_s < OTLP_MAX_WAIT_S ? (uint64_t)retry_after_s : OTLP_MAX_WAIT_S) *
            NS_PER_S;
}

/* Whether the request has ended, and how. */
static bool has_ended(struct sender_http *sender, CURLcode *result) {
    int n_left;
    const CURLMsg *message = curl_multi_info_read(sender->multi, &n_left);
    bool is_done = message && message->msg == CURLMSG_DONE;
    *result = is_done ? message->data.result : CURLE_OUT_OF_MEMORY;
    return is_done || sender->is_unwatched;
}

static void collect(struct sender_http *sender) {
    struct otlp_answer answer;
    CURLcode result;
    if (!sender->is_sending || !has_ended(sender, &result))
        return;
    read_answer(sender, result, &answer);
    curl_multi_remove_handle(sender->multi, sender->easy);
    sender->is_sending = false;
    net_loop_renew(sender->loop);
    sender->request.answered(sender->request.user, &answer, sender->loop->now_ns);
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
    struct sender_http *sender = user;
    int r = buf_append(&sender->answer, bytes_of(data, size * n));
    sender->is_answer_too_large = r == BUF_E_FULL;
    return r ? 0 : size * n;
}

/* ---- sockets and time ---- */

static void run_curl(struct sender_http *sender, curl_socket_t socket, int events) {
    int n_running;
    curl_multi_socket_action(sender->multi, socket, events, &n_running);
    collect(sender);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct watch *watch = poll->data;
    int happened = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                   (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    run_curl(watch->sender, watch->socket, status < 0 ? CURL_CSELECT_ERR : happened);
}

static void on_due(uv_timer_t *timer) {
    run_curl(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *user) {
    struct sender_http *sender = user;
    (void)multi;
    if (timeout_ms < 0)
        return uv_timer_stop(&sender->timer);
    return uv_timer_start(&sender->timer, on_due, (uint64_t)timeout_ms, 0);
}

static void sender_free_when_all_closed(struct sender_http *sender) {
    if (sender->n_handles > 0)
        return;
    buf_fini(&sender->packed);
    buf_fini(&sender->answer);
    mem_free(sender);
}

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *watch = handle->data;
    struct sender_http *sender = watch->sender;
    mem_free(watch);
    sender->n_handles--;
    sender_free_when_all_closed(sender);
}

static struct watch *watch_new(struct sender_http *sender, curl_socket_t socket) {
    struct watch *watch = mem_new(struct watch);
    if (!watch || uv_poll_init_socket(&sender->loop->uv, &watch->poll, socket)) {
        mem_free(watch);
        return NULL;
    }
    sender->n_handles++;
    watch->poll.data = watch;
    watch->sender = sender;
    watch->socket = socket;
    curl_multi_assign(sender->multi, socket, watch);
    return watch;
}

static void watch_free(struct sender_http *sender, struct watch *watch) {
    curl_multi_assign(sender->multi, watch->socket, NULL);
    uv_poll_stop(&watch->poll); /* at once: curl closes the socket when it gets back */
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static int on_socket(CURL *easy, curl_socket_t socket, int wish, void *user, void *known) {
    struct sender_http *sender = user;
    struct watch *watch = known;
    (void)easy;
    if (wish == CURL_POLL_REMOVE) {
        if (watch)
            watch_free(sender, watch);
        return 0;
    }
    int events = (wish & CURL_POLL_IN ? UV_READABLE : 0) | (wish & CURL_POLL_OUT ? UV_WRITABLE : 0);
    if (!watch)
        watch = watch_new(sender, socket);
    if (!watch || uv_poll_start(&watch->poll, events, on_poll))
        sender->is_unwatched = true; /* curl would take no for the end of everything */
    return 0;
}

/* ---- a request ---- */

static void fail_at_once(const struct otlp_request *request, const char *text, uint64_t now_ns) {
    const struct otlp_answer answer = {.kind = OTLP_NO_ANSWER, .text = text};
    request->answered(request->user, &answer, now_ns);
}

static int pack(struct sender_http *sender, struct bytes *message) {
    if (!sender->has_gzip)
        return 0;
    buf_reset(&sender->packed);
    int r = grpc_gzip(*message, &sender->packed);
    *message = buf_bytes(&sender->packed);
    return r;
}

static void sender_send(struct otlp_sender *base, const struct otlp_request *request) {
    struct sender_http *sender = sender_of(base);
    struct bytes message = request->message;
    sender->request = *request;
    sender->is_answer_too_large = sender->is_unwatched = false;
    sender->error[0] = '\0';
    buf_reset(&sender->answer);
    net_loop_renew(sender->loop);
    if (pack(sender, &message)) {
        fail_at_once(request, "memory ran out", sender->loop->now_ns);
        return;
    }
    curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDS, message.data);
    curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)message.len);
    curl_easy_setopt(sender->easy, CURLOPT_TIMEOUT_MS,
                     (long)((request->timeout_ns + NS_PER_MS - 1) / NS_PER_MS));
    sender->is_sending = curl_multi_add_handle(sender->multi, sender->easy) == CURLM_OK;
    if (!sender->is_sending)
        fail_at_once(request, "memory ran out", sender->loop->now_ns);
}

static void sender_cancel(struct otlp_sender *base) {
    struct sender_http *sender = sender_of(base);
    curl_multi_remove_handle(sender->multi, sender->easy);
    sender->is_sending = false;
}

/* ---- life ---- */

static void on_timer_closed(uv_handle_t *handle) {
    struct sender_http *sender = handle->data;
    sender->n_handles--;
    sender_free_when_all_closed(sender);
}

/* The connection that was kept open is closed inside, which comes to on_socket(). */
static void sender_free(struct otlp_sender *base) {
    struct sender_http *sender = sender_of(base);
    curl_easy_cleanup(sender->easy);
    curl_multi_cleanup(sender->multi);
    curl_slist_free_all(sender->headers);
    uv_close((uv_handle_t *)&sender->timer, on_timer_closed);
}

static void sender_freep(struct sender_http **sender) {
    if (*sender)
        sender_free(&(*sender)->base);
}

static const struct otlp_sender_ops ops = {
    .component_types = {[OTEL_TRACES] = "otlp_http_span_exporter",
                        [OTEL_METRICS] = "otlp_http_metric_exporter",
                        [OTEL_LOGS] = "otlp_http_log_exporter"},
    .max_request = OTLP_MAX_REQUEST,
    .send = sender_send,
    .cancel = sender_cancel,
    .free = sender_free,
};

/* ---- settings ---- */

static int append_header(struct sender_http *sender, const char *line) {
    struct curl_slist *longer = line ? curl_slist_append(sender->headers, line) : NULL;
    if (!longer)
        return -ENOMEM;
    sender->headers = longer;
    return 0;
}

/* A name is a token of HTTP, and a value has no line of its own (RFC 9110 section 5). */
static bool may_be_sent(const char *name, const char *value) {
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return false;
    return *name && name[strspn(name, token)] == '\0';
}

static int add_header(struct sender_http *sender, const char *name, const char *value,
                      struct err_text *why) {
    if (!may_be_sent(name, value)) {
        err_say(why,
                "the header '%s' cannot be sent: its name or value has characters that HTTP "
                "does not take",
                name);
        return -EINVAL;
    }
    /* curl takes `name:` as a wish to leave it out. */
    CLEANUP(mem_freep)
    char *line = value[0] ? mem_format_text("%s: %s", name, value) : mem_format_text("%s;", name);
    return append_header(sender, line);
}

static int add_headers(struct sender_http *sender, const struct otel_otlp_settings *settings,
                       struct err_text *why) {
    int r = append_header(sender, "Content-Type: application/x-protobuf");
    if (r == 0 && settings->has_gzip)
        r = append_header(sender, "Content-Encoding: gzip");
    if (r == 0)
        r = append_header(sender, "Expect:"); /* nobody answers that early */
    for (size_t i = 0; r == 0 && i < settings->n_headers; i++)
        r = add_header(sender, settings->headers[2 * i], settings->headers[2 * i + 1], why);
    return r;
}

/* curl says what is wrong with a file only when it connects, and in fewer words. */
static int check_files(const struct otel_otlp_settings *settings, struct err_text *why) {
    const struct net_tls_client_options files = {.ca_file = settings->ca_file,
                                                 .cert_file = settings->client_cert_file,
                                                 .key_file = settings->client_key_file};
    SSL_CTX *tls = NULL;
    int r = net_tls_client_new(&files, &tls, why);
    SSL_CTX_free(tls);
    return r;
}

static CURLcode set_tls(CURL *easy, const struct otel_otlp_settings *settings) {
    CURLcode r = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (r == CURLE_OK && settings->ca_file)
        r = curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    if (r == CURLE_OK && settings->client_cert_file)
        r = curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->client_cert_file);
    if (r == CURLE_OK && settings->client_key_file)
        r = curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->client_key_file);
    return r;
}

/* Those that copy a text may fail for memory; the others cannot, on a curl that has them. */
static int set_options(struct sender_http *sender, const struct otel_otlp_settings *settings) {
    CURL *easy = sender->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sender->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, sender->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, sender);
    curl_multi_setopt(sender->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(sender->multi, CURLMOPT_SOCKETDATA, sender);
    curl_multi_setopt(sender->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(sender->multi, CURLMOPT_TIMERDATA, sender);
    if (curl_easy_setopt(easy, CURLOPT_URL, settings->endpoint) ||
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
        curl_easy_setopt(easy, CURLOPT_USERAGENT, OTLP_USER_AGENT) || set_tls(easy, settings))
        return -ENOMEM;
    return 0;
}

static void init_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* 0 or -ENOMEM. */
static int sender_new(struct net_loop *loop, struct sender_http **out) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct sender_http *sender = mem_new(struct sender_http);
    if (!sender)
        return -ENOMEM;
    sender->base.ops = &ops;
    sender->loop = loop;
    buf_init(&sender->packed, OTLP_MAX_REQUEST + OTLP_MAX_REQUEST / 64);
    buf_init(&sender->answer, OTLP_MAX_RESPONSE);
    uv_timer_init(&loop->uv, &sender->timer);
    sender->timer.data = sender;
    sender->n_handles = 1;
    sender->multi = curl_multi_init();
    sender->easy = curl_easy_init();
    *out = sender;
    return sender->multi && sender->easy ? 0 : -ENOMEM;
}

int otlp_sender_http_new(struct net_loop *loop, const struct otel_otlp_settings *settings,
                         enum otel_signal signal, struct otlp_sender **out, struct err_text *why) {
    CLEANUP(sender_freep) struct sender_http *sender = NULL;
    bool has_tls;
    (void)signal; /* the endpoint is the signal's own */
    int r = otlp_endpoint_check_http(settings->endpoint, &has_tls, why);
    if (r == 0 && has_tls)
        r = check_files(settings, why);
    if (r)
        return r;
    err_say(why, "memory ran out");
    r = sender_new(loop, &sender);
    if (r == 0)
        r = add_headers(sender, settings, why);
    if (r == 0)
        r = set_options(sender, settings);
    if (r)
        return err_trace(r);
    sender->has_gzip = settings->has_gzip;
    *out = &STEAL(sender)->base;
    return 0;
}
