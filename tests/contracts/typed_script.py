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
        scores: torch.Tensor = self.out(F.relu(self.hidden(x)))
        return scores


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
    return accuracy(model, x, y)


if __name__ == "__main__":
    main()
