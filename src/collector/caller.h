/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "collector/tokens.h"
#include "grpc/call.h"

/*
 * Who calls, and what it may do. The token is checked before any message is read (collector_admit);
 * a handler takes the caller from its connection when the call starts, and keeps it even if the
 * tokens are read anew meanwhile.
 */

/* The tokens of one worker. Each worker has a copy of its own, so counting needs no atomics. */
struct token_set {
    struct tokens *tokens; /* NULL: anyone may do anything */
    uint64_t number;       /* of no other set in this process; from 1 on */
    size_t n_refs;
};

/* 0 or -ENOMEM. Takes the tokens. The first reference is the caller's. */
MUST_USE int token_set_new(struct tokens *tokens, struct token_set **set);

/* NULL is fine. */
void token_set_unref(struct token_set *set);

struct caller {
    struct token_set *set;
    const struct token *token; /* in the set; NULL in a set without tokens */
};

/*
 * The program's part of a connection: the last token that was right on it. Clients send the same
 * token with every call, so nearly every check is one comparison.
 */
struct caller_connection {
    uint64_t set_number; /* the token is known in this set only; 0: none. Not a pointer: another set
                            may come to lie where one was freed */
    const struct token *token;
    uint16_t len;
    uint8_t secret[256];
};

/* The hook of grpc_server_hooks: UNAUTHENTICATED without a token that is known. */
bool collector_admit(void *user, struct grpc_call *call);

/* In a handler's `started`: who was admitted. Let go by caller_fini(), which may be called again.
 */
void caller_init(struct caller *caller, struct grpc_call *call);
void caller_fini(struct caller *caller);

bool caller_may_write(const struct caller *caller, struct bytes sensor_id);
bool caller_may_read(const struct caller *caller, struct bytes sensor_id);

/* Whether its right to read and the pattern have a possible name in common. */
bool caller_may_read_any(const struct caller *caller, struct bytes pattern);

/* Whether there is nothing that it may not read. */
bool caller_may_read_everything(const struct caller *caller);

/* The pattern of what it may read. */
struct bytes caller_readable(const struct caller *caller);
