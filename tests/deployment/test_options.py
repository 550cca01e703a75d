"""Command lines are read as Flower reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.deployment import options
from mithridate.deployment.options import DAEMONS, from_text, from_words, is_loopback


def test_flags_and_values_are_told_apart():
    read = from_text("FLWR_HOME=x bin/flower-superlink --enable-supernode-auth --host 0.0.0.0 --port=9000 --strange 3")
    assert read.program == "flower-superlink"
    assert read.flags == {"--enable-supernode-auth"}
    assert read.values == {"--host": "0.0.0.0", "--port": "9000"}  # noqa: S104 - the address is the test
    assert read.unknown == ("--strange", "3")


def test_quotes_are_a_shells():
    read = from_text("""flower-supernode --node-config 'partition-id=0 num-partitions=3'""")
    assert read.values["--node-config"] == "partition-id=0 num-partitions=3"


def test_an_abbreviation_is_what_argparse_takes_it_for():
    assert from_words("flower-superlink", ["--insec"]).flags == {"--insecure"}
    assert from_words("flower-superlink", ["--ssl-c", "x"]).unknown == ("--ssl-c", "x")


def test_an_option_whose_value_is_missing_is_unknown():
    assert from_words("flower-superlink", ["--port"]).unknown == ("--port",)


@pytest.mark.parametrize("text", ["python train.py", "", "flwr run ."])
def test_another_command_is_refused(text):
    with pytest.raises(ConfigurationError, match="starts neither"):
        from_text(text)


def test_an_open_quote_is_refused():
    with pytest.raises(ConfigurationError, match="is no command line"):
        from_text("flower-superlink --host '0.0.0.0")


def test_a_relative_path_begins_where_the_daemon_was_started():
    words = ["--ssl-keyfile", "keys/server.key", "--ssl-certfile", str(Path("/abs/server.pem"))]
    here = from_words("flower-superlink", words, folder=Path("/srv"))
    assert here.path("--ssl-keyfile") == Path("/srv/keys/server.key")
    assert here.path("--ssl-certfile") == Path("/abs/server.pem")
    assert here.path("--database") is None
    assert from_words("flower-superlink", words).path("--ssl-keyfile") is None


def test_a_variable_is_read_by_its_whole_name():
    read = from_words("flower-superlink", [], environment=frozenset({"FLWR_HOME2=no", "FLWR_HOME=a=b"}))
    assert read.variable("FLWR_HOME") == "a=b"
    assert read.variable("FLWR") is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "127.0.0.1.example.org"])  # noqa: S104 - addresses are the test
def test_what_others_reach_is_no_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("program", DAEMONS)
def test_every_option_of_the_installed_flower_is_known(program):
    superlink = pytest.importorskip("flwr.superlink.cli.flower_superlink")
    import sys

    from flwr.supernode.cli import flower_supernode  # noqa: F401 - loads the module

    module = sys.modules["flwr.supernode.cli.flower_supernode"] if "node" in program else superlink
    parser = module._parse_args_run_supernode() if "node" in program else module._parse_args_run_superlink()
    shown = set(re.findall(r"--[a-z][a-z-]+", parser.format_help())) - {"--help", "--version"}
    told = {name for action in parser._actions for name in action.option_strings if name.startswith("--")} & shown
    assert told - options._FLAGS - options._VALUED - {"--help", "--version"} == set()
    for action in parser._actions:
        for name in set(action.option_strings) & (options._FLAGS | options._VALUED):
            assert (action.nargs == 0) == (name in options._FLAGS), name
