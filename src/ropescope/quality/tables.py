"""Tables, row by row: what Python's own data hold, what arithmetic gives, and seeded records in which values recur."""

from __future__ import annotations

import calendar
import dis
import encodings.aliases
import html.entities
import importlib
import locale
import math
import types
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from ropescope.quality import ledgers

Rows = Callable[[], Iterator[str]]

CODE_PAGES = ("cp1252", "cp437", "iso8859_7", "koi8_r", "mac_roman", "cp1250", "cp866", "iso8859_2", "cp1256", "cp850")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tehran", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")
DISASSEMBLED = ("heapq", "bisect", "textwrap", "shlex", "fnmatch", "csv", "string", "copy", "calendar", "base64")

_ROMAN = (
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
)


def characters(start: int, separator: str) -> Rows:
    """The Unicode database from a code point on, up to 2,000 names."""

    def rows() -> Iterator[str]:
        yield separator.join(("codepoint", "name", "category", "bidirectional", "width", "decomposition"))
        for code in range(start, start + 2000):
            char = chr(code)
            if name := unicodedata.name(char, ""):
                kinds = unicodedata.category(char), unicodedata.bidirectional(char), unicodedata.east_asian_width(char)
                yield separator.join((f"{code:04X}", name, *kinds, unicodedata.decomposition(char)))

    return rows


def html_entities() -> Iterator[str]:
    """The named characters of HTML 5."""
    yield "| entity | code points | character |"
    yield "| --- | --- | --- |"
    for name, text in sorted(html.entities.html5.items()):
        yield f"| &{name} | {' '.join(f'U+{ord(char):04X}' for char in text)} | {text} |"


def locale_names() -> Iterator[str]:
    """Names of locales, Windows' numbers for them, and aliases of encodings."""
    for alias, name in sorted(locale.locale_alias.items()):
        yield f"{alias}\t{name}"
    for number, name in sorted(locale.windows_locale.items()):
        yield f"0x{number:04x}\t{name}"
    for alias, name in sorted(encodings.aliases.aliases.items()):
        yield f"{alias}\t{name}"


def code_pages() -> Iterator[str]:
    """What each byte above 127 stands for in one code page after another."""
    yield "page,byte,code point,name"
    for page in CODE_PAGES:
        for byte in range(128, 256):
            char = bytes([byte]).decode(page, errors="replace")
            yield f"{page},0x{byte:02X},U+{ord(char):04X},{unicodedata.name(char, 'CONTROL')}"


def clock_offsets() -> Iterator[str]:
    """Months of local time in six zones; nothing where the system has no time zone database."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        zones = [ZoneInfo(name) for name in ZONES]
    except ZoneInfoNotFoundError:
        return
    yield "zone              | noon UTC on | local            | offset | name | daylight"
    for year in range(1990, 2030):
        for zone in zones:
            for month in range(1, 13):
                noon = datetime(year, month, 1, 12, tzinfo=ZoneInfo("UTC")).astimezone(zone)
                saving = "yes" if noon.dst() else "no"
                yield (
                    f"{zone.key:<19} | {year}-{month:02d}-01 | {noon:%Y-%m-%d %H:%M} | {noon:%z} | {noon:%Z} | {saving}"
                )


def bytecode() -> Iterator[str]:
    """The disassembly of small modules: offset, operation, argument."""
    for name in DISASSEMBLED:
        yield f"; module {name}"
        for key, value in sorted(vars(importlib.import_module(name)).items()):
            if isinstance(value, types.FunctionType) and value.__module__ == name:
                yield f"; {key}"
                for step in dis.get_instructions(value):
                    yield f"{step.offset:5d}  {step.opname:<28} {step.argrepr}".rstrip()


def factors() -> Iterator[str]:
    """Whole numbers with their factors, number of divisors and totient."""
    yield "n,factors,divisors,totient"
    for n in range(1001, 6000):
        rest, found, p = n, [], 2
        while p * p <= rest:
            while rest % p == 0:
                found.append(p)
                rest //= p
            p += 1
        found += [rest] if rest > 1 else []
        divisors = math.prod(found.count(q) + 1 for q in set(found))
        totient = math.prod(q ** (found.count(q) - 1) * (q - 1) for q in set(found))
        yield f"{n},{'*'.join(map(str, found))},{divisors},{totient}"


def trigonometry() -> Iterator[str]:
    """Sine, cosine and tangent, a sixth of a degree at a time."""
    yield "degrees    sine       cosine     tangent"
    for step in range(1, 2700):
        angle = math.radians(step / 60)
        yield f"{step / 60:8.4f}  {math.sin(angle):.6f}  {math.cos(angle):.6f}  {math.tan(angle):.6f}"


def days() -> Iterator[str]:
    """Days with their week, their place in the year, and the days since 1970."""
    yield "date;weekday;ISO week;day of year;days since 1970-01-01;leap year"
    day = date(2019, 1, 1)
    while day.year < 2025:
        year, week, _ = day.isocalendar()
        leap = "yes" if calendar.isleap(day.year) else "no"
        since = (day - date(1970, 1, 1)).days
        yield f"{day};{calendar.day_name[day.weekday()]};{year}-W{week:02d};{day.timetuple().tm_yday};{since};{leap}"
        day += timedelta(1)


def numerals() -> Iterator[str]:
    """Numbers in five notations."""
    yield "<table><tr><th>decimal</th><th>roman</th><th>hex</th><th>octal</th><th>binary</th></tr>"
    for n in range(300, 3000):
        rest, roman = n, ""
        for value, letters in _ROMAN:
            roman += letters * (rest // value)
            rest %= value
        yield f"<tr><td>{n}</td><td>{roman}</td><td>{n:x}</td><td>{n:o}</td><td>{n:b}</td></tr>"


def normal_distribution() -> Iterator[str]:
    """Density, distribution and upper tail of the standard normal."""
    yield "z\tdensity\tdistribution\tupper tail"
    for step in range(-3000, 3001, 3):
        z = step / 1000
        below = 0.5 * math.erfc(-z / math.sqrt(2))
        yield f"{z:+.3f}\t{math.exp(-z * z / 2) / math.sqrt(2 * math.pi):.6f}\t{below:.6f}\t{1 - below:.6f}"


def squares() -> Iterator[str]:
    """Squares, cubes, roots and logarithms."""
    yield "n,n^2,n^3,sqrt(n),cbrt(n),ln(n)"
    for n in range(101, 5000):
        yield f"{n},{n**2},{n**3},{math.sqrt(n):.5f},{n ** (1 / 3):.5f},{math.log(n):.5f}"


HELD_OUT: dict[str, Rows] = {
    "Unicode from U+0041": characters(0x41, ","),
    "sales": ledgers.sales,
    "HTML entities": html_entities,
    "bank statement": ledgers.bank_statement,
    "clock offsets": clock_offsets,
    "bytecode": bytecode,
    "stock": ledgers.stock,
    "factors": factors,
    "locale names": locale_names,
    "matches": ledgers.matches,
    "code pages": code_pages,
    "sensor readings": ledgers.sensor_readings,
    "days": days,
    "access log": ledgers.access_log,
    "Unicode from U+2190": characters(0x2190, "\t"),
    "numerals": numerals,
    "patients": ledgers.patients,
    "normal distribution": normal_distribution,
    "Unicode from U+1F300": characters(0x1F300, ";"),
    "trigonometry": trigonometry,
}
"""Tables that are scored, the most unlike ones first."""
CALIBRATION: dict[str, Rows] = {
    "orders": ledgers.orders,
    "Unicode from U+0900": characters(0x900, ","),
    "timetable": ledgers.timetable,
    "squares": squares,
    "payroll": ledgers.payroll,
    "Unicode from U+1200": characters(0x1200, " | "),
}
