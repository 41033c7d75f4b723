"""Fill /.labctl with the programs and everything that they load."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import applets
import seal

ROOT = Path("/.labctl")
BUILD = Path(__file__).parent
LIBRARIES = Path("/usr/lib", seal.TRIPLET.decode())

# Programs by their name in /.labctl/bin. The folder also has busybox's applets. Four applets are replaced, because
# testinfra needs `ip --json`, `ls -q`, `nc -z` and `ps -A -o`.
PROGRAMS = {
    **{name: name for name in ("redis-cli", "ss", "ip", "bridge", "ls", "ps", "getent", "dpkg-query", "nft")},
    **{name: name for name in ("systemctl", "journalctl", "openssl", "curl", "socat")},
    **dict.fromkeys(("iptables", "iptables-save", "ip6tables", "ip6tables-save"), "xtables-nft-multi"),
    "nc": "nc.openbsd",
    "mysql": "mariadb",
    "mysqladmin": "mariadb-admin",
}

# Programs that read a learner's settings unless their first argument forbids it.
FIRST_ARGUMENT = {"curl": "-q", "mysql": "--no-defaults", "mysqladmin": "--no-defaults"}

# Libraries that are loaded at run time.
LOADED = (
    "libgcc_s.so.1",  # pthread_cancel
    "libpcre2-8.so.0",  # journalctl --grep
    "libidn2.so.0",
    "ossl-modules/legacy.so",
    *(f"libmariadb3/plugin/{name}.so" for name in ("caching_sha2_password", "client_ed25519", "dialog")),
    *(f"libmariadb3/plugin/{name}.so" for name in ("mysql_clear_password", "sha256_password")),
)


def libraries(path: Path) -> list[Path]:
    """Return all libraries that the loader loads for a program."""
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    seal.require("not found" not in listed, listed)
    return [Path(found) for found in re.findall(r"=> (/\S+)", listed)]


def copy(source: Path, target: Path) -> None:
    """Copy the file that a link leads to, once."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def copy_with_libraries(source: Path, target: Path) -> None:
    """Copy a program and the libraries that it uses. Unused libraries are removed: redis-cli is linked with libsystemd
    and all its libraries, which costs one of the four milliseconds of its start."""
    copy(source, target)
    listed = subprocess.run(["ldd", "-u", source], capture_output=True, text=True, check=False).stdout
    for unused in re.findall(r"^\s+(/\S+)", listed, re.MULTILINE):
        subprocess.run(["patchelf", "--remove-needed", Path(unused).name, target], check=True)
    for library in libraries(target):
        copy(library, ROOT / "lib" / library.name)


def link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def ask_busybox(*arguments: str) -> str:
    done = subprocess.run([ROOT / "bin/busybox", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def busybox() -> None:
    """Install busybox, and a link for each applet."""
    path = ROOT / "bin/busybox"
    copy(Path("/bin/busybox"), path)
    # Absolute, because libc requires this for a link.
    link(ROOT / seal.BUSYBOX_ITSELF.decode(), "/.labctl/bin/busybox")
    names = ask_busybox("--list").split()
    hide = sorted(set(names) & set(PROGRAMS))
    data, renamed = applets.hidden(path.read_bytes(), names, hide)
    path.write_bytes(data)
    for name in names:
        seal.require(("applet not found" in ask_busybox(name, "--help")) == (name in renamed), f"the applet {name}")
        if name in renamed and name not in hide:
            script(ROOT / "bin" / name, f"bin/busybox {renamed[name]}")
        elif name != "busybox":
            link(ROOT / "bin" / name, "busybox")


def script(path: Path, command: str) -> None:
    path.write_text(f'#!/.labctl/bin/busybox sh\nexec /.labctl/{command} "$@"\n')
    path.chmod(0o755)


def program(name: str, file: str) -> None:
    source = Path(shutil.which(file) or file)
    target = ROOT / "bin" / name
    target.unlink(missing_ok=True)
    first = next(other for other in PROGRAMS if PROGRAMS[other] == file)
    if first != name:
        # One program that reads the name of its call.
        link(target, first)
    elif name in FIRST_ARGUMENT:
        copy_with_libraries(source, ROOT / "libexec" / name)
        script(target, f"libexec/{name} {FIRST_ARGUMENT[name]}")
    else:
        copy_with_libraries(source, target)


def alone() -> None:
    """Build ps for use without its own pid. ps first looks for itself in /proc. A check's command is not in the pid
    namespace of the /proc that it sees, so ps takes the first process for itself. The values that ps finds there are
    used only if no other selection is given."""
    name = "libfirst.so"
    subprocess.run(["tcc", "-shared", "-nostdlib", "-o", ROOT / "lib" / name, BUILD / "first.c"], check=True)
    subprocess.run(["patchelf", "--add-needed", name, ROOT / "bin/ps"], check=True)


def data() -> None:
    """Create the files that programs and libraries read below /.labctl after seal.py has changed their paths."""
    for name in ("boot", "nss.conf"):
        copy(BUILD / name, ROOT / ("bin" if name == "boot" else "") / name)
    shutil.copytree("/usr/lib/locale/C.utf8", ROOT / "locale/C.utf8")
    copy(Path("/etc/ssl/openssl.cnf"), ROOT / "ssl/openssl.cnf")
    copy(Path("/etc/ssl/certs/ca-certificates.crt"), ROOT / "ssl/ca-certificates.crt")
    link(ROOT / "ssl/cert.pem", "ca-certificates.crt")


def links() -> None:
    """Write a list of all links. The engine's own builder uses a cached layer even if the target of a link differs.
    With this list, a file differs as well."""
    listed = [f"{path} -> {path.readlink()}\n" for path in sorted(ROOT.rglob("*")) if path.is_symlink()]
    (ROOT / "links").write_text("".join(listed))


def main() -> None:
    busybox()
    for name, file in PROGRAMS.items():
        program(name, file)
    alone()
    for library in (*LOADED, *(f"xtables/{path.name}" for path in (LIBRARIES / "xtables").iterdir())):
        copy_with_libraries(LIBRARIES / library, ROOT / "lib" / library)
    copy(Path(seal.LOADER.decode()), ROOT / "lib/ld.so")
    data()
    links()
    for path in sorted(ROOT.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if content.startswith(b"\x7fELF"):
            path.write_bytes(seal.sealed(str(path.relative_to(ROOT)), content))
    size = sum(path.stat().st_size for path in ROOT.rglob("*") if not path.is_symlink())
    sys.stdout.write(f"/.labctl: {size >> 20} MiB\n")


os.umask(0o022)
main()
