"""One object per option: a small class that holds its settings, checks them and knows what they do.

    @settings
    class TopK(FreezePolicy):
        k: int = Field(4, ge=0, description="stages trained below the head")

A group of options is an abstract class (`FreezePolicy`); an option is a frozen dataclass below it, named by `_target_`
in a yaml. Types, ranges and choices are pydantic's; what they cannot say stands in `check`. Options import nothing
heavy at the top of their file: their methods do, when there is work.
"""

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

import pydantic
from pydantic import Field

from src.errors import StrangerError, UserError

if TYPE_CHECKING:
    from src.learning.run_settings import RunSettings

__all__ = [
    "Field", "Option", "build", "closest", "import_plugins", "not_imported", "option_named", "plain",
    "refuse_stranger", "settings", "validated",
]  # fmt: skip

TARGET = "_target_"
OptionT = TypeVar("OptionT", bound="Option")
AnyT = TypeVar("AnyT")

_REGISTERED: dict[str, type["Option"]] = {}
_PLUGINS: set[str] = set()  # modules that the user named


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def settings(cls: type[AnyT]) -> type[AnyT]:
    """A frozen dataclass whose values are checked by pydantic when it is made; unknown names are refused."""
    checked = pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
    return checked(cls)  # type: ignore[return-value]


class Option:
    """Base of all options.

    Attributes:
        group: the section of the config that it fills, said once by the group's abstract class.
        slug: what records and pages call it; the class's name in snake_case unless it says otherwise.
    """

    group: ClassVar[str] = ""
    slug: ClassVar[str] = ""

    def __init_subclass__(cls, group: str = "", slug: str = "") -> None:
        super().__init_subclass__()
        if group:
            cls.group = group
        cls.slug = slug or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        _REGISTERED[target(cls)] = cls

    def check(self) -> None:
        """What types and ranges cannot say.

        Raises:
            UserError: the settings contradict each other.
        """

    def check_with(self, run: "RunSettings") -> None:
        """What can only be said beside the run's other settings.

        Raises:
            UserError: they do not go together.
        """


def target(cls: type) -> str:
    """What a yaml calls a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def build(base: type[OptionT], section: Any, from_file: bool = False) -> OptionT:
    """The option that a section of a config describes.

    Args:
        base: the group's abstract class.
        section: `_target_` and the option's own settings.
        from_file: whether the section comes out of somebody's run folder or checkpoint: then only classes that are
            there already are built, and nothing is imported because a file says so.

    Raises:
        UserError: the class is unknown or no such option, or a setting is unknown, missing or not what it may be.
    """
    if not isinstance(section, Mapping) or not isinstance(section.get(TARGET), str):
        raise UserError(f"{base.group} is no option: choose one with {base.group}=…, or name a class in {TARGET}.")
    wanted = str(section[TARGET])
    cls = _REGISTERED.get(wanted) if from_file else _imported(wanted, base.group)
    if cls is None:
        refuse_stranger(base.group, wanted)
        raise UserError(f"{base.group} asks for {wanted}, which its module does not define.")
    if not issubclass(cls, base) or cls is base:
        raise UserError(f"{base.group}.{TARGET}={wanted} is no {base.__name__}: it must be a class below it.")
    return validated(cls, {key: value for key, value in section.items() if key != TARGET}, base.group)


def option_named(base: type[OptionT], slug: str) -> type[OptionT] | None:
    """The option of a group that records call `slug`, or None where none is known by that name."""
    return next((cls for cls in _REGISTERED.values() if issubclass(cls, base) and cls.slug == slug), None)


def _imported(wanted: str, group: str) -> Any:
    module, _, name = wanted.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise not_imported(f"{group}.{TARGET}={wanted}", error) from None


def not_imported(named: str, error: Exception) -> UserError:
    """What to say where something that the user named cannot be imported."""
    where_to_look = ": is its folder in PYTHONPATH?" if isinstance(error, ModuleNotFoundError) else "."
    return UserError(f"{named} cannot be imported ({error}){where_to_look}")


def validated(cls: type[AnyT], values: Mapping[Any, Any], where: str) -> AnyT:
    """An object of a `settings` class from plain values; `where` names its section in errors.

    Raises:
        UserError: the first setting that is unknown, missing, of another type or out of range.
    """
    try:
        made = pydantic.TypeAdapter(cls).validate_python(dict(values))
    except pydantic.ValidationError as error:
        raise UserError(_sentence(cls, error, where)) from None
    if check := getattr(made, "check", None):
        check()
    return made


def _sentence(cls: type, error: pydantic.ValidationError, where: str) -> str:
    first = error.errors(include_url=False)[0]
    kind, given = first["type"], first["input"]
    key = ".".join(part for part in (where, *first["loc"]) if isinstance(part, str) and part)  # of a list, not an item
    message = str(first["msg"]).removeprefix("Input ").rstrip(".").replace("should be", "must be")
    message = message.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    if kind == "unexpected_keyword_argument":
        known = [one.name for one in fields(cls)]
        return f"{key} is not a setting of this project{closest(str(first['loc'][-1]), known)}."
    if kind == "missing" or given is None:
        return f"{key} has no value: give one with {key}=…."
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return f"{key}={given} is not an option{closest(str(given), choices)}: choose from {', '.join(choices)}."
    if kind in ("tuple_type", "list_type"):
        return f"{key} is a list: write {key}=[…], with commas between several."
    if kind in _OUT_OF_RANGE:
        return f"{key}={given} is out of range: it {message}."
    return f"{key}={given} is not understood: it {message}."


_OUT_OF_RANGE = ("greater_than_equal", "less_than_equal", "greater_than", "less_than", "finite_number")


def plain(made: Any) -> dict[str, Any]:
    """An option, or another `settings` object, as the plain values that `build` makes it from again."""
    values = {one.name: plain_value(getattr(made, one.name)) for one in fields(made)}
    return {TARGET: target(type(made)), **values} if isinstance(made, Option) else values


def plain_value(value: Any) -> Any:
    """A setting of any kind as plain values: no tuple, no object."""
    if hasattr(value, "__dataclass_fields__"):
        return plain(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(one) for key, one in value.items()}
    return [plain_value(one) for one in value] if isinstance(value, (list, tuple)) else value


def import_plugins(modules: Iterable[str]) -> None:
    """Import a user's own modules, whose options, sources and metrics are then known by name.

    Raises:
        UserError: one cannot be imported.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise not_imported(f"plugins names {module}, which", error) from None
        _PLUGINS.add(module)


def refuse_stranger(section: str, wanted: str) -> None:
    """Refuse a class that a file asks for, and whose module the user has not named.

    Raises:
        StrangerError: unless the module is one of the plugins imported so far, or lies within one.
    """
    module = wanted.rpartition(".")[0]
    if not any(f"{module}.".startswith(f"{plugin}.") for plugin in _PLUGINS):
        raise StrangerError(
            f"{section} asks for {wanted}, which is none of this project's classes: if you trust the module, name it "
            f"with plugins=[{module}]."
        )


def closest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` where a known word is near, else an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
