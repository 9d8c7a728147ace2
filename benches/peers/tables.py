"""Synthetic tables by this library and by others: fitted, judged, and timed, table by table.

    python tables.py FOLDER --program target/release/gan-cli --out runs/reproduce/tables

FOLDER holds NAME.csv for each table, of which a fifth is drawn by a seed and kept back, or
NAME_train.csv and NAME_test.csv. `targets.json` in it names the column of each table that models
learn from the others; without it, that is the last one.

Every program gets the training rows and its own defaults, and makes as many rows. It is judged by
libraries that none of them uses to train: SDMetrics and scikit-learn. What is done is kept in
--out, so that a long comparison can be stopped and started. `README.md` explains the numbers.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

# The judges' own threads, which only wait for each other on few rows.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

# As many rows of a table as classifiers and distances get.
MOST_ROWS = 10_000
# Levels that scikit-learn's trees can tell apart, less one for all others.
MOST_LEVELS = 250
# Levels that are compared one by one in pairs of columns.
MOST_PAIRED = 30
# Different values up to which a number is a class to be predicted.
MOST_CLASSES = 10

# CTGAN's own game as a configuration: its loss, penalty, packing, batch and rates.
CTGANS_GAME = [
    "game.minibatch=500",
    'game.loss="wasserstein"',
    'game.penalty={kind="unit-norm",weight=10.0}',
    "game.pack=10",
    "optimizer.learning_rate=0.0002",
    "run.check_every=0",
]
# Iterations that this game is timed for.
TIMED = 500


# ------------------------------------------------------------------------------ programs


def ours(arguments, train, rows, out, seed):
    """This library, by its program."""
    run = out.with_suffix("")
    # Of a run that was stopped nothing is known about its time.
    begin = [arguments.program, "train", train, "--out", run, "--overwrite"]
    make = [arguments.program, "sample", run, "-n", rows, "--out", out, "--overwrite"]
    peaks = [call(arguments, *words, "--seed", seed) for words in (begin, make)]
    return {**iterations(run), "megabytes": max(peaks)}


def ours_by_ctgans_game(arguments, train, rows, out, seed):
    """The same, at CTGAN's game, for its time alone."""
    run = out.with_suffix("")
    begin = [arguments.program, "train", train, "--out", run, "--overwrite", "--steps", TIMED]
    changes = [word for change in CTGANS_GAME for word in ("--set", change)]
    peak = call(arguments, *begin, "--seed", seed, *changes)
    return {**iterations(run), "megabytes": peak}


def call(arguments, *words):
    """Runs a command; returns the largest memory that it held."""
    threads = ["--threads", arguments.threads] if arguments.threads else []
    words = [str(word) for word in [*words, *threads]]
    peak = 0.0
    with subprocess.Popen(words) as process:
        while process.poll() is None:
            peak = max(peak, peak_of(process.pid))
            time.sleep(0.1)
    if process.returncode != 0:
        sys.exit(f"{' '.join(words)}: failed")
    return peak


def peak_of(process):
    """The largest memory that a process has held, in MB: what the system tells of one that has
    ended counts its parent's as well."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0][1]) / 1024 if lines else 0.0


def iterations(run):
    """How many, and the seconds that they took."""
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    return {"iterations": last["step"], "in_iterations": last["seconds"]}


def by_sdv(name):
    """A synthesizer of SDV at its defaults."""

    def fit(arguments, train, rows, out, seed):
        import torch
        from sdv import single_table
        from sdv.metadata import Metadata

        torch.set_num_threads(arguments.threads or len(os.sched_getaffinity(0)))
        torch.manual_seed(seed)
        np.random.seed(seed)
        table = pd.read_csv(train)
        tables = {"table": table}
        metadata = Metadata.detect_from_dataframes(tables, infer_keys=None)
        synthesizer = getattr(single_table, name)(metadata)
        in_epochs = watch_epochs()
        synthesizer.fit(tables)
        synthesizer.sample(rows)["table"].to_csv(out, index=False)
        settings = synthesizer.get_parameters()
        if "epochs" not in settings:
            return {}
        batches = len(table) / settings["batch_size"]
        # CTGAN leaves out the last rows of an epoch, TVAE does not.
        of_an_epoch = max(int(batches), 1) if name.startswith("CTGAN") else int(np.ceil(batches))
        return {
            "iterations": settings["epochs"] * of_an_epoch,
            "in_iterations": sum(in_epochs),
        }

    return fit


def watch_epochs():
    """A list into which the seconds of the loops over epochs are put, of CTGAN and of TVAE: they
    begin when the encodings are fitted."""
    from ctgan.synthesizers import ctgan, tvae

    seconds = []

    def watched(epochs, **_):
        start = time.monotonic()
        yield from epochs
        seconds.append(time.monotonic() - start)

    # Both make a bar of progress of them, which they do not show.
    ctgan.tqdm = tvae.tqdm = watched
    return seconds


def shuffle(_, train, rows, out, seed):
    """Every column of the training rows in an order of its own."""
    table = pd.read_csv(train, dtype=str, keep_default_na=False)
    rng = np.random.default_rng(seed)
    shuffled = {column: rng.permutation(table[column].to_numpy()) for column in table}
    pd.DataFrame(shuffled).iloc[:rows].to_csv(out, index=False)
    return {}


# Name, how it is fitted, whether its rows are judged.
PROGRAMS = {
    "gan-cli": (ours, True),
    "gan-cli, CTGAN's game": (ours_by_ctgans_game, False),
    "CTGAN": (by_sdv("CTGANSynthesizer"), True),
    "TVAE": (by_sdv("TVAESynthesizer"), True),
    "Gaussian copula": (by_sdv("GaussianCopulaSynthesizer"), True),
    "shuffled columns": (shuffle, True),
}


# -------------------------------------------------------------------------------- judging


class Columns:
    """What the columns of a table hold, as its training rows tell."""

    def __init__(self, train, target):
        self.names, self.target = list(train), target
        self.dates, self.numbers, self.categories = [], [], []
        for name in self.names:
            cells = train[name].dropna()
            is_number = pd.to_numeric(cells, errors="coerce").notna().all()
            few = cells.nunique() <= MOST_CLASSES
            if is_number and not (name == target and few):
                self.numbers.append(name)
            elif not is_number and pd.to_datetime(cells, errors="coerce").notna().mean() > 0.95:
                self.dates.append(name)
            else:
                self.categories.append(name)
        self.is_class = target in self.categories

    def read(self, path):
        """The table at `path`: numbers, days of dates, texts; NaN where a cell is blank."""
        table = read(path)
        missing = [name for name in self.names if name not in table]
        if missing:
            sys.exit(f"{path}: found no column {missing}")
        columns = {}
        for name in self.names:
            cells = table[name]
            if name in self.numbers:
                columns[name] = pd.to_numeric(cells, errors="coerce").astype(float)
            elif name in self.dates:
                since = pd.to_datetime(cells, errors="coerce") - pd.Timestamp(0)
                columns[name] = since / pd.Timedelta(days=1)
            else:
                # An integer with blanks beside it becomes a float on its way through pandas.
                columns[name] = cells.str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
        return pd.DataFrame(columns)


def read(path):
    return pd.read_csv(path, dtype=str, skipinitialspace=True)


def at_most(table, rows, seed):
    return table if len(table) <= rows else table.sample(rows, random_state=seed)


def codes(train, columns, most):
    """A function from a table to the numbers of its categories' levels, the frequent ones first."""
    levels = {}
    for name in columns.categories:
        frequent = train[name].value_counts().index[:most]
        levels[name] = {level: code for code, level in enumerate(frequent)}

    def code(table, name):
        known = table[name].map(levels[name]).fillna(len(levels[name]))
        return known.where(table[name].notna(), np.nan).to_numpy(float)

    return code


def for_trees(train, columns, without=()):
    """A function from a table to what trees are given, and which columns of that are categories."""
    names = [name for name in columns.names if name not in without]
    code = codes(train, columns, MOST_LEVELS)

    def encode(table):
        parts = [
            code(table, name) if name in columns.categories else table[name].to_numpy(float)
            for name in names
        ]
        return np.column_stack(parts)

    return encode, [name in columns.categories for name in names]


def trees(classify, are_categories, seed, rounds):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    return kind(
        max_iter=rounds,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features=are_categories,
        random_state=seed,
    )


def told_apart(real, synthetic, train, columns, seed):
    """Area under the ROC curve of telling as many of one as of the other, by cross-validation."""
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

    rows = min(len(real), len(synthetic), MOST_ROWS)
    encode, are_categories = for_trees(train, columns)
    both = [encode(at_most(table, rows, seed)) for table in (real, synthetic)]
    is_real = np.repeat([1, 0], rows)
    # Few rows take more drawings of the folds to tell something.
    repeats = 10 if rows <= 300 else 3 if rows <= 1500 else 1
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=seed)
    learner = trees(True, are_categories, seed, rounds=100)
    return cross_val_score(learner, np.vstack(both), is_real, cv=folds, scoring="roc_auc").mean()


def useful(source, test, train, columns, seed):
    """What a model of the target scores on real rows: area under the ROC curve, or R²."""
    from sklearn.metrics import r2_score, roc_auc_score

    target = columns.target
    encode, are_categories = for_trees(train, columns, without=[target])
    source, test = (table[table[target].notna()] for table in (source, test))
    learner = trees(columns.is_class, are_categories, seed, rounds=150)
    if not columns.is_class:
        learner.fit(encode(source), source[target])
        return r2_score(test[target], learner.predict(encode(test)))
    if source[target].nunique() < 2:
        return 0.5
    learner.fit(encode(source), source[target])
    chances = pd.DataFrame(learner.predict_proba(encode(test)), columns=learner.classes_)
    areas = []
    for level in sorted(test[target].unique()):
        is_level = (test[target] == level).to_numpy()
        chance = chances[level] if level in chances else np.zeros(len(test))
        areas.append(roc_auc_score(is_level, chance))
    return float(np.mean(areas))


def retained(synthetic, test, train, columns, seed):
    """The same of a model that learnt from samples, between knowing nothing, 0, and 1: what one
    that learnt from real rows scores."""
    nothing = 0.5 if columns.is_class else 0.0
    real = useful(train, test, train, columns, seed)
    return (useful(synthetic, test, train, columns, seed) - nothing) / (real - nothing)


def quality(train, synthetic, columns):
    """SDMetrics' overall score."""
    from sdmetrics.reports.single_table import QualityReport

    sdtype = lambda name: "categorical" if name in columns.categories else "numerical"
    report = QualityReport()
    metadata = {"columns": {name: {"sdtype": sdtype(name)} for name in columns.names}}
    report.generate(train, synthetic, metadata, verbose=False)
    return report.get_score()


def pairs(train, synthetic, columns):
    """1 less the total variation of every pair of columns, numbers cut at the tenths of the real
    rows: the mean."""
    code = codes(train, columns, MOST_PAIRED)

    def cells(table):
        parts = {}
        for name in columns.names:
            if name in columns.categories:
                cell = code(table, name)
            else:
                cuts = np.unique(np.nanquantile(train[name], np.linspace(0.1, 0.9, 9)))
                values = table[name].to_numpy(float)
                cell = np.where(np.isnan(values), np.nan, np.searchsorted(cuts, values))
            parts[name] = np.nan_to_num(cell, nan=MOST_PAIRED + 1).astype(int)
        return parts

    real, made = cells(train), cells(synthetic)
    most = MOST_PAIRED + 2
    scores = []
    for i, a in enumerate(columns.names):
        for b in columns.names[i + 1 :]:
            shares = [
                np.bincount(part[a] * most + part[b], minlength=most**2) / len(part[a])
                for part in (real, made)
            ]
            scores.append(1 - 0.5 * np.abs(shares[0] - shares[1]).sum())
    return float(np.mean(scores))


def memorised(train, test, synthetic, columns, seed):
    """How much more often a training row is the nearest one than it would be by chance: 0 is
    ideal, 1 are copies."""
    from sklearn.neighbors import NearestNeighbors

    def encode(table):
        parts = []
        for name in columns.names:
            if name in columns.categories:
                levels = {level: i for i, level in enumerate(train[name].dropna().unique())}
                known = table[name].map(levels).fillna(len(levels)).astype(int)
                # Half for either level, so that different ones are 1 apart.
                parts.append(0.5 * np.eye(len(levels) + 1, dtype=np.float32)[known])
            else:
                low, high = np.nanquantile(train[name], [0.05, 0.95])
                values = ((table[name] - low) / ((high - low) or 1.0)).to_numpy(np.float32)
                is_blank = np.isnan(values)
                values = np.where(is_blank, 0.5, np.clip(values, -2, 3))
                parts.append(np.column_stack([values, is_blank]).astype(np.float32))
        return np.hstack(parts)

    train, test = at_most(train, 5 * MOST_ROWS, seed), at_most(test, MOST_ROWS, seed)
    samples = encode(at_most(synthetic, 2000, seed))
    nearest = [
        NearestNeighbors(n_neighbors=1, metric="manhattan", algorithm="brute")
        .fit(encode(table))
        .kneighbors(samples)[0][:, 0]
        for table in (train, test)
    ]
    share = np.mean(nearest[0] < nearest[1]) + 0.5 * np.mean(nearest[0] == nearest[1])
    by_chance = len(train) / (len(train) + len(test))
    return (share - by_chance) / (1 - by_chance)


def judge(paths, target, synthetic, seed):
    """The numbers of one synthetic table."""
    columns = Columns(read(paths["train"]), target)
    train, test, made = map(columns.read, (paths["train"], paths["test"], synthetic))
    return {
        "told apart": told_apart(test, made, train, columns, seed),
        "told from training rows": told_apart(train, made, train, columns, seed),
        "use retained": retained(made, test, train, columns, seed),
        "overall quality": quality(train, made, columns),
        "pairs": pairs(train, made, columns),
        "memorised": memorised(train, test, made, columns, seed),
    }


# ------------------------------------------------------------------------------- one run


def tables(folder, out):
    """Name, training rows and rows that no program sees, of every table in a folder."""
    for path in sorted(folder.glob("*.csv")):
        if path.stem.endswith("_test"):
            continue
        if path.stem.endswith("_train"):
            name = path.stem.removesuffix("_train")
            yield name, {"train": path, "test": path.with_name(f"{name}_test.csv")}
            continue
        lines = read_lines(path)
        order = np.random.default_rng(0).permutation(len(lines) - 1) + 1
        parts = {"test": order[: len(order) // 5], "train": order[len(order) // 5 :]}
        paths = {part: out / f"{path.stem}_{part}.csv" for part in parts}
        for part, rows in parts.items():
            text = "".join([lines[0], *(lines[row] for row in sorted(rows))])
            paths[part].write_text(text, encoding="utf-8")
        yield path.stem, paths


def read_lines(path):
    """The rows of a table as they are written; a line break within quotes ends none."""
    rows, open_row = [], ""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        open_row += line
        if open_row.count('"') % 2 == 0:
            rows.append(open_row if open_row.endswith("\n") else open_row + "\n")
            open_row = ""
    return rows


def fitted(arguments, program, paths, out, seed):
    """Fits a program in a process of its own, which tells its memory; returns what it tells."""
    told = out.with_suffix(".json")
    if not told.exists():
        words = [sys.executable, __file__, *sys.argv[1:], "--fit", program, paths["train"], out, seed]
        subprocess.run([str(word) for word in words], check=True)
    return json.loads(told.read_text())


def fit(arguments):
    program, train, out, seed = arguments.fit
    train, out = Path(train), Path(out)
    rows = len(read_lines(train)) - 1
    start = time.monotonic()
    told = PROGRAMS[program][0](arguments, train, rows, out, int(seed))
    told["seconds"] = time.monotonic() - start
    # This library is a program of its own, the others are in this one.
    told.setdefault("megabytes", peak_of("self"))
    write(out.with_suffix(".json"), told)


def write(path, value):
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(value, indent=1))
    os.replace(beside, path)


# Heading, key, digits.
SHOWN = [
    ("told apart", "told apart", 3),
    ("told from training rows", "told from training rows", 3),
    ("use retained", "use retained", 3),
    ("overall quality", "overall quality", 3),
    ("pairs", "pairs", 3),
    ("memorised", "memorised", 3),
    ("seconds", "seconds", 0),
    ("ms per iteration", "ms", 1),
    ("MB", "megabytes", 0),
]


def results(numbers):
    """A table in Markdown: the mean over the seeds."""
    lines = ["| table | program | " + " | ".join(heading for heading, _, _ in SHOWN) + " |"]
    lines.append("|---|---|" + "---:|" * len(SHOWN))
    for (name, program), seeds in numbers.items():
        cells = []
        for _, key, digits in SHOWN:
            values = [told[key] for told in seeds if key in told]
            cells.append(f"{np.mean(values):.{digits}f}" if values else "")
        lines.append(f"| {name} | {program} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--program", type=Path, required=True, help="gan-cli")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--fit", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        return fit(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    targets = arguments.folder / "targets.json"
    targets = json.loads(targets.read_text()) if targets.exists() else {}
    numbers = {}
    for name, paths in tables(arguments.folder, arguments.out):
        target = targets.get(name) or read(paths["train"]).columns[-1]
        for program in arguments.programs:
            for seed in arguments.seeds:
                print(f"== {name}: {program}, seed {seed}", flush=True)
                file = f"{name}-{program}-{seed}.csv".replace(" ", "-").replace(",", "").replace("'", "")
                out = arguments.out / file
                told = fitted(arguments, program, paths, out, seed)
                judged = out.with_suffix(".judged.json")
                if PROGRAMS[program][1] and not judged.exists():
                    write(judged, judge(paths, target, out, seed))
                if judged.exists():
                    told |= json.loads(judged.read_text())
                if "iterations" in told:
                    told["ms"] = 1000 * told["in_iterations"] / told["iterations"]
                numbers.setdefault((name, program), []).append(told)
    text = results(numbers)
    (arguments.out / "results.md").write_text(text)
    print(f"\n{text}\nwrote {arguments.out / 'results.md'}")


if __name__ == "__main__":
    main()
