"""Small programs in the place of Flower's: they listen, start children in sessions of their own, and answer as `flwr` does.

Run as `python standin.py NAME ARGUMENTS`; what goes wrong on purpose is named in the variable STANDIN.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HOW = os.environ.get("STANDIN", "")


def after(option: str, words: list[str]) -> str:
    return words[words.index(option) + 1]


def daemon(words: list[str]) -> None:
    """Listen, with a child that no signal to a group reaches."""
    if HOW == "dies":
        sys.exit("the certificate is odd")
    if HOW == "refuses":
        said = "[code: 2001]" if "--auth-supernode-private-key" not in words else "[code: 2004]"
        said = said if "--root-certificates" in words else "CERTIFICATE_VERIFY_FAILED"
        sys.exit(f"Failed to initialize the connection to the SuperLink.\n{said} because\nmore")
    subprocess.Popen([sys.executable, __file__, "superexec"], start_new_session=True)  # noqa: S603 - our own program
    with socket.create_server(("127.0.0.1", int(after("--port", words)))):
        time.sleep(120)


def flwr(words: list[str]) -> None:
    if words[:2] == ["supernode", "register"]:
        wrong = HOW == "unregistered"
        sys.stdout.write(
            json.dumps({"success": not wrong, "error-message": "no such link"} if wrong else {"success": True})
        )
    elif words[:2] == ["supernode", "list"]:
        count = len(list((Path(os.environ["FLWR_HOME"]).parents[1] / "keys").glob("*.pub")))
        sys.stdout.write(json.dumps({"success": True, "nodes": [{"status": "online"}] * count}))
    elif words[0] == "run":
        rounds(dict(word.split("=", 1) for word in after("--run-config", words).split()))


def rounds(config: dict[str, str]) -> None:
    path = Path(json.loads(config["progress"]))
    before = path.exists()
    for round in range(int(config["rounds"]) + 1):
        if HOW == "crashes" and round == 1:
            sys.exit("ServerApp raised an exception")
        if HOW == "waits to be killed" and round == 2 and not before:
            time.sleep(120)
        if HOW == "hangs" and round == 1:
            time.sleep(120)
        with path.open("a") as file:
            file.write(json.dumps({"round": round, "accuracy": 0.25 * round}) + "\n")


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    if name == "superexec":
        time.sleep(120)
    elif name == "flwr":
        flwr(rest)
    else:
        daemon(rest)
