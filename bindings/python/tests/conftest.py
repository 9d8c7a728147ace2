"""Data for the tests: a table with columns of every kind."""

import datetime
import random

import pytest


def people(rows: int = 240) -> dict[str, list[object]]:
    """Columns of a table, the same ones each time."""
    draw = random.Random(1)
    columns: dict[str, list[object]] = {
        name: [] for name in ("age", "sex", "income", "member", "since", "seen")
    }
    for _ in range(rows):
        age = draw.randint(18, 90)
        member = draw.random() < 0.3
        columns["age"].append(age)
        columns["sex"].append(draw.choice(["female", "male"]))
        columns["income"].append(None if draw.random() < 0.1 else round(draw.gauss(age, 9), 2))
        columns["member"].append(member)
        columns["since"].append(datetime.date(2020, 1, 1) + datetime.timedelta(draw.randrange(900)))
        columns["seen"].append(
            datetime.datetime(2024, 5, 1) + datetime.timedelta(minutes=draw.randrange(90000))
        )
    return columns


@pytest.fixture
def columns() -> dict[str, list[object]]:
    return people()


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    """Every test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
