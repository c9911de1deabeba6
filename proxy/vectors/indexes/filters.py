"""Metadata of entries, and filters over them in the language that several databases share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foveate.proxy.vectors.indexes import ABOUT, Entry, Only


def metadata_of(tenant: str, entry: Entry) -> dict[str, Any]:
    """Return an entry's metadata."""
    return {"tenant": tenant} | {name: getattr(entry, name) for name in ABOUT}


def known(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what metadata say of an entry; what earlier versions did not store is left out."""
    return {name: about[name] for name in ABOUT if about.get(name) is not None}


def allowed(tenant: str, only: Only) -> dict[str, Any] | None:
    """Return a filter of `$and`, `$in` and the like, None where everything is allowed."""
    rules: list[dict[str, Any]] = [
        {name: value}
        for name, value in (("tenant", tenant), ("conversation", only.conversation))
        if value
    ]
    rules += [
        {name: {"$in": list(values)}}
        for name, values in (("kind", only.kinds), ("role", only.roles))
        if values
    ]
    rules += [
        {name: {rule: value}}
        for name, rule, value in (
            ("topic", "$eq", only.topic),
            ("first_seen", "$gte", only.since),
            ("first_seen", "$lte", only.until),
        )
        if value is not None
    ]
    return {"$and": rules} if len(rules) > 1 else next(iter(rules), None)
