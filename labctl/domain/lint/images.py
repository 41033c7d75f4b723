"""Faults of the images that a lab's boxes start from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labctl.domain.imagery import parent_image
from labctl.domain.lint.fault import LintFault, Rule
from labctl.domain.lint.material import Material

NO_IMAGE = Rule(
    "no-such-image",
    ("there is no image {image}", "没有名为 {image} 的镜像"),
    ("no box could be created", "机器会建不出来"),
    ("use one of: {known}; or write images/{image}/image.yml", "可用的有：{known}；或者写 images/{image}/image.yml"),
)
RECIPE = Rule(
    "image",
    ("{what}", "{what}"),
    ("labctl can't build the image", "labctl 没法构建这个镜像"),
    (
        "docs/image.schema.json and docs/author.md say what is allowed",
        "允许写什么，见 docs/image.schema.json 和 docs/author.md",
    ),
)
LATEST = Rule(
    "latest",
    ("{ref} is the newest image on the day of the build", "{ref} 取决于构建那天最新的是什么"),
    (
        "the lab could change from one day to the next, and nobody would know why",
        "明天构建出来的就可能是另一个实验，而且没人知道原因",
    ),
    ("start from labctl/box", "改为 FROM labctl/box"),
)
FOREIGN = Rule(
    "foreign-image",
    ("{ref} is neither an image of the catalog nor the base", "{ref} 既不是目录里的镜像，也不是基础镜像"),
    ("the build would have to download it, and there may be no registry", "构建时要下载它，而那里可能连不上镜像仓库"),
    (
        "write FROM labctl/NAME with one of: {known}; or FROM {base}",
        "改为 FROM labctl/名字，可用的有：{known}；或 {base}",
    ),
)


def faults(material: Material) -> Iterator[LintFault]:
    """Yield the faults of the lab's images and of all images that they start from."""
    known = ", ".join(sorted(material.images))
    lab = material.lab
    if lab is not None:
        named: list[tuple[str, tuple[str, ...]]] = [(lab.image, ("image",))]
        named += [(box.image, ("boxes", name, "image")) for name, box in lab.boxes.items() if box.image]
        for image, where in named:
            if image not in material.images:
                yield NO_IMAGE.at(material.lab_page.path, material.lab_line(*where), image=image, known=known)
    for path, at, what in material.image_faults:
        yield RECIPE.at(path, at, what=what)
    for file in material.dockerfiles:
        for ref in file.references:
            line = file.page.line_of(rf"^[ \t]*(FROM|COPY)\s.*{re.escape(ref)}")
            if ref.endswith(":latest"):
                yield LATEST.at(file.page.path, line, ref=ref)
            elif ref != material.base and parent_image(ref) not in material.images:
                yield FOREIGN.at(file.page.path, line, ref=ref, known=known, base=material.base)
