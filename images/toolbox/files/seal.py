"""Seal programs: paths that they would load or obey from the box's root are changed to paths below /.labctl.

A learner is root in the box, so any loader, library, NSS module, plugin or configuration there may be hostile. Paths
that are compiled into programs and libraries are replaced in place by paths of the same length. Extra slashes, of which
a path may have any number, fill them up. So a program needs no wrapper that tells its loader the libraries' folder, and
starts without a wrapper.

busybox is static. Debian's busybox reads /etc/passwd and group with its own code, so its id, stat and find do not use
NSS. But its ping, wget and hostname call getaddrinfo, and even a static glibc loads the modules that nsswitch.conf
names. So the same replacements are made in busybox.

Files that describe the box and are only read as data stay the box's own: /etc/passwd, group, shadow, hosts, services,
protocols, resolv.conf, gai.conf, host.conf, localtime, iproute2/*, machine-id and similar files.
"""

import platform

ROOT = b"/.labctl"
TRIPLET = f"{platform.machine()}-linux-gnu".encode()
LOADER = {"x86_64": b"/lib64/ld-linux-x86-64.so.2", "aarch64": b"/lib/ld-linux-aarch64.so.1"}[platform.machine()]

BUSYBOX_ITSELF = b"bbox"
NSS = b"nss.conf"


def require(right: bool, why: object) -> None:
    """End the build if a condition is false."""
    if not right:
        raise SystemExit(f"the toolbox can't be made: {why}")


def below(path: bytes, name: bytes = b"") -> bytes:
    """Return a path of the same length below /.labctl that leads to ``name``. Without ``name`` it leads to no file."""
    name = name or b"-" * max(len(path) - len(ROOT) - 1, 0)
    slashes = len(path) - len(ROOT) - len(name)
    require(slashes > 0 or (slashes == 0 and not name), f"{path!r} is too short for {name!r}")
    return ROOT + b"/" * slashes + name


def moved(path: bytes, name: bytes = b"") -> tuple[bytes, bytes]:
    return path, below(path, name)


# Replacements in every ELF file. A path that begins with another of these paths stands before that path.
EVERYWHERE = dict(
    [
        moved(LOADER, b"lib/ld.so"),
        # The loader's own folders, RUNPATH, gconv, OpenSSL's providers, plugins of libmariadb, krb5, SASL, p11-kit …
        moved(b"/usr/lib/" + TRIPLET + b"/systemd", b"lib"),
        moved(b"/usr/lib/" + TRIPLET, b"lib"),
        moved(b"/lib/" + TRIPLET, b"lib"),
        # The loader's last two folders are too short for a name below /.labctl. They become /sys, which no learner can
        # write.
        (b"/lib/\0/usr/lib/\0", b"/sys/\0/sys/////\0"),
        # Files of the loader.
        moved(b"/etc/ld.so.preload"),
        moved(b"/etc/ld.so.cache"),
        # Files of libc. The second path is the first one, cut because the compiler moves 16 bytes at once. The path of
        # nscd's socket is cut in the same way; there a learner's process could answer instead of the files.
        moved(b"/etc/nsswitch.conf", NSS),
        moved(b"/etc/nsswitch.co"),
        moved(b"/var/run/nscd/so"),
        moved(b"/usr/lib/locale", b"locale"),
        moved(b"/usr/share/locale"),
        # libcrypto's folder, and curl's folder of certificates.
        moved(b"/usr/lib/ssl", b"ssl"),
        moved(b"/etc/ssl/certs", b"ssl"),
        # Settings of libraries, some of which name plugins: jemalloc, GnuTLS, libgcrypt, Kerberos, p11-kit, SASL, LDAP.
        moved(b"/etc/malloc.conf"),
        moved(b"/etc/gnutls"),
        moved(b"/etc/gcrypt"),
        moved(b"/etc/gss/mech"),
        moved(b"/etc/krb5.conf"),
        moved(b"/etc/krb5kdc"),
        moved(b"/etc/pkcs11"),
        moved(b"/usr/share/p11-kit"),
        moved(b"/etc/sasl2"),
        moved(b"/etc/sasl"),
        moved(b"/usr/lib/sasl2"),
        moved(b"/etc/ldap"),
        # Settings of programs.
        moved(b"/etc/busybox.conf"),
        moved(b"/etc/mysql"),
        moved(b"/usr/share/mysql"),
        moved(b"/etc/dpkg"),
        # Programs that other programs would execute: systemctl is-enabled for a script in /etc/init.d, iptables for a
        # kernel module.
        moved(b"/lib/systemd/systemd-sysv-install"),
        moved(b"/proc/sys/kernel/modprobe"),
    ]
)

# A check's command is not in the pid namespace of the /proc that it sees, so /proc/self is not a valid link there.
# busybox executes itself through this link if an applet is called by name. For ps see alone() in collect.py.
ONLY_IN = {
    "bin/busybox": dict([moved(b"/proc/self/exe", BUSYBOX_ITSELF)]),
    "lib/libproc2.so.0": {b"/proc/self": b"/proc/1///"},
}

# Paths that must be found; otherwise the image has other programs than expected: file, path, number. None: at least
# once, because the compiler's choice differs on each architecture.
EXPECTED: dict[str, dict[bytes, int | None]] = {
    "lib/ld.so": {b"/etc/ld.so.preload": 1, b"/etc/ld.so.cache": 2, b"/lib/\0/usr/lib/\0": 2},
    "lib/libc.so.6": {
        b"/etc/nsswitch.conf": 1,
        b"/var/run/nscd/so": None,
        b"/usr/lib/locale": 2,
        b"/usr/lib/" + TRIPLET: 2,
    },
    "lib/libcrypto.so.3": {b"/usr/lib/ssl": None, b"/usr/lib/" + TRIPLET: None},
    "lib/libcurl.so.4": {b"/etc/ssl/certs": None},
    "lib/libproc2.so.0": {b"/proc/self": 2},
    "bin/busybox": {
        b"/etc/nsswitch.conf": 1,
        b"/var/run/nscd/so": None,
        b"/lib/\0/usr/lib/\0": 1,
        b"/usr/lib/locale": 2,
        b"/etc/busybox.conf": 1,
        b"/proc/self/exe": 2,
    },
}


def sealed(name: str, data: bytes) -> bytes:
    """Return the ELF file ``name`` of /.labctl with all replacements."""
    replacements = EVERYWHERE | ONLY_IN.get(name, {})
    expected = dict(EXPECTED.get(name, {}))
    for path, other in replacements.items():
        require(len(path) == len(other), f"{path!r} and {other!r} are of different length")
        found = data.count(path)
        wanted = expected.pop(path, found)
        require(found == wanted or (wanted is None and found > 0), f"{name}: {path!r} stands there {found} times")
        data = data.replace(path, other)
        require(path not in data, f"{name}: {path!r} is left")
    require(not expected, f"{name}: nothing replaces {expected}")
    return data
