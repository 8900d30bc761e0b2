"""The recovery sheet: one printed page that says where a passport is and what to do after a loss.

It holds no secret: the locator names the leaf and opens nothing.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from mip_cli.config import Settings
from mip_cli.crypto.cid import Cid
from mip_cli.errors import UsageFault
from mip_cli.flows import connection
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.enroll import require_home
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.flows.recovery.locator import Locator, format_locator
from mip_cli.models import Kind
from mip_cli.progress import Progress
from mip_cli.store.secrets_codec import PassportStatus


@dataclass(frozen=True)
class Sheet:
    """What is printed; nothing in it is secret."""

    name: str
    """The holder's name for the passport."""
    locator: Locator
    """Where it is."""
    threshold: int | None
    """Guardians who bring it back; None without guardians."""
    guardians: int
    """How many there are; none of them is named."""
    quorum: int | None
    """Guardians who bring it back when it is frozen."""
    created: int
    """Unix time in seconds."""


def make(
    settings: Settings,
    name: str,
    factors: Factors,
    progress: Progress,
    *,
    backup: Cid | None = None,
) -> Sheet:
    """Collect what belongs on the sheet of a passport, from its key file and its chain.

    Raises ``UsageFault`` for a passport that was never enrolled, ``WrongChain``, and what opening
    the passport raises.
    """
    progress.step("checking the chain")
    with connection.connect(settings) as link:
        content = passport_file.unlock(settings, name, factors, progress).unlocked.secrets
        if content.status is not PassportStatus.ENROLLED:
            raise UsageFault(
                f"the passport {name} was not enrolled yet", hint="finish it with `mip enroll`"
            )
        require_home(content, link)
        people = content.guardians.active if content.guardians else None
        has_people = people is not None and Kind.PEOPLE in content.kinds
        locator = Locator(
            chain_id=link.chain_id,
            registry=link.registry.address,
            recovery=link.recovery.address,
            identity_commitment=keys_of(content).identity,
            anchor=content.anchor,
            cid=backup,
        )
        return Sheet(
            name=name,
            locator=locator,
            threshold=people.threshold if people and has_people else None,
            guardians=len(people.members) if people and has_people else 0,
            quorum=people.quorum if people and has_people else None,
            created=int(link.clock()),
        )


def qr_svg(text: str) -> str:
    """Draw a QR code as an SVG element that needs no other file; error correction M."""
    import segno  # needed for this page alone

    drawn = io.BytesIO()
    code = segno.make(text, error="m", micro=False, boost_error=False)
    code.save(drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4, nl=False)
    return drawn.getvalue().decode()


def render(sheet: Sheet) -> bytes:
    """Write the sheet as one HTML page of A4 that loads nothing."""
    text = format_locator(sheet.locator)
    return _PAGE.format(
        name=escape(sheet.name),
        date=f"{datetime.fromtimestamp(sheet.created, UTC):%Y-%m-%d}",
        qr=qr_svg(text),
        locator=_in_lines(text),
        backup=_backup_line(sheet),
        people=_people_line(sheet),
        steps="\n".join(
            f"<tr><th>{escape(loss)}</th><td>{remedy}</td></tr>" for loss, remedy in _steps(sheet)
        ),
    ).encode()


def _in_lines(text: str) -> str:
    """Break a locator after the fields that are long, for the eye of who types it."""
    scheme, version, chain_id, *fields = escape(text).split(":")
    return ":<br>".join([f"{scheme}:{version}:{chain_id}", *fields[:-2], ":".join(fields[-2:])])


def _backup_line(sheet: Sheet) -> str:
    if sheet.locator.cid is None:
        return f"The locator names no backup in IPFS. My backup file lies here: {_BLANK}"
    return f"The backup is in IPFS; the locator names it. Another copy lies here: {_BLANK}"


def _people_line(sheet: Sheet) -> str:
    if sheet.threshold is None:
        return (
            "<strong>This passport has no guardians yet.</strong> Until it has, losing the device "
            "or the password loses the passport: <code>mip guardian invite</code>."
        )
    frozen = "" if sheet.quorum == sheet.threshold else f", {sheet.quorum} once it is frozen"
    return (
        f"{sheet.threshold} of my {sheet.guardians} guardians bring it back together with one of "
        f"my own keys{frozen}. They are not named here: I know who they are."
    )


def _steps(sheet: Sheet) -> list[tuple[str, str]]:
    recover = "<code>mip recover</code>"
    if sheet.threshold is None:
        return [
            (
                "Device or password lost",
                "Without guardians nothing brings the passport back. Set guardians while both are "
                "there, and print this sheet anew.",
            ),
            (
                "Device seen by a stranger",
                "Replace the keys at once with face and password: "
                "<code>mip passport rotate</code>.",
            ),
        ]
    return [
        (
            "Device lost",
            f"On another device: install mip, run {recover} with this locator and the backup. "
            "It makes a message for the guardians; send it to them, compare the check words by "
            "voice. Needed: my password and the guardians. Two days at least.",
        ),
        (
            "Password forgotten",
            f"On my own device: run {recover}. Needed: my face on that device and the guardians. "
            "Two days at least.",
        ),
        (
            "Guardians gone",
            "On my own device: name new ones with <code>mip guardian invite</code> and "
            "<code>mip guardian set</code>. Needed: face and password. Two days.",
        ),
        (
            "Device stolen",
            f"Call the guardians at once and run {recover} on another device. Whoever has the "
            "device and my password can delay this twice; then the passport is frozen and "
            f"{sheet.quorum} guardians decide. He cannot stop it for ever.",
        ),
    ]


_BLANK = '<span class="blank"></span>'
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Recovery sheet of passport {name}</title>
<style>
@page {{ size: A4; margin: 14mm 16mm; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 178mm; color: #000; background: #fff;
  font: 9.5pt/1.35 "DejaVu Sans", Helvetica, Arial, sans-serif; }}
h1 {{ margin: 0; font-size: 19pt; line-height: 1.2; }}
h2 {{ margin: 4mm 0 1.2mm; font-size: 11.5pt; border-bottom: .4mm solid #000; }}
p {{ margin: 1.2mm 0; }}
.lead {{ margin-bottom: 3mm; }}
.where {{ display: flex; gap: 7mm; align-items: flex-start; }}
.where svg {{ flex: none; width: 58mm; height: 58mm; margin: -3mm; }}
@media screen {{ body {{ padding: 16mm 0; }} }}
.locator {{ margin: 3mm 0; padding: 2.5mm; border: .3mm solid #000; overflow-wrap: anywhere;
  font: 9.5pt/1.45 "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
table {{ width: 100%; border-collapse: collapse; }}
th, td {{ padding: 1.3mm 0; border-bottom: .15mm solid #000; text-align: left;
  vertical-align: top; }}
th {{ width: 38mm; padding-right: 4mm; }}
code {{ font: 9pt "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: nowrap; }}
.blank {{ display: block; height: 7mm; border-bottom: .3mm solid #000; }}
ul {{ margin: 1mm 0; padding-left: 5mm; }}
</style>
</head>
<body>
<h1>Recovery sheet</h1>
<p class="lead">Passport <strong>{name}</strong>, printed {date}. Keep it where you keep papers that
matter. It opens nothing: without my keys it is of no use to a finder.</p>

<h2>Where the passport is</h2>
<div class="where">
{qr}
<div>
<p>The square code holds the <strong>locator</strong>, the same as the box below. Scan it, or type
the box as one line; breaks do not matter, capitals do. The last eight characters show a slip.</p>
<p>{backup}</p>
</div>
</div>
<p class="locator">{locator}</p>

<h2>What brings it back</h2>
<p>Two of three: my <strong>face</strong> on my device, my <strong>password</strong>, my
<strong>guardians</strong>.</p>
<p>{people}</p>

<h2>What to do after a loss</h2>
<table>
{steps}
</table>

<h2>What this sheet does not hold</h2>
<ul>
<li>No password, no key, no face, no names of guardians: do not add them by hand.</li>
<li>The locator is not secret, but it tells which entry in the registry is mine: do not publish
it.</li>
<li>Print it anew after a change of guardians or of the backup; a change of password or photo
leaves it as it is.</li>
</ul>
</body>
</html>
"""
