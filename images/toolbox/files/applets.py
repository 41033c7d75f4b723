"""Hide applets of busybox in whose place there is another program.

busybox's shell, and its timeout, env, xargs and the like, run applets by name, and ask PATH only for what they don't
know. So a hidden applet gets another name in busybox's table.
"""

from seal import require

_SECTIONS = 8
"""busybox divides its sorted table into this number of sections, and finds a section by its first name."""


def hidden(data: bytes, names: list[str], hide: list[str]) -> tuple[bytes, dict[str, str]]:
    """Return busybox without these applets, and the applets with their new names. ``names`` is its table."""
    new = list(names)
    first = {len(names) * section // _SECTIONS for section in range(1, _SECTIONS)}
    for applet in hide:
        place = names.index(applet)
        if place not in first:
            # The wrong order does no harm: a search ends at a greater letter, and this letter is smaller.
            new[place] = applet[0] + applet[1:].upper()
        else:
            # The first name of a section must stay between its neighbours. It takes a letter of the next name, which
            # begins with it: `ip`, `ipcalc` become `ipb`, `ipcal`.
            following = names[place + 1]
            require(following.startswith(applet), f"{applet} can't be hidden before {following}")
            new[place] = applet + chr(ord(following[len(applet)]) - 1)
            new[place + 1] = following[:-1]
    old_table, new_table = (("\0" + "\0".join(table) + "\0").encode() for table in (names, new))
    require(len(old_table) == len(new_table) and data.count(old_table) == 1, "busybox's table isn't as it should be")
    return data.replace(old_table, new_table), {old: name for old, name in zip(names, new, strict=True) if old != name}
