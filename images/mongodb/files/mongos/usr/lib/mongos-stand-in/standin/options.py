"""Options as mongos takes them, from the command line and from a file."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path
from typing import Any

import standin

DESCRIPTION = f"""\
This is {standin.ABOUT}.
It logs clients in and passes their commands to the router's code in the mongod of a shard.
No transactions, no X.509, no TLS, no compression."""


class WrongOptionError(Exception):
    """Invalid options."""


_NAMES = {
    "sharding.configDB": "configdb",
    "security.keyFile": "keyFile",
    "security.clusterAuthMode": "clusterAuthMode",
    "security.authorization": "authorization",
    "security.javascriptEnabled": "scripting",
    "net.port": "port",
    "net.bindIp": "bind_ip",
    "net.bindIpAll": "bind_ip_all",
    "net.ipv6": "ipv6",
    "net.maxIncomingConnections": "maxConns",
    "net.unixDomainSocket.enabled": "unix",
    "systemLog.destination": "destination",
    "systemLog.path": "logpath",
    "systemLog.logAppend": "logappend",
    "systemLog.quiet": "quiet",
    "systemLog.verbosity": "verbosity",
    "systemLog.timeStampFormat": "timeStampFormat",
    "processManagement.fork": "fork",
    "processManagement.pidFilePath": "pidfilepath",
    "processManagement.timeZoneInfo": "timeZoneInfo",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "mongos", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    parser.add_argument("-f", "--config", help="configuration file (YAML)")
    parser.add_argument("--configdb", help="<config replset name>/<host1:port>[,<host2:port>,...]")
    parser.add_argument("--port", help="port to listen on (27017)")
    parser.add_argument("--bind_ip", help="addresses to listen on, with commas (localhost)")
    parser.add_argument("--bind_ip_all", action="store_true", default=None, help="listen on all addresses")
    parser.add_argument("--keyFile", help="the key that the members of the cluster share")
    parser.add_argument("--logpath", help="log to this file")
    parser.add_argument("--logappend", action="store_true", default=None, help="append to the log file")
    parser.add_argument("--fork", action="store_true", default=None, help="run in the background")
    parser.add_argument("--pidfilepath", help="write the process id to this file")
    parser.add_argument("--noscripting", action="store_true", default=None, help="taken; it never runs JavaScript")
    parser.add_argument("--maxConns", help=argparse.SUPPRESS)
    parser.add_argument("--ipv6", action="store_true", default=None, help=argparse.SUPPRESS)
    parser.add_argument("-v", "--verbose", action="count", help=argparse.SUPPRESS)
    parser.add_argument("--quiet", action="store_true", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--setParameter", action="append", help="NAME=VALUE; taken, and without effect here")
    return parser


def _flat(document: Any, before: str = "") -> dict[str, Any]:
    if not isinstance(document, dict):
        raise WrongOptionError("the configuration file is no YAML document of nested names")
    found: dict[str, Any] = {}
    for name, value in document.items():
        path = f"{before}{name}"
        if path == "setParameter":
            continue
        if isinstance(value, dict):
            found |= _flat(value, f"{path}.")
        elif path in _NAMES:
            found[_NAMES[path]] = value
        else:
            raise WrongOptionError(f"Unrecognized option: {path}")
    return found


def nested(said: dict[str, Any]) -> dict[str, Any]:
    """Return options in the form of getCmdLineOpts, which is the form of a file."""
    found: dict[str, Any] = {name: said[name] for name in ("config",) if name in said}
    for path, name in _NAMES.items():
        if name in said:
            at = found
            *sections, last = path.split(".")
            for section in sections:
                at = at.setdefault(section, {})
            at[last] = said[name]
    return found


def parse(words: list[str]) -> dict[str, Any]:
    """Return the options. The command line overrides the file. Raises WrongOptionError."""
    said = {name: value for name, value in vars(_parser().parse_args(words)).items() if value not in (None, False)}
    if "config" in said:
        import yaml

        try:
            read = yaml.safe_load(Path(said["config"]).read_text(encoding="utf-8"))
        except OSError as error:
            raise WrongOptionError(f"Error opening config file '{said['config']}': {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise WrongOptionError(f"Error parsing YAML config file: {error}") from None
        said = {**_flat(read or {}), **said}
    return said


def key(path: str) -> str:
    """Return the key in a key file. Raises WrongOptionError."""
    try:
        mode = Path(path).stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WrongOptionError(f"permissions on {path} are too open")
        text = "".join(Path(path).read_text(encoding="utf-8").split())
    except OSError as error:
        raise WrongOptionError(f"Error reading file {path}: {error.strerror}") from None
    if not 6 <= len(text) <= 1024:
        raise WrongOptionError(f"security key in {path} has length {len(text)}, must be between 6 and 1024 chars")
    return text.lstrip("-").strip()
