"""Command lines and environments of a lab's processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.lab import commands
from mithridate.lab.certificates import Issued
from mithridate.lab.commands import Plan, environment, program, register, superlink, supernode

ISSUED = Issued(Path("ca.crt"), Path("server.pem"), Path("server.key"))


@pytest.fixture(autouse=True)
def _names(monkeypatch):
    monkeypatch.setattr(commands, "program", lambda name: name)


def test_the_superlink_is_started_with_every_lock_it_has():
    words = superlink(Plan(port=20000), ISSUED, Path("state.db"))
    assert words[:5] == ["flower-superlink", "--host", "127.0.0.1", "--port", "20000"]
    assert "--enable-supernode-auth" in words
    assert "--disable-runtime-dependency-installation" in words
    assert "--insecure" not in words


def test_a_supernode_proves_itself_and_checks_the_superlink():
    plan = Plan(nodes=2, liars=1, port=20000)
    words = supernode(plan, plan.sites[2], ISSUED, Path("liar-3"))
    told = dict(zip(words[1::2], words[2::2], strict=True))
    assert (told["--superlink"], told["--port"]) == ("127.0.0.1:20000", "20003")
    assert (told["--root-certificates"], told["--auth-supernode-private-key"]) == ("ca.crt", "liar-3")
    assert told["--node-config"] == "partition-id=2 num-partitions=3"


def test_a_supernode_is_told_where_its_own_files_lie():
    plan = Plan()
    words = supernode(plan, plan.sites[0], ISSUED, Path("site-1"), {"mithridate-key": Path("a folder/key.pem")})
    told = words[words.index("--node-config") + 1]
    assert told == 'partition-id=0 num-partitions=4 mithridate-key="a folder/key.pem"'


def test_flower_reads_the_configuration_as_it_was_meant():
    config = pytest.importorskip("flwr.common.config")
    plan = Plan()
    words = supernode(plan, plan.sites[1], ISSUED, Path("k"), {"mithridate-key": Path("a folder/key.pem")})
    told = config.parse_config_args([words[words.index("--node-config") + 1]])
    assert told == {"partition-id": 1, "num-partitions": 4, "mithridate-key": "a folder/key.pem"}


def test_sites_are_named_and_the_last_ones_lie():
    sites = Plan(nodes=2, liars=1).sites
    assert [(site.name, site.part, site.liar) for site in sites] == [
        ("site-1", 0, False),
        ("site-2", 1, False),
        ("liar-3", 2, True),
    ]


def test_a_key_is_registered_under_a_name():
    assert register(Path("k.pub"), "site-1")[-5:] == ["lab", "--name", "site-1", "--format", "json"]


def test_settings_of_the_user_do_not_reach_the_lab():
    outside = {"FLWR_HOME": "mine", "FLWR_TELEMETRY_ENABLED": "1", "HOME": "h", "PATH": "p", "PYTHONPATH": "q"}
    told = environment("word", Path("home"), outside)
    assert (told["FLWR_HOME"], told["FLWR_TELEMETRY_ENABLED"], told["FLWR_DISABLE_UPDATE_CHECK"]) == ("home", "0", "1")
    assert (told["HOME"], told["MITHRIDATE_LAB"]) == ("h", "word")
    assert told["PATH"].endswith(":p")
    assert told["PYTHONPATH"].endswith(":q")
    assert "MITHRIDATE_LAB_LIE" not in told


def test_a_liar_gets_its_folder_first_and_the_file_of_its_lie():
    told = environment("word", Path("home"), {}, Path("liars/one"))
    assert told["PYTHONPATH"].split(":")[0] == "liars/one"
    assert told["MITHRIDATE_LAB_LIE"] == "liars/one/lie"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"nodes": 0}, "nodes must be at least 1, not 0"),
        ({"liars": -1}, "liars must be at least 0"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"port": 80}, "port must be at least 1024"),
        ({"port": 65534}, "leaves no ports after it for 4 SuperNodes"),
        ({"task": "cifar"}, "the lab trains on digits or mnist, not 'cifar'"),
        ({"lie": "revers"}, "unknown lie 'revers'"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(change, why):
    with pytest.raises(ConfigurationError, match=why):
        Plan(**change)


def test_a_command_that_is_missing_is_told_with_a_remedy():
    with pytest.raises(ConfigurationError, match=r"no-such-flwr is not installed: pip install"):
        program("no-such-flwr")
