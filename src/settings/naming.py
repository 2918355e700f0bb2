"""Names of folders and files, made from what was changed on the command line."""

import hashlib
import re
from collections.abc import Sequence

AS_TRAINED = "as_trained"
_MAX_NAME_CHARACTERS = 120
_COMMA_OUTSIDE_A_LIST = r",(?![^\[]*\])"
_SEVERAL_VALUES = rf"{_COMMA_OUTSIDE_A_LIST}|\w\("  # a=1,2 or a=range(1,9): Hydra makes a job of each


def run_name(override_dirname: str) -> str:
    """A folder's name from what was changed on the command line: `model-cnn__seed-3`.

    Without `=` and `,`, so that such a path can be given as a setting's value. Settings go by their last word, paths by
    their last part, lists as `a+b`; overlong names end in a digest.
    """
    named = []
    for part in re.split(_COMMA_OUTSIDE_A_LIST, override_dirname):
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


def has_several_values(override: str) -> bool:
    """Whether a multirun makes a job of each of several values of `key=value`."""
    return re.search(_SEVERAL_VALUES, override.partition("=")[2]) is not None
