"""The vault: what it seals can be read by its keys, in its place, and nowhere else."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.vault import Place, Vault

OLD, NEW = "an old key of thirty-two characters", "a new key of thirty-two characters!"
PLACE = Place(table="sources", row=7, name="password")
SECRET = "correct horse battery staple"

PLACES = st.builds(
    Place,
    table=st.sampled_from(["sources", "destinations"]),
    row=st.integers(1, 30),
    name=st.sampled_from(["a", "b", "password"]),
)


@given(secret=st.text(st.characters(exclude_categories=["Cs"])), place=PLACES, other=PLACES)
def test_secret__sealed_for_a_place__opens_there_alone(
    secret: str, place: Place, other: Place
) -> None:
    vault = Vault([NEW])
    sealed = vault.seal(secret, place)
    assert vault.open(sealed, place) == secret
    if other != place:
        with pytest.raises(errors.SecretUnreadable):
            vault.open(sealed, other)


def test_secret__sealed_twice__differs_and_holds_nothing_readable() -> None:
    vault = Vault([NEW])
    first, second = vault.seal(SECRET, PLACE), vault.seal(SECRET, PLACE)
    assert first != second
    assert SECRET.encode() not in first


def test_secret__of_an_older_key__opens_and_is_not_the_newest() -> None:
    sealed = Vault([OLD]).seal(SECRET, PLACE)
    both = Vault([NEW, OLD])
    assert both.open(sealed, PLACE) == SECRET
    assert not both.is_newest(sealed)
    assert both.is_newest(both.seal(SECRET, PLACE))


@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["no key", "another key"])
def test_secret__whose_key_was_lost__is_unreadable_and_shown_nowhere(keys: tuple[str, ...]) -> None:
    sealed = Vault([OLD]).seal(SECRET, PLACE)
    with pytest.raises(errors.SecretUnreadable, match="GATEWAY_SECRET_KEY") as caught:
        Vault(keys).open(sealed, PLACE)
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.code}"
    for hidden in (SECRET, OLD, NEW):
        assert hidden not in shown
    assert not Vault(keys).is_newest(sealed)


@pytest.mark.parametrize("damage", [-1, 0, 3, 8], ids=["body", "layout", "key", "nonce"])
def test_secret__that_was_damaged__is_unreadable(damage: int) -> None:
    sealed = bytearray(Vault([NEW]).seal(SECRET, PLACE))
    sealed[damage] ^= 1
    for found in (bytes(sealed), bytes(sealed[:10]), b""):
        with pytest.raises(errors.SecretUnreadable):
            Vault([NEW]).open(found, PLACE)


def test_seal__without_a_key__says_what_to_set() -> None:
    vault = Vault([])
    assert not vault.has_key
    with pytest.raises(errors.NoSecretKey, match="GATEWAY_SECRET_KEY"):
        vault.seal(SECRET, PLACE)


def test_vault__in_a_repr__shows_no_key() -> None:
    assert NEW not in repr(Vault([NEW])) + repr(vars(Vault([NEW])))


def test_places__of_two_tables__are_two() -> None:
    other = dataclasses.replace(PLACE, table="destinations")
    assert other.associated != PLACE.associated
