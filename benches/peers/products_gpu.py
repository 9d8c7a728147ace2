"""Products by PyTorch, which are cuBLAS's on CUDA devices: baselines of this library's operations.

usage: python products_gpu.py cuda|cuda:1|cpu

It reads lines and answers each with one line of JSON, as peer.py says:

    (start)                      {"ready": NAME, "versions": {...}}   or   {"skip": REASON}
    {"m": 3, "n": 5, "k": 7, "factors": "nt", "precision": "tf32", "runs": 20}
                                 {"checked": true}   or   {"skip": REASON}
    run N                        {"ms": [...]}: milliseconds of a product, the mean of N at least

`factors` says which are stored transposed, in BLAS's letters. On CUDA devices `runs` products are
captured in one graph, so that launches cost the host next to nothing.
"""

import json
import os
import sys
import time

from peer import Skip

HALVES = {"bf16": "bfloat16", "f16": "float16"}
# Depth × columns up to which all rows are checked in f64, and rows of larger ones.
LARGE, ROWS = 1 << 24, 64


class Product:
    def __init__(self, torch, device, m, n, k, factors, precision, runs):
        if device.type == "cpu" and precision != "f32":
            raise Skip("on a processor products are in f32")
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        half = getattr(torch, HALVES.get(precision, ""), None)
        self.torch, self.cuda, self.runs = torch, device.type == "cuda", runs

        def factor(rows, cols, transposed):
            # ±1/64 to ±1, which are the same in every precision, and sums of their products exact.
            size = (cols, rows) if transposed else (rows, cols)
            values = torch.randint(1, 65, size, device=device) / 64
            values *= torch.randint(0, 2, size, device=device) * 2 - 1
            values = values if half is None else values.to(half)
            return values.t() if transposed else values

        self.a = factor(m, k, factors == "tn")
        self.b = factor(k, n, factors == "nt")
        self.c = torch.full((m, n), float("nan"), device=device)
        self.how = {} if half is None else {"out_dtype": torch.float32}
        self.graph = None
        self.once()
        self.check()
        if self.cuda:
            self.capture()

    def once(self):
        self.torch.mm(self.a, self.b, out=self.c, **self.how)

    def check(self):
        rows = ROWS if self.b.numel() > LARGE else len(self.a)
        expected = self.a[:rows].double() @ self.b.double()
        if not self.torch.equal(self.c[:rows].double(), expected):
            gap = (self.c[:rows].double() - expected).abs().max().item()
            raise Skip(f"its product is wrong by {gap:.1e}")

    def capture(self):
        torch = self.torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.once()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for _ in range(self.runs):
                self.once()

    def run(self, count):
        if not self.cuda:
            begin = time.perf_counter()
            for _ in range(count):
                self.once()
            return (time.perf_counter() - begin) / count * 1e3
        replays = -(-count // self.runs)
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(replays):
            self.graph.replay()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / replays / self.runs


def prepare(name):
    import torch

    torch.set_grad_enabled(False)
    torch.manual_seed(1)
    device = torch.device(name)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise Skip("PyTorch finds no CUDA device")
        torch.cuda.set_device(device)
    versions = {"torch": torch.__version__}
    if device.type == "cuda":
        versions["cuda"] = str(torch.version.cuda or torch.version.hip)
    return torch, device, versions


def main():
    out = os.fdopen(os.dup(1), "w", buffering=1)
    # Whatever libraries print goes to stderr.
    os.dup2(2, 1)

    def say(**answer):
        print(json.dumps(answer), file=out)

    def skip(reason):
        say(skip=" ".join(str(reason).split()))

    try:
        torch, device, versions = prepare(sys.argv[1])
    except (ImportError, RuntimeError, Skip) as reason:
        skip(reason)
        return
    say(ready="PyTorch", versions=versions)
    product = None
    for line in sys.stdin:
        match line.split():
            case ["run", count]:
                say(ms=[product.run(int(count))])
            case ["quit"]:
                break
            case _:
                # Makes room first: the large ones fill much of a small device.
                product = None
                try:
                    product = Product(torch, device, **json.loads(line))
                    say(checked=True)
                except (RuntimeError, TypeError, Skip) as reason:
                    skip(reason)


if __name__ == "__main__":
    main()
