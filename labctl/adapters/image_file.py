"""Read an ``image.yml``: convert YAML to :class:`ImageRecipe`, and report every fault with its line, its path and the
allowed values. PyYAML is slow to import, so the catalog keeps decoded copies (see ``catalog``)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from labctl.adapters.lab_file import decode, did_you_mean, invalid
from labctl.domain.lab.model import LabFault
from labctl.domain.lab.recipe import ImageRecipe, faults


def parse(content: bytes, file: Path, parents: Collection[str]) -> ImageRecipe:
    """Return the recipe in that file. ``parents`` are the images that it may start from. Raises InvalidLabError if the
    recipe has faults. The error lists all faults, one in each line."""
    recipe, found = examine(content, file, parents)
    if recipe is None or found:
        raise invalid(file, found)
    return recipe


def examine(
    content: bytes, file: Path, parents: Collection[str]
) -> tuple[ImageRecipe | None, list[tuple[int, str, str]]]:
    """Return the recipe, if it can be decoded, and all its faults as line, path and text. Raises InvalidLabError if the
    file is not YAML."""

    def all_faults(recipe: ImageRecipe) -> list[LabFault]:
        found = faults(recipe)
        if recipe.parent not in parents:
            near = did_you_mean(recipe.parent, parents)
            found.append(
                LabFault("from", f"there is no image {recipe.parent}{near}; there are: {', '.join(sorted(parents))}")
            )
        return found

    return decode(content, file, ImageRecipe, all_faults, "about:, packages: and so on")
