"""Messages of services, as lines."""

from __future__ import annotations

import pytest

from labctl.cli.i18n import choose_language
from labctl.cli.ui.render import Plain
from labctl.events import PlayFault


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", ["  deaf: listen: expected failed, found passed", "    it's there", "    \\x1b[31mred"]),
        ("zh", ["  deaf：listen：应为 未通过，实际是 通过", "    在那里"]),
    ],
)
def test_a_failed_expectation_is_printed_with_the_checks_messages(
    capsys: pytest.CaptureFixture[str], language: str, lines: list[str]
) -> None:
    choose_language(language)
    try:
        said = ("it's there\n[zh] 在那里", "\x1b[31mred\n[zh] ")
        Plain()(PlayFault("deaf", "listen", "failed", "passed", said=said))
    finally:
        choose_language("en")
    assert capsys.readouterr().err.splitlines() == lines
