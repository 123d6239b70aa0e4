"""Networks whose graphs the tests draw."""

import wengert
from wengert import nn
from wengert.nn import functional as F


class Block(nn.Module):
    """Two convolutions beside a shortcut, as in ResNet-18."""

    def __init__(self, inner, outer, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.downsample = None
        if stride != 1:
            shortcut = nn.Conv2d(inner, outer, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outer))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """ResNet-18; narrower with other widths."""

    def __init__(self, widths=(64, 128, 256, 512)):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        last = widths[0]
        for i, width in enumerate(widths, 1):
            blocks = [Block(last, width, 1 if i == 1 else 2), Block(width, width)]
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
            last = width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(last, 10)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(wengert.flatten(self.avgpool(x), 1))


class Unrolled(nn.Module):
    """An LSTM cell run step by step."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, xs):
        h = c = wengert.zeros(2, 4)
        total = 0
        for x in xs:
            h, c = self.cell(x, (h, c))
            total = total + self.head(h).logsumexp(1).sum()
        return total


class Misfit(nn.Module):
    """Fails at its last layer, unless width is 72."""

    def __init__(self, width=10):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.fc = nn.Linear(width, 3)

    def forward(self, x):
        h = self.features(x)
        return self.fc(h.flatten(1))
