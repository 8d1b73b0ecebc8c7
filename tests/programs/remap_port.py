"""A server with its port in its source; ends once it listens, and prints the port that it has."""

import http.server

with http.server.ThreadingHTTPServer(("", 3000), http.server.SimpleHTTPRequestHandler) as server:
    print(server.socket.getsockname()[1])
