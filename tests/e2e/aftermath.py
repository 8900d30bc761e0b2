"""What an ended command left on a device, and what the next run makes of it."""

from __future__ import annotations

from mip_cli.store.secrets_codec import PassportStatus
from tests.e2e.chains import Chain
from tests.e2e.devices import Device, Holder


def journalled(device: Device) -> dict[str, str]:
    """Every transaction on this device's disk: file name to content."""
    return {p.name: p.read_text() for p in device.data.glob("journal/*/[0-9]*.json")}


def finish_enrolment(holder: Holder, chain: Chain, size: int, nonce: int) -> None:
    """Run the same command again: exactly one passport and one transaction come of it."""
    before = journalled(holder.device)
    done = holder.enroll()
    if done.code == 2:  # the kill came after everything was done
        done.refused(2, "enrolled already")
    else:
        done.succeeded()
    assert chain.size() == size + 1
    assert chain.nonce() == nonce + 1
    after = journalled(holder.device)
    assert len(after) == 1
    assert before.keys() <= after.keys(), "another transaction was signed"
    unlocked = holder.open()
    assert unlocked.secrets.status is PassportStatus.ENROLLED
    assert unlocked.secrets.index == size
    assert not holder.device.leftovers()
