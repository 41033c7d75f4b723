"""Decides whether a text, decoded in some encoding, looks like text that people write. Pure. encodings.py uses this
module."""

from __future__ import annotations

import re
import unicodedata

LEGACY = ("gb18030", "cp1252", "big5", "euc-kr", "cp1251", "shift-jis", "cp1250")
"""The encodings that are tried, the most likely first."""

_CODECS = {"big5": "cp950", "euc-kr": "cp949", "shift-jis": "cp932"}

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_HAN_RUN = re.compile(f"[{_HAN}]{{2,4}}")
_HANGUL_RUN = re.compile("[\uac00-\ud7a3]{2,4}")
_WORD = re.compile(r"[^\W\d_]+")
_NO_TEXT = ("Cc", "Cf", "Cn", "Co", "Cs")
_SURNAMES = {
    "gb18030": "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余"
    "潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文欧司上诸",
    "big5": "陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾彭游詹胡施沈余盧梁趙顏柯翁魏孫戴范方"
    "宋鄧杜傅侯曹薛丁卓阮馬董唐藍石蔣古紀姚連馮歐程湯田康姜白鄒尤巫鐘黎韓",
    "euc-kr": "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진지"
    "엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모",
}
# Everyday texts contain these characters only together with letters that GB 2312 doesn't have.
_STRANGE = re.compile("[\u0250-\u02ff\u0370-\u0385\u0460-\u0489\u04a2-\u052f\u0700-\u07ff]")


def codec(encoding: str) -> str:
    """Return Python's codec for an encoding: the variant of Windows, with its additional characters."""
    return _CODECS.get(encoding, encoding)


def plausible(text: str, encoding: str) -> bool:
    """Return whether a person could have written all of the text. A text in ASCII alone is always plausible."""
    beyond = [character for character in text if not character.isascii()]
    if any(unicodedata.category(character) in _NO_TEXT or character == "\ufffd" for character in beyond):
        return False
    match encoding:
        case "gb18030":
            return _is_han(beyond, "gb2312") and not _is_torn(text)
        case "big5":
            return _is_han(beyond, "big5")
        case "euc-kr":
            return all("\uac00" <= character <= "\ud7a3" and not _is_rare(character, "euc-kr") for character in beyond)
        case "shift-jis":
            return all(not "\uff61" <= character <= "\uff9f" for character in beyond)
        case "cp1251":
            return all(map(_is_cyrillic, _WORD.findall(text))) and all(map(str.isalpha, beyond))
        case _:
            return all(map(_is_western, _WORD.findall(text))) and all(c.isalpha() or c in "’‘–" for c in beyond)


def certain_han(data: bytes) -> bool:
    """Return whether all bytes are ASCII or Han characters of GB 2312."""
    try:
        text = data.decode("gb2312")
    except UnicodeDecodeError:
        return False
    return all(character.isascii() or re.match(f"[{_HAN}]", character) for character in text)


def unlikely_utf8(text: str) -> bool:
    """Return whether a text decoded as UTF-8 contains rare letters, and no character that only UTF-8 has. A few words
    in GBK can be valid UTF-8 by chance."""
    return bool(_STRANGE.search(text)) and max(text) < "\u0800"


def surnames(text: str, encoding: str) -> int:
    """Return how many words begin with a common surname of the encoding's language."""
    known = _SURNAMES.get(encoding, "")
    pattern = _HANGUL_RUN if encoding == "euc-kr" else _HAN_RUN
    return sum(word[0] in known for word in pattern.findall(text))


def _is_han(beyond: list[str], common: str) -> bool:
    """Return whether the characters are Han characters, mostly common characters, with their punctuation."""
    han = [character for character in beyond if re.match(f"[{_HAN}]", character)]
    others = [character for character in beyond if character not in han]
    rare = sum(_is_rare(character, common) for character in han)
    return len(han) > 0 and 2 * rare <= len(han) and all(map(_is_beside_han, others))


def _is_beside_han(character: str) -> bool:
    return "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uff5e" or character in "·—…“”‘’×℃ü"


def _is_rare(character: str, common: str) -> bool:
    """Return whether a character is rare. GB 2312 and EUC-KR contain the everyday characters. In Big5, the everyday
    characters end at C67E."""
    try:
        code = character.encode(common)
    except UnicodeEncodeError:
        return True
    return common == "big5" and code > b"\xc6\x7e"


def _is_torn(text: str) -> bool:
    """Return whether a word in Latin letters contains a Han character that is rare or of GB 2312's second level. In GB
    18030, such a character has the same bytes as two accented letters, or as an accented and a plain letter."""
    beside = re.findall(f"[A-Za-z]([{_HAN}])|([{_HAN}])[A-Za-z]", text)
    return any(
        (before or after).encode("gb18030")[:1] > b"\xd7" or _is_rare(before or after, "gb2312")
        for before, after in beside
    )


def _is_western(word: str) -> bool:
    """Return whether the word has only Latin letters, at least a third of them in ASCII, with capitals in correct
    places."""
    beyond = sum(not letter.isascii() for letter in word)
    latin = all(letter.isascii() or "LATIN" in unicodedata.name(letter, "") for letter in word)
    odd = re.search(r"(?<=[^\W\d_A-Z])[\u00c0-\u00de]", word) and not word.isupper()
    return latin and not odd and (3 * beyond <= 2 * len(word) or len(word) == 1)


def _is_cyrillic(word: str) -> bool:
    """Return whether the word is in ASCII, or in Cyrillic with capitals in correct places."""
    if word.isascii():
        return True
    cased = word.islower() or word.isupper() or word.istitle()
    return len(word) > 2 and cased and all("\u0400" <= letter <= "\u04ff" for letter in word)
