"""The encoding of a file of text, as far as its bytes tell; everything is UTF-8 from here on."""

from __future__ import annotations

import codecs
import io
import re

from kindred.ingest.bytes.lines import BUFFER_BYTES

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
AS_UTF_8 = "make it UTF-8: iconv -f ENCODING -t UTF-8 FILE; `ingest interactions` takes --encoding ENCODING"
"""What to do with a text in an encoding that can't be told."""
_SAMPLE = 4096
_FEW = 0.3
_SIGNS = frozenset("€‚ƒ„…†‡ˆ‰‹‘’“”•–—˜™›  ¡¢£¤¥¦§¨©«¬®¯°±²³´¶·¸¹»¼½¾¿×÷")
_VALID_PAIR = re.compile(rb"[\xc3-\xf4][\x80-\xbf]")


def told_encoding(head: bytes) -> str | None:
    """The encoding of a text that begins so: UTF-16, UTF-32 or Windows-1252; None where it is none of them."""
    return wide_encoding(head) or ("cp1252" if is_windows_1252(head) else None)


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, by the mark at the start or by the zeros between characters; None for anything else."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    sample = head[:_SAMPLE]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    half = max(len(sample) // 2, 1)
    even, odd = sample[::2].count(0) / half, sample[1::2].count(0) / half
    if odd > 1 - _FEW and even < _FEW:
        return "utf-16-le"
    return "utf-16-be" if even > 1 - _FEW and odd < _FEW else None


def is_windows_1252(head: bytes) -> bool:
    """Whether these bytes are text in Windows-1252 (of which Latin-1 is all but a part), and no UTF-8 with a flaw."""
    head = head[: head.rfind(b"\n") + 1] or head
    # UTF-8 whose only signs are £, ° or the like has no such pair: each is Â and a sign in Windows-1252
    if head.isascii() or _VALID_PAIR.search(head) or _text_in(head, "utf-8") is not None:
        return False
    text = _text_in(head, "cp1252")
    if text is None:
        return False
    return all(character.isalpha() or character in _SIGNS for character in set(text) if ord(character) > 127)


def _text_in(head: bytes, encoding: str) -> str | None:
    """The text of these bytes; None where they are none in this encoding."""
    try:
        return head.decode(encoding)
    except UnicodeDecodeError:
        return None


class InUtf8(io.RawIOBase):
    """What a file in another encoding holds, as UTF-8; what can't be read becomes U+FFFD."""

    def __init__(self, content: io.BufferedReader, encoding: str) -> None:
        self._content = content
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ready = b""
        self._at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._ready and not self._at_end:
            chunk = self._content.read(BUFFER_BYTES)
            self._at_end = not chunk
            self._ready = self._decoder.decode(chunk, final=self._at_end).encode("utf-8", "replace")
        part, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(part)] = part
        return len(part)


def in_utf8(content: io.BufferedReader, encoding: str) -> io.BufferedReader:
    """The content as UTF-8."""
    return io.BufferedReader(InUtf8(content, encoding), BUFFER_BYTES)
