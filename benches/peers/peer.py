"""What every peer in Python shares: where the game starts, its schedules, and the protocol.

The launcher, `benches/src/peers/`, writes lines to a peer and reads one line of JSON for each:

    (start)   {"ready": NAME, "versions": {...}}   or   {"skip": REASON}, and the peer ends
    check     {"losses": [[v_d, v_g], ...]}        the first iterations of the folder --start
    run N     {"ms": [...], "iterations": N}       time per iteration, of each or their mean
    quit
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

M, LATENT, PIXELS = 100, 100, 784
UNITS, PIECES = 240, 5
# Of the inputs of D's three layers.
KEEP = (0.8, 0.5, 0.5)


class Skip(Exception):
    """Why a peer cannot run here, in one line."""


class Start:
    """The folder that `benches/src/start.rs` writes."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.step = int(self.array("step")[0])
        self.data = self.array("data")
        self.latents = self.array("latents")
        self.rows = self.array("rows")
        self.kept = {
            player: [self.array(f"kept.{player}.{layer}") for layer in range(3)]
            for player in ("discriminator", "generator")
        }

    def array(self, name):
        return np.load(self.folder / f"{name}.npy")

    def player(self, name):
        """Layers of `name` as (w, b), w with a row per input; then their velocities alike.

        D's maxout units are laid out piece by piece, which lets the maximum run over whole rows:
        the same units in another order, so the same game.
        """
        layers = []
        for moment in ("", ".moment0"):
            own = []
            for layer in range(3):
                w, b = (self.array(f"{name}.{layer}{moment}.{part}") for part in "wb")
                if name == "discriminator" and layer < 2:
                    w = w.reshape(-1, UNITS, PIECES).swapaxes(1, 2).reshape(len(w), -1)
                    b = b.reshape(UNITS, PIECES).T.reshape(-1)
                own.append((np.ascontiguousarray(w), np.ascontiguousarray(b)))
            layers.append(own)
        return layers


def rates(step):
    """The authors' learning rate and momentum in iteration `step`."""
    epoch = 1 + step * M // 50_000
    share = min((epoch - 1) / 249, 1.0)
    return max(0.1 * 1.000004**-step, 1e-6), 0.5 + 0.2 * share


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--start", required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def serve(prepare):
    """Speaks the protocol for `prepare(args) -> (name, versions, check, run)`.

    `check()` gives losses, `run(n)` milliseconds; whatever libraries print goes to stderr.
    """
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(**answer):
        print(json.dumps(answer), file=out)

    try:
        name, versions, check, run = prepare(arguments())
    except (ImportError, Skip) as reason:
        say(skip=" ".join(str(reason).split()))
        return
    say(ready=name, versions=versions)
    for line in sys.stdin:
        match line.split():
            case ["check"]:
                say(losses=check())
            case ["run", count]:
                say(ms=run(int(count)), iterations=int(count))
            case _:
                break
