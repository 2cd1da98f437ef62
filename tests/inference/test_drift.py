"""Profiles add up; a comparison finds what is large and significant, and names it."""

import datetime

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from gradino.inference import drift
from gradino.inference.drift import Categories, Cells, Numbers, Profile, cells, compare, merge, profile

RNG = np.random.default_rng(0)
COLUMNS = {"number": RNG.normal(size=2000), "flag": RNG.random(2000) < 0.3, "word": RNG.choice(list("aabc"), 2000)}
CELLS = cells(COLUMNS)
REFERENCE = profile(COLUMNS, CELLS)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-3, 3).map(float)
WORDS = st.sampled_from(["a", "b", "c", "d", None])
ROWS = st.lists(st.tuples(NUMBERS, st.booleans(), WORDS), max_size=30)
COUNTS = st.lists(st.integers(0, 10**9), min_size=2, max_size=40).filter(any)


def counted(rows) -> Profile:
    number, flag, word = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"number": np.array(number, float), "flag": np.array(flag, bool), "word": np.array(word, object)}
    return profile(columns, CELLS)


@given(ROWS, ROWS, ROWS)
def test_merging_is_counting_together_in_any_order_and_grouping(a, b, c):
    x, y, z = counted(a), counted(b), counted(c)
    together = counted(a + b + c)
    assert merge([x, y, z]) == merge([merge([x, y]), z]) == merge([x, merge([y, z])]) == merge([z, x, y]) == together


@given(ROWS)
def test_every_row_is_counted_once_in_every_column(rows):
    current = counted(rows)
    assert current.rows == len(rows)
    assert {sum(counts) for counts in current.counts.values()} == {len(rows)}


@given(ROWS)
def test_cells_and_profiles_survive_json(rows):
    assert msgspec.json.decode(msgspec.json.encode(counted(rows)), type=Profile) == counted(rows)
    assert msgspec.json.decode(msgspec.json.encode(CELLS), type=Cells) == CELLS


def test_profiles_over_other_cells_neither_merge_nor_compare():
    columns = {"number": np.arange(60.0)}
    own, other = cells(columns), cells({"number": np.arange(50.0)})
    with pytest.raises(ValueError, match="same cells"):
        merge([profile(columns, own), profile(columns, other)])
    with pytest.raises(ValueError, match="same cells"):
        merge([])
    with pytest.raises(ValueError, match="given cells"):
        compare(own, profile(columns, own), profile(columns, other))


def test_numbers_get_cells_of_equal_weight_that_are_closed_below():
    even = {"x": np.arange(1000.0)}
    assert profile(even, cells(even)).counts["x"] == (100,) * 10 + (0, 0, 0)
    current = np.array([-1.0, 0, 99, 99.5, 100, 999, 999.1, np.nan, np.inf, -np.inf])
    assert profile({"x": current}, cells(even)).counts["x"] == (3, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 1)


@pytest.mark.parametrize(
    ("values", "starts"),
    [
        (np.array([0, 1] * 50), (0.0, 1.0)),
        (np.array([0.0] * 95 + [2.0, 3, 4, 5, 6]), (0.0, 2.0)),
        (np.full(100, 7.0), (7.0,)),
        (np.full(100, np.nan), (0.0,)),
    ],
)
def test_a_value_that_alone_fills_a_cell_gets_its_own(values, starts):
    made = cells({"x": values}).columns["x"]
    assert isinstance(made, Numbers)
    assert made.starts == starts


def test_categories_are_the_most_frequent_then_the_known_then_the_unseen():
    words = np.array([f"w{i:04d}" for i in range(1500) for _ in range(2 if i < 40 else 1)], dtype=object)
    known = cells({"word": words})
    made = known.columns["word"]
    assert isinstance(made, Categories)
    assert (len(made.top), len(made.others)) == (drift.TOP, drift.KNOWN - drift.TOP)
    counts = profile({"word": np.array(["w0000", "w0100", "new", None, float("nan")], dtype=object)}, known).counts[
        "word"
    ]
    assert counts[0] == 1
    assert counts[-3:] == (1, 1, 2)


@pytest.mark.parametrize(
    "column", [np.array(["a", "b"]), np.array([1, "x"], dtype=object), np.array(["2020", "NaT"], "M8[Y]")]
)
def test_what_is_no_number_is_a_category(column):
    assert isinstance(cells({"x": column}).columns["x"], Categories)


def test_missing_is_whatever_pandas_calls_missing():
    column = {"x": np.array(["a", pd.NA, None, np.nan, pd.NaT, datetime.date(2020, 1, 1)], dtype=object)}
    assert profile(column, cells(column)).counts["x"][-1] == 4


def test_absent_and_uneven_columns_are_errors():
    with pytest.raises(ValueError, match="absent: flag, word"):
        profile({"number": np.zeros(3)}, CELLS)
    with pytest.raises(ValueError, match="different lengths"):
        profile({"number": np.zeros(3), "flag": np.zeros(2), "word": np.zeros(2)}, CELLS)


@given(st.data(), COUNTS)
def test_the_distance_is_scipys(data, p):
    q = data.draw(st.lists(st.integers(0, 10**9), min_size=len(p), max_size=len(p)).filter(any))
    assert drift.distance(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)
    assert drift.distance(p, q) == pytest.approx(drift.distance(q, p), abs=1e-7)


@given(st.data(), COUNTS)
def test_the_index_is_the_two_way_relative_entropy(data, p):
    q = data.draw(st.lists(st.integers(0, 10**9), min_size=len(p), max_size=len(p)).filter(any))
    a, b = np.array(p) + 0.5, np.array(q) + 0.5
    assert drift.psi(p, q) == pytest.approx(stats.entropy(a, b) + stats.entropy(b, a), abs=1e-9)


def test_the_limit_of_the_index_holds_for_rows_without_drift():
    """At 500 against 1,000 rows in 40 cells noise alone exceeds 0.1; the limit is exceeded by 5 % of comparisons."""
    rng = np.random.default_rng(1)
    over = []
    for _ in range(1000):
        columns = {str(i): rng.integers(0, 40, 1000) for i in range(2)}
        made = cells(columns)
        current = profile({name: rng.integers(0, 40, 500) for name in columns}, made)
        findings = compare(made, profile(columns, made), current).values()
        over.append(any(f.psi > f.psi_limit for f in findings))
    assert np.mean(over) <= 0.05 + 0.015


def shifted(rows, by):
    rng = np.random.default_rng(2)
    columns = {
        "number": rng.normal(by, 1, rows),
        "flag": rng.random(rows) < 0.3,
        "word": rng.choice(list("aabc"), rows),
    }
    return profile(columns, CELLS)


def test_a_shift_of_one_column_is_found_there():
    findings = compare(CELLS, REFERENCE, shifted(1000, 0.7))
    assert {name: f.verdict for name, f in findings.items()} == {"number": "drift", "flag": "stable", "word": "stable"}


def test_a_significant_shift_that_is_small_is_no_drift():
    rng = np.random.default_rng(3)
    before, now = {"x": rng.normal(size=200_000)}, {"x": rng.normal(0.05, 1, 200_000)}
    made = cells(before)
    finding = compare(made, profile(before, made), profile(now, made))["x"]
    assert finding.verdict == "stable"
    assert finding.psi > (2 / 200_000) * stats.chi2.ppf(0.95, 9)


@pytest.mark.parametrize("rows", [0, 1, 499])
def test_few_rows_are_insufficient(rows):
    assert {f.verdict for f in compare(CELLS, REFERENCE, shifted(rows, 5)).values()} == {"insufficient"}


def test_missing_and_unseen_values_are_drift_and_are_named():
    number = np.random.default_rng(5).normal(size=1000)
    columns = {"number": number, "flag": np.zeros(1000, bool), "word": np.array(["z"] * 1000)}
    columns["number"][:300] = np.nan
    findings = compare(CELLS, REFERENCE, profile(columns, CELLS))
    assert findings["number"].missing == (0.0, 0.3)
    assert findings["word"].outside == (0.0, 1.0)
    assert {f.verdict for f in findings.values()} == {"drift"}


def test_what_the_reference_does_every_day_is_no_drift():
    """Each day has its own mean. Beside the whole year a day looks drifted, beside the other days it does not."""
    rng = np.random.default_rng(4)
    days = [rng.normal(mean, 1, 1000) for mean in rng.normal(0, 0.6, 40)]
    made = cells({"x": np.concatenate(days)})
    reference, usual, strange = (
        profile({"x": x}, made) for x in (np.concatenate(days), rng.normal(0.8, 1, 1000), rng.normal(4, 1, 1000))
    )
    halves = [profile({"x": half}, made) for day in days for half in (day[:500], day[500:])]
    assert compare(made, reference, usual)["x"].verdict == "drift"
    assert compare(made, reference, usual, halves)["x"].verdict == "stable"
    assert compare(made, reference, strange, halves)["x"].verdict == "drift"
    own = [drift.distance(reference.counts["x"], profile({"x": day}, made).counts["x"]) for day in days]
    limit = compare(made, reference, usual, halves)["x"].distance_limit
    assert limit == pytest.approx(np.mean(own) + 3 * np.std(own, ddof=1))


def test_fewer_than_five_pieces_of_the_reference_say_nothing():
    chunks = [shifted(1000, 0)] * 4
    assert compare(CELLS, REFERENCE, shifted(1000, 1), chunks)["number"].distance_limit is None


@given(ROWS)
def test_the_place_of_a_row_is_where_it_is_counted(rows):
    number, flag, word = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"number": np.array(number, float), "flag": np.array(flag, bool), "word": np.array(word, object)}
    for name, counts in counted(rows).counts.items():
        places = drift.place(columns[name], CELLS.columns[name])
        assert tuple(np.bincount(places, minlength=len(counts))) == counts
        assert len(drift.labels(CELLS.columns[name])) == len(counts)


def test_the_parts_that_changed_are_named_with_their_shares():
    before = {"word": np.array(["a"] * 500 + ["b"] * 500, object)}
    made = cells(before)
    now = profile({"word": np.array(["a"] * 500 + ["z"] * 500, object)}, made)
    found = drift.parts(made.columns["word"], profile(before, made).counts["word"], now.counts["word"])
    assert [(part.label, part.before, part.now) for part in found] == [("b", 0.5, 0.0), ("never seen before", 0.0, 0.5)]


@given(st.integers(2, 60), st.integers(2, 60), st.floats(0.5, 5))
def test_since_is_the_cut_that_leaves_the_least_squares(before, after, jump):
    values = np.random.default_rng(before * 61 + after).normal(0, 0.05, before + after)
    values[before:] += jump
    rest = [values[:cut].var() * cut + values[cut:].var() * (len(values) - cut) for cut in range(1, len(values))]
    assert drift.since(values) == int(np.argmin(rest)) + 1 == before


def test_since_is_the_beginning_where_it_never_was_otherwise():
    assert drift.since([0.5]) == drift.since([0.5, 0.5, 0.5]) == drift.since([0.6, 0.1, 0.1]) == 0


def test_the_same_season_is_the_time_of_the_year_and_the_days_of_the_week():
    days = [datetime.date(2022, 1, 1) + datetime.timedelta(days=i) for i in range(730)]
    month = [days[i] for i in drift.season(days, datetime.date(2024, 7, 1), datetime.date(2024, 7, 30))]
    assert {day.month for day in month} == {6, 7, 8}
    assert {day.year for day in month} == {2022, 2023}
    sunday = [days[i] for i in drift.season(days, datetime.date(2024, 1, 7), datetime.date(2024, 1, 7))]
    assert {day.weekday() for day in sunday} == {6}
    assert {day.month for day in sunday} == {12, 1}
    short = days[:60]
    assert drift.season(short, datetime.date(2024, 7, 1), datetime.date(2024, 7, 30)) == list(range(60))
