#!/bin/bash
# Prepare a fresh checkout to run labs. The script installs missing packages and starts the Docker engine if none runs.
# It does not change parts that already work. Run it as root, or as a user with sudo, on Debian 12 or newer or on a
# distribution that derives from Debian.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'TEXT'
Usage: ./setup.sh                   install missing packages
       ./setup.sh up LAB            … and bring a lab up, e.g. redis-replication
       ./setup.sh test [PYTEST…]    … and run every test
       ./setup.sh vm [PYTEST…]      … and run the boxes' tests in a virtual machine with cgroup v2
TEXT
}

main() {
    local command=${1:-install}
    [ $# -eq 0 ] || shift
    case $command in
        install | test | vm) ;;
        up) [ $# -gt 0 ] || die "up needs the name of a lab" "no lab was named" "./setup.sh up redis-replication" ;;
        help | -h | --help) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac

    log=$(mktemp "${TMPDIR:-/tmp}/labctl-setup.XXXXXX")
    trap 'rm -f "$log"' EXIT
    packages "$command"
    engine "$command" "$@"
    environment "$command"

    case $command in
        install) finish "labctl up redis-replication" ;;
        up)
            .venv/bin/labctl up "$@"
            .venv/bin/labctl show "$1"
            finish "labctl status"
            ;;
        test) tests "$@" ;;
        vm) as_root tests/vm/run "$@" ;;
    esac
}

finish() { # NEXT COMMAND
    printf '\n'
    [ -z "${LABCTL_SETUP_IN_GROUP:-}" ] || printf 'Until you log in again:       newgrp docker\n'
    printf 'To have labctl on your PATH:  . .venv/bin/activate\nNext:                         %s\n' "$1"
}

die() { # WHAT WHY NEXT
    printf '✗ %s\n  why:  %s\n  next: %s\n' "$1" "$2" "$3" >&2
    exit 1
}

step() { # NAME COMMAND…: run a command and print one line; the output goes to the log and is shown on failure
    local name=$1 start=$SECONDS
    shift
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        trap - EXIT
        printf '✗ %s (%s s)\n' "$name" "$((SECONDS - start))" >&2
        tail -n 12 "$log" | sed 's/^/  | /' >&2
        printf '  next: read %s, fix the error, and run ./setup.sh again\n' "$log" >&2
        exit 1
    fi
    printf '✓ %s (%s s)\n' "$name" "$((SECONDS - start))"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "installing packages and starting the engine needs root" "you are $(id -un), and there is no sudo" "run ./setup.sh as root, or install sudo"
    fi
}

has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

packages() { # COMMAND
    local missing=() pair programs="mmdebstrap ssh:openssh-client ip:iproute2 iptables pgrep:procps"
    # If a user runs mmdebstrap, mmdebstrap works in a user namespace.
    [ "$(id -u)" = 0 ] || programs+=" newuidmap:uidmap"
    [ "$1" != test ] || programs+=" sshd:openssh-server"
    # Debian does not install PostgreSQL's server programs in PATH.
    [ "$1" != test ] || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
    [ "$1" != vm ] || programs+=" qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs git"
    python_is_fit || missing+=(python3 python3-venv)
    engine_answers || has dockerd || missing+=(docker.io)
    for pair in $programs; do
        has "${pair%:*}" || missing+=("${pair#*:}")
    done
    [ -d /run/systemd/system ] || mountpoint -q /sys/fs/cgroup || missing+=(cgroupfs-mount)
    [ -s /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
    # On a kernel with AppArmor the engine can't start containers without apparmor_parser. Debian only recommends that
    # package to docker.io.
    [ ! -e /sys/kernel/security/apparmor ] || has apparmor_parser || missing+=(apparmor)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "this system's packages can't be installed by this script" "it has no apt-get" \
        "install these packages by hand (names of Debian): ${missing[*]}; then run ./setup.sh again"

    [ "$(id -u)" = 0 ] || echo "  sudo installs: ${missing[*]}"
    as_root true
    step "package lists updated" as_root apt-get -q -o DPkg::Lock::Timeout=300 update
    # Newer releases have the docker command in a separate package.
    [[ " ${missing[*]} " != *" docker.io "* ]] || ! apt-cache show docker-cli >/dev/null 2>&1 || missing+=(docker-cli)
    step "packages installed: ${missing[*]}" as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}"
    [ "$(id -u)" = 0 ] || grep -q "^$(id -un):" /etc/subuid || step "subordinate user ids added" as_root usermod \
        --add-subuids 100000-165535 --add-subgids 100000-165535 "$(id -un)"
    python_is_fit || die "Python 3.11 or newer with venv is needed" "this system has $(python3 --version 2>&1)" \
        "install one and run: PYTHON=/path/to/python3 ./setup.sh"
}

venv_is_ours() { # false for the .venv of a checkout that was moved or copied here
    .venv/bin/python -c '' 2>/dev/null && head -n 3 .venv/bin/pip 2>/dev/null | grep -qF "$PWD/.venv/"
}

python_is_fit() {
    venv_is_ours ||
        "${PYTHON:-python3}" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

engine_answers() { # [PREFIX…]: try DOCKER_HOST, the docker context, or the usual socket
    if command -v docker >/dev/null; then
        "$@" timeout 20 docker version >/dev/null 2>&1
    else
        local address=${DOCKER_HOST:-unix:///var/run/docker.sock}
        command -v curl >/dev/null && "$@" curl -sf -m 20 --unix-socket "${address#unix://}" http://engine/version >/dev/null 2>&1
    fi
}

engine() { # COMMAND AND ITS ARGUMENTS, which a restart of this script needs
    ! engine_answers || return 0
    local context=${DOCKER_HOST:-$(docker context inspect -f '{{.Name}}' 2>/dev/null || echo default)}
    [ "$context" = default ] || die "the Docker engine ($context) doesn't answer" "DOCKER_HOST or a docker context chose it" \
        "start that engine, or use the engine of this machine: unset DOCKER_HOST; docker context use default"
    if [ "$(id -u)" = 0 ] || ! engine_answers as_root; then
        step "Docker engine started" start_engine
    fi
    ! engine_answers || return 0
    join_group "$@"
}

start_engine() {
    local alive=(pgrep -x dockerd)
    if [ -d /run/systemd/system ]; then
        as_root systemctl enable --now docker
        alive=(systemctl is-active docker)
    else
        # There is no systemd here, so perhaps the cgroups are not mounted.
        mountpoint -q /sys/fs/cgroup || as_root cgroupfs-mount
        # setsid gives dockerd its own session, without open files of this shell: dockerd goes on after this script.
        as_root sh -c 'setsid dockerd >>/var/log/labctl-dockerd.log 2>&1 </dev/null &'
        sleep 1
    fi
    for _ in $(seq 120); do
        ! engine_answers as_root || return 0
        "${alive[@]}" >/dev/null || break
        sleep 0.5
    done
    echo "dockerd $("${alive[@]}" >/dev/null && echo "doesn't answer after 60 s" || echo "has ended"). Its last log lines:"
    as_root grep -v level=info /var/log/labctl-dockerd.log | tail -n 8 || as_root journalctl -u docker -n 8 --no-pager
    return 1
}

join_group() { # users of the engine are in the group docker; an open session does not get a new group
    [ -z "${LABCTL_SETUP_IN_GROUP:-}" ] || die "the Docker engine can't be reached" "the group docker has no access to its socket" \
        "check the group of the socket: ls -l /var/run/docker.sock"
    if ! id -nG "$(id -un)" | grep -qw docker; then
        as_root usermod -aG docker "$(id -un)"
        echo "✓ $(id -un) added to the group docker (as powerful as root); active in this run and in new logins"
    fi
    command -v sg >/dev/null || die "the Docker engine can't be reached yet" "this session isn't in the group docker" \
        "log in again, and run ./setup.sh again"
    rm -f "$log"
    # The inner sg restores the user's primary group and keeps docker as an additional group. newuidmap(1) needs this.
    LABCTL_SETUP_IN_GROUP=1 exec sg docker -c "exec sg $(id -gn) -c $(printf '%q' "$(printf '%q ' ./setup.sh "$@")")"
}

environment() { # COMMAND
    local extra=() have='' own tests wanted
    own=$(sha256sum <pyproject.toml)
    tests="$own$(sha256sum <requirements-dev.txt)"
    wanted=$own
    if [ "$1" = test ] || [ "$1" = vm ]; then
        # The lock file fixes the versions. A learner's installation takes any version that pyproject.toml allows.
        extra=(--group dev --constraint requirements-dev.txt)
        wanted=$tests
    fi
    ! venv_is_ours || have=$(cat .venv/labctl-setup 2>/dev/null) || true
    # An environment with the tests' packages also has all packages of labctl.
    [ "$have" != "$wanted" ] && [ "$have" != "$tests" ] || return 0
    venv_is_ours || step "virtual environment .venv" "${PYTHON:-python3}" -m venv --clear .venv
    # Debian's pip is too old for dependency groups.
    [ ${#extra[@]} -eq 0 ] || step "pip" .venv/bin/python -m pip install --upgrade 'pip>=25.1'
    step "labctl and the Python packages it needs" .venv/bin/python -m pip install -e . "${extra[@]}"
    echo "$wanted" >.venv/labctl-setup
}

tests() { # PYTEST ARGUMENTS…
    PATH=$PWD/.venv/bin:$PATH
    step "ruff check" ruff check .
    step "ruff format" ruff format --check .
    step "types" tests/types
    step "shell scripts" tests/shell
    step "spelling" codespell
    pytest "$@"
}

main "$@"
