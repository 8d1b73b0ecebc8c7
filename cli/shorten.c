/*
 * Texts that must fit and stay different. See shorten.h.
 */
#include "cli/shorten.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void shorten_hash(const char *text, char *ret_hash) {
    uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a (RFC 9923) */

    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    snprintf(ret_hash, SHORTEN_HASH_LENGTH + 1, "~%08x", (unsigned)(value & UINT32_MAX));
}

void shorten(const char *text, size_t room, char *ret_text) {
    size_t length = strlen(text);
    size_t kept = room - SHORTEN_HASH_LENGTH;

    if (length <= room) {
        memcpy(ret_text, text, length + 1);
        return;
    }
    while (kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
        kept--;
    memcpy(ret_text, text, kept);
    shorten_hash(text, ret_text + kept);
}
