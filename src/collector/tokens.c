/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of tokens in memory, and what a token is. Reading and writing the file is tokens_file.c.
 *
 * Entries lie in the order of their hashes. An attacker who measures time would learn about hashes,
 * not tokens, and cannot choose what SHA-256 gives; the final comparison is in constant time all
 * the same.
 */
#include "collector/tokens.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"

struct tokens *tokens_new(void) {
    return mem_new(struct tokens);
}

static void token_fini(struct token *token) {
    mem_free(token->name);
    mem_free(token->sha256);
    mem_free(token->write);
    mem_free(token->read);
}

void tokens_free(struct tokens *tokens) {
    if (!tokens)
        return;
    for (size_t i = 0; i < tokens->n; i++)
        token_fini(&tokens->entries[i]);
    mem_free(tokens->entries);
    mem_free(tokens);
}

void tokens_freep(struct tokens **tokens) {
    tokens_free(*tokens);
}

static bool token_copy(struct token *copy, const struct token *token) {
    memcpy(copy->hash, token->hash, sizeof(copy->hash));
    copy->name = mem_copy_text(token->name, strlen(token->name));
    copy->sha256 = mem_copy_text(token->sha256, strlen(token->sha256));
    copy->write = mem_copy_text(token->write, strlen(token->write));
    copy->read = mem_copy_text(token->read, strlen(token->read));
    return copy->name && copy->sha256 && copy->write && copy->read;
}

struct tokens *tokens_copy(const struct tokens *tokens) {
    CLEANUP(tokens_freep) struct tokens *copy = tokens_new();
    if (!copy || !(copy->entries = mem_new_array(struct token, tokens->n)))
        return NULL;
    while (copy->n < tokens->n) {
        copy->n++;
        if (!token_copy(&copy->entries[copy->n - 1], &tokens->entries[copy->n - 1]))
            return NULL;
    }
    return STEAL(copy);
}

static void hash_token(struct bytes token, uint8_t hash[TOKEN_HASH_SIZE]) {
    SHA256(token.data, token.len, hash);
}

static int compare_by_hash(const void *a, const void *b) {
    return memcmp(((const struct token *)a)->hash, ((const struct token *)b)->hash,
                  TOKEN_HASH_SIZE);
}

void tokens_sort(struct tokens *tokens) {
    if (tokens->n)
        qsort(tokens->entries, tokens->n, sizeof(struct token), compare_by_hash);
}

const struct token *tokens_find(const struct tokens *tokens, struct bytes token) {
    struct token key;
    if (tokens->n == 0 || token.len == 0 || token.len > TOKEN_MAX_LEN)
        return NULL;
    hash_token(token, key.hash);
    const struct token *found =
        bsearch(&key, tokens->entries, tokens->n, sizeof(struct token), compare_by_hash);
    if (!found || CRYPTO_memcmp(found->hash, key.hash, TOKEN_HASH_SIZE) != 0)
        return NULL;
    return found;
}

static int check_name(const struct tokens *tokens, const char *name, struct err_text *why) {
    size_t allowed =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (name[0] == '\0' || name[allowed] != '\0' || allowed > TOKEN_NAME_MAX) {
        err_say(why, "the name '%s' is not 1 to %d letters, digits, dots, dashes or underlines",
                name, TOKEN_NAME_MAX);
        return -EINVAL;
    }
    for (size_t i = 0; i < tokens->n; i++) {
        if (strcmp(tokens->entries[i].name, name) == 0) {
            err_say(why,
                    "there is a token named '%s' already: revoke it first or choose another name",
                    name);
            return -EINVAL;
        }
    }
    return 0;
}

static int check_pattern(const char *which, const char *pattern, struct err_text *why) {
    struct bytes bytes = bytes_str(pattern);
    if (bytes.len <= TOKEN_PATTERN_MAX && utf8_is_valid(bytes) && !utf8_has_control(bytes))
        return 0;
    err_say(why, "the %s pattern is not at most %d bytes of UTF-8 without control characters",
            which, TOKEN_PATTERN_MAX);
    return -EINVAL;
}

/* A token travels in a header, so it is printable ASCII without spaces. */
static int check_token(const struct tokens *tokens, struct bytes token, struct err_text *why) {
    if (token.len < TOKEN_MIN_LEN || token.len > TOKEN_MAX_LEN) {
        err_say(why, "the token has %zu characters, it must have %d to %d", token.len,
                TOKEN_MIN_LEN, TOKEN_MAX_LEN);
        return -EINVAL;
    }
    for (size_t i = 0; i < token.len; i++) {
        if (token.data[i] <= ' ' || token.data[i] > '~') {
            err_say(why, "the token has a character that is not printable ASCII");
            return -EINVAL;
        }
    }
    const struct token *same = tokens_find(tokens, token);
    if (same) {
        err_say(why, "this token is there already, under the name '%s'", same->name);
        return -EINVAL;
    }
    return 0;
}

static char *hex_of_hash(const uint8_t hash[TOKEN_HASH_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    char text[2 * TOKEN_HASH_SIZE];
    for (size_t i = 0; i < TOKEN_HASH_SIZE; i++) {
        text[2 * i] = digits[hash[i] >> 4];
        text[2 * i + 1] = digits[hash[i] & 15];
    }
    return mem_copy_text(text, sizeof(text));
}

static int token_init(struct token *token, const char *name, struct bytes secret,
                      const struct token_rights *rights) {
    hash_token(secret, token->hash);
    token->name = mem_copy_text(name, strlen(name));
    token->sha256 = hex_of_hash(token->hash);
    token->write = mem_copy_text(rights->write, strlen(rights->write));
    token->read = mem_copy_text(rights->read, strlen(rights->read));
    if (token->name && token->sha256 && token->write && token->read)
        return 0;
    token_fini(token);
    return -ENOMEM;
}

int tokens_add(struct tokens *tokens, const char *name, struct bytes token,
               const struct token_rights *rights, struct err_text *why) {
    int r = check_name(tokens, name, why);
    if (!r)
        r = check_token(tokens, token, why);
    if (!r)
        r = check_pattern("write", rights->write, why);
    if (!r)
        r = check_pattern("read", rights->read, why);
    if (r)
        return r;
    if (tokens->n == TOKENS_MAX) {
        err_say(why, "there are %d tokens already, the most there may be", TOKENS_MAX);
        return -EINVAL;
    }
    struct token *entries = mem_resize(tokens->entries, tokens->n + 1, sizeof(struct token));
    if (entries)
        tokens->entries = entries;
    if (!entries || token_init(&entries[tokens->n], name, token, rights)) {
        err_say(why, "out of memory");
        return -ENOMEM;
    }
    tokens->n++;
    tokens_sort(tokens);
    return 0;
}

int tokens_remove(struct tokens *tokens, const char *name) {
    for (size_t i = 0; i < tokens->n; i++) {
        if (strcmp(tokens->entries[i].name, name) != 0)
            continue;
        token_fini(&tokens->entries[i]);
        tokens->n--;
        memmove(&tokens->entries[i], &tokens->entries[i + 1],
                (tokens->n - i) * sizeof(struct token));
        return 0;
    }
    return -ENOENT;
}

int token_create(struct token_text *token) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    enum {
        RANDOM_CHARACTERS = 43
    }; /* of 6 bits each: 256 and two more */
    uint8_t random[RANDOM_CHARACTERS];
    int r = random_bytes(random, sizeof(random));
    if (r)
        return err_trace(r);
    memcpy(token->text, "tg_", 3);
    for (size_t i = 0; i < RANDOM_CHARACTERS; i++)
        token->text[3 + i] = alphabet[random[i] & 63];
    token->text[3 + RANDOM_CHARACTERS] = '\0';
    return 0;
}

struct bytes token_of_authorization(struct bytes value) {
    static const char scheme[] = "bearer ";
    size_t len = sizeof(scheme) - 1;
    if (value.len <= len || strncasecmp((const char *)value.data, scheme, len) != 0)
        return value;
    value = bytes_from(value, len);
    while (value.len && value.data[0] == ' ')
        value = bytes_from(value, 1);
    return value;
}
