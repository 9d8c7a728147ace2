"""The package as its users see it, on the built wheel."""

import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import gans
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from gans._words import in_python

SHORT = {"steps": 12, "device": "cpu", "progress": False}


def pandas_frame(columns):
    frame = pd.DataFrame(columns)
    frame["sex"] = pd.Categorical(frame["sex"], categories=["male", "female", "other"], ordered=True)
    frame["age"] = frame["age"].astype("Int16")
    frame["income"] = frame["income"].astype("float32")
    frame["since"] = pd.to_datetime(frame["since"])
    frame["note"] = pd.array(["yes", None] * (len(frame) // 2), dtype="string")
    return frame


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_pandas_frames_come_back_with_their_dtypes(columns):
    frame = pandas_frame(columns)
    run = gans.train(frame, seed=3, **SHORT)
    rows = run.sample(50)
    assert isinstance(rows, pd.DataFrame)
    assert dict(rows.dtypes) == dict(frame.dtypes)
    assert rows["sex"].cat.categories.tolist() == ["male", "female", "other"]
    assert rows["age"].between(18, 90).all()
    assert rows["note"].isna().any()
    # Whole minutes, as they were.
    assert (rows["seen"].dt.second == 0).all() and (rows["seen"].dt.minute > 0).any()
    pd.testing.assert_frame_equal(rows, run.sample(50))
    assert not rows.equals(run.sample(50, seed=9))
    # The first ones are the same of any number.
    pd.testing.assert_frame_equal(rows.head(20), run.sample(20))


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_polars_and_arrow_frames_come_back_with_their_types(columns):
    frame = pl.DataFrame(columns).with_columns(
        pl.col("sex").cast(pl.Enum(["male", "female", "other"])),
        pl.col("age").cast(pl.UInt8),
        pl.col("seen").cast(pl.Datetime("ns")),
    )
    run = gans.train(frame, seed=3, **SHORT)
    rows = run.sample(50)
    assert isinstance(rows, pl.DataFrame)
    assert rows.schema == frame.schema
    lazy = gans.train(frame.lazy(), seed=3, **SHORT)
    assert lazy.sample(50).equals(rows)

    table = frame.to_arrow()
    run = gans.train(table, seed=3, **SHORT)
    again = run.sample(50)
    assert isinstance(again, pa.Table)
    assert again.schema.equals(table.schema), (again.schema, table.schema)
    # The same rows, whatever held them.
    assert again.to_pylist() == rows.to_arrow().to_pylist()
    assert isinstance(run.sample(3, form="polars"), pl.DataFrame)
    assert isinstance(run.sample(3, form="pandas"), pd.DataFrame)


def test_arrays_come_back_with_their_shape_and_dtype():
    draw = np.random.default_rng(1)
    numbers = draw.normal(size=(300, 3)).astype(np.float32)
    samples = gans.train(numbers, seed=1, **SHORT).sample(7)
    assert samples.shape == (7, 3) and samples.dtype == np.float32

    images = draw.integers(0, 256, size=(200, 8, 8), dtype=np.uint8)
    run = gans.train(images, preset="mnist", seed=1, steps=3, device="cpu", progress=False)
    samples = run.sample(5)
    assert samples.shape == (5, 8, 8) and samples.dtype == np.uint8
    assert samples.max() > 100, "bytes, and not shares of them"


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_names_blanks_and_intervals_of_pandas_come_back(columns):
    draw = np.random.default_rng(1)
    numbered = pd.DataFrame(draw.normal(size=(240, 2)))
    rows = gans.train(numbered, seed=1, **SHORT).sample(5, where={0: (">", 0.0)})
    assert rows.columns.tolist() == [0, 1] and rows.index.tolist() == [0, 1, 2, 3, 4]
    nested = numbered.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), axis=1)
    assert gans.train(nested, seed=1, **SHORT).sample(5).columns.equals(nested.columns)

    frame = pd.DataFrame({"age": columns["age"], "line\nbreak": ["x", "y"] * 120, "": [1.5, 2.5] * 120})
    frame["empty"], frame["nothing"] = np.nan, None
    frame["group"] = pd.cut(frame["age"], 3)
    frame["seen"] = pd.to_datetime(columns["seen"]).tz_localize("Europe/Berlin")
    rows = gans.train(frame, seed=1, **SHORT).sample(20)
    assert set(frame.columns) == set(rows.columns)
    same = [name for name in frame.columns if name != "group"]
    assert dict(rows[same].dtypes) == dict(frame[same].dtypes)
    assert rows["empty"].isna().all() and rows["nothing"].isna().all()
    # Their levels are texts.
    assert rows["group"].cat.categories.tolist() == [str(level) for level in frame["group"].cat.categories]


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_columns_that_are_left_out_are_named_by_a_warning(columns, caplog):
    frame = pd.DataFrame({"age": columns["age"], "stay": pd.to_timedelta(columns["age"], unit="h")})
    rows = gans.train(frame, seed=1, **SHORT).sample(2)
    assert rows.columns.tolist() == ["age"]
    (record,) = [record for record in caplog.records if "left out" in record.message]
    assert record.levelname == "WARNING" and "stay" in record.message


def test_integers_of_64_bits_stay_in_their_range():
    draw = np.random.default_rng(1)
    for dtype in (np.int64, np.uint64):
        top = np.iinfo(dtype).max
        numbers = draw.integers(top - 2**40, top, (300, 3), dtype=dtype, endpoint=True)
        samples = gans.train(numbers, seed=1, **SHORT).sample(50)
        assert samples.dtype == dtype
        assert (samples > dtype(top // 2)).all(), samples


def test_records_of_any_shape_come_back_in_it():
    numbers = np.random.default_rng(1).normal(size=(200, 2, 3, 4))
    samples = gans.train(numbers, seed=1, **SHORT).sample(5)
    assert samples.shape == (5, 2, 3, 4)


def test_bits_are_those_of_the_program(columns):
    pl.DataFrame(columns).write_csv("people.csv")
    run = gans.train("people.csv", seed=5, out="here", **SHORT)
    program = os.environ["GAN_CLI"]
    words = "train people.csv --seed 5 --steps 12 --device cpu --out there"
    subprocess.run([program, *words.split()], check=True, capture_output=True)
    ours, theirs = (sorted(Path(run).glob("checkpoints/*")) for run in ("here", "there"))
    assert [path.name for path in ours] == [path.name for path in theirs] and ours
    assert [path.read_bytes() for path in ours] == [path.read_bytes() for path in theirs]
    sample = [program, "sample", "there", "-n", "40", "--out", "theirs.csv", "--where", "age>30"]
    subprocess.run(sample, check=True, capture_output=True)
    rows = run.sample(40, where={"age": (">", 30)}, form="polars")
    assert rows.equals(pl.read_csv("theirs.csv", schema=rows.schema))


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_conditions(columns):
    frame = pl.DataFrame(columns)
    run = gans.train(frame, seed=1, condition=["sex"], **SHORT)
    assert set(run.sample(40, where={"sex": "female"})["sex"]) == {"female"}
    some = run.sample(20, where={"age": [(">=", 40), ("<", 60)], "sex": "male", "member": True})
    assert some["age"].is_between(40, 59).all() and some["member"].all()
    assert run.sample(5, where={"income": None})["income"].is_null().all()
    assert run.sample(5, where={"since": (">", columns["since"][0])}).height == 5
    assert run.sample(4, where=["sex!=male"])["sex"].eq("female").all()
    with pytest.raises(ValueError, match="expected one of female, male"):
        run.sample(1, where={"sex": "x"})
    with pytest.raises(ValueError, match="operator"):
        run.sample(1, where={"age": ("~", 3)})
    for wrong in ({"sex": ["male", "female"]}, {"age": (">", 1, 2)}, {"age": ()}, 5, [("age", ">", 1)]):
        with pytest.raises(ValueError, match="(?s)where: .*hint: for example where="):
            run.sample(1, where=wrong)
    with pytest.raises(ValueError, match=r'hint: for example where=\["age>='):
        run.sample(1, where={"age": (">", "old")})


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_conditions_on_times_are_times_of_any_kind(columns):
    frame = pd.DataFrame(columns)
    frame["seen"] = frame["seen"].dt.tz_localize("Europe/Berlin")
    run = gans.train(frame, seed=1, **SHORT)
    some = pd.Timestamp("2024-05-20 12:00:30", tz="Europe/Berlin")
    for after in (some, some.to_pydatetime(), some.isoformat(), "2024-05-20 10:00:30"):
        rows = run.sample(20, where={"seen": (">", after)})
        assert (rows["seen"] > some).all(), after
    first = run.sample(20, where={"seen": (">", some)})
    assert first.equals(run.sample(20, where={"seen": (">", np.datetime64("2024-05-20T10:00:30"))}))
    dates = run.sample(20, where={"since": (">=", pd.Timestamp("2021-01-01"))})
    assert (dates["since"] >= pd.Timestamp("2021-01-01").date()).all()
    assert run.sample(3, where={"income": pd.NA})["income"].isna().all()


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_models_travel(columns, tmp_path):
    run = gans.train(pandas_frame(columns), seed=2, **SHORT)
    rows = run.sample(30)
    run.save("model.safetensors")
    folder = run.folder
    assert folder.exists()
    del run
    assert not folder.exists(), "nobody wanted to keep it"
    loaded = gans.load("model.safetensors")
    pd.testing.assert_frame_equal(loaded.sample(30), rows)
    again = pickle.loads(pickle.dumps(loaded))
    pd.testing.assert_frame_equal(again.sample(30), rows)
    assert (again.step, again.seed, again.preset) == (loaded.step, loaded.seed, loaded.preset)

    kept = gans.train(pandas_frame(columns), seed=2, out="runs/people", **SHORT)
    pd.testing.assert_frame_equal(kept.sample(30), rows)
    pd.testing.assert_frame_equal(gans.load("runs/people").sample(30), rows)
    with pytest.raises(ValueError, match="already"):
        gans.train(pandas_frame(columns).head(100), seed=2, out="runs/people", **SHORT)
    # It has not touched the data of the run that is there.
    again = gans.resume("runs/people", steps=14, device="cpu", progress=False)
    assert again.step == 14
    gans.train(pandas_frame(columns), seed=2, out="runs/people", overwrite=True, **SHORT)


@pytest.mark.filterwarnings("ignore::gans.TrainingWarning")
def test_evaluation_says_what_the_program_says(columns):
    run = gans.train(pl.DataFrame(columns), seed=1, **SHORT)
    found = run.evaluate(target="sex", out="evaluation", progress=False)
    assert found["table"]["target"] == "sex"
    assert found["verdict"] and found["sections"]
    assert Path("evaluation/columns.png").exists()
    # The data may be elsewhere.
    again = run.evaluate(pl.DataFrame(columns), target="sex", progress=False)
    assert again["sections"] == found["sections"]
    with pytest.raises(ValueError, match="did you mean"):
        run.evaluate(target="sexx", progress=False)


def test_as_in_scikit_learn(columns):
    gan = gans.GAN(seed=4, steps=5, device="cpu")
    assert gan.get_params()["steps"] == 5
    assert gan.set_params(steps=6) is gan
    with pytest.raises(ValueError, match="fit first"):
        gan.sample(1)
    with pytest.raises(ValueError, match="expected one of preset"):
        gan.set_params(step=6)
    sklearn = pytest.importorskip("sklearn.base")
    assert sklearn.clone(gan).get_params() == gan.get_params()
    numbers = np.random.default_rng(1).normal(size=(200, 2))
    again = pickle.loads(pickle.dumps(gan.fit(numbers)))
    assert np.array_equal(again.sample(3), gan.sample(3))
    assert gan.run_.step == 6


def test_callback_sees_and_ends():
    events = []

    def callback(event):
        events.append(event)
        return event["event"] != "metrics"

    run = gans.train(
        preset="ring8", out="ended", steps=400, seed=1, device="cpu", callback=callback,
        settings={"run.log_every": 50, "data.count": 500}, progress=False,
    )
    names = [event["event"] for event in events]
    assert names[:2] == ["data", "start"] and "interrupted" in names
    assert not run.done and run.step == run.metrics[-1]["step"] == 50
    whole = gans.resume("ended", device="cpu", progress=False)
    assert whole.done and whole.step == 400
    alone = gans.train(
        preset="ring8", steps=400, seed=1, device="cpu", progress=False,
        settings={"run.log_every": 50, "data.count": 500},
    )
    assert np.array_equal(whole.sample(9), alone.sample(9))

    def broken(event):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        gans.train(preset="ring8", steps=4, device="cpu", callback=broken, progress=False)


def test_control_c_saves_and_raises():
    script = textwrap.dedent("""
        import gans
        try:
            gans.train(preset="ring8", out="run", steps=10**7, device="cpu", progress=False,
                       callback=lambda event: print(event["event"], flush=True))
        except KeyboardInterrupt:
            print("raised", gans.load("run").step)
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in child.stdout:
        if line.strip() == "metrics":
            break
    child.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, error = child.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert re.search(r"raised \d+", out), (out, error)
    assert child.returncode == 0, error


def test_errors_are_pythons_own_with_the_program_s_words(columns):
    with pytest.raises(OSError, match="absent.csv"):
        gans.train("absent.csv")
    with pytest.raises(OSError, match="absent"):
        gans.load("absent")
    run = gans.train(preset="ring8", **SHORT)
    with pytest.raises(OSError, match="(?s)found a directory.*hint: for example"):
        run.save(".")
    with pytest.raises(OSError, match="(?s)found no folder no.*hint: os.makedirs"):
        run.save("no/model.safetensors")
    with pytest.raises(ValueError, match="(?s)data: found records of 3 columns, expected records of 2"):
        run.evaluate(np.zeros((50, 3)))
    with pytest.raises(ValueError, match="out='.'"):
        gans.train(preset="ring8", out=".", **SHORT)
    Path("bad.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{")
    with pytest.raises(ValueError, match="truncated.*(\n|.)*hint"):
        gans.train("bad.npy", device="cpu")
    Path("bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a checkpoint"):
        gans.load("bad.safetensors")
    with pytest.raises(ValueError, match="(?s)optimizer.learning_rat.*hint: did you mean"):
        gans.train(preset="ring8", settings={"optimizer.learning_rat": 1})
    with pytest.raises(ValueError, match="found data of type list"):
        gans.train([[1, 2]])
    with pytest.raises(ValueError, match="device"):
        gans.train(preset="ring8", device="cpuu")
    with pytest.raises(RuntimeError, match="diverged"):
        gans.train(preset="ring8", steps=400, device="cpu", settings={"optimizer.learning_rate": 1e9})
    assert "ring8" in gans.presets()


def test_data_that_cannot_be_learnt_is_named_with_what_helps(columns):
    frame = pd.DataFrame({"age": columns["age"], "c": columns["age"]})

    def refused(data, words):
        with pytest.raises(ValueError, match=f"(?s){words}"):
            gans.train(data, **SHORT)

    mixed = frame.assign(c=[1, "x"] * 120)
    refused(mixed, r"column 'c' of object.*hint: make texts of it, data.astype\(\{'c': str\}\)")
    refused(frame.assign(c=[2**70] * 240), "column 'c' of object")
    refused(frame.assign(c=1j), "column 'c' of complex128.*hint")
    refused(pd.concat([frame, frame], axis=1), "several columns called 'age'.*hint")
    refused(frame.head(0), "found 0 records")
    refused(frame["age"], r"type Series.*hint: data.to_frame\(\)")
    refused(pl.Series(columns["age"]), r"type Series.*hint: data.to_frame\(\)")
    refused((row for row in [1, 2]), "type generator")
    refused(frame.assign(c=[np.inf] + [1.5, 2.5] * 119 + [3.5]), r"""settings=\{"data.drop": \['c'\]\}""")
    refused(np.array([["a", "b"]] * 50), r"array of <U1.*hint: pandas.DataFrame\(data\)")
    refused(np.array([[1, "b"]] * 50, dtype=object), "array of object.*hint")
    refused(np.zeros(50, dtype=[("a", "f4")]), "array of .*hint")
    refused(np.array(3.0), "without dimensions.*hint")
    refused(np.ma.masked_invalid([[1.0, np.nan]] * 50), "masked values.*hint")
    refused(None, "neither data nor a preset.*hint")


def test_arguments_are_checked_and_of_any_type_of_number():
    short = {**SHORT, "preset": "ring8", "settings": {"data.count": np.int64(400)}}
    run = gans.train(**{**short, "seed": np.int32(3), "threads": np.int64(1)})
    assert run.seed == 3
    for wrong in ({"n": 0}, {"n": 2.5}, {"n": "a"}, {"n": 10**30}, {"seed": -1}, {"seed": 2**64}, {"threads": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.*expected a whole number from"):
            run.sample(**{"n": 1, **wrong})
    for wrong in ({"optimizer.learning_rate": None}, {"optimizer.learning_rate": [object()]}):
        with pytest.raises(ValueError, match="(?s)settings: optimizer.learning_rate.*hint"):
            gans.train(**{**short, "settings": wrong})
    rate = {"optimizer": {"kind": "adam", "learning_rate": np.float32(0.5)}}
    taken = gans.train(**{**short, "settings": {**short["settings"], **rate}}).config
    assert "learning_rate = 0.5" in taken
    with pytest.raises(ValueError, match="(?s)condition: found 5.*hint"):
        gans.train(**{**short, "condition": [5]})


def test_hints_are_in_the_words_of_python():
    run = gans.train(preset="ring8", out="a run", **SHORT)
    with pytest.raises(ValueError, match=r"""(?s)gans.resume\("a run"\).*overwrite=True"""):
        gans.train(preset="ring8", out="a run", **SHORT)
    with pytest.raises(ValueError, match="is done") as error:
        gans.resume("a run")
    # The hint, taken at its word.
    assert eval(str(error.value).split("hint: to go on: ")[1]).step == 2 * run.step
    for program, python in (
        ("--set optimizer.learning_rate=1.5e-4, or", 'settings={"optimizer.learning_rate": 0.00015}, or'),
        ("--set a.b=1 --set c=minimax", 'settings={"a.b": 1, "c": "minimax"}'),
        ("with --set 'data.drop=[\"it\"]'", "with settings={\"data.drop\": ['it']}"),
        ("--set 'optimizer={learning_rate = 0.1}'", "settings={\"optimizer\": {'learning_rate': 0.1}}"),
        ("leave --target out", "leave target out"),
        ("with `--device cpu`", 'with `device="cpu"`'),
        ("with --data PATH", "with data=PATH"),
        ("or: gan-cli train mnist --data 'a b' for", 'or: gans.train("a b", preset="mnist") for'),
        ("/tmp/gans-x_1/run-0123456789ab.npy: found", "data: found"),
        ("presets: gan-cli presets", "presets: gans.presets()"),
        ("build with `--features cuda`", "build with `--features cuda`"),
    ):
        assert in_python(program) == python
