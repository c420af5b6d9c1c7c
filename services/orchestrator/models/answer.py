"""Puts an answer together from its pieces, and takes no more of them than was asked for."""

from __future__ import annotations

from collections.abc import Callable

from services.orchestrator.models.errors import ModelAnswerInvalid
from services.orchestrator.models.model import Call, Completion, Piece
from services.orchestrator.models.tokens import estimate_input, estimate_tokens

# Tokens of many models are longer than this, but no text of them is for long.
_CHARACTERS_PER_TOKEN = 16
_MORE_CHARACTERS = 4096


class Answer:
    """An answer that is arriving.

    Args:
        call: what was asked.
        on_text: is given what is added; it must be quick.
    """

    def __init__(self, call: Call, on_text: Callable[[str], None] | None) -> None:
        self._call = call
        self._on_text = on_text
        self._texts: list[str] = []
        self._room = call.max_tokens * _CHARACTERS_PER_TOKEN + _MORE_CHARACTERS
        self._tokens_in: int | None = None
        self._tokens_out: int | None = None

    @property
    def begun(self) -> bool:
        """Whether somebody may have seen a part of it."""
        return bool(self._texts)

    def add(self, piece: Piece) -> None:
        """Take a piece.

        Raises:
            ModelAnswerInvalid: the answer does not end where it must.
        """
        if piece.tokens_in is not None:
            self._tokens_in = piece.tokens_in
        if piece.tokens_out is not None:
            self._tokens_out = piece.tokens_out
        if not piece.text:
            return
        # Half a surrogate pair is no text: neither the database nor a message could carry it.
        text = piece.text.encode("utf-8", "replace").decode("utf-8")
        self._room -= len(text)
        if self._room < 0:
            raise ModelAnswerInvalid(self._call.spec.id, "does not end")
        self._texts.append(text)
        if self._on_text is not None:
            self._on_text(text)

    def completion(self) -> Completion:
        """Return the whole answer.

        What a provider counts beyond the worst case of the call is not charged: a budget was reserved for that.

        Raises:
            ModelAnswerInvalid: it is blank.
        """
        call, text = self._call, "".join(self._texts)
        if not text.strip():
            raise ModelAnswerInvalid(call.spec.id, "is empty")
        estimated = self._tokens_in is None or self._tokens_out is None
        tokens_in, tokens_out = self._tokens_in, self._tokens_out
        if tokens_in is None:
            tokens_in = estimate_input([message.content for message in call.messages])
        if tokens_out is None:
            tokens_out = estimate_tokens(text)
        return Completion(
            text=text,
            tokens_in=min(tokens_in, call.spec.most_tokens_in(call.messages)),
            tokens_out=min(tokens_out, call.max_tokens),
            model_id=call.spec.id,
            estimated=estimated,
        )
