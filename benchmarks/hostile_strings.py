"""Strings that have broken programs before: 500 and more, made in code, for every text field that a service has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_QUOTES = ("", "'", '"', "`", "\\'", "')", '")', "'}", "\\")
_CYPHER = (
    "MATCH (n) DETACH DELETE n",
    "}) DETACH DELETE n //",
    " OR 1=1 RETURN n //",
    "; DROP TABLE User;",
    " SET n.id = 'x' //",
    " CALL db.labels() YIELD label RETURN label //",
    " LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l //",
    " UNION MATCH (u:User) RETURN u.id //",
    "-[*1..30]-(m) RETURN count(*) //",
)
_SQL = (
    " OR '1'='1",
    "; DROP TABLE users; --",
    " UNION SELECT NULL, NULL --",
    "; SELECT pg_sleep(10) --",
    " AND 1=(SELECT COUNT(*) FROM tabname) --",
    "/**/OR/**/1=1#",
)
_TEMPLATES = (
    "{{7*7}}",
    "{{ config.items() }}",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{% for x in range(9999999) %}x{% endfor %}",
    "${jndi:ldap://127.0.0.1/a}",
    "%s%s%s%s%n",
    "%(password)s",
    "{0.__class__}",
    "{user_id!r:>99999999}",
    "$(id)",
    "`id`",
    "; id",
    "| id",
    "&& id",
    "\n/bin/id",
)
_MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
    "<!--",
    "]]>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>",
    "&#0;&lt;&amp;lt;",
    "data:text/html,<script>alert(1)</script>",
)
_NAMES = ("etc/passwd", "windows/win.ini", "data/keys.json", "graph/graph.lbug", "proc/self/environ", ".env")
_CLIMBS = ("../", "..\\", "..%2f", "%2e%2e/", "..%252f", "....//", "..;/", "%c0%ae%c0%ae/", "/", "file:///", "~/")
_NUMBERS = (
    "0", "-0", "-1", "00", "1e309", "-1e309", "1e-400", "NaN", "Infinity", "-Infinity", "0x7f", "0b1", "1_000", "١٢٣",
    str(2**31), str(2**31 - 1), str(-(2**31) - 1), str(2**53 + 1), str(2**63), str(-(2**63) - 1), str(2**64),
    "9" * 400, "0." + "1" * 400, "1,5", "½", "Ⅷ", "1e1000000000",
)  # fmt: skip
_WORDS = (
    "null", "NULL", "None", "nil", "undefined", "true", "false", "[]", "{}", "[object Object]", "__proto__",
    "constructor", "__init__", "id", "User", "anonymous", "admin", "products", "CON", "aux.txt", ".", "..", "/", "//",
    "?", "#", "%", "%00", "%zz", "%25%32%65", "&k=9", "=", ";", ":", "@", "\\", "\\u0000", "\\x00", "''", '""', " ",
)  # fmt: skip
_SPECIAL = (
    "\u202e", "\u202d", "\u2066", "\u2069", "\u200b", "\u200d", "\u2060", "\ufeff", "\ufffe", "\uffff", "\u00ad",
    "\u2028", "\u2029", "\u0085", "\u00a0", "\u3000", "\u0345", "\u0300" * 60, "Z\u0351\u036b" * 40, "\U0001f469‍👩‍👧‍👦",
    "🏳️‍🌈", "\U0010ffff", "\ud800", "\udfff", "\udc00\ud800", "İstanbul", "ß", "ﬁ", "Å", "A\u030a", "ı",
    "الكل في المجموعة", "ﷺ" * 20, "田中さん", "𝕿𝖍𝖊", "ᴛʜᴇ", "1\u20e3", "\u1680", "\u180e",
)  # fmt: skip


def hostile_strings() -> list[str]:
    """All of them, each once, in the same order every time."""
    return list(dict.fromkeys(_made()))


def _made() -> Iterator[str]:
    yield ""
    for quote, rest in product(_QUOTES, (*_CYPHER, *_SQL)):
        yield f"U00042{quote}{rest}"
    for climb, name in product(_CLIMBS, _NAMES):
        yield climb * (1 if climb in ("/", "file:///", "~/") else 6) + name
    for number in _NUMBERS:
        yield from (number, f"-{number}")
    for code in (*range(0x20), *range(0x7F, 0xA0)):
        yield f"a{chr(code)}b"
        yield chr(code)
    for text in (*_TEMPLATES, *_MARKUP, *_WORDS, *_SPECIAL):
        yield text
        yield f"U00042{text}"
    for times in (255, 256, 257, 512, 513, 4_096, 4_097, 20_000, 70_000):
        yield "x" * times
        yield "é" * times
    for open_, close in (("[", "]"), ('{"a":', "}"), ("(", ")"), ("<b>", "</b>")):
        yield open_ * 500 + close * 500
