"""The frameworks that frameworks.py runs: the least project that each serves, and how a person starts it.

A case is what a person has in a folder, and what he types. `install` names what brings it: "npm:PACKAGE" and "pypi:PACKAGE" are pinned in package.json and
requirements.txt; "debian:PACKAGE" is whatever the machine's Debian has."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    name: str  # the row's in cli/frameworks.def
    install: str
    argv: list
    files: dict = dataclasses.field(default_factory=dict)
    script: str = ""  # of npm's "dev"
    needs: tuple = ()  # what else of package.json its own package.json must name
    prepare: list = dataclasses.field(default_factory=list)  # a command, run in the folder before
    apart: bool = False  # below apart/, which has a package.json of its own
    as_nobody: bool = False  # it refuses to be root's
    is_http: bool = True
    hint: str = ""  # what must be in the hint; "": the name and the flag of the row


PAGE = "<!doctype html><title>x</title><script type=module src=./index.js></script>"


def npm(name, package, script, **files):
    """A project that is started with `npm run dev`."""
    return Case(name, "npm:" + package, ["npm", "run", "dev"], files={**files.pop("files", {})}, script=script, **files)


NPM = [
    npm("astro", "astro", "astro dev", files={"src/pages/index.astro": "<h1>x</h1>"}),
    npm("docusaurus", "@docusaurus/core", "docusaurus start --no-open", apart=True, files={
        "docusaurus.config.js": "module.exports={title:'x',url:'http://x.invalid',baseUrl:'/',"
                                "presets:[['classic',{blog:false,docs:false}]]}",
        "src/pages/index.js": "import React from 'react';export default()=><h1>x</h1>"}),
    npm("eleventy", "@11ty/eleventy", "eleventy --serve", files={"index.md": "# x"}),
    npm("esbuild", "esbuild", "esbuild --servedir=. --serve=8000", files={"index.html": PAGE}),
    npm("http-server", "http-server", "http-server", files={"index.html": PAGE}),
    npm("json-server", "json-server", "json-server db.json", files={"db.json": '{"a":[]}'}),
    npm("live-server", "live-server", "live-server --no-browser", files={"index.html": PAGE}),
    npm("next", "next", "next dev", files={"pages/index.js": "export default()=><h1>x</h1>"}),
    npm("ng serve", "@angular/cli", "ng serve", files={
        "angular.json": '{"version":1,"projects":{"x":{"projectType":"application","root":"","sourceRoot":"src","architect":{'
                        '"build":{"builder":"@angular/build:application","options":{"browser":"src/main.ts","index":'
                        '"src/index.html","tsConfig":"tsconfig.json","outputPath":"dist"},"configurations":{"development":'
                        '{"optimization":false}}},'
                        '"serve":{"builder":"@angular/build:dev-server","options":{"buildTarget":"x:build:development"}}}}}}',
        "tsconfig.json": '{"compilerOptions":{"target":"ES2022","module":"preserve","moduleResolution":"bundler","types":[]},'
                         '"files":["src/main.ts"]}',
        "src/index.html": "<!doctype html><app-root></app-root>",
        "src/main.ts": "import {Component,provideZonelessChangeDetection} from '@angular/core';"
                       "import {bootstrapApplication} from '@angular/platform-browser';"
                       "@Component({selector:'app-root',template:'x'}) class App {}\n"
                       "bootstrapApplication(App,{providers:[provideZonelessChangeDetection()]});"}),
    npm("nuxt", "nuxt", "nuxt dev", files={"app.vue": "<template><h1>x</h1></template>",
                                           "nuxt.config.ts": "export default {compatibilityDate:'2025-01-01'}"}),
    npm("parcel", "parcel", "parcel index.html", files={"index.html": PAGE, "index.js": "1"}),
    npm("react-router", "@react-router/dev", "react-router dev", needs=("@react-router/node", "isbot", "react", "react-dom"), files={
        "vite.config.js": "import {reactRouter} from '@react-router/dev/vite';export default {plugins:[reactRouter()]}",
        "app/routes.js": "import {index} from '@react-router/dev/routes';export default [index('./home.jsx')]",
        "app/root.jsx": "import {Outlet} from 'react-router';export default()=><html><body><Outlet/></body></html>",
        "app/home.jsx": "export default()=><h1>x</h1>"}),
    npm("rsbuild", "@rsbuild/core", "rsbuild dev", files={"src/index.js": "1"}),
    npm("rspack", "@rspack/cli", "rspack serve --mode development", files={
        "src/index.js": "1", "rspack.config.js": "module.exports={plugins:[new (require('@rspack/core').HtmlRspackPlugin)()]}"}),
    npm("serve", "serve", "serve", files={"index.html": PAGE}),
    npm("storybook", "storybook", "storybook dev --ci -p 6006", files={
        ".storybook/main.js": "export default {stories:['../x.stories.js'],framework:'@storybook/html-vite'}",
        "x.stories.js": "export default {title:'x'};export const A={render:()=>'x'}"}),
    npm("vite", "vite", "vite", files={"index.html": PAGE, "index.js": "1"}),
    npm("vue-cli-service", "@vue/cli-service", "vue-cli-service serve", files={
        "src/main.js": "import {createApp,h} from 'vue';createApp({render:()=>h('h1','x')}).mount('#app')",
        "public/index.html": "<!doctype html><div id=app></div>"}),
    npm("webpack-dev-server", "webpack-dev-server", "webpack serve --mode development", files={
        "src/index.js": "1", "public/index.html": PAGE}),
    npm("wrangler", "wrangler", "wrangler dev", files={
        "wrangler.toml": 'name="x"\nmain="x.js"\ncompatibility_date="2025-01-01"\n',
        "x.js": "export default {fetch(){return new Response('x')}}"}),
    Case("vite", "npm:vite", ["npx", "vite", "--port", "3000"], {"index.html": PAGE, "index.js": "1"},
         hint="-- npx vite --port {PORT}"),
    Case("vite", "npm:vite", ["pnpm", "dev"], {"index.html": PAGE, "index.js": "1"}, script="vite",
         hint="-- pnpm dev --port {PORT}"),
    Case("vite", "npm:vite", ["yarn", "dev"], {"index.html": PAGE, "index.js": "1"}, script="vite",
         hint="-- yarn dev --port {PORT}"),
    Case("vite", "npm:vite", ["bun", "run", "dev"], {"index.html": PAGE, "index.js": "1"}, script="vite",
         hint="-- bun run dev --port {PORT}"),
    Case("deno serve", "npm:deno", ["deno", "serve", "main.js"],
         {"main.js": "export default {fetch(){return new Response('x')}}"}),
    Case("bun", "npm:bun", ["bun", "main.js"], {"main.js": "Bun.serve({port:3000,fetch(){return new Response('x')}})"},
         hint="--remap 3000 -- bun main.js"),
]

WSGI = "def app(environ, start):\n    start('200 OK', [])\n    return [b'x']\n"
ASGI = ("async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        while True:\n"
        "            m = await receive()\n"
        "            await send({'type': m['type'] + '.complete'})\n"
        "            if m['type'] == 'lifespan.shutdown':\n"
        "                return\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'x'})\n")
DJANGO = ("import sys\nfrom django.conf import settings\nfrom django.core.management import execute_from_command_line\n"
          "settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY='x')\nurlpatterns = []\n"
          "execute_from_command_line(sys.argv)\n")

PYPI = [
    Case("Django", "pypi:django", ["python3", "manage.py", "runserver"], {"manage.py": DJANGO}),
    Case("fastapi", "pypi:fastapi", ["fastapi", "dev", "main.py"],
         {"main.py": "from fastapi import FastAPI\napp = FastAPI()\n"}),
    Case("flask", "pypi:flask", ["flask", "--app", "x", "run", "--debug"],
         {"x.py": "from flask import Flask\napp = Flask('x')\n"}),
    Case("flask", "pypi:flask", ["python3", "-m", "flask", "--app", "x", "run"],
         {"x.py": "from flask import Flask\napp = Flask('x')\n"}),
    Case("gunicorn", "pypi:gunicorn", ["gunicorn", "x:app"], {"x.py": WSGI}),
    Case("http.server", "debian:python3", ["python3", "-m", "http.server"]),
    Case("hypercorn", "pypi:hypercorn", ["hypercorn", "x:app"], {"x.py": ASGI}),
    Case("jupyter", "pypi:jupyterlab", ["jupyter", "lab", "--no-browser", "--allow-root"]),
    Case("mkdocs", "pypi:mkdocs", ["mkdocs", "serve"], {"mkdocs.yml": "site_name: x\n", "docs/index.md": "# x"}),
    Case("streamlit", "pypi:streamlit", ["streamlit", "run", "x.py", "--server.headless", "true"],
         {"x.py": "import streamlit\nstreamlit.write('x')\n"}),
    Case("uvicorn", "pypi:uvicorn", ["uvicorn", "x:app", "--reload"], {"x.py": ASGI}),
]

POSTGRES = "/usr/lib/postgresql/15/bin/"
RACK = "run ->(e) { [200, {'content-type' => 'text/plain'}, ['x']] }\n"

DEBIAN = [
    Case("caddy", "debian:caddy", ["caddy", "file-server"]),
    Case("caddy", "debian:caddy", ["caddy", "run"], {"Caddyfile": "http://localhost:8080 {\n\trespond x\n}\n"},
         hint="--remap 8080 -- caddy run"),
    Case("hugo", "debian:hugo", ["hugo", "server"], {"config.toml": 'baseURL="http://x.invalid/"\n', "content/_index.md": "x"}),
    Case("jekyll", "debian:jekyll", ["jekyll", "serve"], {"_config.yml": "title: x\n", "index.html": "---\n---\nx"}),
    Case("mysqld", "debian:mariadb-server", ["mariadbd", "--no-defaults", "--datadir=./data", "--socket=./s"],
         prepare=["mariadb-install-db", "--no-defaults", "--datadir=./data", "--skip-test-db"], as_nobody=True, is_http=False),
    Case("nginx", "debian:nginx", ["nginx", "-p", ".", "-c", "nginx.conf"],
         {"nginx.conf": "daemon off; pid x.pid; error_log stderr; events {} http { access_log off; server { listen 8081; } }"},
         hint="--remap 8081 -- nginx"),
    Case("php -S", "debian:php-cli", ["php", "-S", "localhost:8000"], {"index.php": "x"}),
    Case("postgres", "debian:postgresql", [POSTGRES + "postgres", "-D", "data", "-k", "/tmp"],
         prepare=[POSTGRES + "initdb", "-D", "data", "-A", "trust"], as_nobody=True, is_http=False),
    Case("puma", "debian:puma", ["puma"], {"config.ru": RACK}),
    Case("rackup", "debian:ruby-rack", ["rackup"], {"config.ru": RACK}),
    Case("redis-server", "debian:redis-server", ["redis-server"], is_http=False),
]

CASES = NPM + PYPI + DEBIAN
