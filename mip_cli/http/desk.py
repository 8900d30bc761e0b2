"""One delivery of a credential over HTTP within a process: an issuer's server, and who fetches."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mip_cli.flows.demo.demo_kyc import Desk
from mip_cli.flows.kyc import kyc_issuer, offers
from mip_cli.flows.kyc.kyc_held import HeldView
from mip_cli.http import fetch
from mip_cli.http.issuer import issuer_app
from mip_cli.http.server import LOOPBACK
from mip_cli.progress import Progress


def over_http(desk: Desk, progress: Progress) -> HeldView:
    """Offer a credential, serve it on 127.0.0.1, and fetch it with the transaction code."""
    with _serving(desk) as url:
        prepared = offers.prepare(
            desk.city,
            desk.issuer,
            desk.schema,
            desk.claims,
            days=kyc_issuer.DEFAULT_DAYS,
            hours=1,
            url=url,
        )
        held, _ = fetch.fetch(
            desk.holder,
            desk.passport,
            prepared.by_reference,
            lambda offered: prepared.tx_code,
            progress,
        )
    return held


@contextmanager
def _serving(desk: Desk) -> Iterator[str]:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:
            """Say nothing: paths hold secrets."""

    with socket.create_server((LOOPBACK, 0)) as taken:
        port = int(taken.getsockname()[1])
        url = f"http://{LOOPBACK}:{port}"
        app = issuer_app(offers.Desk(desk.city, desk.issuer), url, lambda line: None)
        server = make_server(
            LOOPBACK, port, app, threaded=True, request_handler=Quiet, fd=taken.fileno()
        )
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
