"""The chi-square distribution against scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gradino.inference import chisquare


@given(st.floats(0, 500), st.integers(1, 300))
def test_the_tail_is_scipys(x, df):
    assert chisquare.survival(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-9, abs=1e-14)


@given(st.floats(1e-6, 1 - 1e-9), st.integers(1, 300))
def test_the_quantile_is_scipys(p, df):
    assert chisquare.quantile(p, df) == pytest.approx(stats.chi2.ppf(p, df), rel=1e-6)


@pytest.mark.parametrize(("p", "df"), [(0, 1), (1, 1), (0.5, 0)])
def test_there_is_no_quantile_outside_the_distribution(p, df):
    with pytest.raises(ValueError, match="needs"):
        chisquare.quantile(p, df)
