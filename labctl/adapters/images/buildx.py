"""Building with BuildKit, where the docker command has the buildx plugin.

python-on-whales finds the command and tells whether the plugin is there. The build itself is a child of our own: its
generator of output can't be woken from another thread, and an interrupt may not have to wait for the next line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

from labctl.adapters.images.stop import Stop
from labctl.threads import Thread


def command(address: str) -> list[str] | None:
    """The docker command for this engine, where it has buildx; else None."""
    if shutil.which("docker") is None:
        return None
    from python_on_whales import DockerClient
    from python_on_whales.exceptions import DockerException

    client = DockerClient(host=address)
    try:
        if not client.buildx.is_installed():
            return None
    except DockerException:
        return None
    return [str(word) for word in client.client_config.docker_cmd]


def arguments(tag: str, build_arguments: Mapping[str, str]) -> list[str]:
    """What follows the docker command. The builder ``default`` is the engine's own BuildKit, which sees its images."""
    words = ["buildx", "build", "--builder", "default", "--progress", "plain", "--load", "--tag", tag]
    for name in sorted(build_arguments):
        words += ["--build-arg", f"{name}={build_arguments[name]}"]
    return [*words, "-"]


def build(
    docker: list[str], tar: bytes, tag: str, build_arguments: Mapping[str, str], line: Callable[[str], None], stop: Stop
) -> int:
    """Build the context in ``tar``; the command's exit code. BuildKit gives the tag at the end, and what it keeps of an
    interrupted build is its cache, which is no image. Raises StoppedError."""
    process = subprocess.Popen(
        [*docker, *arguments(tag, build_arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # No provenance: an attestation makes the image an index, whose id is another at each build.
        env={**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
        start_new_session=True,
    )
    feeder = Thread(target=_feed, args=(process, tar), name="buildx-context", daemon=True)
    with process, stop.waking(process.terminate):
        feeder.start()
        for text in process.stderr or ():
            line(text.decode(errors="replace"))
        return process.wait()


def _feed(process: subprocess.Popen[bytes], tar: bytes) -> None:
    if process.stdin is not None:
        try:
            process.stdin.write(tar)
            process.stdin.close()
        except OSError:
            return  # it ended early; its exit code tells why
