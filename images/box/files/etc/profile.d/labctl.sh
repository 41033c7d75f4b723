# nano and other programs do not start if terminfo(5) doesn't know the terminal. Then use xterm-256color, because most
# terminals are compatible with it.
if [ -n "${TERM:-}" ] && ! infocmp "$TERM" >/dev/null 2>&1; then
    export TERM=xterm-256color
fi
# The prompt and the greeting of an interactive shell: the box, its lab, and the next commands.
if [ -n "${BASH_VERSION:-}" ] && [ -n "${PS1:-}" ]; then
    . /usr/share/bash-completion/bash_completion
    lab=
    [ -r /etc/labctl/box ] && lab=$(cat /etc/labctl/box)
    if [ -n "${NO_COLOR:-}" ]; then
        PS1='\u@\h:\w\$ '
    else
        PS1='\[\e[1;32m\]\u@\h\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
        alias ls='ls --color=auto' grep='grep --color=auto' ip='ip -color=auto'
    fi
    if [ -n "$lab" ] && [ -z "${LABCTL_GREETED:-}" ]; then
        export LABCTL_GREETED=1
        case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
        zh*) printf '这里是实验 %s 的机器 %s。在另一个终端：labctl show（说明）、labctl verify（检查）、labctl hint 任务\n' "$lab" "$(hostname)" ;;
        *) printf 'This is %s, a box of the lab %s. In another terminal: labctl show, labctl verify, labctl hint TASK\n' "$(hostname)" "$lab" ;;
        esac
    fi
    unset lab
fi
