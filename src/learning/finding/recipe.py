"""What the finder is trained on, how long, how fast."""

from dataclasses import asdict, dataclass
from typing import Any

from src.errors import UserError
from src.hands.finder import VIEW_PX
from src.learning.freezing import FreezePolicy, TopK
from src.learning.optimizers import AdamW, Optimizer
from src.learning.schedulers import Cosine, Scheduler
from src.learning.trainer_settings import TrainerSettings
from src.synthetic.spec import RenderedSpec

# People of the finder's rendered hands are in no set of a config, see `src.learning.pretraining.recipe`.
_RENDERING_SEED = 2**31 + 2**20
_SIGNERS = 100
_WARMUP_SHARE = 0.1
_LARGEST_GRADIENT = 5.0
_STEM_RATE = 0.5  # learning rate of the stem as a share of the head's
_STAGES_BELOW_HEAD = 8
_TRAINED_BELOW_HEAD = 5
BACKBONE = "mobilenetv2_100"
# How often a photograph is of which kind of set; within one, people are drawn evenly, and a person's pictures.
KINDS = {"centred": 0.35, "webcam": 0.4, "digits": 0.25}


@dataclass(frozen=True)
class PictureSet:
    """A folder of pictures below the data root.

    Attributes:
        folder: below the root, with `/`.
        kind: one of `KINDS`.
        cleared: whether weights that were trained on it may be given away.
        person: a regular expression whose group names the person in a file's name; "" where all show one person, or
            nobody is named.
        same: names that are one person's, or cannot be told apart, and the name that counts.
        rooms: how often what is beside the hand serves as a background, a person; 0 for never.
    """

    folder: str
    kind: str
    cleared: bool = True
    person: str = ""
    same: tuple[tuple[str, str], ...] = ()
    rooms: int = 0

    @property
    def name(self) -> str:
        """Its own name, without the folders above it."""
        return self.folder.rpartition("/")[2]


PICTURE_SETS = (
    # Some pictures of P6 show P5, and some of P7 P8.
    PictureSet("rooms_free/asl_hg", "centred", person=r"(P\d+)_", same=(("P6", "P5"), ("P8", "P7")), rooms=1),
    *(
        PictureSet(f"rooms_free/{name}", "webcam", rooms=3)
        for name in ("lolzorus", "gunsai75", "sakshamsood3", "hawkcodesz", "meyyappan", "derickbessa")
    ),
    PictureSet("rooms_free/t32rahman", "webcam", rooms=1),
    PictureSet("sign_digits", "digits"),
    *(PictureSet(f"rooms_free/evriel_s{session}", "centred", cleared=False, rooms=1) for session in range(1, 5)),
    PictureSet("rooms_free/thanakritmos12", "webcam", cleared=False, rooms=3),
    PictureSet("rooms_free/naveen", "webcam", cleared=False, rooms=1),
    PictureSet("rooms_free/predaalin", "webcam", cleared=False, rooms=1),
)


@dataclass(frozen=True)
class FinderTraining:
    """What a finder is made from: two equal ones give equal weights on one machine.

    Attributes:
        epochs: of `views` views each; a checkpoint is left after each.
        views: new ones in every epoch.
        batch_size: views a step.
        lr: the highest learning rate of the head: reached after a tenth of the steps, then a cosine down to zero; half
            of it for the stem.
        weight_decay: of AdamW, never on 1-d parameters.
        averaging: decay of the mean of weights that is validated and exported, a step.
        seed: of first weights and views.
        cleared: whether only sets are used whose weights may be given away.
        holdout: people that are kept out of training and validated on; without any, trained people are.
        validation_views: the same in every epoch.
        rendered: hands rendered for it.
        rendered_share: of the views that show a hand: rendered hands cut out and set before other rooms.
        scenes: frames of rendered rooms; a third of them without a hand.
        scene_share: of the views that show a hand: a rendered room.
        empty_share: of all views, those without a hand.
        size_px: side of a view.

    Raises:
        UserError: there is too little to learn from.
    """

    epochs: int = 40
    views: int = 6400
    batch_size: int = 64
    lr: float = 2e-3
    weight_decay: float = 0.02
    averaging: float = 0.998
    seed: int = 1
    cleared: bool = True
    holdout: tuple[str, ...] = ()
    validation_views: int = 512
    rendered: int = 3600
    rendered_share: float = 0.15
    scenes: int = 3600
    scene_share: float = 0.2
    empty_share: float = 0.25
    size_px: int = VIEW_PX

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UserError(f"A finder needs epochs of at least 1, not {self.epochs}.")
        if self.views < self.batch_size:
            raise UserError(f"A finder needs at least {self.batch_size} views an epoch, not {self.views}.")
        if self.size_px < 64 or self.size_px % 16:
            raise UserError(f"A finder's views need a side of 64 px or more that 16 divides, not {self.size_px}.")

    @property
    def sets(self) -> tuple[PictureSet, ...]:
        """The sets that it is trained on."""
        return tuple(one for one in PICTURE_SETS if one.cleared or not self.cleared)

    @property
    def hands(self) -> RenderedSpec:
        """Which rendered hands."""
        return RenderedSpec(self.rendered, _SIGNERS, 128, _RENDERING_SEED)

    @property
    def rooms(self) -> RenderedSpec:
        """Which rendered rooms; the people in them are others."""
        return RenderedSpec(self.scenes, _SIGNERS, 128, _RENDERING_SEED + 1)

    @property
    def freeze(self) -> FreezePolicy:
        """Stem, block1 and block2 stay as they start: their maps are the largest, so a step costs little over half."""
        return TopK(k=_TRAINED_BELOW_HEAD)

    @property
    def optimizer(self) -> Optimizer:
        """A learning rate a stage, higher towards the head."""
        decay = _STEM_RATE ** (1 / _STAGES_BELOW_HEAD)
        return AdamW(lr=self.lr, weight_decay=self.weight_decay, layer_decay=decay)

    @property
    def scheduler(self) -> Scheduler:
        """A tenth of the steps up, the others down to zero."""
        return Cosine(interval="step", warmup_epochs=_WARMUP_SHARE * self.epochs, final_fraction=0.0)

    @property
    def trainer(self) -> TrainerSettings:
        """On whatever this machine has."""
        return TrainerSettings(max_epochs=self.epochs, gradient_clip=_LARGEST_GRADIENT, monitor="val/loss")

    def plain(self) -> dict[str, Any]:
        """The recipe as plain values."""
        return {**asdict(self), "holdout": list(self.holdout)}
