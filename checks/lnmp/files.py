"""The board's files on web: whose they are."""

# Where the board is, what is in it but for the uploads, what links in it lead to, and all folders above.
LOOK = r"""
home=$(readlink -f $1) || exit 0
[ -f $home/public/index.php ] || exit 0
up() {
    p=$1
    while [ "$p" != / ]; do p=$(dirname "$p"); stat -c '%u %g %a %n' "$p"; done
}
inside() {
    find "$1" -path "$home/public/uploads" -prune -o ! -type l -exec stat -c '%u %g %a %n' {} +
}
inside $home; up $home; up $1
find $home -path $home/public/uploads -prune -o -type l -print | while read -r link; do
    to=$(readlink -f "$link")
    case $to in "$home"/*|"") continue;; esac
    inside "$to"; up "$to"
done
"""
SECRETS = r"grep -rlF -- %s /srv /etc /var/www /opt /usr/local /home 2>/dev/null"
PARENTS = r"""p=%s; while [ "$p" != / ]; do stat -L -c '%%u %%g %%a %%n' "$p"; p=$(dirname "$p"); done"""


class Tree:
    """Looked at once for all checks."""

    def __init__(self, board):
        self.board = board
        self.found = board.once("tree", self._look)

    def _look(self):
        return rows(self.board.web.run(f"set -- {self.board.home}\n{LOOK}").stdout)

    def there(self):
        """Raises where the board isn't where it should be."""
        if not self.found:
            raise self.board.unmet(
                (
                    f"the board in {self.board.home}, with public/index.php",
                    f"留言板在 {self.board.home}，里面有 public/index.php",
                ),
                ("it isn't there", "那里没有"),
                f"ls -la {self.board.home}",
                "permissions",
            )

    def code(self):
        """All that PHP must not write: path, owner, group, mode."""
        return self.found

    def readable_by_all(self, secret):
        """A file with that text which every account of the machine can read; an empty text where there is none."""
        for path in self.board.web.run(SECRETS, secret).stdout.splitlines():
            levels = rows(self.board.web.run(PARENTS, path).stdout)
            if levels and levels[0][3] & 0o004 and all(level[3] & 0o001 for level in levels[1:]):
                return path
        return ""


def rows(text):
    """Lines of stat: path, owner, group, mode."""
    found = []
    for line in text.splitlines():
        words = line.split(" ", 3)
        if len(words) == 4 and words[0].isdigit():
            found.append((words[3], int(words[0]), int(words[1]), int(words[2], 8)))
    return found
