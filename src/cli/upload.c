/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines become messages as fast as the call takes them: when its queue is long the feed pauses, and
 * `writable` lets it go on. So a file of any size passes through a bounded memory.
 */
#include "cli/upload.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plural.h"

bool upload_is_typed(const struct upload *upload) {
    return upload->feed.fd == STDIN_FILENO && isatty(STDIN_FILENO);
}

/* 0 or a negated errno. */
static int send_reading(struct upload *upload, const struct reading *reading) {
    int r = client_send_reading(upload->call, reading);
    if (r)
        return r;
    upload->n_sent++;
    line_map_add(&upload->lines, upload->input.n_lines);
    if (grpc_client_call_is_busy(upload->call))
        feed_pause(&upload->feed);
    return 0;
}

static void upload_stop_sending(struct upload *upload) {
    feed_close(&upload->feed);
    if (upload->call)
        grpc_client_call_half_close(upload->call);
}

static void refuse_line(struct upload *upload, uint64_t line, const char *why) {
    say_failure(upload->client.options, "%s: %s", upload->file, why);
    if (upload->goes_on)
        return;
    upload->bad_line = line;
    upload_stop_sending(upload);
}

static void on_line(void *user, char *line) {
    struct upload *upload = user;
    struct reading reading;
    struct err_text why;
    int r = input_take(&upload->input, line, clock_wall_ns(), &reading, &why);
    if (r == INPUT_E_BAD)
        refuse_line(upload, upload->input.n_lines, why.text);
    if (r || !upload->call)
        return;
    r = send_reading(upload, &reading);
    if (r)
        client_fail(&upload->client, GRPC_INTERNAL, strerror(-r));
}

static void on_feed_ended(void *user, const char *why) {
    struct upload *upload = user;
    upload->goes_on = false;
    if (why)
        refuse_line(upload, upload->input.n_lines + 1, why);
    else
        upload_stop_sending(upload);
}

static const struct feed_ops feed_ops = {.line = on_line, .ended = on_feed_ended};

void upload_on_writable(struct grpc_client_call *call) {
    struct upload *upload = grpc_client_call_user(call);
    feed_resume(&upload->feed);
}

bool upload_is_whole(const struct upload *upload) {
    return upload->feed.is_closed && !upload->bad_line;
}

/* The call ended well, so all that was sent is kept. */
void upload_say_cut(const struct upload *upload, struct err_text *words) {
    err_say(words, "%s before line %llu %s stored; the rest was not sent",
            counted(upload->n_sent, "reading", "readings").text,
            (unsigned long long)upload->bad_line, plural(upload->n_sent, "is", "are"));
}

/* Puts the line into words about a reading, which the server knows by its number in the call. */
static const char *name_line(const struct upload *upload, const char *text,
                             struct err_text *words) {
    unsigned long long reading;
    int len = 0;
    if (sscanf(text, "reading %llu (counted from 0%n", &reading, &len) != 1 || len == 0)
        return text;
    uint64_t line = line_map_find(&upload->lines, reading);
    if (line == 0)
        return text;
    err_say(words, "%.*s; line %llu of %s%s", len, text, (unsigned long long)line, upload->file,
            text + len);
    return words->text;
}

static void end_cut_short(struct upload *upload) {
    struct err_text words;
    upload_say_cut(upload, &words);
    say_failure(upload->client.options, "%s", words.text);
    client_finish(&upload->client, EXIT_FAILED);
}

void upload_ended(struct upload *upload, enum grpc_status status, const char *text) {
    struct err_text words;
    upload->call = NULL;
    if (upload->client.is_finished)
        return;
    if (status != GRPC_OK)
        client_fail(&upload->client, status, name_line(upload, text, &words));
    else if (!upload->feed.is_closed)
        client_fail(&upload->client, GRPC_INTERNAL,
                    "the server ended the call before everything was sent");
    else if (upload->bad_line)
        end_cut_short(upload);
    else
        client_finish(&upload->client, EXIT_OK);
}

static void on_closing(struct client *client) {
    struct upload *upload = CONTAINER_OF(client, struct upload, client);
    feed_close(&upload->feed);
}

/* The file named as an argument, or standard input. A descriptor or a negated errno. */
static int open_file(struct upload *upload, const struct options *options) {
    const char *name = options->n_arguments ? options->arguments[0] : "-";
    bool is_stdin = strcmp(name, "-") == 0;
    upload->file = is_stdin ? "standard input" : name;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int upload_open(struct upload *upload, const struct options *options,
                const struct upload_call *call) {
    *upload = (struct upload){0};
    input_init(&upload->input, options_text(options, OPTION_SENSOR));
    int fd = open_file(upload, options);
    if (fd < 0) {
        say_failure(options, "%s: %s", upload->file, strerror(-fd));
        return EXIT_FAILED;
    }
    int status = client_open(&upload->client, options, 0);
    if (status) {
        if (fd != STDIN_FILENO)
            close(fd);
        return status;
    }
    int r = feed_open(&upload->feed, &upload->client.loop.uv, fd, &feed_ops, upload);
    if (r) {
        client_fail(&upload->client, GRPC_INTERNAL, strerror(-r));
        return upload_run(upload);
    }
    upload->client.closing = on_closing;
    if (client_call(&upload->client, call->path, call->ops, upload, &upload->call) == 0)
        return EXIT_OK;
    return upload_run(upload);
}

int upload_run(struct upload *upload) {
    int status = client_run(&upload->client);
    feed_fini(&upload->feed);
    return status;
}
