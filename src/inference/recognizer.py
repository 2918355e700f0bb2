"""One way to ask a trained network what it sees, whether it lies in a run's folder or in an exported file."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from src.data.settings import DatamoduleSettings
from src.errors import UserError
from src.learning.run_settings import recorded_settings
from src.onnx_session import open_session
from src.runs.calibration import read_calibration
from src.runs.folder import METRICS
from src.runs.record import Record, read_run
from src.signs.labels import DIGITS, INDEX_OF, LETTERS, NUM_SIGNS, SIGNS, sign_index
from src.sources.decoding import FITS, Fit
from src.sources.images import fit_square


@dataclass(frozen=True)
class About:
    """What is known about a network beside its weights.

    Attributes:
        name: of the run's folder or the exported file.
        image_size_px, fit: the squares that it was trained on, see `src.sources.images.fit_square`.
        max_megapixels: larger images are refused unread.
        temperature: that its logits are divided by.
        abstain_below: a most probable sign below this probability counts as "not sure"; None where the run has no
            calibration.
        record: what the run measured, and by which protocol; None for an unfinished run.
        notes: sentences that a user should read before the results.
        crop: what it reads: "none" is a whole frame made a square, "hand" the square around a hand found in it.
        crop_margin: side of that square, in lengths of the hand's box.
    """

    name: str
    image_size_px: int
    fit: Fit
    max_megapixels: float
    temperature: float
    abstain_below: float | None
    record: Record | None
    notes: tuple[str, ...] = ()
    crop: Literal["none", "hand"] = "none"
    crop_margin: float = 1.5

    def is_sure(self, probability: float) -> bool:
        """Whether a most probable sign's probability reaches the calibrated threshold; True where there is none."""
        return self.abstain_below is None or probability >= self.abstain_below


class Recognizer(ABC):
    """Probabilities of the 36 signs from images.

    Args:
        about: what it is.
        signs: class indices that may be answered; the other signs' probability is shared out among them in proportion.
    """

    def __init__(self, about: About, signs: Sequence[int] | None = None) -> None:
        self.about = about
        self._ruled_out = np.ones(NUM_SIGNS, dtype=bool)
        self._ruled_out[list(signs if signs is not None else range(NUM_SIGNS))] = False

    def square(self, pixels: np.ndarray) -> np.ndarray:
        """`(height, width, 3) uint8` RGB → `(size, size, 3) uint8`, by the same function as in training."""
        return fit_square(pixels, self.about.image_size_px, self.about.fit)

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """`(batch, size, size, 3) uint8` RGB → `(batch, 36) float32`, calibrated, each row summing to 1."""
        probabilities = self._network(squares)
        if self._ruled_out.any():
            probabilities = np.where(self._ruled_out, 0, probabilities)
            probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return probabilities

    @abstractmethod
    def _network(self, squares: np.ndarray) -> np.ndarray:
        """`(batch, size, size, 3) uint8` → `(batch, 36) float32`."""


def ranked(probabilities: np.ndarray, count: int) -> list[tuple[str, float]]:
    """The `count` most probable signs of `(36,)` probabilities, best first; those of probability 0 are left out."""
    best = np.argsort(-probabilities, kind="stable")[:count]
    return [(SIGNS[index], float(probabilities[index])) for index in best if probabilities[index] > 0]


def signs_named(text: str) -> tuple[int, ...]:
    """The class indices that `all`, `digits`, `letters` or a list such as `A,B,3` means.

    Raises:
        UserError: it names something that is no sign.
    """
    groups = {"all": SIGNS, "digits": DIGITS, "letters": LETTERS}
    return tuple(sorted({sign_index(sign.strip()) for sign in groups.get(text, text.strip("[]").split(","))}))


def open_recognizer(path: Path, signs: Sequence[int] | None = None, threads: int | None = None) -> Recognizer:
    """The network of a run's folder, or of an .onnx file that `python -m src.export` wrote.

    Args:
        signs: class indices that may be answered; None for all.
        threads: processor threads of an .onnx file's network; None leaves it to onnxruntime.

    Raises:
        UserError: there is no such file or folder, or it holds no network of this project.
    """
    if path.is_dir():
        return RunRecognizer(path, signs)
    if not path.is_file():
        raise UserError(f"run={path}: there is no such folder or file; name a run's folder or an exported .onnx file.")
    if path.suffix.lower() != ".onnx":
        raise UserError(f"run={path} is neither a run's folder nor an .onnx file that python -m src.export wrote.")
    return OnnxRecognizer(path, signs, threads)


class RunRecognizer(Recognizer):
    """The best checkpoint of a run's folder, in float32, on the GPU where there is one.

    Raises:
        UserError: the folder is no run's, or its checkpoint does not fit its config.
    """

    def __init__(self, run: Path, signs: Sequence[int] | None = None) -> None:
        import torch

        from src import hardware
        from src.learning.rescoring import load_network

        run = run.resolve()
        settings = recorded_settings(run)
        super().__init__(_about_run(run, settings.datamodule), signs)
        self._device = "cuda" if hardware.on_gpu("auto") else "cpu"
        network = load_network(run, settings).eval().to(self._device)
        self.network = network.to(memory_format=torch.channels_last)

    def _network(self, squares: np.ndarray) -> np.ndarray:
        import torch

        # A copy, as a slice of somebody's memory map may be read-only; channels-last without another.
        images = torch.from_numpy(np.array(squares)).permute(0, 3, 1, 2).to(self._device)
        with torch.inference_mode():
            logits = self.network(images).float() / self.about.temperature
            return logits.softmax(dim=1).cpu().numpy()


def _about_run(run: Path, settings: DatamoduleSettings) -> About:
    record = read_run(run) if (run / METRICS).is_file() else None
    calibration = read_calibration(run)
    notes = []
    if record is None:
        notes.append(f"{run.name} has not finished: this is its best epoch so far.")
    if calibration is None:
        notes.append(
            f"{run.name} was not calibrated: its probabilities are as the network gives them, and it never says "
            '"not sure".'
        )
    return About(
        name=run.name,
        image_size_px=settings.image_size_px,
        fit=settings.fit,
        max_megapixels=settings.max_megapixels,
        temperature=calibration.temperature if calibration else 1.0,
        abstain_below=calibration.abstain_below if calibration else None,
        record=record,
        notes=tuple(notes),
        crop=settings.crop,
        crop_margin=settings.crop_margin,
    )


class OnnxRecognizer(Recognizer):
    """An exported file, run by onnxruntime alone.

    Raises:
        UserError: the file is damaged, not this project's, or refers to other files.
    """

    def __init__(self, file: Path, signs: Sequence[int] | None = None, threads: int | None = None) -> None:
        self._session = open_session(file, file.read_bytes(), threads)
        super().__init__(_about_file(file, self._session.get_modelmeta().custom_metadata_map), signs)

    def _network(self, squares: np.ndarray) -> np.ndarray:
        return self._session.run(["probabilities"], {"images": np.ascontiguousarray(squares)})[0]


def _about_file(file: Path, values: Mapping[str, str]) -> About:
    try:
        if json.loads(values["labels"]) != list(INDEX_OF):
            raise ValueError
        threshold, measured = json.loads(values["abstain_below"]), json.loads(values["metrics"])
        about = About(
            name=file.name,
            image_size_px=int(values["image_size_px"]),
            fit=values["fit"],  # type: ignore[arg-type]  # checked below
            max_megapixels=float(values["max_megapixels"]),
            temperature=float(values["temperature"]),
            abstain_below=None if threshold is None else float(threshold),
            record=Record.from_flat(measured) if measured else None,
            notes=tuple(json.loads(values["notes"])),
            crop=values.get("crop", "none"),  # type: ignore[arg-type]  # checked below; earlier exports read whole frames
            crop_margin=float(values.get("crop_margin", 1.5)),
        )
        if about.fit not in FITS or not 16 <= about.image_size_px <= 4096:
            raise ValueError
        if about.crop not in ("none", "hand") or not 1 <= about.crop_margin <= 4:
            raise ValueError
    except (KeyError, ValueError, TypeError, AttributeError):
        raise UserError(
            f"{file} was not written by python -m src.export: its metadata do not say what it is."
        ) from None
    return about
