"""``mip face``: look at photos the way enrolment and proofs do."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from mip_cli.cli import _io, _render
from mip_cli.cli._options import example, force_option, json_option, with_settings
from mip_cli.config import Settings
from mip_cli.flows import face as flow
from mip_cli.flows.face import Comparison, Detected

DETECT_SCHEMA = "mip.face.detect/1"
COMPARE_SCHEMA = "mip.face.compare/1"
EVALUATE_SCHEMA = "mip.face.evaluate/1"
backend_option = click.option(
    "--backend",
    metavar="NAME",
    help="dlib-cc0 (default), yunet+dlib, yunet+sface or insightface; see `mip models list`.",
)
output_option = click.option(
    "-o", "--output", type=click.Path(allow_dash=True), metavar="FILE", help="Write a PNG here."
)
photo_type = click.Path(allow_dash=True, path_type=str)


def photo(path: str) -> Path | bytes:
    """Return what the flows read: a path, or the bytes of stdin for ``-``."""
    if path == "-":
        return _io.read_input(path, flow.MAX_PHOTO_BYTES, what="photo")
    return Path(path)


@click.group(epilog=example("mip face compare yesterday.jpg today.jpg"))
def face() -> None:
    """Detect, compare and evaluate faces in photos.

    \b
    A face is a gate, not a key: it holds few bits and cannot be replaced.
    Whether a living person stands before the camera is not checked.
    """


@face.command(
    "detect",
    epilog=example(
        "mip face detect --image me.jpg -o found.png", "mip face detect --image - --json"
    ),
    short_help="Say whether a photo can be used, and why not.",
)
@click.option(
    "--image", required=True, type=photo_type, metavar="FILE", help="A photo, - for stdin."
)
@output_option
@force_option
@backend_option
@json_option
@with_settings
def detect(
    settings: Settings,
    image: str,
    output: str | None,
    force: bool,
    backend: str | None,
    as_json: bool,
) -> None:
    """Say whether enrolment would take a photo, and what to do when not.

    Exit code 0: one usable face; 1: none, several, or one that is too small, blurred or turned
    away. With -o the photo is written with boxes, landmarks and the verdict. A face is a gate, not
    a key; liveness is not checked.
    """
    _one_stdout(output, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        result = flow.detect(photo(image), settings, progress, backend, picture=output is not None)
    if output is not None and result.picture is not None:
        _io.write_output(output, result.picture, force=force)
    if output != "-":
        _io.emit(
            _detect_document(result),
            schema=DETECT_SCHEMA,
            as_json=as_json,
            text=lambda: _detect_text(result),
        )
    if result.refusal is not None:
        if as_json:  # the document says it already
            click.get_current_context().exit(1)
        raise result.refusal


@face.command(
    "compare",
    epilog=example("mip face compare yesterday.jpg today.jpg"),
    short_help="Say whether two photos show the same person.",
)
@click.argument("first", metavar="A", type=photo_type)
@click.argument("second", metavar="B", type=photo_type)
@backend_option
@json_option
@with_settings
def compare(
    settings: Settings, first: str, second: str, backend: str | None, as_json: bool
) -> None:
    """Say whether two photos show the same person, by the rule the circuit proves.

    Exit code 0: they match; 1: they do not, or a photo cannot be used. About one in a thousand
    pairs of strangers matches: a face is a gate, not a key. Liveness is not checked.
    """
    if first == second == "-":
        raise click.UsageError("only one photo can come from stdin")
    with _render.TerminalProgress(quiet=as_json) as progress:
        result = flow.compare(photo(first), photo(second), settings, progress, backend)
    verdict = result.verdict
    document = {
        "match": verdict.match,
        "distance": verdict.distance,
        "threshold": verdict.threshold,
        "largest_difference": verdict.largest_difference,
        "reason": verdict.reason,
        "spec": result.spec.id,
        "spec_id": result.spec.spec_id,
    }
    _io.emit(document, schema=COMPARE_SCHEMA, as_json=as_json, text=lambda: _compare_text(result))
    if not verdict.match:
        click.get_current_context().exit(1)


@face.command(
    "evaluate",
    epilog=example("mip face evaluate --pairs pairs.csv --root photos -o det.png --json"),
    short_help="Count right and wrong verdicts over labelled pairs.",
)
@click.option(
    "--pairs",
    required=True,
    type=photo_type,
    metavar="CSV",
    help="Columns path_a, path_b, same (1 or 0); paths below the root.",
)
@click.option(
    "--root",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the photos.",
)
@output_option
@force_option
@backend_option
@json_option
@with_settings
def evaluate(
    settings: Settings,
    pairs: str,
    root: Path,
    output: str | None,
    force: bool,
    backend: str | None,
    as_json: bool,
) -> None:
    """Count right and wrong verdicts at the fixed threshold over labelled pairs of photos.

    In photos with several people the largest face counts, and hard photos are not refused: the
    matcher is measured, not the gates before it. A photo without any face counts as undetected,
    and its genuine pairs as false non-matches. With -o a DET plot is written (needs the `plot`
    extra). A face is a gate, not a key; liveness is not checked.
    """
    _one_stdout(output, as_json)
    start = time.monotonic()
    with _render.TerminalProgress(quiet=as_json) as progress:
        table = _io.read_input(pairs, flow.MAX_PAIRS_BYTES, what="pairs file")
        report = flow.evaluate(table, root, settings, progress, backend)
        picture = flow.det_picture(report) if output is not None else None
    if output is not None and picture is not None:
        _io.write_output(output, picture, force=force)
    document: dict[str, object] = {
        "false_matches": report.false_matches,
        "false_non_matches": report.false_non_matches,
        "undetected": report.undetected,
        "genuine": report.genuine,
        "impostor": report.impostor,
        "eer": report.eer,
        "eer_threshold": report.eer_threshold,
        "threshold": report.spec.threshold,
        "gated": report.gated,
        "photos": report.photos,
        "spec": report.spec.id,
        "spec_id": report.spec.spec_id,
        "backend": report.spec.backend,
        "elapsed_seconds": round(time.monotonic() - start, 3),
    }

    def text() -> None:
        _render.kv([(name.replace("_", " "), value) for name, value in document.items()])

    if output != "-":
        _io.emit(document, schema=EVALUATE_SCHEMA, as_json=as_json, text=text)


def _one_stdout(output: str | None, as_json: bool) -> None:
    if output == "-" and as_json:
        raise click.UsageError("-o - and --json both want standard output")


def _detect_document(result: Detected) -> dict[str, object]:
    quality = result.quality
    return {
        "usable": result.refusal is None,
        "refusal": result.refusal.message if result.refusal else None,
        "hint": result.refusal.hint if result.refusal else None,
        "width": result.width,
        "height": result.height,
        "faces": [
            {
                "left": found.box.left,
                "top": found.box.top,
                "right": found.box.right,
                "bottom": found.box.bottom,
                "score": round(found.score, 4),
                "counts": found.counts,
            }
            for found in result.faces
        ],
        "landmarks": [list(point) for point in result.landmarks],
        "quality": None
        if quality is None
        else {name: round(value, 4) for name, value in asdict(quality).items()},
        "spec": result.spec.id,
        "backend": result.spec.backend,
    }


def _detect_text(result: Detected) -> None:
    lines: list[tuple[str, object]] = [
        ("usable", "yes" if result.refusal is None else "no"),
        ("faces", len(result.faces)),
    ]
    if result.faces:
        box = result.faces[0].box
        where = f"{box.width:.0f} x {box.height:.0f} pixels at {box.left:.0f}, {box.top:.0f}"
        lines.append(("largest", where))
    if result.quality is not None:
        quality = result.quality
        lines.append(("sharpness", f"{quality.sharpness:.2f}"))
        pose = f"roll {quality.roll:.0f} degrees, yaw {quality.yaw:.2f}, pitch {quality.pitch:.2f}"
        lines.append(("pose", pose))
    lines.append(("backend", result.spec.backend))
    _render.kv(lines)


def _compare_text(result: Comparison) -> None:
    verdict = result.verdict
    _render.kv(
        [
            ("match", "yes" if verdict.match else f"no: {verdict.reason}"),
            ("distance", verdict.distance),
            ("threshold", verdict.threshold),
            ("spec", result.spec.id),
        ]
    )
