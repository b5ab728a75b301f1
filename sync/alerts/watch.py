"""When something is news: after each run, and between runs for what stays away or stands still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from connectors.registry import record_page
from sync.alerts import events, outbox
from sync.alerts.channels import NotTaken, channels_of
from sync.errors import SyncError
from sync.journal import runs
from sync.stores import MIRROR_FILE, open_journal, open_mirror

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from config.settings import Settings
    from connectors.clock import Clock
    from sync.daemon import Ended
    from sync.journal.book import Journal
    from sync.pulse import Pulse

log = structlog.get_logger()

REMIND: Final = timedelta(hours=24)
"""A failure that lasts is told of again so often."""

AT_MOST: Final = 100
"""People of one event."""

OLD_NEWS: Final = timedelta(days=1)
"""Who rose to a stage longer ago than this, while nobody could be told, is no news any more."""

SUCCESS: Final = frozenset({0, 1})


@dataclass(frozen=True, slots=True)
class Alerts:
    """News into the outbox, and out of it. The journal and the settings' channels are all it needs."""

    settings: Settings
    clock: Clock

    def after(self, ended: Ended) -> None:
        """A run is over: tell of its failure or of the end of failures, and of people who rose to a stage."""
        channels = [*channels_of(self.settings.alerts)]
        journal = open_journal(self.settings)
        try:
            if channels:
                self._of_runs(journal, ended, channels)
            self._crossings(journal, ended, channels)
        finally:
            journal.close()

    def look(self, pulse: Pulse) -> None:
        """Between runs and during them: tell when none has succeeded for long, or one makes no progress."""
        if self._is_stuck(pulse) and not pulse.told:
            pulse.told = True
            log.error("no progress is made", kind=pulse.running, still_s=round(pulse.still_s))
        channels = [*channels_of(self.settings.alerts)]
        if not channels:
            return
        journal = open_journal(self.settings)
        try:
            self._of_staleness(journal, channels)
            self._of_movement(journal, pulse, channels)
        finally:
            journal.close()

    def deliver(self) -> None:
        """Send what is due. A channel that does not take a message is tried again later; nothing is raised."""
        channels = channels_of(self.settings.alerts)
        if not channels:
            return
        journal = open_journal(self.settings)
        try:
            for message in outbox.due(journal, self.clock.now(), [*channels]):
                now = self.clock.now()
                if not outbox.claim(journal, message, now):
                    continue
                try:
                    channels[message.channel].send(message, now)
                except NotTaken as refusal:
                    again = outbox.put_off(journal, message, now, refusal.wait)
                    say = log.error if again is None else log.warning
                    facts = {"channel": message.channel, "alert": message.event, "why": str(refusal)}
                    say("alert given up" if again is None else "alert put off", **facts)
                else:
                    outbox.delivered(journal, message, now)
                    log.info("alert delivered", channel=message.channel, alert=message.event)
            outbox.tidy(journal, self.clock.now())
        finally:
            journal.close()

    def _of_runs(self, journal: Journal, ended: Ended, channels: Sequence[str]) -> None:
        with journal.noting() as connection:
            latest = runs.last_end(connection)
            if latest is not None and latest > ended.at:
                return  # another daemon's run, while this one slept: how that ended is the news
            told = outbox.last(connection, "runs")
            if ended.exit_code in SUCCESS and told and told.event != events.RECOVERED:
                outbox.put(connection, events.recovered(ended.at), channels)
            elif ended.exit_code in events.MENDED_BY_PEOPLE:
                event = events.failed(ended)
                known = told and told.event == events.FAILED and told.data["exit_code"] == ended.exit_code
                if not (known and told and ended.at - told.at < REMIND):
                    outbox.put(connection, event, channels)

    def _of_staleness(self, journal: Journal, channels: Sequence[str]) -> None:
        now, last = self.clock.now(), journal.last_success()
        since = last or journal.first_run()
        if since is None or now - since < timedelta(minutes=self.settings.alerts.stale_after_min):
            return
        with journal.noting() as connection:
            told = outbox.last(connection, "runs")
            if told is None or told.event == events.RECOVERED or now - told.at >= REMIND:
                outbox.put(connection, events.stale(now, last), channels)

    def _is_stuck(self, pulse: Pulse) -> bool:
        return pulse.still_s > self.settings.health.stuck_after_min * 60

    def _of_movement(self, journal: Journal, pulse: Pulse, channels: Sequence[str]) -> None:
        is_stuck = self._is_stuck(pulse)
        with journal.noting() as connection:
            told = outbox.last(connection, "movement")
            was_stuck = told is not None and told.event == events.STUCK
            if is_stuck and not was_stuck:
                kind = pulse.running or "daemon"
                outbox.put(connection, events.stuck(self.clock.now(), kind, pulse.still_s), channels)
            elif was_stuck and not is_stuck:
                outbox.put(connection, events.moving(self.clock.now()), channels)

    def _crossings(self, journal: Journal, ended: Ended, channels: Sequence[str]) -> None:
        edges = outbox.untold(journal)
        if not edges:
            return
        news = [edge for edge in edges if self._is_news(edge, ended.at)] if channels else []
        accounts = journal.accounts() if news else {}
        told = [self._of_edges(news[start : start + AT_MOST], accounts) for start in range(0, len(news), AT_MOST)]
        outbox.tell(journal, ended.at, told, channels, edges=[edge["crossing_id"] for edge in edges])

    def _is_news(self, edge: Mapping[str, Any], now: datetime) -> bool:
        alerts = self.settings.alerts
        rises = edge["direction"] == "up" and not edge["by_hand"]
        wanted = alerts.crossings and (not alerts.stages or edge["to_stage"] in alerts.stages)
        return rises and wanted and now - edge["at"] < OLD_NEWS

    def _of_edges(self, edges: Sequence[Mapping[str, Any]], accounts: Mapping[str, str]) -> events.Event:
        held = self._held(edges)
        people = [self._person(edge, held, accounts) for edge in edges]
        first, last = edges[0]["crossing_id"], edges[-1]["crossing_id"]
        return events.crossed(self.clock.now(), people, first=first, last=last)

    def _person(
        self, edge: Mapping[str, Any], held: Mapping[tuple[str, str], Sequence[Any]], accounts: Mapping[str, str]
    ) -> dict[str, Any]:
        crm, record_id = edge["crm"], edge["record_id"]
        kind, rating, reasons = held.get((crm, record_id), (None, None, None))
        page = record_page(self.settings, crm, accounts[crm], record_id) if crm in accounts else None
        return {
            "crm": crm, "kind": kind, "record_id": record_id, "page": page, "from_stage": edge["from_stage"],
            "to_stage": edge["to_stage"], "at": edge["at"], "rating": rating, "reasons": reasons,
        }  # fmt: skip

    def _held(self, edges: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Sequence[Any]]:
        """Kind, rating and reasons of the records, as the CRMs hold them; nothing while the mirror is not to be had."""
        if not (self.settings.store.path / MIRROR_FILE).exists():
            return {}
        keys = [(edge["crm"], edge["record_id"]) for edge in edges]
        try:
            with open_mirror(self.settings, self.clock).open() as connection:
                rows = connection.execute(
                    """
                    SELECT crm, record_id, kind, "observed.rating", "observed.reasons" FROM store.records
                    JOIN (SELECT unnest($crms) AS crm, unnest($ids) AS record_id) USING (crm, record_id)
                    """,
                    {"crms": [crm for crm, _ in keys], "ids": [record_id for _, record_id in keys]},
                ).fetchall()
        except SyncError as error:
            log.warning("alerts go without ratings", why=str(error))
            return {}
        return {(crm, record_id): rest for crm, record_id, *rest in rows}
