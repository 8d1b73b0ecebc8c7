/*
 * The guard in front of all routes: what a browser, or anything else that speaks HTTP to a loopback port, may send at all.
 *
 * A daemon on localhost is on the web: every page in the user's browser can send requests to it. There is no token and no
 * cookie; what keeps other pages out is that the browser itself says where a request comes from (Origin, Sec-Fetch-Site), and
 * that a page which rebinds its own name to 127.0.0.1 still sends that name as Host. libmicrohttpd checks none of it.
 */
#ifndef SRC_API_GUARD_H
#define SRC_API_GUARD_H

#include <stdint.h>

#include "src/api/request.h"

/*
 * Refuses, with a problem in `response`, a request that
 *   - is not HTTP/1.x with exactly one Host, or has bytes in its header that belong to no header, two Content-Length, or both
 *     Content-Length and Transfer-Encoding (RFC 9112, 3.2 and 6.3);
 *   - on TCP: has another Host than localhost, 127.0.0.1 or [::1] with `port`; an Origin other than http:// and that Host,
 *     "null" too; a Sec-Fetch-Site other than same-origin or none (same-site is any other port of localhost), but for a
 *     top-level navigation to GET /;
 *   - on the Unix socket: has any Origin, Referer or Sec-Fetch-*: no browser reaches it, so something forwards to it.
 * `path` is the target's path. Returns true if the request may pass.
 */
bool guard_pass(const struct api_request *request, const char *path, uint16_t port, struct api_response *response);

#endif
