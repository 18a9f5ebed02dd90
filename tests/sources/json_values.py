"""Arbitrary JSON values, ways to write them, and when two of them are equal."""

import json
import random

from hypothesis import strategies as st

# What a JSON document can say in a text: lone surrogates and NUL too, escaped.
TEXTS = st.text(st.characters(codec=None, min_codepoint=0, max_codepoint=0x10FFFF), max_size=8)
# Those that JSON can hold without a single backslash.
PLAIN = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\'), max_size=9
)
INTEGERS = st.one_of(st.integers(), st.integers(-(10**40), 10**40))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
# These collide in careless comparisons.
CONFUSABLE = st.sampled_from([None, True, False, 0, 1, 0.0, 1.0, "0", "1", "", "null", "true"])
SCALARS = st.one_of(CONFUSABLE, TEXTS, INTEGERS, FLOATS)


def nested(leaves: st.SearchStrategy[object], names: st.SearchStrategy[str]) -> st.SearchStrategy:
    """Lists and objects of these leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=5,
    )


VALUES = nested(SCALARS, TEXTS)
FEW_VALUES = nested(CONFUSABLE, st.sampled_from(["a", "b"]))


def shuffled(value: object, shuffle: random.Random) -> object:
    """Return an equal value whose objects have their keys in another order."""
    if isinstance(value, dict):
        items = [(name, shuffled(inner, shuffle)) for name, inner in value.items()]
        shuffle.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shuffled(inner, shuffle) for inner in value]
    return value


def written_otherwise(value: object, seed: int) -> bytes:
    """Write an equal value with other key order, spacing and escapes."""
    shuffle = random.Random(seed)  # noqa: S311 - no secret
    text = json.dumps(
        shuffled(value, shuffle),
        ensure_ascii=True,
        indent=shuffle.choice([None, 0, 3]),
        separators=shuffle.choice([(",", ":"), (" , ", " : ")]),
    )
    return text.replace("/", "\\/").encode()


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal; unlike Python, true is not 1, nor is 1 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)
