/*
 * The words of states, findings and events. See words.h.
 */
#include "cli/words.h"

#include <string.h>

struct entry {
    const char *key;
    struct words words;
};

static const struct entry states[] = {
    {"pending", {"○", "waiting", STYLE_PLAIN}},
    {"bound", {"●", "in use", STYLE_GOOD}},
    {"elsewhere", {"↷", "in use, but elsewhere", STYLE_WARNING}},
    {"conflict", {"✕", "squatted", STYLE_BAD}},
    {"silent", {"◌", "stopped", STYLE_DIM}},
    {"unleased", {"!", "unleased", STYLE_WARNING}},
    {"unmanaged", {"●", "in use, without a lease", STYLE_INFO}},
    {"portd", {"●", "portd", STYLE_GOOD}},
    {"free", {"○", "free", STYLE_PLAIN}},
};

static const struct entry findings[] = {
    {"unleased", {"!", "unleased", STYLE_WARNING}}, {"taken", {"✕", "squatted", STYLE_BAD}},
    {"split", {"⇄", "split", STYLE_WARNING}},       {"shared", {"⇄", "shared", STYLE_WARNING}},
    {"inactive", {"!", "inactive", STYLE_WARNING}},
};

static const struct entry events[] = {
    {"lease.granted", {"○", "granted", STYLE_PLAIN}}, {"lease.renewed", {"○", "renewed", STYLE_DIM}},
    {"lease.released", {"◌", "released", STYLE_DIM}}, {"lease.expired", {"◌", "expired", STYLE_DIM}},
    {"listener.opened", {"●", "opened", STYLE_GOOD}}, {"listener.closed", {"◌", "closed", STYLE_DIM}},
    {"squatter.left", {"◌", "cleared", STYLE_GOOD}},  {"conflict.left", {"◌", "resolved", STYLE_GOOD}},
};

static struct words find(const struct entry *entries, size_t n_entries, const char *key) {
    for (size_t i = 0; i < n_entries; i++)
        if (strcmp(key, entries[i].key) == 0)
            return entries[i].words;
    return (struct words){"", key, STYLE_PLAIN};
}

struct words words_of_state(const char *state, const char *evidence) {
    struct words words = find(states, sizeof states / sizeof states[0], state);

    if (strcmp(state, "bound") == 0 && evidence != NULL && strcmp(evidence, "plausible") == 0) {
        words.word = "in use?";
        words.style = STYLE_INFO;
    }
    return words;
}

struct words words_of_finding(const char *kind) {
    return find(findings, sizeof findings / sizeof findings[0], kind);
}

/* What has appeared is called by what it is. */
struct words words_of_event(const char *kind, const char *finding) {
    if (finding != NULL && (strcmp(kind, "squatter.appeared") == 0 || strcmp(kind, "conflict.appeared") == 0))
        return words_of_finding(finding);
    return find(events, sizeof events / sizeof events[0], kind);
}

const char *words_format(const struct words *words, bool utf8, char *ret_text) {
    bool glyph = utf8 && words->glyph[0] != '\0';

    snprintf(ret_text, WORDS_MAX, "%s%s%s", glyph ? words->glyph : "", glyph ? " " : "", words->word);
    return ret_text;
}
