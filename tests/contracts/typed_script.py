"""A training script with types, which type checkers must find nothing wrong with."""

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, 8)
        self.out = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(F.relu(self.hidden(x)))


class Reader(nn.Module):
    """Calls of layers give what their forward says; strict checkers let no Any be returned."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.gru = nn.GRU(8, 8, batch_first=True)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.tail = nn.Sequential(nn.LayerNorm(8), nn.Dropout(0.1), nn.Linear(8, 3))
        self.inner = Net(3, 3)

    def states(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out, (h, c) = self.lstm(x)
        return out, torch.stack([h, c], axis=0)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        out, _ = self.states(self.words(tokens))
        more, _ = self.gru(out)
        seen, _ = self.attend(more, more, more)
        return self.inner(self.tail(seen[:, -1]))


def by_numpys_names(x: torch.Tensor) -> torch.Tensor:
    """axis=, keepdims= and x2= where PyTorch takes them."""
    x = x - x.mean(axis=1, keepdims=True) + x.sum(1, keepdims=True)
    best, _ = torch.max(x, axis=0, keepdim=True)
    x = torch.cat([x, best], axis=0).softmax(axis=-1).cumsum(axis=0)
    return torch.add(x, x2=x.unsqueeze(axis=0)).gather(axis=2, index=x[None].argsort(axis=2))


def accuracy(model: Net, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(dim=1) == y).float().mean())


def main() -> float:
    torch.manual_seed(0)
    x, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
    model = Net(4, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        for rows, labels in DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(rows), labels)
            loss.backward()
            optimizer.step()
    values, places = torch.cat([x, x], dim=1).max(1)
    shape: torch.Size = values.view(4, -1).shape
    mean: torch.Tensor = x.sum(1, keepdim=True).mean()
    ordered = torch.sort(values)
    print(shape, places.dtype, mean.item(), ordered.indices.tolist())
    criterion = nn.CrossEntropyLoss()
    loss = criterion(Reader(5)(torch.randint(0, 5, (2, 7))), torch.tensor([0, 1]))
    print(loss.item(), by_numpys_names(x).shape)
    return accuracy(model, x, y)


if __name__ == "__main__":
    main()
