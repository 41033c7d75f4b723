import pytest

READ = ("The concept", "概念")


def look(box, params, unmet):
    file = box("alpha").file("/root/answer")
    found = file.content_string.strip() if file.is_file else ""
    if found != params["word"]:
        raise unmet(
            "alpha", expected=params["word"], found=found or ("nothing", "空"), see="cat /root/answer", read=READ
        )


@pytest.mark.task("word")
def test_word(box, params, unmet):
    """alpha has the word
    zh: alpha 上有这个词"""
    look(box, params, unmet)


@pytest.mark.task("flag")
def test_flag(box, unmet):
    """beta has the flag
    zh: beta 上有这个文件"""
    if not box("beta").file("/root/flag").exists:
        raise unmet("beta", expected="/root/flag", found=("nothing", "空"), see="ls /root", read=READ)


@pytest.mark.task("word")
@pytest.mark.copy
def test_word_comes_back(box, params, power, unmet):
    """The word is still there after a reboot
    zh: 重启之后词还在"""
    power("alpha").reboot()
    look(box, params, unmet)


@pytest.mark.task("word")
@pytest.mark.destructive
def test_word_lasts(box, params, power, unmet):
    """The word is still there after a power cut
    zh: 断电之后词还在"""
    power("alpha").off()
    power("alpha").on()
    look(box, params, unmet)
