/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of tokens. It runs for every call of every service but health, before any message is
 * read.
 *
 * The connection remembers the last token that was right, together with the set it was found in:
 * while the set is the same, the same token is right again, and no hash is taken. When the tokens'
 * file is read anew the worker gets another set and nothing that was remembered counts any more.
 */
#include "collector/caller.h"

#include <openssl/crypto.h>
#include <stdatomic.h>

#include "base/glob.h"
#include "base/mem.h"
#include "collector/worker.h"

int token_set_new(struct tokens *tokens, struct token_set **set) {
    static _Atomic uint64_t last_number;
    *set = mem_new(struct token_set);
    if (!*set)
        return -ENOMEM;
    **set = (struct token_set){tokens, ++last_number, 1};
    return 0;
}

void token_set_unref(struct token_set *set) {
    if (!set || --set->n_refs > 0)
        return;
    tokens_free(set->tokens);
    mem_free(set);
}

static bool is_remembered(const struct caller_connection *known, const struct token_set *set,
                          struct bytes secret) {
    return known->set_number == set->number && known->len == secret.len &&
           CRYPTO_memcmp(known->secret, secret.data, secret.len) == 0;
}

static void remember(struct caller_connection *known, const struct token_set *set,
                     const struct token *token, struct bytes secret) {
    known->set_number = 0;
    known->token = token;
    if (secret.len > sizeof(known->secret))
        return;
    known->set_number = set->number;
    known->len = (uint16_t)secret.len;
    memcpy(known->secret, secret.data, secret.len);
}

bool collector_admit(void *user, struct grpc_call *call) {
    (void)user;
    struct collector_worker *worker = grpc_call_worker_state(call);
    struct caller_connection *known = grpc_call_connection_state(call);
    struct token_set *set = worker->token_set;
    if (!set->tokens)
        return true;
    struct bytes value = grpc_call_header(call, "authorization");
    if (!value.data) {
        grpc_call_finish(call, GRPC_UNAUTHENTICATED,
                         "no token: send it as metadata 'authorization: Bearer <token>'");
        return false;
    }
    struct bytes secret = token_of_authorization(value);
    if (secret.len && is_remembered(known, set, secret))
        return true;
    const struct token *token = tokens_find(set->tokens, secret);
    if (!token) {
        grpc_call_finish(call, GRPC_UNAUTHENTICATED, "this token is not known here");
        return false;
    }
    remember(known, set, token, secret);
    return true;
}

void caller_init(struct caller *caller, struct grpc_call *call) {
    struct collector_worker *worker = grpc_call_worker_state(call);
    const struct caller_connection *known = grpc_call_connection_state(call);
    *caller = (struct caller){worker->token_set, known->token};
    caller->set->n_refs++;
}

void caller_fini(struct caller *caller) {
    token_set_unref(STEAL(caller->set));
}

/* `*` is what most tokens have, and names pass here by the million. */
static bool may(const char *pattern, struct bytes sensor_id) {
    if (pattern[0] == '*' && pattern[1] == '\0')
        return true;
    return glob_matches(bytes_str(pattern), sensor_id);
}

bool caller_may_write(const struct caller *caller, struct bytes sensor_id) {
    return !caller->set->tokens || may(caller->token->write, sensor_id);
}

bool caller_may_read(const struct caller *caller, struct bytes sensor_id) {
    return !caller->set->tokens || may(caller->token->read, sensor_id);
}

/* An empty right matches the empty name, which no sensor has. */
bool caller_may_read_any(const struct caller *caller, struct bytes pattern) {
    struct bytes readable = caller_readable(caller);
    return readable.len > 0 && glob_overlaps(readable, pattern);
}

bool caller_may_read_everything(const struct caller *caller) {
    return bytes_equal(caller_readable(caller), bytes_str("*"));
}

struct bytes caller_readable(const struct caller *caller) {
    return bytes_str(caller->set->tokens ? caller->token->read : "*");
}
