"""Messages of services, as lines."""

from __future__ import annotations

import pytest

from labctl.cli.i18n import choose_language
from labctl.cli.ui.render import Live, Plain
from labctl.events import PlayFault, StepEnded, StepStarted


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


def test_the_progress_ends_with_the_last_running_step(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise its redrawing would damage a list that is drawn afterwards."""
    live = Live()
    live(StepStarted("one", "waiting"))
    live(StepStarted("two", "waiting"))
    live(StepEnded("one"))
    assert live._progress is not None
    live(StepEnded("two"))
    assert live._progress is None
    live.close()
    assert capsys.readouterr().err.count("✓ waiting") == 2
