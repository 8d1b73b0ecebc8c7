/*
 * Command lines for a person. Secrets in them are found by the names that they are given, wherever in an argument these stand: a
 * whole argument may be a shell's script, a header, a list of settings or a URL. In doubt more is masked than need be: a view
 * without a harmless word does less harm than one with a password.
 */
#include "probe/command_line.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static const char mask[] = "***";
static const char ellipsis[] = "...";

/* A stretch of text, not NUL-terminated. */
struct span {
    const char *begin, *end;
};

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_quote(char c) {
    return c == '\'' || c == '"' || c == '`';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_key_char(char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
}

/* ---- is it a secret's name? ---- */

static bool span_equals(struct span span, const char *text) {
    const size_t length = strlen(text);
    return (size_t)(span.end - span.begin) == length && strncasecmp(span.begin, text, length) == 0;
}

static bool span_ends_with(struct span span, const char *text) {
    const size_t length = strlen(text);
    return (size_t)(span.end - span.begin) >= length && strncasecmp(span.end - length, text, length) == 0;
}

/* The next word of a key: words end at -, _ and ., and where a capital letter begins another one ("apiKey", "APIKey"). */
static bool next_word(const char **at, const char *end, struct span *ret_word) {
    while (*at < end && (**at == '-' || **at == '_' || **at == '.'))
        ++*at;
    const char *c = *at;
    while (c < end && *c != '-' && *c != '_' && *c != '.') {
        if (c > *at && is_upper(*c) && (!is_upper(c[-1]) || (c + 1 < end && is_lower(c[1]))))
            break;
        c++;
    }
    *ret_word = (struct span){*at, c};
    *at = c;
    return ret_word->begin < ret_word->end;
}

/* Whole words: longer ones with them are harmless ("author", "compass"). */
static const char *const secret_words[] = {"auth", "authorization", "pass", "creds"};
/* Ends of words: "PGPASSWORD", "authtoken"; and not "tokenizer", "secretary". */
static const char *const secret_ends[] = {
    "password", "passwords", "passwd",     "passphrase",  "pwd",    "requirepass", "secret",     "secrets",
    "token",    "tokens",    "credential", "credentials", "apikey", "accesskey",   "privatekey",
};
/* What makes a secret of a "key" behind it. */
static const char *const key_words[] = {"api", "access", "private"};

static bool is_one_of(struct span word, const char *const *texts, size_t n_texts,
                      bool (*compare)(struct span span, const char *text)) {
    for (size_t i = 0; i < n_texts; i++)
        if (compare(word, texts[i]))
            return true;
    return false;
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool names_secret(struct span key) {
    const char *at = key.begin;
    struct span word;
    bool may_be_key = false;
    while (next_word(&at, key.end, &word)) {
        while (word.end > word.begin + 1 && is_digit(word.end[-1])) /* "password2" */
            word.end--;
        if (is_one_of(word, secret_words, N_OF(secret_words), span_equals) ||
            is_one_of(word, secret_ends, N_OF(secret_ends), span_ends_with) ||
            (may_be_key && (span_equals(word, "key") || span_equals(word, "keys"))))
            return true;
        may_be_key = is_one_of(word, key_words, N_OF(key_words), span_ends_with);
    }
    return false;
}

/* ---- where does the secret end? ---- */

/* From a quote to its fellow, or to the end. */
static const char *skip_quoted(const char *at, const char *end) {
    const char quote = *at++;
    while (at < end && *at != quote)
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    return at < end ? at + 1 : end;
}

static bool is_escaped_quote(const char *at, const char *end) {
    return end - at >= 2 && at[0] == '\\' && is_quote(at[1]);
}

/* The same for \" inside of a script's own quotes. */
static const char *skip_escaped(const char *at, const char *end) {
    const char *fellow = memmem(at + 2, (size_t)(end - at) - 2, at, 2);
    return fellow ? fellow + 2 : end;
}

/* A value as a shell or a list has it: up to one of `stops`, which quotes and backslashes take away the meaning of. */
static const char *skip_value(const char *at, const char *end, const char *stops) {
    while (at < end && !strchr(stops, *at)) {
        if (is_quote(*at))
            at = skip_quoted(at, end);
        else if (is_escaped_quote(at, end))
            at = skip_escaped(at, end);
        else
            at += *at == '\\' && at + 1 < end ? 2 : 1;
    }
    return at;
}

static const char *skip_spaces(const char *at, const char *end) {
    while (at < end && is_space(*at))
        at++;
    return at;
}

#define SPACES " \t\n\v\f\r"

/*
 * The value of a key in the argument `whole`. A key that is the argument's beginning has the rest of it for its value: the shell
 * has taken its quotes away, so that "--password=a b" is one. Elsewhere what stands before the key tells what it is a part of.
 */
static const char *find_value_end(struct span whole, const char *key, const char *value, bool is_script) {
    const char before = (char)(key > whole.begin ? key[-1] : '\0');
    if (is_quote(before) && (value == whole.end || *value != before))
        return skip_value(value, whole.end, (const char[]){before, '\0'});
    switch (before) {
    case '?':
    case '&':
        return skip_value(value, whole.end, "&" SPACES);
    case ',':
        return skip_value(value, whole.end, "," SPACES);
    case ';':
        return skip_value(value, whole.end, ";");
    default:
        break;
    }
    return is_script || is_space(before) || is_quote(before) ? skip_value(value, whole.end, SPACES) : whole.end;
}

/* The value of a key that stands in quotes, as JSON has it. */
static const char *find_json_end(const char *value, const char *end) {
    if (is_escaped_quote(value, end))
        return skip_escaped(value, end);
    return value < end && is_quote(*value) ? skip_quoted(value, end) : skip_value(value, end, ",}" SPACES);
}

/* The secret behind a key that names one: "key=x", "key: x", "'key':x", and "--key x" inside of one argument. */
static bool find_value(struct span whole, struct span key, bool is_script, struct span *ret_value) {
    const char *at = key.end;
    const bool is_flag = *key.begin == '-';
    if (at == whole.end)
        return false;
    if (*at == '=') {
        *ret_value = (struct span){at + 1, find_value_end(whole, key.begin, at + 1, is_script)};
        return true;
    }
    const bool is_escaped = is_escaped_quote(at, whole.end);
    const bool is_quoted = is_escaped || is_quote(*at);
    at = skip_spaces(at + (is_escaped ? 2 : is_quoted ? 1 : 0), whole.end);
    if (at < whole.end && *at == ':' && (is_quoted || at + 1 == whole.end || is_space(at[1]))) {
        const char *value = skip_spaces(at + 1, whole.end);
        *ret_value = (struct span){value, is_quoted ? find_json_end(value, whole.end)
                                                    : find_value_end(whole, key.begin, value, is_script)};
        return true;
    }
    if (is_flag && !is_quoted && at > key.end && at < whole.end && *at != '-') {
        *ret_value = (struct span){at, skip_value(at, whole.end, SPACES)};
        return true;
    }
    return false;
}

/* "Authorization: Basic x", however it is written: all up to the quote that it stands in, or the argument's end. */
static bool find_authorization(struct span whole, struct span key, struct span *ret_value) {
    const char *value = key.end;
    if (!span_ends_with(key, "authorization") || value == whole.end || (*value != ':' && *value != '='))
        return false;
    value = skip_spaces(value + 1, whole.end);
    const char before = (char)(key.begin > whole.begin ? key.begin[-1] : '\0');
    const char *quote = is_quote(before) ? memchr(value, before, (size_t)(whole.end - value)) : NULL;
    *ret_value = (struct span){value, quote ? quote : whole.end};
    return true;
}

static bool find_bearer(struct span whole, struct span key, struct span *ret_value) {
    if (!span_equals(key, "bearer") || key.end == whole.end || !is_space(*key.end))
        return false;
    const char *value = skip_spaces(key.end, whole.end);
    *ret_value = (struct span){value, skip_value(value, whole.end, SPACES "\"'")};
    return true;
}

/* "scheme://user:password@host". A password may have an "@" of its own, but no "/". */
static bool find_url_password(struct span whole, struct span scheme, struct span *ret_value) {
    const char *at = scheme.end;
    if (whole.end - at < 3 || memcmp(at, "://", 3) != 0)
        return false;
    const char *password = NULL;
    const char *host = NULL;
    for (at += 3; at < whole.end && *at != '/' && !is_space(*at) && !is_quote(*at); at++) {
        if (*at == ':' && !password)
            password = at + 1;
        if (*at == '@' && password)
            host = at;
    }
    if (!host)
        return false;
    *ret_value = (struct span){password, host};
    return true;
}

static bool find_secret(struct span whole, struct span key, bool is_script, struct span *ret_value) {
    return find_url_password(whole, key, ret_value) || find_authorization(whole, key, ret_value) ||
           find_bearer(whole, key, ret_value) || (names_secret(key) && find_value(whole, key, is_script, ret_value));
}

/* ---- the text ---- */

struct writer {
    char *text;
    size_t size, length;
    bool is_cut;
};

static void put(struct writer *writer, char c) {
    if (writer->length + 1 < writer->size)
        writer->text[writer->length++] = c;
    else
        writer->is_cut = true;
}

static void put_text(struct writer *writer, const char *text) {
    while (*text)
        put(writer, *text++);
}

/* Inside of single quotes a quote is written as the shell wants it: '\''. */
static void put_span(struct writer *writer, struct span span, bool is_quoted) {
    for (const char *c = span.begin; c < span.end && !writer->is_cut; c++) {
        if (is_quoted && *c == '\'')
            put_text(writer, "'\\'");
        put(writer, *c);
    }
}

/* Puts the text with each secret in it masked: from key to key, a key being as many characters that may be in one as there are. */
static void put_masked(struct writer *writer, struct span whole, bool is_script, bool is_quoted) {
    const char *written = whole.begin;
    for (const char *at = whole.begin; at < whole.end && !writer->is_cut;) {
        const char *key_end = at;
        while (key_end < whole.end && is_key_char(*key_end))
            key_end++;
        struct span value;
        if (key_end == at || !find_secret(whole, (struct span){at, key_end}, is_script, &value)) {
            at = key_end == at ? at + 1 : key_end;
            continue;
        }
        put_span(writer, (struct span){written, value.begin}, is_quoted);
        if (value.begin < value.end)
            put_text(writer, mask);
        at = written = value.end;
    }
    put_span(writer, (struct span){written, whole.end}, is_quoted);
}

/* What does not fit is cut at a character's end. */
static void finish(struct writer *writer) {
    if (writer->is_cut && writer->size > strlen(ellipsis)) {
        size_t at = writer->size - sizeof(ellipsis);
        if (at > writer->length)
            at = writer->length;
        while (at > 0 && ((unsigned char)writer->text[at] & 0xc0) == 0x80)
            at--;
        memcpy(writer->text + at, ellipsis, strlen(ellipsis));
        writer->length = at + strlen(ellipsis);
    }
    writer->text[writer->length] = '\0';
}

/* ---- arguments ---- */

static bool needs_quotes(struct span argument) {
    for (const char *c = argument.begin; c < argument.end; c++)
        if (is_space(*c) || is_quote(*c))
            return true;
    return argument.begin == argument.end;
}

/* "--password", with its value in the next argument. */
static bool is_secret_flag(struct span argument) {
    if (argument.begin == argument.end || *argument.begin != '-')
        return false;
    for (const char *c = argument.begin; c < argument.end; c++)
        if (!is_key_char(*c))
            return false;
    return names_secret(argument);
}

/* Where "--auth" has no value the next flag follows. A password may begin with a dash, but hardly looks like one of these. */
static bool is_flag(struct span argument) {
    const size_t length = (size_t)(argument.end - argument.begin);
    if (length < 2 || argument.begin[0] != '-')
        return false;
    return length == 2 || argument.begin[1] == '-';
}

/* "-c", "-lc": a shell's script is the next argument. */
static bool is_script_flag(struct span argument) {
    const size_t length = (size_t)(argument.end - argument.begin);
    if (length < 2 || length > 4 || *argument.begin != '-' || argument.end[-1] != 'c')
        return false;
    for (const char *c = argument.begin + 1; c < argument.end; c++)
        if (!is_lower(*c))
            return false;
    return true;
}

static void put_argument(struct writer *writer, struct span argument, struct span before) {
    if (is_secret_flag(before) && !is_flag(argument)) {
        put_text(writer, mask);
        return;
    }
    const bool is_quoted = needs_quotes(argument);
    if (is_quoted)
        put(writer, '\'');
    put_masked(writer, argument, is_script_flag(before), is_quoted);
    if (is_quoted)
        put(writer, '\'');
}

static struct span next_argument(const char *at, const char *end) {
    const char *nul = memchr(at, '\0', (size_t)(end - at));
    return (struct span){at, nul ? nul : end};
}

/* A title takes the place of all arguments, and leaves NULs where it is the shorter. */
static bool is_title(struct span first, const char *end) {
    for (const char *c = first.end; c < end; c++)
        if (*c != '\0')
            return false;
    return true;
}

void command_line_format(const char *arguments, size_t length, char *ret_text, size_t size) {
    if (size == 0)
        return;
    ret_text[0] = '\0';
    if (length == 0)
        return;
    struct writer writer = {.text = ret_text, .size = size};
    const char *end = arguments + length;
    const struct span first = next_argument(arguments, end);
    if (is_title(first, end)) {
        put_masked(&writer, first, true, false);
        finish(&writer);
        return;
    }
    struct span before = {arguments, arguments};
    for (const char *at = arguments; at < end && !writer.is_cut; at = before.end + 1) {
        const struct span argument = next_argument(at, end);
        if (at > arguments)
            put(&writer, ' ');
        put_argument(&writer, argument, before);
        before = argument;
    }
    finish(&writer);
}
