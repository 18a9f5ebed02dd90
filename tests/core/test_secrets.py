"""Secrets: hashes that verify, and how often the expensive one is computed."""

from gateway.core.access import secrets
from gateway.core.access.secrets import Verifier
from tests.core.counting import counting_scrypt

PASSWORD = "s3cret:pass\N{LATIN SMALL LETTER E WITH ACUTE}"


def test_hash_password__twice__has_a_salt_of_its_own_each_time() -> None:
    one, other = secrets.hash_password(PASSWORD), secrets.hash_password(PASSWORD)
    assert (len(one.salt), len(one.hash)) == (16, 32)
    assert one.salt != other.salt
    assert one.hash != other.hash


def test_verify__the_right_password__is_true_each_time() -> None:
    verifier, hashed = Verifier(), secrets.hash_password(PASSWORD)
    assert [verifier.verify(PASSWORD.encode(), hashed) for _ in range(3)] == [True] * 3


def test_verify__another_password__is_false_each_time() -> None:
    verifier, hashed = Verifier(), secrets.hash_password(PASSWORD)
    for other in (b"", PASSWORD.encode("latin-1"), PASSWORD.encode() + b"\0", b"\xff"):
        assert not verifier.verify(other, hashed)
    assert verifier.verify(PASSWORD.encode(), hashed)
    assert not verifier.verify(b"other", hashed)


def test_verify__an_unknown_name__is_false_even_after_a_right_password() -> None:
    verifier, hashed = Verifier(), secrets.hash_password(PASSWORD)
    assert verifier.verify(PASSWORD.encode(), hashed)
    assert not verifier.verify(PASSWORD.encode(), None)


def test_verify__the_password_of_another_hash__is_false() -> None:
    verifier, hashed = Verifier(), secrets.hash_password(PASSWORD)
    assert verifier.verify(PASSWORD.encode(), hashed)
    assert not verifier.verify(PASSWORD.encode(), secrets.hash_password("other"))


def test_verify__a_right_password_again__hashes_no_more() -> None:
    verifier, hashed = Verifier(), secrets.hash_password(PASSWORD)
    with counting_scrypt() as calls:
        for _ in range(5):
            assert verifier.verify(PASSWORD.encode(), hashed)
    assert len(calls) == 1


def test_verify__an_unknown_name_or_a_wrong_password__costs_the_same() -> None:
    verifier, hashed = Verifier(), secrets.hash_password(PASSWORD)
    with counting_scrypt() as calls:
        verifier.verify(b"wrong", None)
        verifier.verify(b"wrong", None)
        verifier.verify(b"wrong", hashed)
        verifier.verify(b"wrong", hashed)
    assert len(calls) == 4


def test_verify__more_passwords_than_are_remembered__forgets_and_goes_on() -> None:
    verifier = Verifier(remembered=2)
    hashes = {password: secrets.hash_password(password) for password in ("a", "b", "c")}
    with counting_scrypt() as calls:
        for password in "abcca":
            assert verifier.verify(password.encode(), hashes[password])
    assert len(calls) == 4  # "c" made the others forgotten, and is remembered itself


def test_hash_key__of_a_key__is_the_same_each_time_and_no_other_keys() -> None:
    assert secrets.hash_key("cg_a") == secrets.hash_key("cg_a")
    assert secrets.hash_key("cg_a") != secrets.hash_key("cg_b")
    assert len(secrets.hash_key("\udc80 what an HTTP header may hold")) == 32


def test_new_secrets__made_often__never_repeat_and_fit_their_places() -> None:
    passwords = {secrets.new_password() for _ in range(100)}
    keys = {secrets.new_key() for _ in range(100)}
    assert len(passwords) == len(keys) == 100
    assert all(len(each) == 32 and ":" not in each for each in passwords)
    assert all(each.startswith("cg_") and len(each) == 46 and each.isascii() for each in keys)
