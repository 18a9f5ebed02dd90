"""Pacing: what several senders ask of a destination in a time, with Redis and without."""

from __future__ import annotations

import time

import limits
import redis

from gateway.flows.syncs import pacing

RATE = limits.RateLimitItemPerSecond(5, 60)


def taken(pace: pacing.Pace, tries: int, key: str = "1") -> int:
    return sum(pace.hit(RATE, key) for _ in range(tries))


def test_two_senders__of_one_destination__share_its_rate(
    client: redis.Redis, valkey_url: str
) -> None:
    one, other = pacing.of_redis(valkey_url), pacing.of_redis(valkey_url)
    assert (taken(one, 3), taken(other, 9), taken(one, 9)) == (3, 2, 0)
    assert 0 < one.wait_seconds(RATE, "1") <= 60
    assert taken(other, 9, key="2") == 5
    assert client.keys("gateway:pace:*")


def test_sender__without_redis__keeps_to_the_rate_by_itself_and_does_not_wait() -> None:
    pace = pacing.of_redis("redis://127.0.0.1:1/0")
    begun = time.monotonic()
    assert taken(pace, 9) == 5
    assert pace.wait_seconds(RATE, "1") > 0
    assert time.monotonic() - begun < 5


def test_sender__that_loses_redis__counts_what_it_has_asked_before_until_it_is_back(
    client: redis.Redis, valkey_url: str
) -> None:
    one = pacing.of_redis(valkey_url, again_seconds=3)
    other = pacing.of_redis(valkey_url)
    assert (taken(one, 2), taken(other, 1)) == (2, 1)
    client.client_pause(2500)
    begun = time.monotonic()
    assert taken(one, 9) == 3
    assert time.monotonic() - begun < 2.4
    time.sleep(max(0.0, begun + 4.5 - time.monotonic()))
    assert (taken(one, 9), taken(other, 9)) == (2, 0)


def test_wait__when_redis_goes_away__is_told_by_the_process_alone(
    client: redis.Redis, valkey_url: str
) -> None:
    pace = pacing.of_redis(valkey_url)
    assert taken(pace, 5) == 5
    client.client_pause(2000)
    assert 0 < pace.wait_seconds(RATE, "1") <= 60
    assert taken(pace, 1) == 0
    time.sleep(2)
