"""Holds a folder of events to the directory of its run, by TensorBoard's own reader.

    python check_tensorboard.py EVENTS RUN

Every number of `metrics.jsonl` must be there once, at its step, and every picture of samples with its
bytes.
"""

import json
import pathlib
import sys

import numpy as np
from tensorboard.backend.event_processing import event_accumulator, event_file_loader

events, run = map(pathlib.Path, sys.argv[1:])
[file] = events.glob("*tfevents*")

# As it lies on the disk, before the accumulator leaves out what it takes for a restart.
steps = []
for event in event_file_loader.EventFileLoader(str(file)).Load():
    steps.extend((value.tag, event.step) for value in event.summary.value)
assert len(steps) == len(set(steps)), "a step is there twice"

everything = {kind: 0 for kind in ("scalars", "images")}
found = event_accumulator.EventAccumulator(str(events), size_guidance=everything)
found.Reload()
readings = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
assert readings, "no readings"
tags = set()
for reading in readings:
    for key, number in reading.items():
        if isinstance(number, (int, float)) and not isinstance(number, bool) and key != "step":
            tags.add(f"readings/{key}")
assert set(found.Tags()["scalars"]) == tags, found.Tags()
assert found.Tags()["images"] == ["samples"], found.Tags()
for tag in tags:
    key = tag.removeprefix("readings/")
    expected = [(line["step"], line[key]) for line in readings if line.get(key) is not None]
    scalars = [(item.step, item.value) for item in found.Scalars(tag)]
    assert [step for step, _ in scalars] == [step for step, _ in expected], tag
    np.testing.assert_allclose(
        [number for _, number in scalars], [number for _, number in expected], rtol=1e-6
    )
times = [item.wall_time for item in found.Scalars("readings/value")]
assert times == sorted(times), times
pictures = sorted((run / "samples").glob("step-*.png"))
assert pictures, "no pictures"
images = found.Images("samples")
assert [item.step for item in images] == [int(path.stem.removeprefix("step-")) for path in pictures]
for item, path in zip(images, pictures):
    png = path.read_bytes()
    assert item.encoded_image_string == png, path
    size = [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)]
    assert [item.width, item.height] == size, (item.width, item.height, size)
