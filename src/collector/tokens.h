/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * Tokens: who may write and read which sensors. A file (YAML) holds for each a name, the SHA-256 of
 * the token and two patterns (base/glob.h); the token itself is shown once, when it is made, and
 * kept nowhere.
 *
 *     tokens:
 *       - name: boiler-room
 *         sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *         write: "boiler-*"
 *         read: "*"
 *
 * An empty pattern is no right at all.
 */
#define TOKEN_HASH_SIZE 32

/* Tokens in one file. A lookup is one hash and one binary search, so this bounds memory only. */
#define TOKENS_MAX 100000

/* Bytes of a token: from the 16 random bytes that are safe, at 6 bits a character, up to what fits
 * into a header. */
#define TOKEN_MIN_LEN 22
#define TOKEN_MAX_LEN 1024

/* Names are for people and log lines; a pattern is as long as the ids it is for. */
#define TOKEN_NAME_MAX    64
#define TOKEN_PATTERN_MAX 128

struct token {
    char *name;
    char *sha256; /* 64 hexadecimal digits */
    char *write;
    char *read;
    uint8_t hash[TOKEN_HASH_SIZE];
};

struct tokens {
    struct token *entries; /* in order of hash */
    size_t n;
};

/* What the file says; a missing file is -ENOENT. 0 or a negated errno with words. */
MUST_USE int tokens_load(const char *file, struct tokens **tokens, struct err_text *why);

/* Replaces the file as a whole, or leaves it as it was. A new one has mode 0600; one that replaces
 * another belongs to the same user and group, as far as the caller may give it away, and that group
 * may read it if it could before. 0 or a negated errno with words. */
MUST_USE int tokens_save(const char *file, const struct tokens *tokens, struct err_text *why);

/* Whether others than its owner may read it or, his group too, change it: who may change it makes
 * tokens for himself. False where there is no file. */
bool tokens_file_is_open(const char *file);

/* Where the file lies, links followed; the name as it is when there is no file yet. Freed with
 * mem_free(), NULL when memory runs out. */
char *tokens_real_path(const char *file);

/* An empty set. NULL when memory runs out. */
struct tokens *tokens_new(void);

/* A copy of all, or NULL when memory runs out. */
struct tokens *tokens_copy(const struct tokens *tokens);
void tokens_free(struct tokens *tokens);
void tokens_freep(struct tokens **tokens);

/* Puts the entries into the order that tokens_find() needs, after they were changed from outside.
 */
void tokens_sort(struct tokens *tokens);

/* The entry of a token, or NULL. Time does not depend on how much of a hash is right. */
const struct token *tokens_find(const struct tokens *tokens, struct bytes token);

/* Adds a token; a name or token that is there already, a bad name or a bad pattern is -EINVAL with
 * words. */
struct token_rights {
    const char *write;
    const char *read;
};
MUST_USE int tokens_add(struct tokens *tokens, const char *name, struct bytes token,
                        const struct token_rights *rights, struct err_text *why);

/* Takes the token of that name out: 0, or -ENOENT. */
MUST_USE int tokens_remove(struct tokens *tokens, const char *name);

/* A new token: `tg_` and 43 characters that carry 256 random bits. */
struct token_text {
    char text[64];
};
MUST_USE int token_create(struct token_text *token);

/* What follows `Bearer ` in the value of an `authorization` header, or all of it. */
struct bytes token_of_authorization(struct bytes value);
