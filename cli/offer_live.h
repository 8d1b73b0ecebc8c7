/*
 * Service names and ports as portd has them now, for a shell to offer. A completion must neither wait nor talk: a portd that is
 * down, slow or of another kind has nothing to offer.
 */
#ifndef CLI_OFFER_LIVE_H
#define CLI_OFFER_LIVE_H

#include "cli/command.h"
#include "cli/offers.h"

#define OFFER_LIVE_PATIENCE_MS 1000

/* What an operand of `kind` can be, one's own first, with what it is. `options` say where portd is. Names are as a person types
 * them here: if `scoped`, without what their scope adds. */
void offer_live(enum operand_kind kind, const struct options *options, bool scoped, struct offers *offers);

#endif
