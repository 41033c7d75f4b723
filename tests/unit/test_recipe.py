"""``image.yml``: the Dockerfile that labctl makes from it, and the hash of the image."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labctl.adapters.catalog import FileCatalog
from labctl.adapters.images.sources import Sources
from labctl.domain import imagery
from labctl.domain.lab.recipe import ImageRecipe, dockerfile, faults
from labctl.domain.lab.schema import image_schema

CATALOG = FileCatalog()
IMAGES = Path(__file__).resolve().parents[2] / "images"
REDIS = ImageRecipe(packages=("redis-server", "redis-tools"), disable=("redis-server.service",))
RECIPES = st.builds(
    ImageRecipe,
    packages=st.lists(st.from_regex(r"\A[a-z0-9][a-z0-9+.-]*[a-z0-9+]\Z"), unique=True).map(tuple),
    disable=st.lists(st.sampled_from(["a.service", "b@.timer"]), unique=True).map(tuple),
    npm=st.lists(st.sampled_from(["ws@8", "@scope/name@^1.2"]), unique=True).map(tuple),
    run=st.lists(st.text(min_size=1)).map(tuple),
)


def test_the_dockerfile_is_what_the_images_of_the_labs_had() -> None:
    assert dockerfile(REDIS, files=False) == (
        r"""# labctl made this file from image.yml.
FROM labctl/box
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    if [ ! -e /usr/sbin/policy-rc.d ]; then \
        printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; \
        chmod 755 /usr/sbin/policy-rc.d; \
        mine=yes; \
    fi; \
    apt-get -q update; \
    apt-get -qy install --no-install-recommends redis-server redis-tools; \
    if [ "${mine:-}" = yes ]; then rm /usr/sbin/policy-rc.d; fi; \
    systemctl -q disable redis-server.service; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/cache/man/* /var/cache/debconf/*-old \
        /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
"""
    )


@given(RECIPES, st.booleans())
def test_the_dockerfile_starts_from_the_parent_and_contains_each_command_on_a_line(
    recipe: ImageRecipe, files: bool
) -> None:
    text = dockerfile(recipe, files=files)
    assert text == dockerfile(recipe, files=files)
    assert set(imagery.references(text)) == {"labctl/box"}
    assert ("COPY files/ /\n" in text) == files
    lines = [line for line in text.split("\n") if line.startswith('RUN ["')]
    assert [json.loads(line.removeprefix("RUN "))[2] for line in lines] == list(recipe.run)


def test_the_image_itself_does_not_contain_mirrors_pip_or_npm() -> None:
    recipe = ImageRecipe(pip=("requests[socks] >=2,<3; python_version > '3'",), npm=("@a/b@1", "ws@8"))
    parts, _, image = dockerfile(recipe, files=False).partition("\nFROM labctl/box\n")
    assert "ARG PIP_INDEX_URL\nARG NPM_CONFIG_REGISTRY\n" in parts
    assert shlex.quote(recipe.pip[0]) in parts and "@a/b@1 ws@8" in parts
    assert "ARG" not in image and "python3-pip" not in image and "npm" not in image
    assert "install --no-install-recommends python3 nodejs;" in image
    assert "ln -s /usr/local/lib/node_modules/@a/b /parts/usr/share/nodejs/@a/b" in parts


@pytest.mark.parametrize(
    ("pip", "said"),
    [
        ("requests==2.32.3", ""),
        ("requests~=2.32", ""),
        ("requests[socks]>=2,<3", ""),
        ("requests", "has no upper bound"),
        ("requests>=2", "has no upper bound"),
        ("requests!=2", "has no upper bound"),
        ("requests @ https://example.org/a.whl", "names an address"),
        ("--index-url=https://example.org", "is an option of pip"),
        ("requests==2 && rm", "is not a requirement"),
    ],
)
def test_requirements_have_an_upper_bound(pip: str, said: str) -> None:
    found = faults(ImageRecipe(pip=(pip,)))
    assert bool(found) == bool(said)
    assert said in "".join(fault.what for fault in found)


def test_the_tag_depends_on_the_content_but_not_on_the_description(tmp_path: Path) -> None:
    def tag(text: str, files: dict[str, str]) -> str:
        folder = tmp_path / "catalog"
        for name, content in {"labs/.keep": "", "images/web/image.yml": text, **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        sources = Sources(FileCatalog([folder], cache=tmp_path / "cache")).images(["web"])
        return imagery.image_tags(sources, "sha256:base")["web"]

    first = tag("packages: [nginx]\n", {})
    assert tag("about: A web server\npackages: [nginx]\n", {}) == first
    assert tag("packages: [nginx]\n", {"images/web/README.md": "x"}) == first
    others = [
        tag("packages: [nginx-light]\n", {}),
        tag("from: redis\npackages: [nginx]\n", {}),
        tag("packages: [nginx]\nrun: ['true']\n", {}),
        tag("packages: [nginx]\n", {"images/web/files/etc/motd": "a"}),
        tag("packages: [nginx]\n", {"images/web/files/etc/motd": "b"}),
    ]
    assert len({first, *others}) == 6


@pytest.mark.parametrize("file", sorted(IMAGES.glob("*/image.yml")), ids=lambda file: file.parent.name)
def test_each_image_yml_matches_the_schema_and_names_it(file: Path) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(image_schema()))
    assert [error.message for error in validator.iter_errors(yaml.safe_load(file.read_text("utf-8")))] == []
    assert file.read_text("utf-8").startswith("# yaml-language-server: $schema=../../docs/image.schema.json\n")
    assert CATALOG.recipe(file.parent.name) is not None


def test_every_field_of_the_schema_is_described() -> None:
    schema = json.loads(image_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    fields = schema["$defs"]["ImageRecipe"]["properties"]
    assert set(fields) == {field.encode_name for field in msgspec.structs.fields(ImageRecipe)}
    assert all("description" in field for field in fields.values())
