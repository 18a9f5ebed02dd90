"""States of the US and what belongs to them: names, as normalised, to the codes of ANSI."""

from __future__ import annotations

from typing import Final

_NAMES: Final = """
al alabama, ak alaska, az arizona, ar arkansas, ca california, co colorado, ct connecticut,
de delaware, dc districtofcolumbia, dc washingtondc, fl florida, ga georgia, hi hawaii, id idaho,
il illinois, in indiana, ia iowa, ks kansas, ky kentucky, la louisiana, me maine, md maryland,
ma massachusetts, mi michigan, mn minnesota, ms mississippi, mo missouri, mt montana, ne nebraska,
nv nevada, nh newhampshire, nj newjersey, nm newmexico, ny newyork, nc northcarolina,
nd northdakota, oh ohio, ok oklahoma, or oregon, pa pennsylvania, ri rhodeisland,
sc southcarolina, sd southdakota, tn tennessee, tx texas, ut utah, vt vermont, va virginia,
wa washington, wv westvirginia, wi wisconsin, wy wyoming,
as americansamoa, gu guam, mp northernmarianaislands, pr puertorico, vi virginislands,
vi usvirginislands, aa armedforcesamericas, ae armedforceseurope, ap armedforcespacific
"""

_PAIRS: Final = [pair.split() for pair in _NAMES.replace("\n", " ").split(",")]

CODES: Final = {name: code for code, name in _PAIRS} | {code: code for code, _ in _PAIRS}
