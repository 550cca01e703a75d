"""What a client does: train on its own digits, and test."""

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from quickstart.task import Net, load_data, test
from quickstart.task import train as train_net

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the model that came on the own data, and send it back."""
    net, (train_part, _) = received(message), own_data(context)
    loss = train_net(net, train_part, context.run_config["local-epochs"], message.content["config"]["learning-rate"])
    metrics = MetricRecord({"train_loss": loss, "num-examples": len(train_part.dataset)})
    return Message(RecordDict({"arrays": ArrayRecord(net.state_dict()), "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Test the model that came on the own data."""
    _, test_part = own_data(context)
    loss, accuracy = test(received(message), test_part)
    metrics = MetricRecord({"eval_loss": loss, "eval_acc": accuracy, "num-examples": len(test_part.dataset)})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


def received(message: Message) -> Net:
    """The network with the weights that came."""
    net = Net()
    net.load_state_dict(message.content["arrays"].to_torch_state_dict())
    return net


def own_data(context: Context):
    """This client's part of the data."""
    node, config = context.node_config, context.run_config
    return load_data(node["partition-id"], node["num-partitions"], config["samples-per-client"], config["batch-size"])
