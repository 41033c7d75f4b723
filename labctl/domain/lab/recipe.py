"""An image as ``image.yml`` describes it, and the Dockerfile that labctl makes from it.

The struct is the schema, as for ``lab.yml``. The Dockerfile is part of the hash of the image. So a change of ``about``
rebuilds nothing, and a labctl that writes another Dockerfile rebuilds the image.
"""

# This module has no postponed annotations: see labctl.domain.lab.model.

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from labctl.domain.lab.model import LabFault, Name

FILE = "image.yml"
FILES = "files"
"""The folder beside ``image.yml`` whose content is copied to ``/``."""

DebianPackage = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9][a-z0-9+.-]*[a-z0-9+]$",
        description="the name of a Debian package, such as redis-server",
    ),
]
Unit = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.@-]*\.(?:service|socket|timer|path|target|mount|automount|swap|slice)$",
        description="a unit of systemd with its type, such as nginx.service",
    ),
]
NpmPackage = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(?:@[a-z0-9][a-z0-9._~-]*/)?[a-z0-9][a-z0-9._~-]*@[~^]?[0-9][0-9A-Za-z.+-]*$",
        description="a package of npm with its version, such as ws@8",
    ),
]
ShellCommand = Annotated[str, msgspec.Meta(pattern=r"\S", description="a command of the shell")]


class ImageRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"parent": "from"}):
    """The content of an image: what labctl installs into an image of the catalog. ``about`` is one sentence for
    authors. The order of work: ``packages``, ``disable``, ``pip`` and ``npm``, the folder ``files/``, ``run``."""

    parent: Name = "box"
    about: str = ""
    packages: tuple[DebianPackage, ...] = ()
    disable: tuple[Unit, ...] = ()
    pip: tuple[str, ...] = ()
    npm: tuple[NpmPackage, ...] = ()
    run: tuple[ShellCommand, ...] = ()


def faults(recipe: ImageRecipe) -> list[LabFault]:
    """Return all faults that types can't express: requirements that pip can't read or that have no upper bound, and
    entries that occur twice."""
    return [*_pip_faults(recipe), *_repeated(recipe)]


def _pip_faults(recipe: ImageRecipe) -> Iterator[LabFault]:
    from labctl.domain.requirements import name_of

    for index, requirement in enumerate(recipe.pip):
        try:
            name_of(requirement)
        except ValueError as error:
            yield LabFault(f"pip[{index}]", f"{requirement} {error}")


def _repeated(recipe: ImageRecipe) -> Iterator[LabFault]:
    for field in ("packages", "disable", "pip", "npm"):
        entries: tuple[str, ...] = getattr(recipe, field)
        for index, entry in enumerate(entries):
            if entry in entries[:index]:
                yield LabFault(f"{field}[{index}]", f"{entry} is there twice")


_HEAD = f"# labctl made this file from {FILE}.\n"
_GUARD = r"""    if [ ! -e /usr/sbin/policy-rc.d ]; then \
        printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; \
        chmod 755 /usr/sbin/policy-rc.d; \
        mine=yes; \
    fi; \
"""
_UNGUARD = r"""    if [ "${mine:-}" = yes ]; then rm /usr/sbin/policy-rc.d; fi; \
"""
_CLEAN = r"""    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/cache/man/* /var/cache/debconf/*-old \
        /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
"""
# The settings of the mirrors are arguments of the build. They are known only in a stage that is thrown away, because
# the history of an image shows the arguments of its own steps.
_MIRRORS = "ARG PIP_INDEX_URL\nARG NPM_CONFIG_REGISTRY\n"


def dockerfile(recipe: ImageRecipe, *, files: bool) -> str:
    """Return the Dockerfile. The same recipe gives the same text. ``files`` says whether the folder ``files/`` exists.

    No service starts during the build: if the parent has no ``policy-rc.d`` (invoke-rc.d(8)), the step has one for its
    own time. Packages of pip and npm are installed in a stage of their own, so the image contains neither pip nor npm.
    """
    packages = _with_runtimes(recipe)
    text = _HEAD
    if recipe.pip or recipe.npm:
        text += _parts(recipe)
    text += f"FROM labctl/{recipe.parent}\n"
    if packages:
        text += _install(packages, recipe.disable)
    elif recipe.disable:
        text += f"RUN systemctl -q disable {' '.join(recipe.disable)}\n"
    if recipe.pip or recipe.npm:
        text += "COPY --from=parts /parts/ /\n"
    if files:
        text += f"COPY {FILES}/ /\n"
    # The form with brackets: the command may contain any characters, also line breaks and comments.
    return text + "".join(f"RUN {json.dumps(['/bin/sh', '-euc', command])}\n" for command in recipe.run)


def _with_runtimes(recipe: ImageRecipe) -> tuple[str, ...]:
    """Return the Debian packages, with the programs that run the packages of pip and npm."""
    needed = (("python3", recipe.pip), ("nodejs", recipe.npm))
    return tuple(dict.fromkeys((*recipe.packages, *(name for name, used in needed if used))))


def _install(packages: Iterable[str], disable: Iterable[str]) -> str:
    units = " ".join(disable)
    return (
        "RUN set -eu; \\\n"
        "    export DEBIAN_FRONTEND=noninteractive; \\\n"
        f"{_GUARD}"
        "    apt-get -q update; \\\n"
        f"    apt-get -qy install --no-install-recommends {' '.join(packages)}; \\\n"
        f"{_UNGUARD}" + (f"    systemctl -q disable {units}; \\\n" if units else "") + _CLEAN
    )


def _parts(recipe: ImageRecipe) -> str:
    """Return the stage that installs the packages of pip and npm below ``/parts``."""
    tools = [*(["python3-pip"] if recipe.pip else []), *(["nodejs", "npm"] if recipe.npm else [])]
    steps = [
        "set -eu",
        "export DEBIAN_FRONTEND=noninteractive",
        "apt-get -q update",
        f"apt-get -qy install --no-install-recommends {' '.join(tools)}",
        "mkdir /parts",
    ]
    if recipe.pip:
        # Also install what the stage has already, because the image has no packages of this stage.
        steps.append(
            "pip install --quiet --disable-pip-version-check --no-cache-dir --break-system-packages"
            f" --root-user-action=ignore --ignore-installed --root /parts {_quoted(recipe.pip)}"
        )
    if recipe.npm:
        steps.append(
            f"npm install --global --no-audit --no-fund --no-update-notifier --prefix /parts/usr/local"
            f" {_quoted(recipe.npm)}"
        )
        # Debian's node finds modules of every program only in /usr/share/nodejs.
        for package in recipe.npm:
            name = package.rpartition("@")[0]
            link = f"/parts/usr/share/nodejs/{name}"
            steps.append(f"mkdir -p {link.rpartition('/')[0]}; ln -s /usr/local/lib/node_modules/{name} {link}")
    body = "; \\\n    ".join(steps)
    return f"FROM labctl/{recipe.parent} AS parts\n{_MIRRORS}RUN {body}\n"


def _quoted(words: Iterable[str]) -> str:
    return " ".join(shlex.quote(" ".join(word.split())) for word in words)
