"""Verdicts as JUnit XML, which CI systems and graders read.

There is no standard. This module writes the form that Jenkins' junit plug-in, GitLab and pytest have in common. The
element ``testsuites`` contains a ``testsuite`` for each task. A ``testsuite`` contains a ``testcase`` for each check.
The ``testcase`` of a check that isn't passed contains a ``failure`` or an ``error``.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import msgspec

from labctl.domain.text import visible
from labctl.domain.verdict import Verdict


class Case(msgspec.Struct, frozen=True):
    """A check. ``name`` is the same in every language. ``message`` is one line, ``text`` is the whole text."""

    name: str
    verdict: Verdict
    seconds: float = 0.0
    message: str = ""
    text: str = ""
    properties: Mapping[str, str] = {}


class Suite(msgspec.Struct, frozen=True):
    """A task and its checks."""

    name: str
    cases: Sequence[Case]
    properties: Mapping[str, str] = {}


def document(name: str, suites: Sequence[Suite], at: float, seconds: float) -> str:
    """Return the whole report. ``at`` is in seconds since 1970, ``seconds`` is the duration. Characters that XML
    doesn't allow (most control characters) are written as ``\\x1b``."""
    every = [case for suite in suites for case in suite.cases]
    root = ElementTree.Element("testsuites", {"name": visible(name), **_counts(every), "time": f"{seconds:.3f}"})
    when = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for suite in suites:
        time = f"{sum(case.seconds for case in suite.cases):.3f}"
        said = {"name": visible(suite.name), **_counts(suite.cases), "time": time, "timestamp": when}
        element = ElementTree.SubElement(root, "testsuite", said)
        _properties(element, suite.properties)
        for case in suite.cases:
            _case(element, f"{name}.{suite.name}", case)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    def count(verdict: Verdict) -> str:
        return str(sum(case.verdict is verdict for case in cases))

    failures, errors = count(Verdict.FAILED), count(Verdict.ERROR)
    return {"tests": str(len(cases)), "failures": failures, "errors": errors, "skipped": "0"}


def _case(suite: ElementTree.Element, classname: str, case: Case) -> None:
    said = {"classname": visible(classname), "name": visible(case.name), "time": f"{case.seconds:.3f}"}
    element = ElementTree.SubElement(suite, "testcase", said)
    _properties(element, case.properties)
    if case.verdict is not Verdict.PASSED:
        tag = "failure" if case.verdict is Verdict.FAILED else "error"
        why = {"message": visible(case.message), "type": str(case.verdict)}
        ElementTree.SubElement(element, tag, why).text = visible(case.text)


def _properties(parent: ElementTree.Element, properties: Mapping[str, str]) -> None:
    if properties:
        element = ElementTree.SubElement(parent, "properties")
        for name, value in properties.items():
            ElementTree.SubElement(element, "property", {"name": visible(name), "value": visible(value)})
