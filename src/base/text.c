/*
 * Words, numbers and times as text. Locale never matters here: digits are ASCII, case is not folded, and times are
 * computed on the proleptic Gregorian calendar without the C library's time zone.
 */
#include "src/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* RFC 3629, section 4: which second bytes a first byte allows; every further byte is 80..BF. */
static size_t utf8_sequence(const unsigned char *text, size_t length) {
    unsigned char first = text[0];
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t n_bytes;

    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        n_bytes = 2;
    else if (first >= 0xE0 && first <= 0xEF)
        n_bytes = 3;
    else if (first >= 0xF0 && first <= 0xF4)
        n_bytes = 4;
    else
        return 0;

    if (first == 0xE0)
        low = 0xA0; /* overlong below */
    else if (first == 0xED)
        high = 0x9F; /* surrogates above */
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F; /* past U+10FFFF above */

    if (length < n_bytes || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < n_bytes; i++)
        if (text[i] < 0x80 || text[i] > 0xBF)
            return 0;
    return n_bytes;
}

/* The sequence is well-formed: only then is its second byte looked at. */
static bool is_control(const unsigned char *text) {
    return text[0] < 0x20 || text[0] == 0x7F || (text[0] == 0xC2 && text[1] < 0xA0);
}

bool text_is_utf8(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t at = 0; at < length;) {
        size_t n_bytes = utf8_sequence(bytes + at, length - at);
        if (n_bytes == 0)
            return false;
        at += n_bytes;
    }
    return true;
}

bool text_has_control(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t at = 0; at < length;) {
        size_t n_bytes = utf8_sequence(bytes + at, length - at);
        if (n_bytes == 0)
            n_bytes = 1;
        else if (is_control(bytes + at))
            return true;
        at += n_bytes;
    }
    return false;
}

/* Characters that turn the direction of what is beside them, and so can make a line read as what it is not: U+202A-202E and
 * U+2066-2069, and the marks U+061C, U+200E and U+200F (UAX #9). */
static bool is_turning(const unsigned char *text) {
    if (text[0] == 0xD8)
        return text[1] == 0x9C;
    return text[0] == 0xE2 && ((text[1] == 0x80 && (text[2] == 0x8E || text[2] == 0x8F)) ||
                               (text[1] == 0x80 && text[2] >= 0xAA && text[2] <= 0xAE) ||
                               (text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9));
}

const char *text_make_safe(const char *text, char *ret_safe, size_t size) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = strlen(text);
    size_t used = 0;

    for (size_t at = 0; at < length;) {
        size_t n_bytes = utf8_sequence(bytes + at, length - at);
        bool shown = n_bytes > 0 && !is_control(bytes + at) && !is_turning(bytes + at);
        size_t n_out = shown ? n_bytes : 1;

        if (used + n_out >= size)
            break;
        if (shown)
            memcpy(ret_safe + used, bytes + at, n_bytes);
        else
            ret_safe[used] = '?';
        used += n_out;
        at += n_bytes > 0 ? n_bytes : 1;
    }
    ret_safe[used] = '\0';
    return ret_safe;
}

/* strtoull() would take "-1", " 1" and "+1". */
int text_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number) {
    uint64_t number = 0;

    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
        return -EINVAL;
    for (const char *digit = text; *digit != '\0'; digit++) {
        if (number > (UINT64_MAX - (uint64_t)(*digit - '0')) / 10)
            return -ERANGE;
        number = number * 10 + (uint64_t)(*digit - '0');
    }
    if (number < min || number > max)
        return -ERANGE;
    *ret_number = number;
    return 0;
}

int text_parse_duration(const char *text, uint64_t *ret_seconds) {
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    const uint64_t limit = UINT64_C(1) << 53;
    char digits[24];
    size_t n_digits = strspn(text, "0123456789");
    uint64_t factor = text[n_digits] == '\0' ? 1 : 0;
    uint64_t number;
    int r;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (text[n_digits] == units[i].letter && text[n_digits + 1] == '\0')
            factor = units[i].seconds;
    if (n_digits == 0 || factor == 0)
        return -EINVAL;
    if (n_digits >= sizeof digits)
        return -ERANGE;
    memcpy(digits, text, n_digits);
    digits[n_digits] = '\0';
    r = text_parse_number(digits, 1, limit / factor, &number);
    if (r < 0)
        return r;
    *ret_seconds = number * factor;
    return 0;
}

void text_format_duration(uint64_t seconds, char *ret_text) {
    unsigned long long days = seconds / 86400;
    unsigned hours = (unsigned)(seconds / 3600 % 24);
    unsigned minutes = (unsigned)(seconds / 60 % 60);

    if (seconds < 60)
        snprintf(ret_text, TEXT_DURATION_MAX, "%us", (unsigned)seconds);
    else if (seconds < 3600)
        snprintf(ret_text, TEXT_DURATION_MAX, "%um%02us", minutes, (unsigned)(seconds % 60));
    else if (seconds < 86400)
        snprintf(ret_text, TEXT_DURATION_MAX, "%uh%02um", hours, minutes);
    else
        snprintf(ret_text, TEXT_DURATION_MAX, "%llud%02uh", days, hours);
}

static char *put_digits(char *to, int number, int n_digits) {
    for (int i = n_digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return to + n_digits;
}

/* By hand: an answer can have a hundred thousand of them, and strftime() takes as long for one as the rest of a lease. */
void text_format_time(int64_t unix_ms, char *ret_text) {
    time_t seconds = (time_t)(unix_ms / 1000);
    int milliseconds = (int)(unix_ms % 1000);
    struct tm tm = {.tm_mday = 1};
    char *to = ret_text;

    if (milliseconds < 0) {
        milliseconds += 1000;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    to = put_digits(to, tm.tm_year + 1900, 4);
    *to++ = '-';
    to = put_digits(to, tm.tm_mon + 1, 2);
    *to++ = '-';
    to = put_digits(to, tm.tm_mday, 2);
    *to++ = 'T';
    to = put_digits(to, tm.tm_hour, 2);
    *to++ = ':';
    to = put_digits(to, tm.tm_min, 2);
    *to++ = ':';
    to = put_digits(to, tm.tm_sec, 2);
    *to++ = '.';
    to = put_digits(to, milliseconds, 3);
    *to++ = 'Z';
    *to = '\0';
}

/* Reads exactly `n_digits` digits and then `after` (0: anything); returns what follows, or NULL. */
static const char *read_field(const char *text, int n_digits, char after, int *ret_value) {
    int value = 0;

    if (text == NULL)
        return NULL;
    for (int i = 0; i < n_digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return NULL;
        value = value * 10 + (text[i] - '0');
    }
    text += n_digits;
    if (after != 0 && *text++ != after)
        return NULL;
    *ret_value = value;
    return text;
}

static const char *read_fraction(const char *text, int *ret_milliseconds) {
    int weight = 100;

    *ret_milliseconds = 0;
    if (text == NULL || *text != '.')
        return text;
    text++;
    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++, weight /= 10)
        *ret_milliseconds += (*text - '0') * weight;
    return text;
}

static const char *read_offset(const char *text, int *ret_seconds) {
    int sign;
    int hours = 0;
    int minutes = 0;

    if (text == NULL)
        return NULL;
    if (*text == 'Z' || *text == 'z') {
        *ret_seconds = 0;
        return text + 1;
    }
    if (*text != '+' && *text != '-')
        return NULL;
    sign = *text == '-' ? -1 : 1;
    text = read_field(text + 1, 2, ':', &hours);
    text = read_field(text, 2, 0, &minutes);
    if (text == NULL || hours > 23 || minutes > 59)
        return NULL;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return text;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

int text_parse_time(const char *text, int64_t *ret_unix_ms) {
    struct tm tm = {0};
    int milliseconds = 0;
    int offset = 0;

    text = read_field(text, 4, '-', &tm.tm_year);
    text = read_field(text, 2, '-', &tm.tm_mon);
    text = read_field(text, 2, 0, &tm.tm_mday);
    if (text == NULL || (*text != 'T' && *text != 't' && *text != ' '))
        return -EINVAL;
    text = read_field(text + 1, 2, ':', &tm.tm_hour);
    text = read_field(text, 2, ':', &tm.tm_min);
    text = read_field(text, 2, 0, &tm.tm_sec);
    text = read_fraction(text, &milliseconds);
    text = read_offset(text, &offset);
    if (text == NULL || *text != '\0' || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
        tm.tm_mday > days_in_month(tm.tm_year, tm.tm_mon) || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return -EINVAL;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_unix_ms = ((int64_t)timegm(&tm) - offset) * 1000 + milliseconds;
    return 0;
}

/* Longer words are never near anything: it bounds the work, and no command, flag or key comes close. */
#define NEAREST_MAX 64

static size_t min3(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Optimal string alignment: edits and swaps of neighbours, with three rows of the table. */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b) {
    size_t rows[3][NEAREST_MAX + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];

    for (size_t j = 0; j <= n_b; j++)
        last[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[n_b];
}

const char *text_nearest(const char *word, const char *const *words, size_t n_words) {
    const char *nearest = NULL;
    size_t least = NEAREST_MAX;
    size_t n_word = strlen(word);

    if (n_word == 0 || n_word > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < n_words; i++) {
        size_t n_other = strlen(words[i]);
        size_t longer = n_word > n_other ? n_word : n_other;
        size_t allowed = longer / 3 > 0 ? longer / 3 : 1;
        size_t distance;

        if (n_other > NEAREST_MAX)
            continue;
        distance = edit_distance(word, n_word, words[i], n_other);
        if (distance <= allowed && distance < least) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

const char *text_quote_word(const char *text, char *ret_word, size_t size) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:@%+=,";
    size_t used = 0;

    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        snprintf(ret_word, size, "%s", text);
        return ret_word;
    }
    ret_word[used++] = '\'';
    for (; *text != '\0' && used + 6 < size; text++) {
        if (*text == '\'')
            used += (size_t)snprintf(ret_word + used, size - used, "'\\''");
        else
            ret_word[used++] = *text;
    }
    ret_word[used++] = '\'';
    ret_word[used] = '\0';
    return ret_word;
}

char *text_quote_words(char *const *words) {
    size_t size = 1;
    size_t used = 0;
    char *line;

    for (size_t i = 0; words[i] != NULL; i++)
        size += TEXT_QUOTED_MAX(strlen(words[i])) + 1;
    line = calloc(1, size);
    if (line == NULL)
        return NULL;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (i > 0)
            line[used++] = ' ';
        text_quote_word(words[i], line + used, size - used);
        used += strlen(line + used);
    }
    return line;
}
