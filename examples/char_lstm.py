"""An LSTM learns a short text letter by letter, and then writes some of its own.

Works with PyTorch and with wengert: `python char_lstm.py` or `wengert run char_lstm.py`.
"""

import argparse
import json

import torch
import torch.nn as nn

TEXT = """\
the ferry leaves the harbour at six, before the town is awake. the ferryman unties the rope, the \
engine coughs twice, and the gulls on the sea wall turn their heads. nobody else is up but the \
baker, who waves a white hand from his door. the water in the harbour is black and flat, and the \
lamps of the town lie on it like coins.

past the lighthouse the wind begins. the ferryman turns up his collar and pours the tea. he has \
crossed this water nine thousand times, he says, and the water has never been the same twice. on \
some mornings it is green as glass, on some it is grey as slate, and on some, when the mist is \
down, there is no water at all, only the sound of it.

at seven the island comes out of the mist: first the chapel, then the long wall of the pier, then \
the old woman with the basket. she has waited there every morning for as long as he can say. she \
takes the post, she gives him six eggs in a cloth, and she asks what the town is doing. the town \
is asleep, says the ferryman, as it was yesterday. then he unties the rope, the engine coughs \
twice, and the gulls on the pier turn their heads.
"""


class CharLSTM(nn.Module):
    """Scores of the next letter, for every letter so far."""

    def __init__(self, letters, embedded=32, hidden=128):
        super().__init__()
        self.embedding = nn.Embedding(letters, embedded)
        self.lstm = nn.LSTM(embedded, hidden, batch_first=True)
        self.head = nn.Linear(hidden, letters)

    def forward(self, x, state=None):
        y, state = self.lstm(self.embedding(x), state)
        return self.head(y), state


def batch(text, size, length):
    """Pieces of the text from random places (size, length), and the letters that follow each."""
    starts = torch.randint(len(text) - length, (size,))
    pieces = torch.stack([text[i : i + length + 1] for i in starts.tolist()])
    return pieces[:, :-1], pieces[:, 1:]


@torch.no_grad()
def write(model, letters, start, length, temperature):
    """Continue a start, letter by letter, each drawn from the model's scores."""
    model.eval()
    written, state = start, None
    x = torch.tensor([[letters.index(c) for c in start]])
    for _ in range(length):
        scores, state = model(x, state)
        x = torch.multinomial(torch.softmax(scores[:, -1] / temperature, dim=-1), 1)
        written += letters[x.item()]
    return written


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--length", type=int, default=48, help="letters in a piece of text")
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--temperature", type=float, default=0.5, help="0.2 is safe, 1 is wild")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--losses", metavar="FILE", help="write the first 50 losses as JSON")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    letters = sorted(set(TEXT))
    text = torch.tensor([letters.index(c) for c in TEXT])
    model = CharLSTM(len(letters))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    loss_of = nn.CrossEntropyLoss()

    losses = []
    for step in range(1, args.steps + 1):
        x, y = batch(text, args.batch_size, args.length)
        optimizer.zero_grad()
        scores, _ = model(x)
        loss = loss_of(scores.flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step == 1 or step % max(1, args.steps // 10) == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}")

    print("\n" + write(model, letters, "the ", 400, args.temperature))
    if args.losses:
        with open(args.losses, "w") as file:
            json.dump(losses[:50], file)


if __name__ == "__main__":
    main()
