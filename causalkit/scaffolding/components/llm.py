"""Answers that were written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from causalkit.components import Context, component
from causalkit.errors import ModelUnavailable
from causalkit.provenance import file_fingerprint
from causalkit.types import Answers, Question

TYPES = {"object": dict, "array": list, "string": str, "number": float | int, "integer": int, "boolean": bool}


@component
class WrittenDown:
    """Answers out of a JSON file, prompt → answer: for tests, and for what a person said.

    An answer that is not there, or does not fit the schema (its types, choices, properties and limits), is None.
    """

    file: str = ""
    "The JSON file; without one, no question has an answer."

    def ask(self, questions: Sequence[Question], schema: dict[str, Any], *, context: Context = Context()) -> Answers:
        """An answer for each question. Raises `ModelUnavailable` for a file that cannot be read."""
        try:
            written = json.loads(Path(self.file).read_text(encoding="utf-8")) if self.file else {}
            found = {one.id: written.get(one.prompt) for one in context.track(questions, "questions")}
        except (OSError, ValueError, AttributeError) as error:
            raise ModelUnavailable(f"{self.file!r} is no JSON object: {error}", "Write prompt: answer pairs.") from None
        fitting = {key: said if self._fits(said, schema) else None for key, said in found.items()}
        reasons = {key: "no answer that fits is written down" for key, said in fitting.items() if said is None}
        return Answers(fitting, "written-down", reasons=reasons)

    def fingerprint(self, *, context: Context = Context()) -> str:
        """A hash of the file: what was answered is asked again once it has changed."""
        return file_fingerprint([Path(self.file)] if self.file else [])

    def _fits(self, said: Any, schema: dict[str, Any]) -> bool:
        if not isinstance(said, TYPES.get(schema.get("type", ""), object)) or said not in schema.get("enum", [said]):
            return False
        if isinstance(said, dict):
            known = schema.get("properties", {key: {} for key in said})
            whole = set(schema.get("required", ())) <= set(said) <= set(known)
            return whole and all(self._fits(part, known[name]) for name, part in said.items())
        return not isinstance(said, int | float) or schema.get("minimum", said) <= said <= schema.get("maximum", said)
