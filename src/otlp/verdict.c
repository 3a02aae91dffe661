/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/verdict.h"

#include <stdio.h>

#include "otlp/limits.h"
#include "otlp/response.h"

/* RESOURCE_EXHAUSTED too, but only with RetryInfo: without it the receiver will not have room for
 * this request later either. */
static bool is_retried_grpc(int code) {
    switch (code) {
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_ABORTED:
    case GRPC_OUT_OF_RANGE:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
        return true;
    default:
        return false;
    }
}

static bool is_retried_http(int code) {
    return code == 429 || code == 502 || code == 503 || code == 504;
}

/* The status, where it is one that receivers really send, otherwise its class. */
static const char *http_error_type(int code) {
    static const struct {
        int code;
        const char *name;
    } types[] = {{400, "400"}, {401, "401"}, {403, "403"}, {404, "404"}, {405, "405"},
                 {408, "408"}, {413, "413"}, {415, "415"}, {429, "429"}, {500, "500"},
                 {501, "501"}, {502, "502"}, {503, "503"}, {504, "504"}};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].code == code)
            return types[i].name;
    if (code >= 500)
        return "5xx";
    return code >= 400 ? "4xx" : "3xx";
}

static struct bytes cut(struct bytes words) {
    return words.len > OTLP_MAX_WORDS ? bytes_of(words.data, OTLP_MAX_WORDS) : words;
}

static void judge_delivered(const struct otlp_answer *answer, struct otlp_verdict *verdict) {
    struct otlp_partial partial;
    verdict->course = OTLP_DELIVERED;
    if (otlp_partial_read(answer->body, &partial))
        return; /* not protobuf, or not ours: the status counts */
    verdict->n_rejected = partial.n_rejected;
    verdict->error_type = partial.n_rejected ? "rejected" : NULL;
    if (partial.message.len)
        err_say(&verdict->words, "%.*s", BYTES_ARGS(cut(partial.message)));
}

/* What a status in the body adds: words, and how long to wait. */
static void read_status(const struct otlp_answer *answer, struct otlp_rpc_status *status) {
    if (otlp_rpc_status_read(answer->body, status))
        *status = (struct otlp_rpc_status){0};
}

static void say(struct otlp_verdict *verdict, const char *what, const char *text,
                const struct otlp_rpc_status *status) {
    struct bytes words = text ? bytes_str(text) : status->message;
    words = cut(words);
    err_say(&verdict->words, "%s%s%.*s", what, words.len ? ": " : "", BYTES_ARGS(words));
}

static void judge_grpc(const struct otlp_answer *answer, struct otlp_verdict *verdict) {
    struct otlp_rpc_status status;
    const char *name = grpc_status_name((enum grpc_status)answer->code);
    read_status(answer, &status);
    bool is_retried = is_retried_grpc(answer->code) ||
                      (answer->code == GRPC_RESOURCE_EXHAUSTED && status.has_retry_info);
    verdict->course = is_retried ? OTLP_TRY_AGAIN : OTLP_GIVE_UP;
    verdict->has_wait = is_retried && status.retry_ns > 0;
    verdict->wait_ns = status.retry_ns;
    verdict->error_type = name;
    say(verdict, name, answer->text && answer->text[0] ? answer->text : NULL, &status);
}

static void judge_http(const struct otlp_answer *answer, struct otlp_verdict *verdict) {
    struct otlp_rpc_status status;
    char what[32];
    read_status(answer, &status);
    verdict->course = is_retried_http(answer->code) ? OTLP_TRY_AGAIN : OTLP_GIVE_UP;
    verdict->has_wait = answer->retry_after_ns > 0;
    verdict->wait_ns = answer->retry_after_ns;
    verdict->error_type = http_error_type(answer->code);
    snprintf(what, sizeof(what), "HTTP status %d", answer->code);
    say(verdict, what, answer->text, &status);
}

void otlp_judge(const struct otlp_answer *answer, struct otlp_verdict *verdict) {
    *verdict = (struct otlp_verdict){0};
    switch (answer->kind) {
    case OTLP_ANSWER_GRPC:
        if (answer->code == GRPC_OK)
            judge_delivered(answer, verdict);
        else
            judge_grpc(answer, verdict);
        return;
    case OTLP_ANSWER_HTTP:
        if (answer->code >= 200 && answer->code < 300)
            judge_delivered(answer, verdict);
        else
            judge_http(answer, verdict);
        return;
    case OTLP_NO_ANSWER:
        verdict->course = OTLP_TRY_AGAIN;
        verdict->error_type = "no_answer";
        err_say(&verdict->words, "%s", answer->text ? answer->text : "no answer");
        return;
    }
}
