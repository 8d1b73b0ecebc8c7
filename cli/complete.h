/*
 * The hidden command by which the scripts of `portctl completion` ask what may stand at the cursor:
 *
 *     portctl __complete bash LINE WORD TYPE      the line up to the cursor, what of it readline would replace, COMP_TYPE
 *     portctl __complete zsh LINE
 *     portctl __complete fish LINE
 *
 * For bash and zsh the variable COLUMNS says how wide the terminal is, so that what they list does not wrap.
 *
 * The line is raw, with its quotes. The answer for bash is a line a word, quoted as the line wants it, and for the others
 * `WORD<TAB>DESCRIPTION`, not quoted: they do that themselves. The last line says what the shell is to add:
 *
 *     :                    nothing
 *     :files               files
 *     :directories         directories
 *     :command N REST      what it has for the command line REST, of which N words stand before it in LINE
 *
 * All of it is made from the tables of commands and options, and from what portd says. Whatever goes wrong, there are fewer words and no error.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#define COMPLETE_WORD "__complete"

/* The words behind `__complete`; the answer goes to standard output. */
void complete_main(int argc, char **argv);

#endif
