/*
 * A man page in scdoc, made out of a text with the prose and out of the tables of the programs: a line `@WORDS@` in the text is a
 * part that a table writes. So a page says what help says.
 */
#ifndef MAN_PAGE_H
#define MAN_PAGE_H

#include <stdio.h>

/* One line, in which newlines are blanks and nothing is markup. */
void page_put(FILE *out, const char *text);

/* A paragraph of it, and an empty line. */
void page_paragraph(FILE *out, const char *text);

/* A term in bold, the part of it in `argument` (NULL: none) underlined, and what it is. */
void page_entry(FILE *out, const char *term, const char *argument, const char *text);

struct page_part {
    const char *marker;
    void (*write)(FILE *out);
};

/* Ended by a NULL marker. They are in files of their own, because portctl's and portd's headers share names. */
extern const struct page_part portctl_parts[];
extern const struct page_part portd_parts[];
extern const struct page_part project_parts[];

#endif
