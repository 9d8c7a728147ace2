"""Frames and arrays as files, and back.

The trainer reads and writes files; a frame travels as Arrow's IPC format (Feather), an array as
``.npy``. What a frame looked like, down to its dtypes, is kept as a :class:`Template`.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import io
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("pandas", "polars", "arrow", "numpy")
#: Added to the name of a file of data: the file of its form.
FORM = ".form.json"


def module(name: str) -> Any:
    """The module ``name``, or an error that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ImportError(
            f"{package} is not installed\nhint: pip install {package}"
        ) from error


def kind_of(data: object) -> str | None:
    """Which of `KINDS` an object is of; None for a path and for anything else."""
    root = type(data).__module__.split(".")[0]
    name = type(data).__name__
    if isinstance(data, np.ndarray):
        return "numpy"
    if root == "pandas" and name == "DataFrame":
        return "pandas"
    if root == "polars" and name in ("DataFrame", "LazyFrame"):
        return "polars"
    # A column by itself has such a stream as well.
    if hasattr(data, "__arrow_c_stream__") and name not in ("Series", "ChunkedArray"):
        return "arrow"
    return None


@dataclass(frozen=True)
class Template:
    """The form of the data that a generator was trained on."""

    kind: str
    """One of `KINDS`."""
    schema: bytes = b""
    """Of a frame: an Arrow file of no rows, with the columns' names and types."""
    dtype: str = ""
    """Of an array: its dtype."""
    shape: tuple[int, ...] = ()
    """Of an array: the shape of one record."""

    def to_json(self) -> str:
        return json.dumps(
            {
                "kind": self.kind,
                "schema": base64.b64encode(self.schema).decode(),
                "dtype": self.dtype,
                "shape": self.shape,
            }
        )

    @staticmethod
    def of_json(text: str) -> Template:
        found = json.loads(text)
        return Template(
            kind=found["kind"],
            schema=base64.b64decode(found["schema"]),
            dtype=found["dtype"],
            shape=tuple(found["shape"]),
        )


def write(data: Any, stem: Path) -> tuple[Path, Template]:
    """Writes a frame or an array beside `stem`; its path and form.

    The name ends in a digest of the content, so that other data never take the place of those that an
    earlier run was trained on.
    """
    kind = kind_of(data)
    if kind is None:
        name = type(data).__name__
        hint = "data.to_frame()" if name == "Series" else "numpy.asarray(data), or pandas.DataFrame(data)"
        raise ValueError(
            f"found data of type {name}, expected a path, a frame of pandas, polars or Arrow, or a "
            f"NumPy array\nhint: {hint}"
        )
    stem.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".gans-", dir=stem.parent) as folder:
        part = Path(folder) / "data"
        template = _write(data, kind, part)
        with open(part, "rb") as file:
            digest = hashlib.sha256(file.read())
        extension = ".npy" if kind == "numpy" else ".feather"
        path = stem.with_name(f"{stem.name}-{digest.hexdigest()[:12]}{extension}")
        os.replace(part, path)
        part.write_text(template.to_json())
        os.replace(part, str(path) + FORM)
    return path, template


def _write(data: Any, kind: str, path: Path) -> Template:
    empty = io.BytesIO()
    if kind == "numpy":
        array = _checked(data)
        with open(path, "wb") as file:
            np.save(file, array, allow_pickle=False)
        return Template("numpy", dtype=data.dtype.str, shape=data.shape[1:])
    if kind == "polars":
        frame = data.lazy().collect()
        frame.clear().write_ipc(empty)
        frame.write_ipc(path)
        return Template("polars", schema=empty.getvalue())
    table = _table(data, kind).unify_dictionaries()
    ipc = module("pyarrow.ipc")
    with open(path, "wb") as file, ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    with ipc.new_file(empty, table.schema) as out:
        # No rows, but the levels of columns of categories.
        for batch in table.to_batches()[:1]:
            out.write_batch(batch.slice(0, 0))
    return Template(kind, schema=empty.getvalue())


def _checked(array: Any) -> np.ndarray[Any, Any]:
    """An array as the trainer reads it: numbers, of records that are vectors or images."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise ValueError(
            "found masked values, which an array has no blanks for\n"
            "hint: pandas.DataFrame(data), whose blanks are learnt, or data.filled(0)"
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"found an array of {array.dtype}, expected booleans, integers or floats\n"
            "hint: pandas.DataFrame(data).infer_objects(), which may have columns of every kind"
        )
    if array.ndim == 0:
        raise ValueError(
            "found an array without dimensions, expected a record in each row\n"
            "hint: numpy.atleast_2d(data) is one record"
        )
    whole: np.ndarray[Any, Any] = np.ascontiguousarray(array)
    is_images = whole.ndim == 3 or (whole.ndim == 4 and whole.shape[3] in (1, 3))
    return whole if whole.ndim < 3 or is_images else whole.reshape(len(whole), -1)


def _table(data: Any, kind: str) -> Any:
    arrow = module("pyarrow")
    if kind == "arrow":
        return arrow.table(data)
    # An index that somebody has named is a column of theirs.
    is_named = any(name is not None for name in data.index.names)
    frame = data.reset_index(drop=not is_named)
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        # Arrow's files cannot be read back with levels that are intervals, as `pandas.cut` makes them.
        levels = getattr(dtype, "categories", None)
        if levels is not None and str(levels.dtype).startswith("interval"):
            frame[name] = frame[name].cat.rename_categories(str)
    try:
        # The index of whole numbers is not written, but what the columns' names are is.
        return arrow.Table.from_pandas(frame)
    except (arrow.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValueError(_unwritable(frame, error)) from error


def _unwritable(frame: Any, error: Exception) -> str:
    """Why Arrow does not take a frame of pandas: its first column that it does not take by itself."""
    arrow = module("pyarrow")
    if not frame.columns.is_unique:
        names = frame.columns[frame.columns.duplicated()].unique().tolist()
        return (
            f"found several columns called {names[0]!r}, expected names that differ\n"
            "hint: data.loc[:, ~data.columns.duplicated()] keeps the first of each"
        )
    for name in frame.columns:
        try:
            arrow.Table.from_pandas(frame[[name]])
        except (arrow.ArrowException, TypeError, ValueError, OverflowError) as own:
            what = own.args[0] if own.args else own
            return (
                f"column {name!r} of {frame.dtypes[name]}: {what}\n"
                f"hint: make texts of it, data.astype({{{name!r}: str}}), or leave it out, "
                f"data.drop(columns=[{name!r}])"
            )
    return str(error)


def read(path: Path, template: Template) -> Any:
    """The rows of a file of samples, in the form of `template`."""
    if template.kind == "numpy":
        if path.suffix == ".npy":
            return _like_array(np.load(path), template)
        return _arrow(path).to_pandas().to_numpy()
    if template.kind == "polars":
        return _like_polars(path, template)
    table = _like_arrow(_arrow(path), template)
    return table.to_pandas() if template.kind == "pandas" else table


def _arrow(path: Path) -> Any:
    with module("pyarrow").OSFile(str(path), "rb") as file:
        return module("pyarrow.ipc").open_file(file).read_all()


def _like_array(array: np.ndarray[Any, Any], template: Template) -> np.ndarray[Any, Any]:
    width = int(np.prod(template.shape, dtype=np.int64))
    if template.shape and width == array.shape[1]:
        array = array.reshape(len(array), *template.shape)
    elif not template.shape and template.dtype and array.shape[1] == 1:
        array = array[:, 0]
    if not template.dtype:
        return array
    dtype = np.dtype(template.dtype)
    if dtype.kind not in "iu":
        return array.astype(dtype)
    limits = np.iinfo(dtype)
    array = np.rint(array)
    with np.errstate(invalid="ignore"):
        whole = array.astype(dtype)
    # Afterwards, since no float is the largest integer of 64 bits.
    whole[array >= limits.max] = limits.max
    whole[array <= limits.min] = limits.min
    return whole


def _like_polars(path: Path, template: Template) -> Any:
    polars = module("polars")
    frame = polars.read_ipc(io.BytesIO(path.read_bytes()))
    if not template.schema:
        return frame
    schema = polars.read_ipc(io.BytesIO(template.schema)).schema
    frame = frame.rename(
        {number: name for name, number in _numbered(list(schema)) if number in frame.columns}
    )
    casts = [
        polars.col(name).cast(dtype, strict=False)
        for name, dtype in schema.items()
        if name in frame.columns and frame.schema[name] != dtype
    ]
    return frame.with_columns(casts)


def _like_arrow(table: Any, template: Template) -> Any:
    if not template.schema:
        return table
    form = module("pyarrow.ipc").open_file(io.BytesIO(template.schema)).read_all()
    unnamed = {number: name for name, number in _numbered(form.column_names)}
    table = table.rename_columns([unnamed.get(name, name) for name in table.column_names])
    names = [name for name in form.column_names if name in table.column_names]
    columns = [_cast(table.column(name), form.column(name)) for name in names]
    fields = [
        form.schema.field(name).with_type(column.type)
        for name, column in zip(names, columns, strict=True)
    ]
    arrow = module("pyarrow")
    return arrow.table(columns, schema=arrow.schema(fields, form.schema.metadata))


def _numbered(names: list[str]) -> list[tuple[str, str]]:
    """Columns without a name, and the number that the trainer calls each by."""
    numbered = ((name, str(place)) for place, name in enumerate(names, 1))
    return [(name, number) for name, number in numbered if not name and number not in names]


def _cast(column: Any, form: Any) -> Any:
    """A column in the type of another, or as it is where that cannot hold it."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    to = form.type
    if column.type == to:
        return column
    if arrow.types.is_null(to):
        return arrow.nulls(len(column))
    try:
        if arrow.types.is_string(column.type) and not arrow.types.is_dictionary(to):
            # A column of nothing but blanks.
            column = compute.if_else(compute.equal(column, ""), None, column)
        if not arrow.types.is_dictionary(to):
            return column.cast(to, safe=False)
        levels = form.combine_chunks().dictionary
        places = compute.index_in(column.cast(levels.type), value_set=levels).cast(to.index_type)
        return arrow.DictionaryArray.from_arrays(
            places.combine_chunks(), levels, ordered=to.ordered
        )
    except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError):
        return column


def default_kind() -> str:
    """The kind of frame for samples of a table that was a file."""
    has = {name: importlib.util.find_spec(name) is not None for name in ("pandas", "polars", "pyarrow")}
    if has["pandas"] and has["pyarrow"]:
        return "pandas"
    if has["polars"]:
        return "polars"
    if has["pyarrow"]:
        return "arrow"
    raise ImportError(
        "found neither polars nor pyarrow, one of which reads a table\nhint: pip install polars"
    )


def form_beside(source: str) -> Template | None:
    """The form that :func:`write` has left beside a file of data, if it has."""
    form = Path(source + FORM)
    return Template.of_json(form.read_text()) if form.exists() else None
