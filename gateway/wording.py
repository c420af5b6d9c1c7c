"""Says in the words of the Joi library which rule of the contract a value breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from google.protobuf.message import Message
from protovalidate import Validator

from gateway.binding import Binding
from gateway.errors import Detail
from gateway.rules import bound, rules_of
from gateway.shape import shown, value_at

_MOST = 1000
_validator = Validator()


class Broken(msgspec.Struct, frozen=True):
    """One rule that a message breaks.

    Attributes:
        place: path in the message, for example `task.variables["a"]`.
        rule: identifier of the rule, for example `string.max_len`.
        message: the validator's own words.
        rules: the `buf.validate.FieldRules` that the value fell under.
        for_key: whether a key of a map is at fault, not its value.
    """

    place: str
    rule: str
    message: str
    rules: Any
    for_key: bool


def broken_rules(message: Message) -> list[Broken]:
    """Return every rule that `message` breaks, up to a thousand."""
    return [_broken(message, violation.proto) for violation in _validator.collect_violations(message)[:_MOST]]


def describe(message: Message, binding: Binding, given: Any, known: Sequence[Detail] = ()) -> list[Detail]:
    """Return what is wrong with `message`, in terms of the request that it was made of.

    Args:
        message: what could be built of the request.
        binding: how it was built.
        given: the values of the request as one JSON object: body, query and path parameters.
        known: what has been found before; nothing is said twice about the same place.
    """
    reported = {detail.field for detail in known}
    details = []
    for broken in broken_rules(message):
        if binding.is_wrapper(broken.place):
            continue
        field = binding.source(broken.place)
        if field in reported or any(field.startswith((f"{known}.", f"{known}[")) for known in reported):
            continue
        value = value_at(given, field)
        words = sentence(broken, field, value)
        details.append(Detail(field, words, None if value is msgspec.UNSET else shown(value)))
    return details


def sentence(broken: Broken, field: str, value: Any) -> str:
    """Return the sentence about one broken rule of `field`."""
    if broken.for_key:
        return f'"{field}" is not allowed'
    words = _SENTENCES.get(broken.rule.partition(".")[2] or broken.rule)
    if words is None or (broken.rule.startswith("name.") and broken.rules.cel):
        return broken.message  # a rule of our own brings its own words
    return f'"{field}" {words(broken.rules, value)}'


def _too_small_or_large(rules: Any, value: Any) -> str:
    least, most = bound(rules, "gte", "gt"), bound(rules, "lte", "lt")
    if least is not None and not isinstance(value, str) and value is not msgspec.UNSET and value < least:
        return f"must be greater than or equal to {_plain(least)}"
    if most is None:
        return f"must be greater than or equal to {_plain(least)}"
    return f"must be less than or equal to {_plain(most)}"


def _too_short(rules: Any, value: Any) -> str:
    if value is msgspec.UNSET:
        return "is required"
    if not value:
        return "is not allowed to be empty"
    return f"length must be at least {bound(rules, 'min_len')} characters long"


def _wrong_pattern(rules: Any, value: Any) -> str:
    return f'with value "{shown(value)}" fails to match the required pattern: /{bound(rules, "pattern")}/'


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


_SENTENCES: dict[str, Callable[[Any, Any], str]] = {
    "required": lambda _rules, _value: "is required",
    "min_len": _too_short,
    "max_len": lambda rules, _: f"length must be less than or equal to {bound(rules, 'max_len')} characters long",
    "max_bytes": lambda rules, _: f"length must be less than or equal to {bound(rules, 'max_bytes')} bytes long",
    "pattern": _wrong_pattern,
    "uuid": lambda _rules, _value: "must be a valid GUID",
    "uuid_empty": lambda _rules, _value: "must be a valid GUID",
    "gte": _too_small_or_large,
    "lte": _too_small_or_large,
    "gte_lte": _too_small_or_large,
    "finite": lambda _rules, _value: "must be a safe number",
    "defined_only": lambda _rules, _value: "is not one of the allowed values",
    "min_items": lambda rules, _: f"must contain at least {bound(rules, 'min_items')} items",
    "max_items": lambda rules, _: f"must contain less than or equal to {bound(rules, 'max_items')} items",
    "unique": lambda _rules, _value: "contains a duplicate value",
    "max_pairs": lambda rules, _: f"must have less than or equal to {bound(rules, 'max_pairs')} keys",
}


def _broken(message: Message, violation: Any) -> Broken:
    descriptor: Any = message.DESCRIPTOR
    place: list[str] = []
    rules: Any = None
    for element in violation.field.elements if violation.field is not None else ():
        field = descriptor.fields_by_name[element.field_name]
        rules = rules_of(field)
        subscript = ""
        if element.subscript is not None:
            key = element.subscript.value
            subscript = f'["{key}"]' if isinstance(key, str) else f"[{key}]"
            rules = _inner_rules(rules, for_key=violation.for_key)
        place.append(element.field_name + subscript)
        descriptor = field.message_type
    return Broken(".".join(place), violation.rule_id, violation.message, rules, violation.for_key)


def _inner_rules(rules: Any, *, for_key: bool) -> Any:
    if rules.WhichOneof("type") == "map":
        return rules.map.keys if for_key else rules.map.values
    return rules.repeated.items
