/* SPDX-License-Identifier: Apache-2.0 */
#include "manual/roff.h"

#include <ctype.h>
#include <string.h>

enum {
    LINE_WIDTH = 76, /* mandoc's lint complains past 80 */
};

/* A bare minus may become a dash, ' and ` curly quotes: then nobody could copy a command. */
static const char *escape_of(char c) {
    switch (c) {
    case '\\':
        return "\\e";
    case '-':
        return "\\-";
    case '\'':
        return "\\(aq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    case '"':
        return "\\(dq";
    default:
        return NULL;
    }
}

void roff_put(FILE *out, struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        const char *escape = escape_of(c);
        if (escape)
            fputs(escape, out);
        else
            fputc(c, out);
    }
}

/* How many characters that puts. */
static size_t width_of(struct bytes text) {
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = escape_of((char)text.data[i]);
        width += escape ? strlen(escape) : 1;
    }
    return width;
}

/* A line that begins with a dot is an instruction, but for this. */
static void begin_line(FILE *out, struct bytes text) {
    if (text.len > 0 && text.data[0] == '.')
        fputs("\\&", out);
}

/* `word` is the last of a sentence, and `next` follows it. */
static bool ends_sentence(struct bytes word, struct bytes next) {
    if (word.len < 3 || word.data[word.len - 1] != '.')
        return false;
    return next.len == 0 || isupper(next.data[0]) || next.data[0] == '`' || next.data[0] == '-';
}

static struct bytes next_word(struct bytes *text) {
    size_t len = 0;
    while (len < text->len && text->data[len] != ' ' && text->data[len] != '\n')
        len++;
    struct bytes word = bytes_of(text->data, len);
    while (len < text->len && text->data[len] == ' ')
        len++;
    *text = bytes_from(*text, len);
    return word;
}

/* Up to the end of the line. */
static void put_paragraph(FILE *out, struct bytes text) {
    size_t column = 0;
    while (text.len > 0) {
        struct bytes word = next_word(&text);
        size_t width = width_of(word);
        if (column > 0 && column + 1 + width > LINE_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        if (column > 0)
            fputc(' ', out);
        else
            begin_line(out, word);
        roff_put(out, word);
        column += 1 + width;
        if (text.len > 0 && ends_sentence(word, text)) {
            fputc('\n', out);
            column = 0;
        }
    }
    if (column > 0)
        fputc('\n', out);
}

static struct bytes next_line(struct bytes *text) {
    size_t len = 0;
    while (len < text->len && text->data[len] != '\n')
        len++;
    struct bytes line = bytes_of(text->data, len);
    *text = bytes_from(*text, len < text->len ? len + 1 : len);
    return line;
}

void roff_put_words(FILE *out, struct bytes text) {
    while (text.len > 0) {
        struct bytes line = next_line(&text);
        if (line.len > 0)
            put_paragraph(out, line);
        else if (text.len > 0)
            fputs(".PP\n", out);
    }
}

void roff_put_commands(FILE *out, struct bytes lines) {
    fputs(".nf\n", out);
    while (lines.len > 0) {
        struct bytes line = next_line(&lines);
        begin_line(out, line);
        roff_put(out, line);
        fputc('\n', out);
    }
    fputs(".fi\n", out);
}
