"""What counts as one and the same password, whatever keyboard typed it."""

from __future__ import annotations

import unicodedata

from mip_cli.errors import UsageFault

MIN_LENGTH = 8
"""Characters a new password needs (NIST SP 800-63B-3, 5.1.1.2)."""
MAX_BYTES = 4096
"""UTF-8 bytes a normalised password may have."""


def normalize(text: str, *, new: bool = False) -> bytes:
    """Return the NFKC form as UTF-8; raise ``UsageFault`` when empty, too long or unencodable.

    ``new`` also demands ``MIN_LENGTH`` characters. NFKC as in NIST SP 800-63B-3: the same letters
    from another keyboard or system open the same file.
    """
    normal = unicodedata.normalize("NFKC", text)
    if not normal:
        raise UsageFault("the password is empty")
    if new and len(normal) < MIN_LENGTH:
        raise UsageFault(
            f"the password has fewer than {MIN_LENGTH} characters",
            hint="four or five random words are easy to keep in mind",
        )
    try:
        data = normal.encode()
    except UnicodeEncodeError:
        # from None: the exception quotes the password
        raise UsageFault("the password holds characters that are not valid Unicode") from None
    if len(data) > MAX_BYTES:
        raise UsageFault(f"the password is longer than {MAX_BYTES} bytes")
    return data
