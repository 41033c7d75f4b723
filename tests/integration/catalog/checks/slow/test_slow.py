import pytest


def _all(box, listeners, port):
    heard = [name for name in ("early", "late") if any(each.port == port for each in listeners(name))]
    return heard == ["early", "late"] and box("sock").file("/run/slow/marker").exists


@pytest.mark.task("listen")
@pytest.mark.copy
def test_on_a_copy(box, listeners, params):
    """The services answer at once on a copy"""
    assert _all(box, listeners, params["port"])


@pytest.mark.task("listen")
@pytest.mark.reboot
def test_after_a_reboot(box, listeners, params, power):
    """The services answer at once after a reboot and after a power cut"""
    power("late").reboot()
    power("early").off()
    power("early").on()
    assert _all(box, listeners, params["port"])
