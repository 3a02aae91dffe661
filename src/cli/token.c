/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens' file: create, add, list, revoke. The file is read, changed and replaced as a whole;
 * meanwhile its folder is locked, so two at once do not lose each other's token. (The file itself
 * cannot be the lock: it is another one after each change.)
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "collector/tokens.h"

struct token_work {
    const struct options *options;
    const char *file;
    const char *name; /* NULL: none was given; create makes one up then */
    char made_up_name[32];
    struct token_text created;
    struct token_rights rights;
    struct tokens *tokens;
    unsigned format; /* of the list */
};

/* 0, or a negated errno with words. */
typedef int (*token_action_fn)(struct token_work *work, struct err_text *why);

struct token_action {
    const char *name;
    token_action_fn run;
    void (*tell)(const struct token_work *work); /* NULL, or once the change is in the file */
    bool changes;                                /* the file is written afterwards */
    bool creates;                                /* there need not be a file yet */
    bool needs_name;
};

/* ---- the file ---- */

/* An open descriptor of the locked folder, or a negated errno with words. Waits for the lock. */
static int lock_folder(const char *file, struct err_text *why) {
    CLEANUP(mem_freep) char *path = tokens_real_path(file);
    if (!path) {
        err_say(why, "out of memory");
        return -ENOMEM;
    }
    const char *folder = dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || flock(fd, LOCK_EX) ? -errno : 0;
    if (r == 0)
        return fd;
    err_say(why, "cannot lock the folder %s: %s", folder, strerror(-r));
    if (fd >= 0)
        close(fd);
    return r;
}

static int load(struct token_work *work, const struct token_action *action, struct err_text *why) {
    int r = tokens_load(work->file, &work->tokens, why);
    if (r != -ENOENT || !action->creates)
        return r;
    work->tokens = tokens_new();
    if (work->tokens)
        return 0;
    err_say(why, "out of memory");
    return -ENOMEM;
}

static int run_locked(struct token_work *work, const struct token_action *action,
                      struct err_text *why) {
    int r = load(work, action, why);
    if (r == 0)
        r = action->run(work, why);
    if (r == 0 && action->changes)
        r = tokens_save(work->file, work->tokens, why);
    if (r == 0 && action->tell)
        action->tell(work);
    return r;
}

/* ---- actions ---- */

static const char *pattern_or_nothing(const char *pattern) {
    return *pattern ? pattern : "nothing";
}

static void tell_added(const struct token_work *work) {
    fprintf(stderr, "thermograph: token '%s' added to %s: may write %s, may read %s\n", work->name,
            work->file, pattern_or_nothing(work->rights.write),
            pattern_or_nothing(work->rights.read));
}

static bool name_is_taken(const struct tokens *tokens, const char *name) {
    for (size_t i = 0; i < tokens->n; i++)
        if (strcmp(tokens->entries[i].name, name) == 0)
            return true;
    return false;
}

static int add_token(struct token_work *work, const char *token, struct err_text *why) {
    return tokens_add(work->tokens, work->name, bytes_str(token), &work->rights, why);
}

static void make_up_name(struct token_work *work) {
    for (unsigned n = 1; !work->name; n++) {
        snprintf(work->made_up_name, sizeof(work->made_up_name), "token-%u", n);
        if (!name_is_taken(work->tokens, work->made_up_name))
            work->name = work->made_up_name;
    }
}

static int run_create(struct token_work *work, struct err_text *why) {
    int r = token_create(&work->created);
    if (r) {
        err_say(why, "the system gives no random bytes: %s", strerror(-r));
        return r;
    }
    make_up_name(work);
    return add_token(work, work->created.text, why);
}

static void tell_created(const struct token_work *work) {
    tell_added(work);
    fputs("thermograph: it is shown this once; the file keeps only its hash\n", stderr);
    puts(work->created.text);
}

static int run_add(struct token_work *work, struct err_text *why) {
    struct client_token token;
    if (isatty(STDIN_FILENO))
        fputs("Paste the token, then Enter.\n", stderr);
    int r = client_read_token(stdin, "standard input", &token, why);
    return r ? r : add_token(work, token.text, why);
}

static int compare_names(const void *a, const void *b) {
    const struct token *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int run_list(struct token_work *work, struct err_text *why) {
    static const struct output_column columns[] = {
        {"name", .type = OUTPUT_TEXT, .width = 20},
        {"write", .type = OUTPUT_TEXT, .width = 20},
        {"read", .type = OUTPUT_TEXT},
    };
    struct output output;
    CLEANUP(mem_freep)
    const struct token **sorted = mem_new_array(const struct token *, work->tokens->n);
    if (!sorted) {
        err_say(why, "out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < work->tokens->n; i++)
        sorted[i] = &work->tokens->entries[i];
    qsort(sorted, work->tokens->n, sizeof(struct token *), compare_names);
    output_init(&output, stdout, (enum output_format)work->format, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < work->tokens->n; i++) {
        const char *const values[] = {sorted[i]->name, sorted[i]->write, sorted[i]->read};
        output_record(&output, values);
    }
    output_end(&output);
    return 0;
}

static int run_revoke(struct token_work *work, struct err_text *why) {
    if (tokens_remove(work->tokens, work->name)) {
        err_say(why, "%s has no token named '%s'", work->file, work->name);
        return -ENOENT;
    }
    return 0;
}

static void tell_revoked(const struct token_work *work) {
    fprintf(stderr, "thermograph: token '%s' revoked in %s\n", work->name, work->file);
}

static const struct token_action actions[] = {
    {"create", .run = run_create, .tell = tell_created, .changes = true, .creates = true},
    {"add", .run = run_add, .tell = tell_added, .changes = true, .creates = true,
     .needs_name = true},
    {"list", .run = run_list},
    {"revoke", .run = run_revoke, .tell = tell_revoked, .changes = true, .needs_name = true},
};

/* ---- the verb ---- */

static const struct token_action *find_action(const char *name, struct err_text *why) {
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    err_say(why, "'%.80s' is none of: create, add, list, revoke", name);
    return NULL;
}

/* On the command line as an argument or as --name; else as any option. 0, or -EINVAL with words. */
static int choose_name(struct token_work *work, struct err_text *why) {
    const struct options *options = work->options;
    work->name = options_text(options, OPTION_NAME);
    if (options->n_arguments < 2)
        return 0;
    if (options->values[OPTION_NAME].source == SOURCE_COMMAND_LINE) {
        err_say(why, "the name is given twice, as '%.80s' and by --name", options->arguments[1]);
        return -EINVAL;
    }
    work->name = options->arguments[1];
    return 0;
}

/* Whoever names one right means that one; whoever names none means all. */
static void choose_rights(struct token_work *work) {
    const char *write = options_text(work->options, OPTION_WRITE);
    const char *read = options_text(work->options, OPTION_READ);
    const char *otherwise = write || read ? "" : "*";
    work->rights.write = write ? write : otherwise;
    work->rights.read = read ? read : otherwise;
}

/* Everything that can be wrong without a look at the file. 0, or -EINVAL with words. */
static int read_work(struct token_work *work, const struct token_action **action,
                     struct err_text *why) {
    const struct options *options = work->options;
    *action = find_action(options->arguments[0], why);
    if (!*action || choose_name(work, why))
        return -EINVAL;
    if ((*action)->needs_name && !work->name) {
        err_say(why, "%s: --name NAME is missing", (*action)->name);
        return -EINVAL;
    }
    if (!work->file) {
        err_say(why, "--tokens FILE is missing");
        return -EINVAL;
    }
    choose_rights(work);
    return options_choice(options, OPTION_OUTPUT, &work->format, why);
}

static int run(const struct options *options) {
    struct err_text why;
    struct token_work work = {
        .options = options,
        .file = options_text(options, OPTION_TOKENS),
    };
    const struct token_action *action;
    if (read_work(&work, &action, &why))
        return say_usage(options, &why);
    int lock = lock_folder(work.file, &why);
    int r = lock < 0 ? lock : run_locked(&work, action, &why);
    if (lock >= 0)
        close(lock);
    tokens_free(work.tokens);
    if (r)
        say_failure(options, "%s", why.text);
    return finish_output(options, r ? EXIT_FAILED : EXIT_OK);
}

static const enum option_id token_options[] = {OPTION_TOKENS, OPTION_NAME, OPTION_WRITE,
                                               OPTION_READ};

const struct verb verb_token = {
    .name = "token",
    .arguments = "create|add|list|revoke [NAME]",
    .min_arguments = 1,
    .max_arguments = 2,
    .summary = "Make and revoke the tokens that a server knows",
    .more =
        "create makes a token and prints it, alone, on standard output; add takes an existing one "
        "from standard input. Without --write and --read a token may do everything; with one of "
        "them it has just that right. A server that runs takes the change over within a second.\n\n"
        "Examples:\n"
        "  umask 077    # so that nobody else can read what is written to a file\n"
        "  thermograph token create --tokens tokens.yaml --name dashboard --read '*' "
        ">dashboard.token\n"
        "  thermograph token create --tokens tokens.yaml --name boilers --write 'boiler-*'\n"
        "  thermograph token revoke dashboard --tokens tokens.yaml\n",
    .options = token_options,
    .n_options = ARRAY_LEN(token_options),
    .prints_records = true,
    .run = run,
};
