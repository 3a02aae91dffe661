/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does everything work together? Telemetry, the server, and the files of a server that is to be
 * started: doctor_telemetry.c, doctor_server.c, doctor_files.c; how it is said: doctor_report.c.
 *
 * A server is called when one is named, or when nothing of a server's own is: who looks at
 * directory and ports is about to start it.
 *
 * To add a check: a line that every way through its part says, with what to do when it fails.
 */
#include <string.h>

#include "cli/client.h"
#include "cli/doctor_checks.h"
#include "cli/verb.h"

static const enum option_id file_options[] = {OPTION_CERT, OPTION_KEY,    OPTION_TOKENS,
                                              OPTION_DATA, OPTION_LISTEN, OPTION_ADMIN};

static bool is_server_wanted(const struct options *options) {
    if (options_given(options, OPTION_SERVER))
        return strcmp(options_text(options, OPTION_SERVER), "none") != 0;
    for (size_t i = 0; i < ARRAY_LEN(file_options); i++)
        if (options_given(options, file_options[i]))
            return false;
    return true;
}

/* What is wrong with the options is said before anything is checked. */
static int read_options(const struct options *options, bool has_server,
                        enum output_format *format) {
    struct client client = {0};
    struct err_text why;
    unsigned chosen = OUTPUT_TABLE;
    int r = options_choice(options, OPTION_OUTPUT, output_formats, &chosen, &why);
    if (r == 0)
        r = doctor_files_check_options(options, &why);
    if (r == 0 && has_server) {
        r = client_read(&client, options, 0, &why);
        if (r == 0)
            SSL_CTX_free(client.access.tls);
    }
    *format = (enum output_format)chosen;
    return r == -EINVAL ? say_usage(options, &why) : EXIT_OK;
}

static int check_all(struct doctor_report *report, const struct options *options, bool has_server) {
    int status = EXIT_OK;
    doctor_telemetry(report);
    if (has_server)
        status = doctor_server(report, options);
    else
        doctor_report_not_checked(report, "server", "--server names the one to call");
    if (status != EXIT_INTERRUPTED)
        doctor_files(report, options);
    return status;
}

static int run(const struct options *options) {
    struct doctor_report report;
    enum output_format format;
    bool has_server = is_server_wanted(options);
    int status = read_options(options, has_server, &format);
    if (status)
        return status;
    doctor_report_begin(&report, format);
    status = check_all(&report, options, has_server);
    if (!doctor_report_end(&report) && status == EXIT_OK)
        status = EXIT_FAILED;
    return finish_output(options, status);
}

const struct verb verb_doctor = {
    .name = "doctor",
    .summary =
        "Check telemetry, the server and its files, and say what to do; fails if one has failed",
    .more = "Telemetry: one span, one metric and one log record are sent to where the OTEL_* "
            "variables want them sent, as service thermograph-doctor, and what was answered is "
            "said. The server: connection, certificate, health, token, store and clock; it is "
            "called when --server names it (none: it is not), or when no option is about files "
            "and ports. Files and ports, which are looked at as `thermograph serve' would use them "
            "and not changed: those that an option names. Whether stored readings are sound is "
            "for `thermograph check' to say.\n\n"
            "Examples:\n"
            "  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317 thermograph doctor --server none\n"
            "  thermograph doctor --ca certs/ca.crt --token-file gateway.token\n"
            "  thermograph doctor --config /etc/thermograph.yaml --output json\n",
    .options = file_options,
    .n_options = ARRAY_LEN(file_options),
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
