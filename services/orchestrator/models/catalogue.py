"""The models there are, as files tell them. A file that changes is read again when it is needed next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog
import yaml

from kit.errors import InvalidInput
from services.orchestrator.models.errors import ModelUnknown
from services.orchestrator.models.model import OPENAI, ModelSpec

_log = structlog.get_logger(__name__)
_MAX_BYTES = 4 * 1024 * 1024
_Stamp = tuple[int, int, int]


class CatalogueError(InvalidInput):
    """A file of models is wrong; the message says where."""

    def __init__(self, problem: str) -> None:
        super().__init__("MODELS_INVALID", problem)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says."""

    models: list[ModelSpec]
    default: str = ""


class Listing(msgspec.Struct, frozen=True):
    """The models at one moment, in their order, and the one that is used when none is named."""

    models: dict[str, ModelSpec]
    default_id: str


class Catalogue:
    """Knows the models.

    While its file is wrong or away the models stay as they were, and the log says why.

    Args:
        path: a file with more models; None: there are only those of the file beside this module.
        usable: tells whether this installation can use a model at all; others are not listed.

    Raises:
        CatalogueError: the file is wrong.
    """

    def __init__(self, path: Path | None, usable: Callable[[ModelSpec], bool]) -> None:
        self._path = path
        self._usable = usable
        built_in = resources.files(__package__).joinpath("catalogue.yaml").read_text(encoding="utf-8")
        self._built_in = parse(built_in)
        self._stamp = self._look()
        self._listing = self._merge(None if path is None else _read(path))

    def listing(self) -> Listing:
        """Return the models as they are now."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._reload()
        return self._listing

    def find(self, model_id: str) -> ModelSpec:
        """Return a model; the default when the id is empty.

        Raises:
            ModelUnknown: there is none of that id.
        """
        listing = self.listing()
        spec = listing.models.get(model_id or listing.default_id)
        if spec is None:
            raise ModelUnknown(model_id)
        return spec

    def _reload(self) -> None:
        assert self._path is not None
        try:
            self._listing = self._merge(_read(self._path))
        except CatalogueError as error:
            _log.error("the models stay as they were: their file is wrong", problem=str(error))
        else:
            _log.info("the models were read again", models=len(self._listing.models))

    def _look(self) -> _Stamp | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _merge(self, file: _File | None) -> Listing:
        given: Sequence[ModelSpec] = file.models if file is not None else ()
        named = {spec.id for spec in given}
        specs = [*given, *(spec for spec in self._built_in.models if spec.id not in named)]
        models = {spec.id: spec for spec in specs if self._usable(spec)}
        if not models:
            raise CatalogueError("no model of the catalogue can be used here")
        default = file.default if file is not None and file.default else self._built_in.default
        if default not in {spec.id for spec in specs}:
            raise CatalogueError(f"there is no model {default}, which is to be the default")
        return Listing(models, default if default in models else next(iter(models)))


def parse(text: str) -> _File:
    """Read models from YAML.

    Raises:
        CatalogueError: the text is wrong.
    """
    try:
        file = msgspec.convert(yaml.safe_load(text), _File)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        raise CatalogueError(f"the models are wrong: {error}") from None
    seen: set[str] = set()
    for spec in file.models:
        _check(spec)
        if spec.id in seen:
            raise CatalogueError(f"there are two models {spec.id}")
        seen.add(spec.id)
    return file


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise CatalogueError(f"{path} is larger than {_MAX_BYTES} bytes")
        return parse(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path} cannot be read: {error}") from None


def _check(spec: ModelSpec) -> None:
    prices = (spec.input_credits_per_1k, spec.output_credits_per_1k)
    wrong = ""
    if not spec.id or len(spec.id) > 200:
        wrong = "an id must have 1 to 200 characters"
    elif any(not price.is_finite() or price < 0 for price in prices):
        wrong = "prices must be 0 or more"
    elif spec.concurrency < 0 or spec.requests_per_minute < 0:
        wrong = "limits must be 0 or more"
    elif spec.context_length < 1 or not spec.idle_seconds > 0:
        wrong = "context_length and idle_seconds must be more than 0"
    elif spec.provider == OPENAI and urlsplit(spec.base_url).scheme not in ("http", "https"):
        wrong = "base_url must begin with http:// or https://"
    if wrong:
        raise CatalogueError(f"the model {spec.id!r} is wrong: {wrong}")
