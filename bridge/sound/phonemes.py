# ruff: noqa: RUF001 -- the alphabet looks like others
"""The symbols of `<phoneme>` as eSpeak's mnemonics, for the sounds of English."""

from __future__ import annotations

_IPA = {
    "tʃ": "tS", "t͡ʃ": "tS", "dʒ": "dZ", "d͡ʒ": "dZ",
    "p": "p", "b": "b", "t": "t", "d": "d", "k": "k", "g": "g", "ɡ": "g",
    "f": "f", "v": "v", "θ": "T", "ð": "D", "s": "s", "z": "z", "ʃ": "S", "ʒ": "Z",
    "h": "h", "m": "m", "n": "n", "ŋ": "N", "l": "l", "ɹ": "r", "r": "r", "j": "j", "w": "w",
    "iː": "i:", "i": "i", "ɪ": "I", "eɪ": "eI", "ɛ": "E", "e": "E", "æ": "a", "a": "a",
    "ɑː": "A:", "ɑ": "A:", "ɒ": "0", "ɔː": "O:", "ɔ": "O:", "oʊ": "oU", "əʊ": "oU", "o": "oU",
    "ʊ": "U", "uː": "u:", "u": "u:", "ʌ": "V", "ə": "@", "ɚ": "3", "ɜː": "3:", "ɝ": "3:",
    "ɜ": "3:", "aɪ": "aI", "aʊ": "aU", "ɔɪ": "OI", "ɪə": "i@3", "eə": "e@", "ʊə": "U@",
    "ˈ": "'", "ˌ": ",", ".": "", " ": "_", "ː": ":",
}  # fmt: skip
_X_SAMPA = {
    "tS": "tS", "dZ": "dZ",
    "p": "p", "b": "b", "t": "t", "d": "d", "k": "k", "g": "g",
    "f": "f", "v": "v", "T": "T", "D": "D", "s": "s", "z": "z", "S": "S", "Z": "Z",
    "h": "h", "m": "m", "n": "n", "N": "N", "l": "l", "r\\": "r", "r": "r", "j": "j", "w": "w",
    "i:": "i:", "i": "i", "I": "I", "eI": "eI", "E": "E", "e": "E", "{": "a", "a": "a",
    "A:": "A:", "A": "A:", "Q": "0", "O:": "O:", "O": "O:", "oU": "oU", "@U": "oU", "o": "oU",
    "U": "U", "u:": "u:", "u": "u:", "V": "V", "@": "@", "@`": "3", "3:": "3:", "3`": "3:",
    "3": "3:", "aI": "aI", "aU": "aU", "OI": "OI", "I@": "i@3", "e@": "e@", "U@": "U@",
    '"': "'", "%": ",", ".": "", " ": "_", ":": ":",
}  # fmt: skip
_TABLES = {"ipa": _IPA, "x-sampa": _X_SAMPA}


def mnemonics(alphabet: str, symbols: str) -> str | None:
    """`symbols` for eSpeak; None when one is not known, or the alphabet is of another language."""
    table = _TABLES.get(alphabet)
    if table is None:
        return None
    longest = max(map(len, table))
    found: list[str] = []
    at = 0
    while at < len(symbols):
        for size in range(longest, 0, -1):
            known = table.get(symbols[at : at + size])
            if known is not None:
                found.append(known)
                at += size
                break
        else:
            return None
    return "".join(found)
