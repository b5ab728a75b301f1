"""The portal's indexes against a plain reading of its records, over random histories."""

from __future__ import annotations

from datetime import timedelta

from conftest import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.core import SandboxClock, Shared
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.times import to_ms

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "archive", "restore", "merge", "merge to new", "erase"]),
        st.integers(0, 30),
        st.integers(0, 4),
    ),
    max_size=60,
)


def apply(portal: Portal, deed: str, choice: int, minute: int) -> None:
    at = NOW + timedelta(minutes=minute)
    known = sorted(portal.objects["contacts"], key=int)
    if deed == "create" or not known:
        portal.create("contacts", {}, created=at)
        return
    chosen = known[choice % len(known)]
    record = portal.objects["contacts"][chosen]
    live = [one for one in known if not portal.objects["contacts"][one].archived]
    if deed == "update" and not record.archived:
        portal.update("contacts", chosen, {"city": str((choice, minute))}, at=at)
    elif deed == "archive" and not record.archived:
        portal.archive("contacts", chosen)
    elif deed == "restore" and record.archived:
        portal.restore("contacts", chosen)
    elif deed.startswith("merge") and len(live) > 1:
        portal.merge(live[0], live[-1], new_id=deed.endswith("new"))
    elif deed == "erase":
        portal.gdpr_delete(chosen)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(0, 5), st.integers(0, 5))
def test_indexes_agree_with_the_records(steps: list[tuple[str, int, int]], low: int, high: int) -> None:
    portal = Portal(Shared(clock=SandboxClock(frozen=NOW)))
    for step in steps:
        apply(portal, *step)
    records = portal.objects["contacts"].values()
    store = portal.stores["contacts"]
    assert store.live.page(0, 1000)[0] == sorted((one.id for one in records if not one.archived), key=int)
    assert store.archived.page(0, 1000)[0] == sorted((one.id for one in records if one.archived), key=int)
    index = store.index(NOW)
    first, last = (to_ms(NOW + timedelta(minutes=minute)) for minute in (low, high))
    expected = [one for one in records if not one.archived and first <= to_ms(one.updated) <= last]
    assert index.modified(first, last) == sorted(int(one.id) for one in expected)
    assert index.ids() == sorted(int(one.id) for one in records if not one.archived)
    for old, survivor in store.merged.items():
        assert old not in portal.objects["contacts"]
        assert survivor in portal.objects["contacts"]
