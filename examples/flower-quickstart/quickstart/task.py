"""What is learnt: a small network, and each client's part of MNIST."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from mithridate.sim.tasks import load


class Net(nn.Module):
    """Two convolutions and two dense layers."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5)
        self.conv2 = nn.Conv2d(8, 16, 5)
        self.fc1 = nn.Linear(256, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def load_data(partition_id, num_partitions, samples, batch_size):
    """A client's own digits: four fifths to train on, one fifth to test on."""
    mnist = load("mnist")  # comes in a package and is checked by its hash: nothing is downloaded
    mine = np.random.default_rng(0).permutation(len(mnist.y))[partition_id::num_partitions][:samples]
    whole = TensorDataset(torch.from_numpy(mnist.x[mine]), torch.from_numpy(mnist.y[mine]))
    cut = len(whole) * 4 // 5
    train_part = torch.utils.data.Subset(whole, range(cut))
    test_part = torch.utils.data.Subset(whole, range(cut, len(whole)))
    return DataLoader(train_part, batch_size, shuffle=True), DataLoader(test_part, 256)


def load_test_data():
    """The server's own digits, on which no client has trained."""
    mnist = load("mnist")
    return DataLoader(TensorDataset(torch.from_numpy(mnist.x_test), torch.from_numpy(mnist.y_test)), 1000)


def train(net, batches, epochs, learning_rate):
    """Train in place; returns the mean loss."""
    optimiser = torch.optim.SGD(net.parameters(), learning_rate, momentum=0.9)
    net.train()
    total, seen = 0.0, 0
    for _ in range(epochs):
        for x, y in batches:
            optimiser.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimiser.step()
            total, seen = total + loss.item() * len(y), seen + len(y)
    return total / seen


def test(net, batches):
    """Loss and accuracy."""
    net.eval()
    loss, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for x, y in batches:
            out = net(x)
            loss += F.cross_entropy(out, y, reduction="sum").item()
            right += int((out.argmax(1) == y).sum())
            seen += len(y)
    return loss / seen, right / seen
