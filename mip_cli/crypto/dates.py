"""Days since 1970 and the dates they are, in UTC."""

from __future__ import annotations

import datetime

from mip_cli.crypto.claims import date_number

_EPOCH = datetime.date(1970, 1, 1)
DAY_SECONDS = 24 * 60 * 60


def day_of(moment: float) -> int:
    """Return the day of a Unix time."""
    return int(moment) // DAY_SECONDS


def date_of_day(day: int) -> int:
    """Return a day as the integer year, month, day; ``ValueError`` beyond the year 9999."""
    try:
        return date_number(_EPOCH + datetime.timedelta(days=day))
    except OverflowError:
        raise ValueError("the day is out of range") from None
