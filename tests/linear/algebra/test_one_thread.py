import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from kindred.domain.interactions import Interactions
from kindred.linear.algebra.one_thread import one_thread
from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble
from kindred.linear.ensemble.validation import WeightConfig

QUICK = RankingConfig(width=48, temporal=True, weights=WeightConfig(samples=2))


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_the_threads_of_before_are_there_again_whatever_happens_within():
    before = torch.get_num_threads(), blas_threads()
    with pytest.raises(ValueError, match="within"), one_thread():
        assert (torch.get_num_threads(), blas_threads()) == (1, {1})
        raise ValueError("within")
    assert (torch.get_num_threads(), blas_threads()) == before


def test_a_model_is_the_same_to_the_last_bit_with_any_number_of_threads():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(150), 6)
    items = ((users % 4) * 50 + rng.integers(0, 60, len(users))) % 200
    events = Interactions(users, items, 150, 200, at=np.arange(len(users)) * 90_000)
    before, found = torch.get_num_threads(), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        with threadpool_limits(limits=threads):
            found.append(fit_linear_ensemble(events, QUICK, 0))
    torch.set_num_threads(before)
    for other in found[1:]:
        assert other.scorer_weights == found[0].scorer_weights
        assert np.array_equal(other.items, found[0].items)
