"""What both servers share: limits, one JSON object per fault, no secrets in logs, loopback only."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, request
from werkzeug.exceptions import HTTPException

from mip_cli.crypto import jsontext
from mip_cli.errors import EnvironmentFault, UsageFault
from mip_cli.flows.kyc.offers import Fault, Refused
from mip_cli.http.client import Web

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

Log = Callable[[str], None]
LOOPBACK = "127.0.0.1"
MAX_HEADERS = 16 * 1024
MAX_PARTS = 32
"""Fields of a form."""
CONNECTIONS = 100
THREADS = 4
IDLE_SECONDS = 20
"""After which a connection on which nothing happens is closed."""
REQUEST_SECONDS = 30
"""In which one request must have come whole."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STATUS = {Fault.INVALID_TOKEN: 401, Fault.SERVER_ERROR: 500, Fault.BUSY: 503}
_LOCAL = ("127.0.0.1", "::1", "localhost")
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


def make_app(name: str, url: str, log: Log, *, max_body: int) -> Flask:
    """Return an app that answers every fault in one way and logs no more than its routes.

    It answers whoever comes by the host of ``url`` or as on this machine, and nobody else.
    """
    hosts = {host_of(url), *_LOCAL}
    app = Flask(name, static_folder=None, template_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=max_body, MAX_FORM_MEMORY_SIZE=max_body, MAX_FORM_PARTS=MAX_PARTS
    )

    @app.before_request
    def known_host() -> None:
        # a page whose name was made to lead to this machine still comes by that name
        if host_of(f"http://{request.headers.get('Host', '')}") not in hosts:
            abort(421)

    @app.after_request
    def close(response: Response) -> Response:
        for header, value in _HEADERS.items():
            response.headers.setdefault(header, value)
        # the rule, not the path: paths hold secrets
        rule = request.url_rule.rule if request.url_rule else "(unknown)"
        log(f"{request.method[:8]} {rule} {response.status_code}")
        return response

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        status = _STATUS.get(error.fault, 400)
        response = answer({"error": error.fault, "error_description": error.message}, status)
        if error.fault is Fault.INVALID_TOKEN:
            response.headers["WWW-Authenticate"] = f'Bearer error="{error.fault}"'
        return response

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> Response:
        status = error.code or 500
        words = {
            404: "there is nothing here",
            405: "not by this method",
            413: "the body is too large",
            421: "nobody is served here under this name",
        }
        found = words.get(status, "the request makes no sense")
        response = answer({"error": Fault.INVALID_REQUEST, "error_description": found}, status)
        for header, value in error.get_headers():
            if header == "Allow":
                response.headers[header] = value
        return response

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        # the name alone: messages and traces may quote what was sent
        log(f"failed: {type(error).__name__}")
        said = {"error": Fault.SERVER_ERROR, "error_description": "try again later"}
        return answer(said, 500)

    return app


def host_of(url: str) -> str:
    """Return the host of an address, without its port; empty for none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def answer(document: Mapping[str, object], status: int = 200) -> Response:
    """Return a JSON answer."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status=status, mimetype=_JSON)


def form(found: Request) -> MultiDict[str, str]:
    """Return a form without repeated fields; raise ``Refused`` for anything else."""
    if found.mimetype != _FORM:
        raise Refused(Fault.INVALID_REQUEST, f"the body must be {_FORM}")
    fields = found.form
    if found.args or any(len(values) != 1 for _, values in fields.lists()):
        raise Refused(Fault.INVALID_REQUEST, "a parameter is repeated or stands in the address")
    return fields


def members(found: Request, fault: Fault) -> dict[str, object]:
    """Return a body's JSON object; raise ``Refused`` for anything else."""
    if found.mimetype != _JSON:
        raise Refused(fault, f"the body must be {_JSON}")
    try:
        document = jsontext.parse(found.get_data(cache=False))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refused(fault, "the body is no sound JSON object")
    return document


def bearer(found: Request) -> str:
    """Return the token of a request; empty when there is none."""
    scheme, _, token = found.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and len(token) <= 256 else ""


def serve(app: Flask, port: int, ready: Callable[[int], None], *, max_body: int) -> None:
    """Serve until the process is told to end; ``ready`` gets the port that was taken.

    Raises ``EnvironmentFault`` when the port is not to be had.
    """
    server = listen(app, port, max_body=max_body)
    told: list[int] = []

    def end(signum: int, frame: FrameType | None) -> None:
        # the server's loop swallows what a handler of ours raises, unless it is this
        told.append(signum)
        raise SystemExit

    before = signal.getsignal(signal.SIGTERM)
    own = threading.current_thread() is threading.main_thread() and callable(before)
    if own:
        signal.signal(signal.SIGTERM, end)
    try:
        ready(int(server.effective_port))
        server.run()
    except SystemExit:
        if not told:
            raise
    finally:
        server.close()
        if own:
            signal.signal(signal.SIGTERM, before)
    if told and callable(before):
        before(told[0], None)


def listen(app: Flask, port: int, *, max_body: int, patience: float = REQUEST_SECONDS) -> Any:
    """Return a server that listens, and closes on whoever sends one request for too long."""
    from waitress import create_server

    try:
        taken = socket.create_server((LOOPBACK, port))
    except OSError as error:
        reason = (error.strerror or "unknown failure").lower()
        raise EnvironmentFault(f"cannot listen on port {port} of {LOOPBACK}: {reason}") from None
    server = create_server(
        app,
        sockets=[taken],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=min(5, patience),
        max_request_header_size=MAX_HEADERS,
        # beyond the app's own limit, so that its answer is the one that is seen
        max_request_body_size=4 * max_body,
        ident=None,
        expose_tracebacks=False,
        clear_untrusted_proxy_headers=True,
    )
    idle, begun = server.maintenance, dict[int, tuple[object, float]]()

    def maintain(now: float) -> None:
        # waitress closes silent connections; one that drips is never silent
        idle(now)
        half = [c for c in server.active_channels.values() if c.request is not None]
        known = {id(channel): begun.get(id(channel), (None, now)) for channel in half}
        begun.clear()
        for channel in half:
            request, since = known[id(channel)]
            begun[id(channel)] = (channel.request, since if request is channel.request else now)
            if now - begun[id(channel)][1] >= patience:
                channel.will_close = True

    server.maintenance = maintain
    return server


def origin_for(url: str | None, port: int) -> str:
    """Return the origin that a server is reached at; raise ``UsageFault`` for no origin."""
    if url is None and port == 0:
        raise UsageFault("with any port, name the origin", hint="add --url, or choose a --port")
    origin = url or f"http://{LOOPBACK}:{port}"
    if Web(origin, "your server").origin != origin:
        raise UsageFault("--url takes an origin, such as https://example.org")
    return origin
