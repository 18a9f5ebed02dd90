"""Sends what Segment's Python library sends: run in the environment of that library."""

import sys

from segment import analytics

url, key, person, count = sys.argv[1:]
failed: list[str] = []
client = analytics.Client(
    key,
    host=url,
    gzip=True,
    upload_size=100,
    on_error=lambda error, _: failed.append(str(error)),
)
client.identify(person, {"plan": "pro", "email": f"{person}@example.com"})
for number in range(int(count)):
    client.track(person, "buy", {"n": number})
client.page(person, "Shop", "Home")
client.shutdown()
sys.exit("\n".join(failed) or None)
