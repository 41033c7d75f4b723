import pytest


@pytest.mark.task("answer")
def test_answer(box, params):
    """alpha has the answer
    zh: alpha 上有答案"""
    found = box("alpha").run("cat /root/answer").stdout.strip()
    assert found == str(params["answer"]), f"/root/answer holds {found!r}\n[zh] /root/answer 的内容是 {found!r}"


@pytest.mark.task("reach")
def test_reach(box, params):
    """beta reaches alpha"""
    beta = box("beta")
    assert beta.file("/root/reach").exists, "there is no /root/reach on beta"
    assert beta.run("ping -c 1 -W 1 %s", params["alpha_address"]).succeeded, "no answer"
