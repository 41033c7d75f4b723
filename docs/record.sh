#!/bin/bash
# Play the session of README.md on a real engine, in a tmux of 80 columns, and print it. Needs tmux and the images of
# redis-replication; best on an idle machine. Usage: docs/record.sh [--write]. With --write, also put the session into
# README.md and docs/README.zh.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export LABCTL_LEARNER=reader$$  # a new learner, so that the attempts begin at 1
labctl=.venv/bin/labctl
on_tmux() { tmux -L labctl-record "$@"; }
finish() {
    on_tmux kill-server 2>/dev/null || true
    $labctl down redis-replication >/dev/null 2>&1 || true
}
trap finish EXIT
$labctl down redis-replication >/dev/null 2>&1 || true

on_tmux new-session -d -x 80 -y 80 "env -i HOME=$HOME TERM=screen-256color LANG=C.UTF-8 LABCTL_LEARNER=$LABCTL_LEARNER \
    PATH=$PWD/.venv/bin:/usr/bin:/bin PS1='$ ' bash --norc --noprofile -i"

type_and_wait() { # COMMAND, PROMPT: wait until the last line that isn't empty is the prompt
    on_tmux send-keys -- "$1" Enter
    sleep 1
    for _ in $(seq 400); do
        ! on_tmux capture-pane -p | sed '/^$/d' | tail -n 1 | grep -qE "$2" || return 0
        sleep 0.25
    done
    on_tmux capture-pane -p >&2
    echo "no prompt after: $1" >&2
    exit 1
}

ours='^\$ *$'
theirs='^root@master.*# *$'
sleep 1
type_and_wait 'labctl up redis-replication' "$ours"
type_and_wait 'labctl enter master' "$theirs"
type_and_wait 'systemctl cat redis-server | grep OPS' "$theirs"
type_and_wait 'systemctl revert redis-server' "$theirs"
type_and_wait 'rm /usr/local/sbin/redis-free-disk' "$theirs"
type_and_wait 'systemctl restart redis-server' "$theirs"
type_and_wait 'exit' "$ours"
type_and_wait 'labctl verify --task leftover' "$ours"
type_and_wait 'labctl hint leftover' "$ours"
session=$(on_tmux capture-pane -p | sed -e 's/ *$//' -e '/^\$$/d' | cat -s)
printf '%s\n' "$session"
if [ "${1:-}" = --write ]; then
    session=$session .venv/bin/python - <<'PYTHON'
import os, pathlib, re

block = f"```text\n{os.environ['session'].strip()}\n```"
for page in map(pathlib.Path, ("README.md", "docs/README.zh.md")):
    text = re.sub(r"```text\n\$ labctl up.*?```", lambda _: block, page.read_text("utf-8"), count=1, flags=re.DOTALL)
    page.write_text(text, "utf-8")
PYTHON
fi
