"""JUnit XML: well-formed whatever a check reports, and with the same text."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from labctl.domain.junit import Case, Suite, document
from labctl.domain.text import visible
from labctl.domain.verdict import Verdict

anything = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["]]>", "<!--", "&amp;", "\x00\x1b[0m", "\ud800", "\ufffe"]
)
cases = st.builds(
    Case,
    name=anything,
    verdict=st.sampled_from(Verdict),
    seconds=st.floats(0, 1e6),
    message=anything,
    text=anything,
    properties=st.dictionaries(anything, anything, max_size=2),
)
suites = st.lists(st.builds(Suite, name=anything, cases=st.lists(cases, max_size=3)), max_size=3)


def parsed(text: str) -> ElementTree.Element:
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ') and text.endswith(">\n")
    return ElementTree.fromstring(text.encode())


@given(anything, suites)
def test_any_text_gives_well_formed_xml_with_the_same_text(name: str, found: list[Suite]) -> None:
    root = parsed(document(name, found, 0.0, 1.0))
    assert root.get("name") == visible(name)
    told = [
        (case, element)
        for suite, box in zip(found, root, strict=True)
        for case, element in zip(suite.cases, box.findall("testcase"), strict=True)
    ]
    for case, element in told:
        assert element.get("name") == visible(case.name)
        pairs = {item.get("name"): item.get("value") for item in element.findall("properties/property")}
        assert pairs == {visible(key): visible(value) for key, value in case.properties.items()}
        why = element.find("failure" if case.verdict is Verdict.FAILED else "error")
        if case.verdict is Verdict.PASSED:
            assert why is None
        else:
            assert why is not None
            assert (why.get("message"), why.text or "") == (visible(case.message), visible(case.text))


@given(suites)
def test_counts_equal_the_number_of_elements(found: list[Suite]) -> None:
    root = parsed(document("pond", found, 0.0, 1.0))
    for element in (root, *root.findall("testsuite")):
        for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert element.get(name) == str(len(list(element.iter(tag))))


def test_a_report_has_the_form_that_ci_systems_expect() -> None:
    case = Case(
        "test_a.py::test_it",
        Verdict.FAILED,
        0.25,
        "Listens",
        "  found: <nothing> ]]> & \x1b[0m\n",
        {"source": "trusted"},
    )
    assert document("pond", [Suite("listen", [case, Case("b", Verdict.ERROR, 1.0, "gone")])], 60.0, 2.0) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites name="pond" tests="2" failures="1" errors="1" skipped="0" time="2.000">\n'
        '  <testsuite name="listen" tests="2" failures="1" errors="1" skipped="0" time="1.250"'
        ' timestamp="1970-01-01T00:01:00">\n'
        '    <testcase classname="pond.listen" name="test_a.py::test_it" time="0.250">\n'
        "      <properties>\n"
        '        <property name="source" value="trusted" />\n'
        "      </properties>\n"
        '      <failure message="Listens" type="failed">  found: &lt;nothing&gt; ]]&gt; &amp; \\x1b[0m\n</failure>\n'
        "    </testcase>\n"
        '    <testcase classname="pond.listen" name="b" time="1.000">\n'
        '      <error message="gone" type="error" />\n'
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )
