"""The federation in this process, three times: nobody lies; one client lies; the same client lies and the server is guarded."""

import logging
import tomllib
from pathlib import Path

from quickstart import liar
from quickstart.client_app import app as client
from quickstart.server_app import app as guarded
from quickstart.task import Net, load_test_data, test

from mithridate.flower import run_local

FOLDER = Path(__file__).parent
RUNS = {
    "nobody lies, plain FedAvg": (guarded.unguarded, {}),
    "one lies, plain FedAvg": (guarded.unguarded, {3: liar.app}),
    "one lies, guarded FedAvg": (guarded, {3: liar.app}),
}


def main() -> None:
    """Run all three and print what became of the model."""
    logging.getLogger("flwr").setLevel(logging.ERROR)
    config = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["flwr"]["app"]["config"]
    print(f"{'':28}{'accuracy':>10}{'backdoor':>10}")
    for name, (server, liars) in RUNS.items():
        context = run_local(server, client, nodes=10, instead=liars, run_config=config, seed=1)
        net = Net()
        net.load_state_dict(context.state["model"].to_torch_state_dict())
        _, accuracy = test(net, load_test_data())
        print(f"{name:28}{accuracy:10.1%}{liar.success(net):10.1%}", flush=True)


if __name__ == "__main__":
    main()
