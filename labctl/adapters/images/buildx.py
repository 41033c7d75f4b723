"""Build with BuildKit if the docker command has the buildx plugin.

python-on-whales finds the command and reports whether the plugin is installed. The build itself is a child process of
labctl, because an interrupt must not wait for the next line of output. The output generator of python-on-whales can't
be woken from another thread.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

from labctl.adapters.images.stop import Stop
from labctl.threads import Thread


def command(address: str) -> list[str] | None:
    """Return the docker command for this engine if it has buildx, otherwise None."""
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
    """Return the arguments of the docker command. The builder ``default`` is the engine's own BuildKit, which can
    use the engine's images."""
    words = ["buildx", "build", "--builder", "default", "--progress", "plain", "--load", "--tag", tag]
    for name in sorted(build_arguments):
        words += ["--build-arg", f"{name}={build_arguments[name]}"]
    return [*words, "-"]


def build(
    docker: list[str], tar: bytes, tag: str, build_arguments: Mapping[str, str], line: Callable[[str], None], stop: Stop
) -> int:
    """Build the context in ``tar`` and return the command's exit code. BuildKit sets the tag at the end. An
    interrupted build leaves only entries in BuildKit's cache, and no image. Raises StoppedError."""
    process = subprocess.Popen(
        [*docker, *arguments(tag, build_arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # No provenance: an attestation makes the image an index, and the id of an index changes with each build.
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
            return  # the command ended early; its exit code explains why
