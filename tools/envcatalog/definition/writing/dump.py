"""Plain values as YAML, in blocks and in their own order; texts are quoted wherever a loader may misread them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envcatalog.definition.text.scalars import write_scalar

Plain = Mapping[str, "Plain"] | Sequence["Plain"] | str | int | bool | None


def dump_yaml(value: Mapping[str, Plain]) -> str:
    """The text of a document; None is ``null``."""
    return "".join(f"{line}\n" for line in _mapping(value))


def _mapping(value: Mapping[str, Plain]) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{write_scalar(key)}:", item)


def _sequence(value: Sequence[Plain]) -> Iterator[str]:
    for item in value:
        lines = list(_block(item))
        if not lines:
            yield f"- {_inline(item)}"
            continue
        yield f"- {lines[0]}"
        yield from (f"  {line}" for line in lines[1:])


def _entry(key: str, item: Plain) -> Iterator[str]:
    lines = list(_block(item))
    if not lines:
        yield f"{key} {_inline(item)}"
        return
    yield key
    yield from (f"  {line}" for line in lines)


def _block(item: Plain) -> Iterator[str]:
    """The lines of a mapping or sequence that holds something; none for all else."""
    if isinstance(item, Mapping):
        yield from _mapping(item)
    elif isinstance(item, Sequence) and not isinstance(item, str):
        yield from _sequence(item)


def _inline(item: Plain) -> str:
    if isinstance(item, str):
        return write_scalar(item)
    if isinstance(item, Mapping):
        return "{}"
    if isinstance(item, Sequence):
        return "[]"
    return "null" if item is None else str(item).lower()
