/*
 * scdoc's markup. See page.h.
 */
#include "man/page.h"

#include <string.h>

void page_put(FILE *out, const char *text) {
    if (strchr("#-.[|];:'+", text[0]) != NULL && text[0] != '\0')
        fputc('\\', out);
    for (; *text != '\0'; text++) {
        if (*text == '\n' && text[1] == '\0')
            break;
        if (strchr("\\*_", *text) != NULL)
            fputc('\\', out);
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

void page_paragraph(FILE *out, const char *text) {
    page_put(out, text);
    fputs("\n\n", out);
}

void page_entry(FILE *out, const char *term, const char *argument, const char *text) {
    fputc('*', out);
    page_put(out, term);
    fputc('*', out);
    if (argument != NULL) {
        fputs(argument[0] == '[' ? "" : " ", out);
        page_put(out, argument);
    }
    fputs("\n\t", out);
    page_put(out, text);
    fputs("\n\n", out);
}
