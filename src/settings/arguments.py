"""What a door is told: a settings class of its arguments, read from `key=value` by argparse, which writes the help too.

    @settings
    class Arguments(OfRuns):
        run: Path = Field(description="whose network")
        rate: float = Field(15, ge=1, le=60, description="frames a second that are looked at")

    given = parse(Arguments, ["run=shots", "rate=20"])

The help shows the docstring of the class's module, examples and all, and below it a line an argument.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

from src.errors import UserError
from src.settings.options import Field, closest, import_plugins, settings, validated

ArgumentsT = TypeVar("ArgumentsT")

POSITIONAL: Any = {"positional": True}  # json_schema_extra of a field whose values are given without its name
IMAGE_PLACES = ("datamodule.root", "datamodule.folder", "datamodule.cache_dir")
_PREFIXES = "prefixes"
_HELP = ("-h", "--help")
_WORDS = {"Path": "path", "str": "text", "int": "number", "float": "number", "bool": "true or false"}


@settings
class OfRuns:
    """What every door takes that opens a run or composes settings."""

    plugins: tuple[str, ...] = Field(
        default=(),
        title="module",
        description="modules of your own that are imported first: plugins=[my_sets,my_policies]",
    )


def passed_on(*prefixes: str, description: str) -> Any:
    """A `tuple[str, ...]` of the settings of a run that a door hands on as they are: `datamodule.sources=[folder]`.

    Args:
        prefixes: settings, or groups with all of their settings; none for whatever is no argument of the door's own.
    """
    return Field(default=(), description=description, json_schema_extra={_PREFIXES: list(prefixes)})


def parse(kind: type[ArgumentsT], arguments: Sequence[str]) -> ArgumentsT:
    """The arguments as an object of `kind`, its plugins imported; of equal keys the last counts.

    Raises:
        UserError: an argument is unknown, missing, of the wrong type or out of range.
        SystemExit: help was asked for, and has been printed.
    """
    fields: dict[str, Any] = kind.__pydantic_fields__  # type: ignore[attr-defined]
    handed_on = next((name for name in fields if _extra(fields[name], _PREFIXES) is not None), None)
    positional = next((name for name in fields if _extra(fields[name], "positional")), None)
    passed, own, places = [], [], []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if argument in _HELP:
            own.append(argument)
        elif equals and key in fields and key not in (handed_on, positional):
            if not value:
                raise UserError(f"{key}= has no value: write {key}=…, or leave it out.")
            own.append(f"--{argument}")
        elif positional and not argument.startswith("-"):
            places.append(argument)
        elif handed_on and equals and _is_passed_on(key, fields, _extra(fields[handed_on], _PREFIXES)):
            passed.append(argument)
        else:
            raise UserError(_not_understood(argument, key, fields, handed_on))
    given = vars(_parser(kind, fields).parse_args(own))
    values = {name: _split(value, fields[name]) for name, value in given.items()}
    if positional and places:
        values[positional] = places
    import_plugins(values.get("plugins", ()))
    return validated(kind, values | ({handed_on: passed} if handed_on else {}), "")


def as_paths(overrides: Sequence[str]) -> list[str]:
    """Overrides whose values are paths, quoted so that Hydra takes them as they are, whatever they hold."""
    escaped = (one.replace("\\'", "'").replace("'", "\\'").partition("=") for one in overrides)
    return [f"{key}='{value}'" for key, _, value in escaped]


def run_door(main: Callable[[list[str]], None]) -> None:
    """Run a door's `main` with the command line; a user's mistake ends with one sentence and status 2."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer release on import
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)


def _is_passed_on(key: str, own: Iterable[str], prefixes: Sequence[str]) -> bool:
    key = key.lstrip("+~")
    if prefixes:
        return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)
    return not closest(key, own)  # ouput=… is meant for the door


def _not_understood(argument: str, key: str, fields: dict[str, Any], handed_on: str | None) -> str:
    own = [name for name in fields if name != handed_on and not _extra(fields[name], "positional")]
    prefixes = _extra(fields[handed_on], _PREFIXES) if handed_on else []
    if "." in key and prefixes:
        return f"{key} cannot be given here: of a run's settings only {', '.join(prefixes)} can."
    return f"'{argument}' is not understood{closest(key, [*own, *prefixes])}: give {', '.join(f'{k}=…' for k in own)}."


# --- argparse ---------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"The command line is not understood ({message}): --help shows what may be given.")


class _HelpLines(argparse.RawDescriptionHelpFormatter):
    """Options as they are written here, `key=value`."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=64, width=240)  # a line an argument, however long

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return str(action.metavar) if action.metavar else ", ".join(action.option_strings)


def _parser(kind: type, fields: dict[str, Any]) -> _Parser:
    parser = _Parser(
        usage=argparse.SUPPRESS,  # the docstring shows how to call it
        description=(sys.modules[kind.__module__].__doc__ or "").strip(),
        formatter_class=_HelpLines,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,  # defaults and what must be given are the class's
    )
    group = parser.add_argument_group("arguments")
    for name, field in sorted(
        fields.items(), key=lambda item: item[0] == "plugins"
    ):  # which comes first, as it is inherited
        wording: dict[str, Any] = {"metavar": _metavar(name, field), "help": _help(field).replace("%", "%%")}
        several: dict[str, Any] = {"action": "append"} if _is_repeated(field.annotation) else {}
        group.add_argument(f"--{name}", dest=name, **several, **wording)
    return parser


def _extra(field: Any, key: str) -> Any:
    return (field.json_schema_extra or {}).get(key)


def _split(value: Any, field: Any) -> Any:
    """A list is written `[a,b]` or `a,b`; paths, in which a comma may stand, are given one by one."""
    if _item(field.annotation) is None or isinstance(value, list):
        return value
    return [part.strip() for part in value.strip("[]").split(",") if part.strip()]


def _plain(annotation: Any) -> Any:
    """The type itself: of `X | None` and `Annotated[X, …]`, X."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _plain(next(one for one in get_args(annotation) if one is not NoneType))
    return annotation


def _item(annotation: Any) -> Any:
    """The type of a tuple's items; None where it is no tuple."""
    annotation = _plain(annotation)
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None


def _is_repeated(annotation: Any) -> bool:
    return getattr(_plain(_item(annotation)), "__name__", "") == "Path"


def _metavar(name: str, field: Any) -> str:
    if _extra(field, _PREFIXES) is not None:
        return "<setting>=<value>"
    item = _item(field.annotation)
    plain = _plain(field.annotation if item is None else item)
    value = "|".join(get_args(plain)) if get_origin(plain) is Literal else f"<{field.title or _WORDS[plain.__name__]}>"
    if _extra(field, "positional"):
        return f"{value} …"
    return f"{name}={value}" + (",…" if item is not None and not _is_repeated(field.annotation) else "")


def _help(field: Any) -> str:
    """What an argument is, its default and its range."""
    prefixes, said = _extra(field, _PREFIXES), list(_bounds(field))
    if prefixes:
        said.append(f"settings of {', '.join(prefixes)}" if "." not in prefixes[0] else ", ".join(prefixes))
    default = field.get_default()
    if field.is_required():
        said.insert(0, "needed")
    elif default not in (None, ()):
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
        said.insert(0, f"default {shown}")
    return f"{field.description} ({', '.join(said)})" if said else str(field.description)


def _bounds(field: Any) -> Iterator[str]:
    item = _item(field.annotation)
    limits = [*field.metadata, *(get_args(item)[1].metadata if get_origin(item) is Annotated else ())]
    low, high = (next((getattr(one, key) for one in limits if hasattr(one, key)), None) for key in ("ge", "le"))
    if low is not None:
        yield f"at least {low}" if high is None else f"from {low} to {high}"
