/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hints.h"

#include <string.h>

static const char *const leave_plaintext_out[] = {
    [SOURCE_NONE] = "does it serve with TLS? then leave --plaintext out",
    [SOURCE_FILE] = "does it serve with TLS? then leave plaintext out of the configuration file",
    [SOURCE_ENVIRONMENT] = "does it serve with TLS? then leave THERMOGRAPH_PLAINTEXT out",
    [SOURCE_COMMAND_LINE] = "does it serve with TLS? then leave --plaintext out",
};

static const char *hint_for_connection(const char *text, struct hint_situation situation) {
    if (strstr(text, "connection refused"))
        return "is the server running there? --server names another";
    if (strstr(text, "signed by no CA") || strstr(text, "certificate is signed"))
        return "--ca FILE names the CA, such as certs/ca.crt";
    if (strstr(text, "is not for"))
        return "--server has to be one of the certificate's names; to add one, where the server is: "
               "make generate_certs RENEW=1 NAMES=\"that.name\", and restart it";
    if (!situation.is_plaintext &&
        (strstr(text, "does not speak TLS") || strstr(text, "hung up during the TLS handshake")))
        return "a server without TLS needs --plaintext";
    /* With "port" it is about the way there: no such name, no route. */
    bool is_strange = strstr(text, "cannot connect") && !strstr(text, " port ");
    if (situation.is_plaintext && is_strange)
        return leave_plaintext_out[situation.plaintext_from];
    /* Some ask for a certificate only after the handshake, and do not always say that it is that.
     */
    bool is_cut = strstr(text, "closed at once") || strstr(text, "the connection broke");
    bool is_late =
        strstr(text, "certificate required") || (strstr(text, "cannot connect") && is_cut);
    if (!situation.is_plaintext && !situation.has_certificate && is_late)
        return "does it ask for a certificate of ours? --client-cert and --client-key name it";
    return NULL;
}

const char *hint_for(enum grpc_status status, const char *text, struct hint_situation situation) {
    switch (status) {
    case GRPC_UNAVAILABLE:
        return hint_for_connection(text, situation);
    case GRPC_UNAUTHENTICATED:
        if (strstr(text, "without TLS"))
            return "use TLS, or an address of this machine";
        return situation.has_token ? "does the server's tokens file have this token?"
                                   : "--token-file FILE names the file with the token";
    case GRPC_DEADLINE_EXCEEDED:
        return "--timeout gives it more time";
    case GRPC_UNIMPLEMENTED:
        return "is this a Thermograph server, and not an older one?";
    default:
        return NULL;
    }
}
