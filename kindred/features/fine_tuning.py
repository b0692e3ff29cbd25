"""Fine-tunes a sentence encoder on pairs of texts that belong together, with the trainer of sentence-transformers.

A text is to be nearer to its partner than to the partners of all others of a step (Henderson et al., "Efficient Natural
Language Response Suggestion for Smart Reply", 2017: the multiple-negatives loss).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kindred.devices import choose_device
from kindred.domain.errors import SettingsError, StoreError, install_hint
from kindred.domain.progress import Progress, silent
from kindred.features.text import load_sentence_transformer
from kindred.features.weights import OPENVINO, bundled_folder, check_named

if TYPE_CHECKING:
    from transformers import TrainerCallback

NEEDED = ("accelerate", "datasets")
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class FineTuning:
    """How an encoder is fine-tuned.

    Attributes:
        epochs: how often each pair is seen.
        batch_size: pairs in a step; none of its texts comes twice, so that no right answer counts as a wrong one.
        learning_rate: highest of AdamW, after a tenth of the steps.
    """

    epochs: int = 1
    batch_size: int = 64
    learning_rate: float = 2e-5
    seed: int = 7
    device: str = "auto"


def check_fine_tuning(encoder: str, folder: Path) -> None:
    """Checks what can be seen before any text is read.

    Raises:
        SettingsError: a package is missing, the encoder is one of OpenVINO, or the folder is taken.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise SettingsError(
            f"the packages {' and '.join(NEEDED)} are needed to fine-tune", f"run `{install_hint('finetune')}`"
        )
    if encoder.startswith(OPENVINO):
        raise SettingsError(
            "an encoder that OpenVINO has compiled can't be trained", f"leave {OPENVINO!r} out of KINDRED_ENCODER"
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingsError(f"{folder} is there already", "name a folder that is not")
    check_named(encoder)


def fine_tune(encoder: str, pairs: Pairs, folder: Path, how: FineTuning, progress: Progress = silent) -> None:
    """Writes the fine-tuned encoder to a new folder, which KINDRED_ENCODER may name: whole, or not at all.

    Args:
        encoder: what to begin with, as in KINDRED_ENCODER.
        pairs: texts that belong together, e.g. a search and the title of what was ordered then.
        folder: where it goes.
        how: how long, and in what steps.
        progress: told of steps, as stage "fine-tune".

    Raises:
        SettingsError: as `check_fine_tuning` says.
        StoreError: the folder can't be written.
    """
    check_fine_tuning(encoder, folder)
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers
    from transformers import PrinterCallback
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    device = choose_device(how.device)
    network = load_sentence_transformer(encoder or str(bundled_folder()), device, torch.float32)
    network.model_card_data.widget = [{"text": ""}]  # no card is written, so no examples need be sought for one
    texts = {"anchor": [pair[0] for pair in pairs], "positive": [pair[1] for pair in pairs]}
    with _new_folder(folder) as unfinished, TemporaryDirectory() as scratch:
        arguments = SentenceTransformerTrainingArguments(
            scratch,
            num_train_epochs=how.epochs,
            per_device_train_batch_size=how.batch_size,
            learning_rate=how.learning_rate,
            warmup_steps=0.1,
            use_cpu=device.type == "cpu",
            seed=how.seed,
            batch_sampler=BatchSamplers.NO_DUPLICATES,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        )
        trainer = SentenceTransformerTrainer(
            network,
            arguments,
            train_dataset=Dataset.from_dict(texts),
            loss=MultipleNegativesRankingLoss(network),
            callbacks=[_telling(progress)],
        )
        trainer.remove_callback(PrinterCallback)  # prints to stdout
        trainer.train()
        network.save_pretrained(str(unfinished), create_model_card=False)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside it that takes its name at the end; nothing is left of one that is not finished.

    Raises:
        StoreError: it can't be written.
    """
    unfinished = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        unfinished.rename(folder)
    except OSError as error:
        raise StoreError(f"can't write to {folder}: {error.strerror or error}", "choose another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _telling(progress: Progress) -> TrainerCallback:
    """What tells of each step."""
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

    class Telling(TrainerCallback):  # type: ignore[misc] # its library is not read by the type checker
        def on_step_end(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
        ) -> None:
            progress("fine-tune", state.global_step, state.max_steps)

    return Telling()
