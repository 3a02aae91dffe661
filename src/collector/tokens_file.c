/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens' file: YAML, as tokens.h shows it. It is always replaced as a whole: written beside
 * it, synced, renamed, and the folder synced; a server that reads it at the same time sees the old
 * one or the new one. Where the name is a link, what it stands for is replaced, not the link.
 *
 * The new one belongs to whom the old one did: a server that runs as a user of its own has to be
 * able to read what root has changed.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/yamlfile.h"
#include "collector/tokens.h"

struct tokens_document {
    struct token *tokens;
    unsigned tokens_count;
};

/* Patterns are quoted: a bare * means something else in YAML. */
static const cyaml_schema_field_t token_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct token, name, 1, TOKEN_NAME_MAX),
    CYAML_FIELD_STRING_PTR("sha256", CYAML_FLAG_POINTER, struct token, sha256, 2 * TOKEN_HASH_SIZE,
                           2 * TOKEN_HASH_SIZE),
    CYAML_FIELD_STRING_PTR("write", CYAML_FLAG_POINTER | CYAML_FLAG_SCALAR_QUOTE_DOUBLE,
                           struct token, write, 0, TOKEN_PATTERN_MAX),
    CYAML_FIELD_STRING_PTR("read", CYAML_FLAG_POINTER | CYAML_FLAG_SCALAR_QUOTE_DOUBLE,
                           struct token, read, 0, TOKEN_PATTERN_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t token_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct token, token_fields),
};

static const cyaml_schema_field_t document_fields[] = {
    CYAML_FIELD_SEQUENCE("tokens", CYAML_FLAG_POINTER, struct tokens_document, tokens,
                         &token_schema, 0, TOKENS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t document_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct tokens_document, document_fields),
};

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static int parse_hash(struct token *token, const char *file, struct err_text *why) {
    for (size_t i = 0; i < TOKEN_HASH_SIZE; i++) {
        int high = hex_digit(token->sha256[2 * i]), low = hex_digit(token->sha256[2 * i + 1]);
        if (high < 0 || low < 0) {
            err_say(why, "%s: the sha256 of '%s' is not 64 digits of 0-9 and a-f", file,
                    token->name);
            return -EINVAL;
        }
        token->hash[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static void explain_unknown_key(struct err_text *why) {
    struct err_text words = *why;
    const char *key = yamlfile_cut_unknown_key(&words);
    if (key)
        err_say(why,
                "%sthere is no key '%.80s' here; the file has the key tokens, and each token of it "
                "has name, sha256, write and read",
                words.text, key);
}

int tokens_load(const char *file, struct tokens **tokens, struct err_text *why) {
    struct tokens_document *document;
    CLEANUP(tokens_freep) struct tokens *loaded = tokens_new();
    if (!loaded) {
        err_say(why, "out of memory");
        return -ENOMEM;
    }
    int r = yamlfile_load(file, &document_schema, (void **)&document, why);
    if (r == -ENOENT)
        err_say(why, "%s: there is no such file; `thermograph token create --tokens %s' makes it",
                file, file);
    if (r) {
        explain_unknown_key(why);
        return r;
    }
    if (document) {
        loaded->entries = STEAL(document->tokens);
        loaded->n = document->tokens_count;
        document->tokens_count = 0;
        yamlfile_free(&document_schema, document);
    }
    for (size_t i = 0; i < loaded->n; i++) {
        r = parse_hash(&loaded->entries[i], file, why);
        if (r)
            return r;
    }
    tokens_sort(loaded);
    *tokens = STEAL(loaded);
    return 0;
}

static int write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/*
 * Gives the new file the owner and the group of the old one, as far as the caller may, and lets the
 * group read it if it could before; nobody else ever can. 0 or a negated errno.
 */
static int take_over_rights(const char *old, int fd) {
    struct stat before;
    mode_t mode = S_IRUSR | S_IWUSR;
    if (stat(old, &before) == 0) {
        bool has_group = fchown(fd, before.st_uid, before.st_gid) == 0 ||
                         fchown(fd, (uid_t)-1, before.st_gid) == 0;
        if (has_group)
            mode |= before.st_mode & S_IRGRP;
    }
    return fchmod(fd, mode) ? -errno : 0;
}

/*
 * What lies there is left of a write that was cut short, or a link that somebody has laid who may
 * write the folder: what that leads to is not to be overwritten, and not to be given away. So it is
 * always a file that was not there. A descriptor or a negated errno.
 */
static int open_new(const char *file) {
    if (unlink(file) && errno != ENOENT)
        return -errno;
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

/* Writes `text` to a file that will replace `old`, and is on disk when this returns. */
static int write_file(const char *file, const char *old, struct bytes text) {
    int fd = open_new(file);
    if (fd < 0)
        return fd;
    int r = take_over_rights(old, fd);
    if (!r)
        r = write_all(fd, (const char *)text.data, text.len);
    if (!r && fsync(fd))
        r = -errno;
    if (close(fd) && !r)
        r = -errno;
    return r;
}

/* Without this a crash could bring the old file back, or none. */
static int sync_folder(const char *file) {
    CLEANUP(mem_freep) char *copy = mem_copy_text(file, strlen(file));
    if (!copy)
        return -ENOMEM;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) && errno != EINVAL ? -errno : 0; /* some file systems know no such thing */
    close(fd);
    return r;
}

static int replace_file(const char *file, const char *text, size_t len) {
    CLEANUP(mem_freep) char *beside = mem_format_text("%s.new", file);
    if (!beside)
        return -ENOMEM;
    int r = write_file(beside, file, bytes_of(text, len));
    if (!r && rename(beside, file))
        r = -errno;
    if (r)
        unlink(beside);
    return r ? r : sync_folder(file);
}

bool tokens_file_is_open(const char *file) {
    struct stat info;
    return stat(file, &info) == 0 && (info.st_mode & (S_IROTH | S_IWOTH | S_IWGRP));
}

char *tokens_real_path(const char *file) {
    char *path = realpath(file, NULL);
    return path ? path : mem_copy_text(file, strlen(file));
}

int tokens_save(const char *file, const struct tokens *tokens, struct err_text *why) {
    struct tokens_document document = {tokens->entries, (unsigned)tokens->n};
    CLEANUP(mem_freep) char *text = NULL;
    CLEANUP(mem_freep) char *path = tokens_real_path(file);
    size_t len;
    int r = path ? yamlfile_write(&document_schema, &document, &text, &len) : -ENOMEM;
    if (!r)
        r = replace_file(path, text, len);
    if (r)
        err_say(why, "cannot write %s: %s", file, strerror(-r));
    return r;
}
