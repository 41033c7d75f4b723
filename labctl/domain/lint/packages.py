"""Faults of the Python packages that the checks of a lab need: ``requirements.txt``."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.domain.lint.fault import LintFault, Rule
from labctl.domain.lint.material import Material
from labctl.domain.requirements import read

REQUIREMENT = Rule(
    "requirement",
    ("{what}", "{what}"),
    ("labctl can't install the packages, and no check could run", "labctl 没法安装这些包，检查一个也跑不起来"),
    (
        "write one package of the index per line, with an upper bound: tabulate==0.9.0",
        "每行写一个索引里的包，并限定版本上限：tabulate==0.9.0",
    ),
)
OWN_PACKAGE = Rule(
    "own-package",
    ("labctl itself installs {package}", "labctl 自己就会安装 {package}"),
    (
        "the checks would import the version of labctl, not the version in this line",
        "检查导入的会是 labctl 带的版本，而不是这一行写的版本",
    ),
    ("remove the line; the checks can import the package anyway", "删掉这一行；检查本来就能导入这个包"),
)


def faults(material: Material) -> Iterator[LintFault]:
    """Yield the faults of the requirements of the checks."""
    page = material.requirements
    if page is None:
        return
    found, unread = read(page.text)
    for line, what in unread:
        yield REQUIREMENT.at(page.path, line, what=what)
    for package in found:
        if package.name in material.own_packages:
            yield OWN_PACKAGE.at(page.path, package.line, package=package.name)
