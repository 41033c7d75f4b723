import errno
import secrets

import pytest


@pytest.mark.task("forward")
def test_the_client_reaches_the_other_side_of_the_router(box):
    """Packets of the client's reach the outside"""
    assert box("client").run("nc -z -w 2 10.10.20.1 22").succeeded


@pytest.mark.task("forward")
def test_clients_of_the_probe_go_through_the_router(dial, probe_on):
    """A client inside gets an answer from outside"""
    addresses = set()
    for client in ("a", "b"):
        with dial("10.10.20.1", 22, network="inside", via="10.10.10.1", client=client) as link:
            link.settimeout(5)
            assert link.recv(64).startswith(b"SSH-2.0"), "sshd speaks first"
        shown = probe_on("inside", via="10.10.10.1", client=client).run("ip -br -4 addr show eth0").stdout
        addresses.add(shown.split()[2])
    assert len(addresses) == 2, "each has an address of its own"


@pytest.mark.task("forward")
def test_without_a_way_there_is_none(dial):
    """And one without a route doesn't"""
    with pytest.raises(OSError) as raised:
        dial("10.10.20.1", 22, network="inside", seconds=2).close()
    assert not isinstance(raised.value, TimeoutError | ConnectionRefusedError)
    with pytest.raises(ConnectionRefusedError):
        dial("10.10.20.1", 23, network="outside").close()


@pytest.mark.task("forward")
def test_packets_that_are_dropped_are_a_time_out(dial):
    """Nobody answers for an address that nobody has"""
    with pytest.raises(OSError) as caught:
        dial("10.10.20.77", 22, network="outside", seconds=0.5).close()
    # On a busy machine the limit is longer, and the kernel may give up the search for a neighbour before (3 s).
    assert isinstance(caught.value, TimeoutError) or caught.value.errno == errno.EHOSTUNREACH


@pytest.mark.task("script")
@pytest.mark.copy
def test_numbers_are_doubled(exercise, box):
    """Any number is doubled"""
    number = secrets.randbelow(1000)
    client = exercise("client")
    client.run("echo changed > /etc/motd")
    assert client.run("/root/double %s > /root/out", str(number), seconds=5).rc == 0
    assert box("client").run("cat /root/out").stdout == f"{2 * number}\n"


@pytest.mark.task("script")
@pytest.mark.copy
def test_the_copy_is_the_same_one_and_reboots(exercise, box, power, dial):
    """It is shared, and comes back with its route"""
    assert box("client").run("cat /etc/motd").stdout == "changed\n"
    power("client").reboot()
    assert exercise("client").run("ip route show default").stdout.startswith("default via 10.10.10.1")
    power("router").reboot()
    dial("10.10.20.1", 22, network="inside", via="10.10.10.1").close()
