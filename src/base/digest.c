/*
 * Each number is multiplied into the state, and both halves of the 128-bit product are kept: one multiplication mixes 64 bits well enough to tell two
 * states of a port apart, and some 50,000 of them are looked at in one go.
 */
#include "src/base/digest.h"

#include <stddef.h>
#include <string.h>

__extension__ typedef unsigned __int128 product;

/* The fractions of the square roots of 2 and 3: numbers without a pattern. */
#define FACTOR UINT64_C(0x6A09E667F3BCC909)
#define OFFSET UINT64_C(0xBB67AE8584CAA73B)

static uint64_t fold(uint64_t a, uint64_t b) {
    product whole = (product)a * b;

    return (uint64_t)whole ^ (uint64_t)(whole >> 64);
}

struct digest digest_begin(uint64_t seed) {
    return (struct digest){.state = fold(seed ^ OFFSET, FACTOR)};
}

/* The state is turned before it is multiplied: so a zero product does not stay one. */
void digest_number(struct digest *digest, uint64_t number) {
    digest->state = fold(digest->state ^ number ^ OFFSET, FACTOR) + (digest->state << 17 | digest->state >> 47);
}

void digest_text(struct digest *digest, const char *text) {
    size_t length = text != NULL ? strlen(text) : 0;
    uint64_t word;

    digest_number(digest, text != NULL ? length : UINT64_MAX);
    for (size_t at = 0; at < length; at += sizeof word) {
        word = 0;
        memcpy(&word, text + at, length - at < sizeof word ? length - at : sizeof word);
        digest_number(digest, word);
    }
}

uint64_t digest_end(const struct digest *digest) {
    uint64_t end = fold(digest->state ^ OFFSET, FACTOR);

    return end != 0 ? end : 1;
}
