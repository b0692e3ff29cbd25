from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from kindred.domain.frames import FramesInMemory
from kindred.models.sequence_tagger import EncoderName, SequenceTagger, TaggerConfig
from kindred.models.sequence_tagger_fit import (
    WATCHED,
    TaggedFrames,
    asymmetric_focal_loss,
    fit_tagger,
    tagger_logits,
    tagger_vectors,
)
from kindred.training.fit import RunOptions

ENCODERS = get_args(EncoderName)


def _network(encoder: str, seed: int = 0) -> tuple[SequenceTagger, TaggerConfig]:
    torch.manual_seed(seed)
    config = TaggerConfig.model_validate({"encoder": encoder, "width": 8, "heads": 2, "crop": 20, "layers": 2})
    network = SequenceTagger(5, 3, config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    network.mean.normal_()
    return network.eval(), config


def _frames(lengths: list[int], dim: int = 5) -> FramesInMemory:
    rng = np.random.default_rng(4)
    return FramesInMemory([rng.normal(size=(length, dim)).astype(np.float32) for length in lengths], dim)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_padding_says_nothing_whatever_is_in_it(encoder: str) -> None:
    network, _ = _network(encoder)
    frames = torch.randn(3, 9, 5)
    mask = torch.arange(9) < torch.tensor([[9], [4], [1]])
    with torch.no_grad():
        logits = network(frames, mask)
        noisy = network(torch.where(mask[:, :, None], frames, 1e3 * torch.randn(3, 9, 5)), mask)
        alone = torch.cat([network(frames[i : i + 1, :n], mask[i : i + 1, :n]) for i, n in enumerate((9, 4, 1))])
    torch.testing.assert_close(noisy, logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone, logits, atol=1e-5, rtol=1e-5)
    assert torch.isfinite(logits).all()
    assert (logits[0] - logits[1]).abs().max() > 1e-3


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_track_has_the_same_answer_alone_and_in_any_company(encoder: str) -> None:
    network, config = _network(encoder)
    frames = _frames([1, 7, 20, 21, 300, 2, 1])  # longer ones than 20 are heard in stretches
    rows = np.array([6, 4, 0, 3, 2, 5, 1])
    together = tagger_logits(network, frames, rows, config)
    alone = np.concatenate([tagger_logits(network, frames, rows[i : i + 1], config) for i in range(len(rows))])
    np.testing.assert_allclose(together, alone, atol=1e-5, rtol=1e-5)
    assert len(tagger_vectors(network, frames, rows, config)) == len(rows)


def _events(num: int, rng: np.random.Generator) -> tuple[FramesInMemory, csr_matrix]:
    """Two tags that differ in a short event only, which the mean of frames hides: up and down, or down and up."""
    arrays, labels = [], rng.integers(0, 2, num)
    for label in labels:
        frames = 0.1 * rng.normal(size=(int(rng.integers(6, 12)), 3))
        at = int(rng.integers(0, len(frames) - 1))
        frames[at, 0] += 3.0
        frames[at, 1] += 3.0 * (2 * label - 1)
        other = int(rng.integers(0, len(frames)))
        frames[other, 1] -= 3.0 * (2 * label - 1)
        arrays.append(frames.astype(np.float32))
    return FramesInMemory(arrays, 3), csr_matrix(np.eye(2, dtype=bool)[labels])


@pytest.mark.parametrize("encoder", ["transformer", "frames"])
def test_what_only_single_frames_tell_is_learned(encoder: str, tmp_path: Path) -> None:
    frames, labels = _events(360, np.random.default_rng(0))
    config = TaggerConfig.model_validate(
        {"encoder": encoder, "width": 16, "epochs": 8, "batch_size": 16, "learning_rate": 1e-2, "average": 0.8}
        | {"mixup": 0.0, "dropout": 0.1}
    )
    data, held = TaggedFrames(frames, labels), np.arange(300, 360)

    def accuracy(network: SequenceTagger) -> float:
        found = tagger_logits(network, frames, held, config).argmax(1)
        return float((found == labels[held].toarray().argmax(1)).mean())

    options = RunOptions(tmp_path, device="cpu")
    network, result = fit_tagger(data, np.arange(300), config, options, lambda net: {WATCHED: accuracy(net)})
    assert accuracy(network) == result.best_score > 0.9
    mean_only, _ = fit_tagger(data, np.arange(300), config.model_copy(update={"encoder": "mean"}), options)
    assert accuracy(mean_only) < 0.75


def test_mixup_and_focal_loss_train_too(tmp_path: Path) -> None:
    frames, labels = _events(40, np.random.default_rng(1))
    config = TaggerConfig(encoder="conformer", width=8, heads=2, epochs=2, mixup=0.4, loss="focal", crop=4)
    first, _ = fit_tagger(TaggedFrames(frames, labels), np.arange(40), config, RunOptions(tmp_path / "a"))
    second, _ = fit_tagger(TaggedFrames(frames, labels), np.arange(40), config, RunOptions(tmp_path / "b"))
    ours, theirs = (tagger_logits(network, frames, np.arange(40), config) for network in (first, second))
    np.testing.assert_array_equal(ours, theirs)  # equal seeds, equal networks
    assert np.isfinite(ours).all()


def test_asymmetric_focal_loss_by_hand() -> None:
    logits = torch.logit(torch.tensor([[0.8, 0.04], [0.3, 0.45]]))
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    expected = -(np.log(0.8) + 0.0 + 0.25**2 * np.log(0.75) + np.log(0.45)) / 4
    assert float(asymmetric_focal_loss(logits, labels)) == pytest.approx(expected, abs=1e-6)
