"""The answer at `/`: where everything is, for people with a browser and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from aiohttp import hdrs, web

from gateway.faces.ops import schemas
from gateway.release import release
from gateway.routing import Face

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Piecework</title>
    <link rel="icon" href="data:,">
    <style>
      body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }}
      td {{ padding: .2rem 1.5rem .2rem 0; vertical-align: top }}
    </style>
  </head>
  <body>
    <h1>Piecework</h1>
    <p>Gives work to AI agents and gets it back done. Version {version}.</p>
    <table>{faces}</table>
    <p><a href="api/docs">Documentation</a> &middot; <a href="openapi.json">OpenAPI</a> &middot;
      <a href="health">Health</a> &middot; <a href="metrics">Metrics</a></p>
  </body>
</html>
"""
_ROW = "<tr><td><code>{path}</code></td><td>{about}</td></tr>"


def welcome(faces: Iterable[Face]) -> schemas.Welcome:
    """Return where everything is; a face that does not say what it is about is not named."""
    known = [schemas.FaceAddress(face.name, face.prefix, face.about) for face in faces if face.about]
    return schemas.Welcome("Piecework", release(), "/api/docs", "/openapi.json", "/health", "/metrics", known)


def wants_page(request: web.Request) -> bool:
    """Tell whether a browser asks."""
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")


def page(known: schemas.Welcome) -> web.Response:
    """Return the same as a page; its links are relative, so that a proxy may put it anywhere."""
    rows = "".join(_ROW.format(path=escape(face.path), about=escape(face.about)) for face in known.faces)
    text = _PAGE.format(version=escape(known.version), faces=rows)
    headers = {"Content-Security-Policy": _POLICY}
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)
