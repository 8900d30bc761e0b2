"""Draws a detection error trade-off curve; needs the ``plot`` extra."""

from __future__ import annotations

import io
from statistics import NormalDist

import numpy as np

from mip_cli.errors import ToolMissing
from mip_cli.face.evaluate import Report, error_rates

_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)
_DEVIATE = NormalDist().inv_cdf


def det_png(report: Report) -> bytes:
    """Return the curve as a PNG, axes on the normal deviate scale (ISO/IEC 19795-1).

    Raises ``ToolMissing`` without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ToolMissing(
            "matplotlib is not installed", hint='pip install "mip[plot]", or leave out -o'
        ) from error
    # Undetected photos count as never matching, so rates keep all pairs in the denominator.
    missed = [np.inf] * (report.genuine - len(report.genuine_distances))
    ignored = [np.inf] * (report.impostor - len(report.impostor_distances))
    genuine = np.array([*report.genuine_distances, *missed], dtype=np.float64)
    impostor = np.array([*report.impostor_distances, *ignored], dtype=np.float64)
    _, false_match, false_non_match = error_rates(genuine, impostor)
    low, high = 0.5 / max(report.genuine, report.impostor), 0.9
    figure = Figure(figsize=(5, 5), layout="tight")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(
        [_DEVIATE(value) for value in np.clip(false_match, low, high)],
        [_DEVIATE(value) for value in np.clip(false_non_match, low, high)],
        drawstyle="steps-post",
    )
    at = [
        max(report.false_matches / report.impostor, low),
        max(report.false_non_matches / report.genuine, low),
    ]
    axes.plot(_DEVIATE(at[0]), _DEVIATE(min(at[1], high)), "o", label="fixed threshold")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([_DEVIATE(tick) for tick in _TICKS], [f"{tick:.1%}" for tick in _TICKS])
    span = (_DEVIATE(low) - 0.1, _DEVIATE(high))
    axes.set(
        xlim=span, ylim=span, xlabel="false match rate", ylabel="false non-match rate",
        title=f"{report.spec.id}: EER {report.eer:.2%}, {report.photos} photos",
    )  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    return buffer.getvalue()
