"""How a command line becomes a config: Hydra, with run folders named, resumed runs found and errors in one sentence."""

import gc
import hashlib
import itertools
import os
import re
import shutil
import sys
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.errors import UserError
from src.runs.folder import AS_TRAINED, FAILURE_FILE
from src.settings.config import closest, validated

PROJECT = Path(__file__).resolve().parents[2]
CONF = PROJECT / "conf"
STUDIES = PROJECT / "experiments"

# A resumed run may find its images elsewhere; whatever shapes the result stays as it was.
RESUMABLE_KEYS = (
    "datamodule.root",
    "datamodule.workers",
    "datamodule.cache_dir",
    "trainer.progress",
)

_RESUME = "FINGERSPELL_RESUME"
_LAST_CHECKPOINT = "checkpoints/last.ckpt"
ONE_RUN = ("hydra.mode=RUN",)  # a recipe asks for a sweep; one job of it, started alone, must not

_MAX_NAME_CHARACTERS = 120
_UNIQUE = uuid.uuid4().hex[:6]


def run_name(override_dirname: str) -> str:
    """A folder's name from what was changed on the command line: `model-cnn__seed-3`.

    Without `=` and `,`, so that such a path can be given as a setting's value.

    Settings go by their last word, paths by their last part, lists as `a+b`; overlong names end in a digest.
    """
    named = []
    for part in _parts(override_dirname):
        key, _, value = part.partition("=")
        if key and not key.startswith("+"):  # +study=recipe is where the overrides come from, not one of them
            value = "+".join(item.strip() for item in value.strip("[]").split(","))
            named.append(f"{key.rsplit('.', 1)[-1]}-{value.rstrip('/').rsplit('/', 1)[-1]}")
    name = "__".join(re.sub(r"[^\w.+-]", "_", part) for part in named) or "default"
    if len(name) > _MAX_NAME_CHARACTERS:
        name = f"{name[:_MAX_NAME_CHARACTERS]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def evaluation_name(overrides: Sequence[str]) -> str:
    """A file's name for a run scored with these overrides; the digest tells /a/test from /b/test."""
    if not overrides:
        return AS_TRAINED
    whole = ",".join(sorted(overrides))
    return f"{run_name(whole)}~{hashlib.sha256(whole.encode()).hexdigest()[:6]}"


def _parts(override_dirname: str) -> list[str]:
    return re.split(r",(?![^\[]*\])", override_dirname)


def _job_name(number: str, override_dirname: str) -> str:
    """A sweep job's folder: its number and the settings that vary from job to job."""
    several = r",(?![^\[]*\])|\w\("  # a=1,2 or a=range(1,9): Hydra makes a job of each
    same_for_all = {argument.partition("=")[0] for argument in sys.argv[1:] if not re.search(several, argument)}
    varied = [part for part in _parts(override_dirname) if part.partition("=")[0] not in same_for_all]
    return f"{number}_{run_name(','.join(varied))}"


def _prepare_hydra() -> None:
    """Teach Hydra this project's run names and where its studies' recipes lie."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class Studies(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            search_path.append(provider="studies", path=f"file://{STUDIES}")

    if "Studies" not in {plugin.__name__ for plugin in Plugins.instance().discover(SearchPathPlugin)}:
        Plugins.instance().register(Studies)
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("sweep_job_name", _job_name, replace=True)
    OmegaConf.register_new_resolver("unique", lambda: _UNIQUE, replace=True)


def compose(overrides: Sequence[str] = (), check_files: bool = True) -> DictConfig:
    """The validated config of these overrides, as the command line would compose it.

    Args:
        overrides: as on the command line.
        check_files: whether files that settings name must exist.

    Raises:
        UserError: an override is not understood.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    _prepare_hydra()
    with initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        try:
            cfg = hydra_compose("train", overrides=list(overrides))
            OmegaConf.resolve(cfg)
            return validated(cfg, check_files)
        except Exception as error:
            raise UserError(sentence(error)) if _is_composition_error(error) else error from None


def _is_composition_error(error: BaseException) -> bool:
    from hydra.errors import HydraException

    return isinstance(error, (HydraException, OmegaConfBaseException)) and not isinstance(error, UserError)


def sentence(error: BaseException) -> str:
    """One clear sentence for an error of Hydra or OmegaConf, which explain themselves over several lines."""
    text = str(error)
    if cause := re.search(r"Could not override '([^']+)'", text):
        key = cause[1].lstrip("+~")
        known = _known_keys()
        if key in known:
            group = key.partition(".")[0]
            return f"{key} is not a setting of the chosen {group}: conf/{group}/ shows what each option takes."
        return f"{key} is not a setting{closest(key, known)}: python -m src.train --cfg job lists them all."
    if cause := re.search(r"(?:Could not find|Could not load) '([^']+)'", text):
        group, _, option = cause[1].rpartition("/")
        options = sorted(re.findall(r"^\t(\S+)$", text, flags=re.MULTILINE))
        if group and options:
            return f"{group}={option} is not an option{closest(option, options)}: choose from {', '.join(options)}."
    if cause := re.search(r"Could not override '?([\w/]+)'?[.]\s*No match in the defaults list", text):
        return f"{cause[1]} is not a group of settings."
    if cause := re.search(r"Missing mandatory value: (\S+)", text):
        return f"{cause[1]} has no value: give one with {cause[1]}=…."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "LexerNoViableAltException" in text or "mismatched input" in text or "no viable alternative" in text:
        return f"The command line was not understood ({lines[0]}): write key=value, and quote special characters."
    if "has no value" in text or "missing an equal" in text or "missing EQUAL" in text:
        return f"The command line was not understood: {lines[0]}"
    return lines[0] if lines else type(error).__name__


def _known_keys() -> list[str]:
    keys: list[str] = []

    def walk(node: DictConfig, prefix: str) -> None:
        for key in node:
            child = node._get_node(key)
            keys.append(f"{prefix}{key}")
            if isinstance(child, DictConfig):
                walk(child, f"{prefix}{key}.")

    for group in sorted(CONF.iterdir()):
        if not group.is_dir() or group.name == "hydra":
            continue
        keys.append(group.name)
        for option in sorted(group.glob("*.yaml")):
            node = OmegaConf.load(option)
            if isinstance(node, DictConfig):
                walk(node, f"{group.name}.")
    from src.settings.config import Config

    walk(OmegaConf.structured(Config), "")
    return list(dict.fromkeys(keys))


def recorded_overrides(run: Path) -> list[str]:
    """The overrides that a run was started with.

    Raises:
        UserError: the folder is not a run's.
    """
    file = run / ".hydra" / "overrides.yaml"
    if not file.is_file():
        raise UserError(f"{run} is not a run's folder: it holds no .hydra/overrides.yaml.")
    return [str(item) for item in OmegaConf.load(file)]


def recorded_config(run: Path) -> DictConfig:
    """The resolved config that a run was started with.

    Raises:
        UserError: the folder is not a run's.
    """
    file = run / ".hydra" / "config.yaml"
    if not file.is_file():
        raise UserError(f"{run} is not a run's folder: it holds no .hydra/config.yaml.")
    _prepare_hydra()
    cfg = OmegaConf.load(file)
    if "cache" not in cfg:  # a run from before there was one
        cfg.cache = OmegaConf.load(CONF / "cache" / "off.yaml")
    OmegaConf.resolve(cfg)
    return validated(cfg, check_files=False)  # what a run started from may have gone since


EVALUATION_GROUPS = ("datamodule", "split", "trainer")


def evaluation_config(run: Path, overrides: Sequence[str]) -> DictConfig:
    """A run's own config with other images, another split or other hardware.

    Raises:
        UserError: an override would change the network that was trained, or is not understood.
    """
    cfg = recorded_config(run)
    touched = set()
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        group = key.partition(".")[0]
        if group not in EVALUATION_GROUPS or key == "datamodule.image_size_px":
            raise UserError(
                f"{key} belongs to the trained network and cannot change when it is scored: "
                f"only {', '.join(EVALUATION_GROUPS)} can."
            )
        touched.add(group)
    if touched:
        composed = compose([*_inherited(run, overrides), *overrides], check_files=False)
        for group in touched:
            cfg[group] = composed[group]
    return cfg


def _inherited(run: Path, overrides: Sequence[str]) -> list[str]:
    """A run's own overrides, less those that belong to a split or a source which `overrides` replaces."""
    chosen = {override.partition("=")[0]: override.partition("=")[2] for override in overrides}
    inherited = recorded_overrides(run)
    if "split" in chosen:
        inherited = [item for item in inherited if not item.startswith("split.")]
        inherited += ["split.holdout=[]", "split.validation=[]"]  # a recipe may have named them
    if "datamodule.sources" in chosen and "folder" not in chosen["datamodule.sources"]:
        inherited.append("datamodule.folder=null")
    return inherited


def _resumed(arguments: list[str]) -> list[str]:
    """The command line of the run that `resume=<folder>` names, with the few overrides that may differ."""
    named = [argument for argument in arguments if argument.startswith("resume=")]
    if not named:
        return arguments
    run = Path(named[-1].partition("=")[2]).resolve()
    recorded = recorded_overrides(run)
    added = [argument for argument in arguments if argument not in named]
    for argument in added:
        if argument.startswith("-") or "=" not in argument:
            raise UserError(f"resume= continues one run as it was; '{argument}' does not go with it.")
        key = argument.partition("=")[0]
        if key not in RESUMABLE_KEYS and not key.startswith("hydra."):
            raise UserError(
                f"resume= continues a run as it was, so {key} cannot change: leave it out, or start a new run "
                f"(only {', '.join(RESUMABLE_KEYS)} may differ)."
            )
    if (run / "metrics.json").is_file():
        raise UserError(f"{run} has finished: there is nothing to resume (python -m src.evaluate scores it again).")
    if not (run / _LAST_CHECKPOINT).is_file():
        raise UserError(f"{run} has no {_LAST_CHECKPOINT} to resume from: it stopped before its first epoch ended.")
    # Settings that nobody gave come from conf/ and could have changed since.
    now, then = compose([*recorded, *added]), recorded_config(run)
    for key in RESUMABLE_KEYS:
        OmegaConf.update(now, key, OmegaConf.select(then, key))
    if now != then:
        key = next(key for key in _flat(then) if _flat(then)[key] != _flat(now).get(key))
        raise UserError(
            f"{run} was started with {key}={_flat(then)[key]}, which is now {_flat(now).get(key)} in conf/: "
            "a resumed run would be another one; check out the commit that started it."
        )
    os.environ[_RESUME] = str(run)  # the other processes of a distributed run inherit it
    # The folder keeps its own .hydra: what a resumed run was started with is what the first command said.
    return [*recorded, *added, *ONE_RUN, f"hydra.run.dir='{run}'", "hydra.output_subdir=null"]


def _flat(cfg: DictConfig, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in cfg.items():
        if isinstance(value, DictConfig):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def resumed_run() -> Path | None:
    """The folder that this process was asked to resume, or None."""
    folder = os.environ.get(_RESUME)
    return Path(folder) if folder else None


def swept_freezes() -> list[DictConfig]:
    """The `freeze` sections that the jobs of the running sweep have, so that one pass serves them all; else []."""
    return list(_swept)


_swept: list[DictConfig] = []


def _freezes_of(command: Sequence[str], params: Mapping[str, str], own: Sequence[str]) -> list[DictConfig]:
    """Every combination of the swept settings of `freeze`, all other settings being those of the job `own`."""
    from hydra import compose as hydra_compose
    from hydra.core.override_parser.overrides_parser import OverridesParser

    given = [argument for argument in command if "=" in argument and not argument.startswith("-")]
    parsed = OverridesParser.create().parse_overrides([*(f"{key}={value}" for key, value in params.items()), *given])
    choices = {
        override.key_or_group: [f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()]
        for override in parsed
        if override.is_sweep_override() and override.key_or_group.partition(".")[0] == "freeze"
    }
    others = [override for override in own if override.partition("=")[0] not in choices]
    found = []
    for combination in itertools.product(*choices.values()):
        try:
            found.append(validated(hydra_compose("train", overrides=[*others, *combination])).freeze)
        except (UserError, OmegaConfBaseException):
            continue  # that job says so itself when its turn comes
        except Exception as error:
            if not _is_composition_error(error):
                raise
    return found


def command_line(task: Callable[[DictConfig, Path], object], after_sweep: Callable[[Path], None]) -> None:
    """Run `task(cfg, run_dir)` for the command line, once or as a multirun.

    A user's mistake ends with one sentence and status 2. In a multirun a failing job writes `error.txt` into its folder
    and the others go on; `after_sweep` is called with the sweep's folder, and the exit status is 1 if any job failed.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer release on import
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us; without it Hydra prints its own paragraphs and exits
    _prepare_hydra()
    sweep_folder: list[Path] = []
    failures: list[Path] = []
    mistakes: list[UserError] = []

    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    def single(cfg: DictConfig, run_dir: Path) -> None:
        try:
            task(_checked(cfg), run_dir)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(run_dir) from None
        except UserError as error:  # kept for later: through Hydra it would come with a paragraph of Hydra's own
            mistakes.append(error)
            if {entry.name for entry in run_dir.iterdir()} <= {".hydra"}:
                shutil.rmtree(run_dir)  # nothing ran, so no folder should look as if something had

    def one_of_many(cfg: DictConfig, run_dir: Path) -> None:
        try:
            task(_checked(cfg), run_dir)
        except Exception as error:
            failures.append(run_dir)
            said = str(error) if isinstance(error, UserError) else traceback.format_exc()
            (run_dir / FAILURE_FILE).write_text(said + "\n", encoding="utf-8")
            print(f"This job failed: {said}\nThe other jobs go on.", file=sys.stderr, flush=True)

    def job(cfg: DictConfig) -> None:
        hydra_cfg = HydraConfig.get()
        run_dir = Path(hydra_cfg.runtime.output_dir).resolve()
        if hydra_cfg.mode != RunMode.MULTIRUN:
            single(cfg, run_dir)
            return
        if not sweep_folder:
            sweep_folder.append(Path(hydra_cfg.sweep.dir).resolve())
        print(f"\n── job {hydra_cfg.job.num}: {run_dir.name}", flush=True)
        command = sys.argv[1:]
        _swept[:] = _freezes_of(command, dict(hydra_cfg.sweeper.params or {}), hydra_cfg.overrides.task)
        sys.argv[1:] = [
            *hydra_cfg.overrides.task,
            *ONE_RUN,
        ]  # what Lightning starts the other processes of this job with
        try:
            one_of_many(cfg, run_dir)
        finally:
            sys.argv[1:] = command
            gc.collect()  # a job's trainer, network and maps hold each other in circles: gone before the next begins

    door = hydra.main(config_path=str(CONF), config_name="train", version_base="1.3")(job)
    try:
        sys.argv[1:] = _resumed(sys.argv[1:])
        door()
        if mistakes:
            raise mistakes[0]
    except KeyboardInterrupt as stop:
        folder = stop.args[0] if stop.args else None
        resumable = folder is not None and (folder / _LAST_CHECKPOINT).is_file()
        print(
            f"Stopped. python -m src.train resume='{folder}' goes on from the last finished epoch."
            if resumable
            else "Stopped.",
            file=sys.stderr,
        )
        sys.exit(130)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        if not _is_composition_error(error):
            raise
        print(f"error: {sentence(error)}", file=sys.stderr)
        sys.exit(2)
    finally:
        os.environ.pop(_RESUME, None)
    if sweep_folder:
        after_sweep(sweep_folder[0])
        if failures:
            print(f"{len(failures)} of the jobs failed: {', '.join(f.name for f in failures)}.", file=sys.stderr)
            sys.exit(1)


def _checked(cfg: DictConfig) -> DictConfig:
    OmegaConf.resolve(cfg)
    return validated(cfg)


def named_values(arguments: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """`key=value` arguments of a door that composes no config; the last of two equal keys counts.

    Raises:
        UserError: an argument is not `key=value`, or its key is not one of `known`.
    """
    values: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not value or key not in known:
            raise UserError(
                f"'{argument}' is not understood{closest(key, list(known))}: give {', '.join(f'{k}=…' for k in known)}."
            )
        values[key] = value
    return values


def whole_number(key: str, value: str, least: int = 0, most: int = 2**31 - 1) -> int:
    """The number that `key=value` gives.

    Raises:
        UserError: it is not a whole number in range.
    """
    if not (value.isascii() and value.isdigit()) or not least <= int(value) <= most:
        raise UserError(f"{key}={value} must be a whole number from {least} to {most}.")
    return int(value)


def decimal_number(key: str, value: str, least: float, most: float) -> float:
    """The number that `key=value` gives.

    Raises:
        UserError: it is not a number in range.
    """
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:  # so that NaN is out of range
        raise UserError(f"{key}={value} must be a number from {least:g} to {most:g}.")
    return number


def speaking_plainly(main: Callable[[list[str]], None], arguments: list[str], help_text: str | None) -> None:
    """Run a door's `main`; `--help` prints its text, and a user's mistake ends with one sentence and status 2."""
    if any(argument in ("-h", "--help") for argument in arguments):
        print((help_text or "").strip())
        return
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        main(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
