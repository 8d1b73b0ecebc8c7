/* Which form of a file the caller takes, and whether he has it already (RFC 9110: 12.5.3, 13.1.2). */
#ifndef SRC_API_REPRESENTATION_H
#define SRC_API_REPRESENTATION_H

#include "src/api/request.h"

/*
 * Does Accept-Encoding ask for gzip, by name or by "*", and not for the file as it is before that? Without the header any coding would be allowed; but
 * a program that does not ask for compression seldom undoes it, so this is false.
 */
bool representation_wants_gzip(const struct api_request *request);

/* Does If-None-Match name this tag (with its quotes), or any? */
bool representation_is_known(const struct api_request *request, const char *etag);

#endif
