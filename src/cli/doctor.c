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

#include "cli/doctor_checks.h"
#include "cli/doctor_server.h"
#include "cli/serve_settings.h"
#include "cli/verb.h"

static bool is_server_wanted(const struct options *options) {
    if (options_given(options, OPTION_SERVER))
        return strcmp(options_text(options, OPTION_SERVER), "none") != 0;
    for (size_t i = 0; i < SERVE_N_OPTIONS; i++)
        if (options_given(options, serve_options[i]))
            return false;
    return true;
}

/* 0, or -EINVAL with words. */
static int read_options(const struct options *options, enum output_format *format,
                        struct err_text *why) {
    unsigned chosen = OUTPUT_TABLE;
    int r = options_choice(options, OPTION_OUTPUT, &chosen, why);
    *format = (enum output_format)chosen;
    return r ? r : doctor_files_check_options(options, why);
}

/* `server` may be NULL. */
static int check_all(struct doctor_report *report, const struct options *options,
                     struct doctor_server *server) {
    int status = EXIT_OK;
    doctor_telemetry(report);
    if (server)
        status = doctor_server_check(server);
    else
        doctor_report_not_checked(report, "server", "--server names the one to call");
    if (status != EXIT_INTERRUPTED)
        doctor_files(report, options);
    return status;
}

/* What is wrong with the options is said before anything is checked. */
static int run(const struct options *options) {
    struct doctor_report report;
    struct doctor_server server = {0};
    struct err_text why;
    enum output_format format;
    bool has_server = is_server_wanted(options);
    if (read_options(options, &format, &why))
        return say_usage(options, &why);
    doctor_report_begin(&report, format);
    if (has_server && doctor_server_read(&server, &report, options)) {
        doctor_report_abandon();
        return say_usage(options, &server.words);
    }
    int status = check_all(&report, options, has_server ? &server : NULL);
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
            "called when --server names it (none: it is not), or when nothing is told that "
            "`thermograph serve' would be. Files and ports, which are looked at as that would use "
            "them and not changed: those that an option names; and a configuration file, as a "
            "whole. Whether stored readings are sound is for `thermograph check' to say.\n\n"
            "Examples:\n"
            "  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317 thermograph doctor --server none\n"
            "  thermograph doctor --ca certs/ca.crt --token-file gateway.token\n"
            "  thermograph doctor --config /etc/thermograph/thermograph.yaml --output json\n",
    .options = serve_options,
    .n_options = SERVE_N_OPTIONS,
    .calls_a_server = true,
    .prints_records = true,
    .run = run,
};
