"""digits: a Flower / PyTorch app."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    """A perceptron with one hidden layer and batch normalisation."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 32)
        self.bn1 = nn.BatchNorm1d(32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.bn1(self.fc1(x))))


def load_data(partition_id: int, num_partitions: int, batch_size: int):
    """Load one partition of the digits, split 80/20 into training and test."""
    x, y = load_digits(return_X_y=True)
    x, y = x[partition_id::num_partitions] / 16, y[partition_id::num_partitions]
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    trainset = TensorDataset(torch.tensor(x_train, dtype=torch.float32), torch.tensor(y_train))
    testset = TensorDataset(torch.tensor(x_test, dtype=torch.float32), torch.tensor(y_test))
    return DataLoader(trainset, batch_size=batch_size, shuffle=True), DataLoader(testset, batch_size=batch_size)


def load_centralized_data(batch_size: int):
    """Load all digits, for the server."""
    x, y = load_digits(return_X_y=True)
    return DataLoader(TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)), batch_size=batch_size)


def train(net, trainloader, epochs, lr, device):
    """Train the model on the training set."""
    net.to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    net.train()
    running_loss = 0.0
    for _ in range(epochs):
        for x, y in trainloader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x.to(device)), y.to(device))
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
    return running_loss / (epochs * len(trainloader))


def test(net, testloader, device):
    """Validate the model on the test set."""
    net.to(device)
    net.eval()
    correct, loss = 0, 0.0
    with torch.no_grad():
        for x, y in testloader:
            outputs = net(x.to(device))
            loss += F.cross_entropy(outputs, y.to(device), reduction="sum").item()
            correct += (outputs.argmax(dim=1) == y.to(device)).sum().item()
    return loss / len(testloader.dataset), correct / len(testloader.dataset)
