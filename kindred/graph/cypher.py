"""Whether a user's Cypher only reads the graph: decided from its tokens, before any engine sees it.

This is the first gate of several (each engine adds its own), and it errs on the side of refusing: whatever two engines
might read differently is refused, so that what is a string or a comment here is one there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kindred.domain.errors import SchemaError

MAX_CHARACTERS = 20_000
MAX_DEPTH = 50  # open brackets: the engines parse by recursion, and a deep enough query would end the process

# A statement, and each part of a UNION, must start with one of these.
_STARTS = frozenset({"MATCH", "OPTIONAL", "WITH", "UNWIND", "RETURN"})
# Words that write, run procedures, or reach files, other databases and the server's settings, wherever they stand.
# fmt: off
_FORBIDDEN = frozenset(
    {
        "ALTER", "ATTACH", "CALL", "CHECKPOINT", "COMMIT", "COPY", "CREATE", "DELETE", "DENY", "DETACH", "DROP",
        "EXPLAIN", "EXPORT", "FOREACH", "GRANT", "IMPORT", "INSERT", "INSTALL", "LOAD", "MERGE", "NODETACH",
        "PROFILE", "REMOVE", "REVOKE", "ROLLBACK", "SET", "TERMINATE", "TRUNCATE", "UNINSTALL", "USE",
    }
)
# fmt: on
# Where the functions that every Neo4j has live; those of its plugins may run Cypher, or reach files and the network.
_NAMESPACES = frozenset({"DATE", "DATETIME", "DURATION", "LOCALDATETIME", "LOCALTIME", "POINT", "TIME", "VECTOR"})
_AGGREGATES = frozenset({"AVG", "COLLECT", "COUNT", "MAX", "MIN", "SUM"})
_OPENING, _CLOSING = "([{", ")]}"

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<string>'(?:[^'\\]|\\[\\'"bfnrt])*'|"(?:[^"\\]|\\[\\'"bfnrt])*")
    | (?P<name>`(?:[^`]|``)+`)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\d+)
    | (?P<sign>[!#-&(-/:-@[\]^{-~])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A piece of a query: kind `string`, `name` (in backticks), `word`, `number` or `sign`, and where it starts."""

    kind: str
    text: str
    start: int

    @property
    def keyword(self) -> str:
        """What the word means, however it is written: case, full-width letters and the like."""
        return unicodedata.normalize("NFKC", self.text).casefold().upper() if self.kind == "word" else ""


def check_read_only(cypher: str) -> None:
    """Makes sure that the query is one statement that reads the graph and does nothing else.

    Raises:
        SchemaError: it may do more, is empty, too long or too deep, or can't be read without doubt.
    """
    tokens = list(_tokens(cypher))
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens:
        raise SchemaError("the query is empty", "for example: MATCH (p:Product) RETURN p.id AS id LIMIT 5")
    _check_depth(tokens)
    for place, token in enumerate(tokens):
        if token.text == ";":
            raise SchemaError("the query holds several statements", "run them one by one")
        if token.keyword in _FORBIDDEN and not _is_name(tokens, place):
            raise SchemaError(
                f"the query holds {token.keyword}, and only reading queries are allowed",
                f"if it is a name, write it as `{token.text}` in backticks",
            )
    _check_functions(tokens)
    _check_starts(tokens)


def check_parameters(cypher: str, parameters: Mapping[str, object]) -> None:
    """Makes sure that every `$name` of the query has a value.

    Raises:
        SchemaError: one has none.
    """
    tokens = list(_tokens(cypher))
    for sign, name in pairwise(tokens):
        if sign.text == "$" and name.text.strip("`") not in parameters:
            raise SchemaError(
                f"the query asks for ${name.text}, which was not given", "give it with --param NAME=VALUE"
            )


def check_aggregates(cypher: str) -> None:
    """Makes sure that no plain aggregate follows a DISTINCT one in the same WITH or RETURN.

    The embedded engine answers 0 or null for it without a word; the other way round it is right.

    Raises:
        SchemaError: one does.
    """
    tokens = list(_tokens(cypher))
    distinct, depth = "", 0
    for word, opening, first in zip(tokens, tokens[1:], tokens[2:], strict=False):
        depth += (word.text in _OPENING) - (word.text in _CLOSING)
        if depth == 0 and word.keyword in ("WITH", "RETURN"):
            distinct = ""
        if word.keyword not in _AGGREGATES or opening.text != "(":
            continue
        if first.keyword == "DISTINCT":
            distinct = word.text
        elif distinct:
            raise SchemaError(
                f"{word.text}(…) stands after {distinct}(DISTINCT …), where the embedded engine miscounts it",
                "write aggregates with DISTINCT last, or in a WITH of their own",
            )


def _tokens(cypher: str) -> Iterator[Token]:
    """Every token that is neither a blank nor a comment."""
    _check_characters(cypher)
    place = 0
    while place < len(cypher):
        found = _TOKEN.match(cypher, place)
        if found is None or cypher.startswith("/*", found.start("sign")):
            raise SchemaError(
                f"the query can't be read from character {place + 1}: {cypher[place : place + 20]!r}",
                "close every quote, backtick and comment; give unusual characters in a parameter",
            )
        if found.lastgroup not in ("space", "comment"):
            yield Token(str(found.lastgroup), found.group(), place)
        place = found.end()


def _check_characters(cypher: str) -> None:
    """Refuses what one engine may read in another way than we do: escapes, and line ends that are not plain."""
    if len(cypher) > MAX_CHARACTERS:
        raise SchemaError(
            f"the query is {len(cypher)} characters long, {MAX_CHARACTERS} at most", "give long lists as a parameter"
        )
    if re.search(r"\\[uU]", cypher):
        raise SchemaError("the query holds a \\u escape", "write the character itself, or give it in a parameter")
    for place, character in enumerate(cypher.replace("\r\n", "\n")):
        if character not in "\t\n" and unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise SchemaError(f"the query holds {character!r} at character {place + 1}", "give it in a parameter")


def _check_depth(tokens: Sequence[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth > MAX_DEPTH:
            raise SchemaError(f"the query nests more than {MAX_DEPTH} brackets", "split it, or use a parameter")


def _check_functions(tokens: Sequence[Token]) -> None:
    """Refuses functions of plugins, and names in backticks that are called."""
    for place, (token, opening) in enumerate(pairwise(tokens)):
        if opening.text != "(" or token.kind not in ("word", "name"):
            continue
        root = place
        while root > 1 and tokens[root - 1].text == "." and tokens[root - 2].kind in ("word", "name"):
            root -= 2
        if token.kind == "name" or (root < place and tokens[root].keyword not in _NAMESPACES):
            name = "".join(part.text for part in tokens[root : place + 1])
            raise SchemaError(f"the query calls {name}, which is not built in", "only built-in functions are allowed")


def _check_starts(tokens: Sequence[Token]) -> None:
    starts = [0]
    for place, token in enumerate(tokens):
        if token.keyword == "UNION" and not _is_name(tokens, place):
            following = tokens[place + 1].keyword if place + 1 < len(tokens) else ""
            starts.append(place + (2 if following in ("ALL", "DISTINCT") else 1))
    for start in starts:
        if start >= len(tokens) or tokens[start].keyword not in _STARTS:
            got = tokens[start].text if start < len(tokens) else "nothing"
            raise SchemaError(
                f"a query starts with {', '.join(sorted(_STARTS))}, got {got!r}", "only reading queries are allowed"
            )


def _is_name(tokens: Sequence[Token], place: int) -> bool:
    """Whether a word stands where only a name can: a property after a dot, a label after a colon, a parameter."""
    if place == 0:
        return False
    before, word = tokens[place - 1], tokens[place]
    if before.text == "$":
        return before.start + 1 == word.start
    if before.text == ".":
        # A dot after a number may end that number, and two dots are a range.
        return place > 1 and (tokens[place - 2].kind in ("word", "name") or tokens[place - 2].text in _CLOSING)
    return before.text == ":" and place > 1 and tokens[place - 2].text not in (":", "?")
