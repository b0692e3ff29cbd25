"""Zones of times in words: `CET`, `GMT+1`, `Europe/Berlin`, beside a clock; what may be several zones is none."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kindred.ingest.cells.bad_records import BadRecord, Reason

_HOURS = {
    **dict.fromkeys(("UTC", "UT", "GMT", "Z", "WET"), 0.0),
    **dict.fromkeys(("CET", "MEZ", "WEST", "WESZ"), 1.0),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST", "OEZ"), 2.0),
    **dict.fromkeys(("EEST", "OESZ", "MSK", "EAT", "TRT"), 3.0),
    **dict.fromkeys(("MSD", "SAMT"), 4.0),
    **dict.fromkeys(("YEKT", "PKT", "UZT"), 5.0),
    **dict.fromkeys(("OMST", "NOVT"), 6.0),
    **dict.fromkeys(("KRAT", "ICT", "WIB"), 7.0),
    **dict.fromkeys(("IRKT", "HKT", "SGT", "AWST", "WITA", "PHT"), 8.0),
    **dict.fromkeys(("JST", "KST", "YAKT", "WIT"), 9.0),
    **dict.fromkeys(("AEST", "VLAT"), 10.0),
    **dict.fromkeys(("AEDT", "MAGT"), 11.0),
    **dict.fromkeys(("NZST", "PETT"), 12.0),
    **{"NPT": 5.75, "ACST": 9.5, "ACDT": 10.5, "NZDT": 13.0},
    **{"NST": -3.5, "NDT": -2.5, "BRT": -3.0, "ART": -3.0, "UYT": -3.0, "PET": -5.0, "COT": -5.0},
    **{"EST": -5.0, "EDT": -4.0, "CDT": -5.0, "MST": -7.0, "MDT": -6.0, "PST": -8.0, "PDT": -7.0},  # of RFC 5322
    **{"AKST": -9.0, "AKDT": -8.0, "HST": -10.0},
}
_OF_MAIL = re.compile(r"(?:[A-Z][a-z]{2}, ?)?\d{1,2} [A-Z][a-z]{2} \d{2,4} ")
_CENTRAL_IN_MAIL = -6.0  # CST is China's as well, but not by RFC 5322
_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\b\.?)?"
_OFFSET = r"(?:[Zz]|(?:UTC|GMT)?\s?[+-]\d{1,2}(?::?\d{2}){0,2})"
_AFTER_OFFSET = re.compile(  # as Java, browsers and Go write it: the offset says it already
    rf"({_CLOCK}\s*{_OFFSET})\s*(?:\[[\w/+-]+\]|\([^()]*\)|[A-Z]{{2,5}}(?: m=[+-][\d.]+)?)$"
)
_SHIFT = re.compile(rf"({_CLOCK})\s*(?:UTC|GMT)\s?([+-])(\d{{1,2}})(?::?(\d{{2}}))?(?=$| \d{{4}}$)")
_WORD = re.compile(rf"({_CLOCK})\s*[\[(]?((?![AaPp]\.?[Mm]\b)[A-Za-z][A-Za-z_]*(?:/[\w+-]+)*)[\])]?(?=$| \d{{4}}$)")


def without_zone(text: str, field: str) -> tuple[str, tzinfo | None]:
    """The time without the zone that it names, and that zone; None where it names none, or none but an offset.

    Of an hour that comes twice in a night of autumn the first is meant.

    Raises:
        BadRecord: what stands where a zone does is none that is known, or may be several.
    """
    told = _AFTER_OFFSET.sub(r"\1", text)
    if shift := _SHIFT.search(told):
        minutes = int(shift[3]) * 60 + int(shift[4] or 0)
        zone: tzinfo = _of_minutes(minutes if shift[2] == "+" else -minutes, text, field)
    elif shift := _WORD.search(told):
        zone = _zone_of(shift[2], text, field)
    else:
        return told, None
    return told[: shift.end(1)] + told[shift.end() :], zone


def _zone_of(word: str, text: str, field: str) -> tzinfo:
    hours = _HOURS.get(word.upper())
    if hours is None and word == "CST" and _OF_MAIL.match(text):
        hours = _CENTRAL_IN_MAIL
    if hours is not None:
        return UTC if hours == 0 else timezone(timedelta(hours=hours))
    if "/" in word:
        try:
            return ZoneInfo(word)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise _no_zone(word, text, field)


def _of_minutes(minutes: int, text: str, field: str) -> tzinfo:
    if abs(minutes) >= 24 * 60:
        raise _no_zone(f"{minutes // 60:+}", text, field)
    return timezone(timedelta(minutes=minutes))


def _no_zone(word: str, text: str, field: str) -> BadRecord:
    advice = "offsets such as +01:00 are read"
    detail = f"no time: {text[:100]!r}; {word[:40]} is no zone that is known, or may be several: {advice}"
    return BadRecord(Reason.WRONG_TYPE, detail, field)
