"""One clear sentence for the errors of Hydra and OmegaConf, which explain themselves over several lines."""

import re
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.settings.options import closest

_NOT_A_NAME = "Config group override must be a string or a list"  # a plain ValueError of Hydra's


def is_composition_error(error: BaseException) -> bool:
    """Whether an error is Hydra's or OmegaConf's, about what the user wrote."""
    from hydra.errors import HydraException

    return isinstance(error, (HydraException, OmegaConfBaseException)) or _NOT_A_NAME in str(error)


def sentence(error: BaseException, conf: Path) -> str:
    """What is wrong and how to mend it.

    Args:
        error: of Hydra or OmegaConf.
        conf: the folder of all groups, whose settings are looked through for a near name.
    """
    text = str(error)
    if cause := re.search(r"Could not override '([^']+)'", text):
        key, known = cause[1].lstrip("+~"), known_keys(conf)
        group = key.partition(".")[0]
        if key in known:
            return f"{key} is not a setting of the chosen {group}: conf/{group}/ shows what each option takes."
        beside = getattr(error.__cause__, "parent_node", None)  # the chosen option, which may be no file of conf's
        if isinstance(beside, DictConfig):
            prefix = key.rpartition(".")[0]
            known = [f"{prefix}.{name!s}" for name in beside] + known if prefix else known
        return f"{key} is not a setting{closest(key, known)}: python -m src.train --cfg job lists them all."
    if cause := re.search(r"(?:Could not find|Could not load) '([^']+)'", text):
        group, _, option = cause[1].rpartition("/")
        options = sorted(re.findall(r"^\t(\S+)$", text, flags=re.MULTILINE))
        if group and options:
            more = "; pip install -e .[launchers] brings more" if group == "hydra/launcher" else ""
            return (
                f"{group}={option} is not an option{closest(option, options)}: choose from {', '.join(options)}{more}."
            )
    if cause := re.search(r"Could not override '?([\w/]+)'?[.]\s*No match in the defaults list", text):
        return f"{cause[1]} is not a group of settings."
    if _NOT_A_NAME in text:
        return "A group of settings is chosen by the name of an option, not by null: logger=none is for no logger."
    if cause := re.search(r"Missing mandatory value: (\S+)", text):
        key = getattr(error, "full_key", None) or cause[1]
        return f"{key} has no value: give one with {key}=…."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "LexerNoViableAltException" in text or "mismatched input" in text or "no viable alternative" in text:
        return f"The command line was not understood ({lines[0]}): write key=value, and quote special characters."
    if "has no value" in text or "missing an equal" in text or "missing EQUAL" in text:
        return f"The command line was not understood: {lines[0]}"
    return lines[0] if lines else type(error).__name__


def known_keys(conf: Path) -> list[str]:
    """Every group and every setting that a file in `conf` names."""
    keys: list[str] = []

    def walk(node: DictConfig, prefix: str) -> None:
        for key in node:
            child = node._get_node(key)
            keys.append(f"{prefix}{key!s}")
            if isinstance(child, DictConfig):
                walk(child, f"{prefix}{key!s}.")

    for file in [*sorted(conf.glob("*.yaml")), *sorted(conf.glob("*/*.yaml"))]:
        group = "" if file.parent == conf else file.parent.name
        node = OmegaConf.load(file)
        if group != "hydra" and isinstance(node, DictConfig):
            keys.append(group)
            walk(node, f"{group}." if group else "")
    return list(dict.fromkeys(key for key in keys if key))
