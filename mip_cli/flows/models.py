"""Face models: which there are, converting the embedded ones, fetching the optional ones."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from mip_cli.config import Settings
from mip_cli.errors import ArtifactMismatch, MipError, NetworkDown, UsageFault
from mip_cli.face import optional, weights
from mip_cli.face.optional import OPTIONAL, OptionalModel
from mip_cli.progress import Progress
from mip_cli.store import files

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = 10.0
"""Seconds until a server must answer, and between two pieces of a download."""
TOTAL_TIMEOUT = 900.0
"""Seconds a whole download may take."""
_CHUNK = 1 << 16
_REDIRECTS = 5
_PUBLIC = 0o644
"""Models are no secrets; a checkout may be shared."""


@dataclass(frozen=True)
class ModelState:
    """One model and whether it can be used."""

    name: str
    """Name for ``mip models pull``, or the file name of an embedded model."""
    kind: str
    """``embedded`` or ``optional``."""
    state: str
    """``ready``, ``missing`` or ``changed`` (another hash than the pinned one)."""
    path: Path
    """Where it is, or would be."""
    sha256: str
    """The pinned hash."""
    licence: str
    """Under which terms its authors give it."""


def list_models(settings: Settings) -> list[ModelState]:
    """Return every model of the product and its state."""
    states = []
    for embedded in weights.EMBEDDED:
        path = weights.models_dir(settings) / embedded.name
        states.append(_state(embedded.name, "embedded", path, embedded.sha256, "CC0-1.0"))
    for model in OPTIONAL.values():
        found = optional.locate_model(model, settings)
        path = found or optional.download_dir(settings) / model.file
        states.append(_state(model.name, "optional", path, model.sha256, model.licence))
    return states


def build_models(settings: Settings, progress: Progress, *, force: bool = False) -> list[Path]:
    """Convert the embedded models that are missing or changed and return what was written.

    Two processes may do so at once: each file appears whole. Raises ``ToolMissing``,
    ``ArtifactMismatch`` and ``StorageFull`` as ``face.weights.converted`` and the store do.
    """
    folder = weights.models_dir(settings)
    wanted = [one for one in weights.EMBEDDED if force or not weights.is_built(settings, one)]
    written = []
    for done, model in enumerate(wanted):
        progress.step(f"converting {model.source}")
        progress.advance(done, len(wanted))
        data = weights.converted(model)
        folder.mkdir(parents=True, exist_ok=True)
        files.atomic_write(folder / model.name, data, mode=_PUBLIC)
        written.append(folder / model.name)
    return written


def ensure_models(settings: Settings, progress: Progress) -> None:
    """Build the embedded models on first use; costs nothing but a look at the folder later.

    A changed file is not replaced here: whoever opens it checks the hash and refuses.
    """
    folder = weights.models_dir(settings)
    if not all((folder / model.name).is_file() for model in weights.EMBEDDED):
        progress.step("building the face models: first use")
        build_models(settings, progress)


def pull_model(
    name: str, settings: Settings, progress: Progress, *, urls: Sequence[str] | None = None
) -> Path:
    """Download an optional model from its official place and return its path.

    ``urls`` replaces the official places; plain http is accepted for this machine only. A model
    that is there already, with its pinned hash, is not fetched again. Raises ``UsageFault`` for an
    unknown name, ``NetworkDown`` when no place answers, ``ArtifactMismatch`` when one serves other
    bytes: then nothing is kept.
    """
    if name not in OPTIONAL:
        raise UsageFault(f"no model is called {name}", hint=f"known: {', '.join(OPTIONAL)}")
    model = OPTIONAL[name]
    folder = optional.download_dir(settings)
    target = folder / model.file
    if _hash_of(target) == model.sha256:
        return target
    failure: MipError | None = None
    for url in model.urls if urls is None else urls:
        progress.step(f"fetching {model.file} from {urlsplit(url).hostname}")
        try:
            data = _download(url, model, progress)
        except (NetworkDown, ArtifactMismatch) as error:
            # A wrong answer is worse news than none: it is what the user hears in the end.
            if not isinstance(failure, ArtifactMismatch):
                failure = error
            continue
        folder.mkdir(parents=True, exist_ok=True)
        files.atomic_write(target, data, mode=_PUBLIC)
        return target
    raise failure or UsageFault(f"no place to fetch {name} from")


def _state(name: str, kind: str, path: Path, sha256: str, licence: str) -> ModelState:
    found = _hash_of(path)
    state = "missing" if found is None else "ready" if found == sha256 else "changed"
    return ModelState(name, kind, state, path, sha256, licence)


def _hash_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _download(url: str, model: OptionalModel, progress: Progress) -> bytes:
    """Return the bytes behind a URL, checked; never more than the model's size in memory."""
    import requests

    hint = f"try again later, or put {model.file} into MIP_MODEL_DIR yourself"
    place, deadline = url, time.monotonic() + TOTAL_TIMEOUT
    received = bytearray()
    try:
        with requests.Session() as session:
            session.headers["Accept-Encoding"] = "identity"
            response = _follow(session, url)
            with response:
                if response.status_code != 200:
                    raise NetworkDown(f"{place} answers {response.status_code}", hint=hint)
                for piece in response.iter_content(_CHUNK):
                    received += piece
                    if len(received) > model.max_bytes:
                        raise ArtifactMismatch(f"{place} serves more bytes than {model.file} has")
                    if time.monotonic() > deadline:
                        raise NetworkDown(f"{place} is too slow", hint=hint)
                    progress.advance(len(received), model.max_bytes)
    except requests.RequestException as error:
        raise NetworkDown(f"cannot fetch {place}: {type(error).__name__}", hint=hint) from error
    if hashlib.sha256(received).hexdigest() != model.sha256:
        raise ArtifactMismatch(
            f"{place} does not serve the pinned {model.file}; nothing was kept",
            hint="the place may have changed the file: do not use it without reading why",
        )
    return bytes(received)


def _follow(session: requests.Session, url: str) -> requests.Response:
    """Open a URL and follow redirects ourselves, so that none leaves https unseen."""
    for _ in range(_REDIRECTS):
        _check_scheme(url)
        response = session.get(url, stream=True, allow_redirects=False, timeout=CONNECT_TIMEOUT)
        if not response.is_redirect:
            return response
        response.close()
        url = urljoin(url, response.headers["location"])
    raise NetworkDown(f"{url} redirects too often")


def _check_scheme(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "127.0.0.1"):
        return
    raise NetworkDown(f"refusing {url}: only https is used", hint="use an https address")
