"""A random history of both CRMs: what their users and the people they know do between two runs.

The same seed gives the same deeds, so that two sandboxes can live through one history.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.sandboxes import Sandbox

TITLES: Final = ("CTO", "Head of Sales", "Student", "Product Manager", "")

NEWSLETTER: Final = 7
"""The number of a type of subscription."""

FEWEST: Final = 3
"""So many contacts are always left to do something with."""


def live_contacts(crms: Sandbox) -> list[str]:
    """Ids of HubSpot contacts that are not archived."""
    return sorted(record.id for record in crms.portal.objects["contacts"].values() if not record.archived)


def live_rows(crms: Sandbox, sobject: str) -> list[str]:
    """Ids of Salesforce rows that are neither deleted nor converted."""
    rows = crms.org.tables[sobject].values()
    return sorted(row["Id"] for row in rows if not row["IsDeleted"] and not row.get("IsConverted"))


class History:
    """Chooses deeds by its own seed and does them at the time it is told."""

    def __init__(self, crms: Sandbox, seed: int) -> None:
        self._crms = crms
        self._random = random.Random(seed)
        self._number = 0

    def go_on(self, deeds_done: int) -> None:
        """So many deeds, all of them now."""
        at = self._crms.shared.clock.now()
        deeds: list[Callable[[datetime], object]] = [
            self._edit_contact, self._edit_company, self._visit, self._open_mail, self._submit_form, self._call,
            self._new_contact, self._merge_contacts, self._archive_contact, self._erase_contact, self._clear_field,
            self._edit_lead, self._edit_account, self._new_lead, self._finish_task, self._reopen_task, self._convert,
            self._merge_leads, self._delete_row, self._undelete_row, self._link, self._opt, self._add_role,
            self._drop_role,
        ]  # fmt: skip
        with self._crms.portal.lock:
            for _ in range(deeds_done):
                while len(live_contacts(self._crms)) < FEWEST:
                    self._new_contact(at)
                self._random.choice(deeds)(at)

    def edit(self, at: datetime) -> None:
        """One deed that may fall into the middle of a run: seen by that run or by the next, it comes to the same."""
        edits = (self._edit_contact, self._edit_company, self._edit_lead, self._edit_account, self._clear_field)
        with self._crms.portal.lock:
            self._random.choice(edits)(at)

    # HubSpot

    def _contact(self) -> str:
        return self._random.choice(live_contacts(self._crms))

    def _edit_contact(self, at: datetime) -> None:
        self._crms.portal.update("contacts", self._contact(), {"jobtitle": self._random.choice(TITLES)}, at)

    def _edit_company(self, at: datetime) -> None:
        company = self._random.choice(sorted(self._crms.portal.objects["companies"]))
        size = self._random.choice((3, 60, 900))
        self._crms.portal.update("companies", company, {"numberofemployees": size}, at)

    def _visit(self, at: datetime) -> None:
        contact = self._contact()
        held = self._crms.portal.objects["contacts"][contact].properties
        views = int(held.get("hs_analytics_num_page_views", "0")) + self._random.randint(1, 9)
        seen = {"hs_analytics_num_page_views": views, "hs_analytics_last_timestamp": at}
        if "hs_analytics_first_timestamp" not in held:
            seen["hs_analytics_first_timestamp"] = at
        self._crms.portal.event(contact, "e_visited_page", at, {"hs_url": "https://acme.example/pricing"})
        self._crms.portal.update("contacts", contact, seen, at)

    def _open_mail(self, at: datetime) -> None:
        email = self._crms.portal.objects["contacts"][self._contact()].properties.get("email")
        if email:
            kind = self._random.choice(("OPEN", "CLICK"))
            self._crms.portal.email_event(email, kind, at, campaign_id=1, url="https://acme.example/pricing")

    def _submit_form(self, at: datetime) -> None:
        email = self._crms.portal.objects["contacts"][self._contact()].properties.get("email")
        form = self._random.choice(sorted(self._crms.portal.marketing.forms))
        if email:
            self._crms.portal.submission(form, email, at, "https://acme.example/demo")

    def _opt(self, at: datetime) -> None:
        """Somebody turns newsletters off, or on again."""
        email = self._crms.portal.objects["contacts"][self._contact()].properties.get("email")
        if email:
            self._crms.portal.subscription(NEWSLETTER, "Newsletter")
            self._crms.portal.opt(email, NEWSLETTER, subscribed=self._random.random() < 0.3, at=at)
            self._crms.portal.email_event(email, "UNSUBSCRIBED", at, campaign_id=1)

    def _call(self, at: datetime) -> None:
        held = {"hs_timestamp": at, "hs_call_status": "COMPLETED", "hs_call_duration": 300_000}
        call = self._crms.portal.create("calls", held, created=at)
        self._crms.portal.associate("calls", call, "contacts", self._contact())

    def _new_contact(self, at: datetime) -> None:
        """Sometimes somebody whom Salesforce knows already."""
        self._number += 1
        leads = live_rows(self._crms, "Lead")
        email = f"new{self._number}@buyer.example"
        if leads and self._random.random() < 0.5:
            email = (self._crms.org.tables["Lead"][self._random.choice(leads)].get("Email") or email).strip().lower()
        if self._crms.portal.find_by_email(email) is None:
            self._crms.portal.create("contacts", {"email": email, "jobtitle": "CTO"}, created=at)

    def _merge_contacts(self, at: datetime) -> None:
        keeper, other = self._random.sample(live_contacts(self._crms), 2)
        self._crms.portal.merge(keeper, other, new_id=self._random.random() < 0.5)

    def _archive_contact(self, at: datetime) -> None:
        self._crms.portal.archive("contacts", self._contact(), at)

    def _erase_contact(self, at: datetime) -> None:
        self._crms.portal.gdpr_delete(self._contact())

    def _clear_field(self, at: datetime) -> None:
        """A user empties one of the fields that we write."""
        self._crms.portal.update("contacts", self._contact(), {"leadgrade_rating": ""}, at)

    def _link(self, at: datetime) -> None:
        """HubSpot's Salesforce integration notes the lead, by the short form of its id."""
        leads = live_rows(self._crms, "Lead")
        if leads:
            link = {"salesforceleadid": self._random.choice(leads)[: self._random.choice((15, 18))]}
            self._crms.portal.update("contacts", self._contact(), link, at)

    # Salesforce

    def _row(self, sobject: str) -> str | None:
        rows = live_rows(self._crms, sobject)
        return self._random.choice(rows) if rows else None

    def _edit_lead(self, at: datetime) -> None:
        if lead := self._row("Lead"):
            self._crms.org.update("Lead", lead, {"Title": self._random.choice(TITLES)}, at)

    def _edit_account(self, at: datetime) -> None:
        if account := self._row("Account"):
            self._crms.org.update("Account", account, {"NumberOfEmployees": self._random.choice((3, 60, 900))}, at)

    def _new_lead(self, at: datetime) -> None:
        self._number += 1
        held = {"LastName": f"New {self._number}", "Company": "Buyer", "Email": f"lead{self._number}@buyer.example"}
        self._crms.org.insert("Lead", held, created=at)

    def _finish_task(self, at: datetime) -> None:
        if who := self._row(self._random.choice(("Lead", "Contact"))):
            done = {"WhoId": who, "Subject": "Call", "Status": "Completed", "TaskSubtype": "Call",
                    "CallDurationInSeconds": 300, "ActivityDate": at}  # fmt: skip
            self._crms.org.insert("Task", done, created=at)

    def _reopen_task(self, at: datetime) -> None:
        done = [row["Id"] for row in self._crms.org.tables["Task"].values()
                if row["Status"] == "Completed" and not row["IsDeleted"]]  # fmt: skip
        if done:
            self._crms.org.update("Task", self._random.choice(sorted(done)), {"Status": "In Progress"}, at)

    def _convert(self, at: datetime) -> None:
        if lead := self._row("Lead"):
            self._crms.org.convert(lead, with_opportunity=self._random.random() < 0.5, at=at)

    def _merge_leads(self, at: datetime) -> None:
        leads = live_rows(self._crms, "Lead")
        if len(leads) > 1:
            keeper, other = self._random.sample(leads, 2)
            self._crms.org.merge("Lead", keeper, [other], at)

    def _delete_row(self, at: datetime) -> None:
        sobject = self._random.choice(("Lead", "Contact", "Task", "CampaignMember"))
        if row := self._row(sobject):
            self._crms.org.delete(sobject, row, at)

    def _undelete_row(self, at: datetime) -> None:
        gone = [row["Id"] for row in self._crms.org.tables["Lead"].values()
                if row["IsDeleted"] and not row.get("MasterRecordId")]  # fmt: skip
        if gone:
            self._crms.org.update("Lead", self._random.choice(sorted(gone)), {"IsDeleted": False}, at)

    def _add_role(self, at: datetime) -> None:
        contact, deal = self._row("Contact"), self._row("Opportunity")
        if contact and deal:
            role = {"OpportunityId": deal, "ContactId": contact, "Role": "Influencer"}
            self._crms.org.insert("OpportunityContactRole", role, created=at)

    def _drop_role(self, at: datetime) -> None:
        if role := self._row("OpportunityContactRole"):
            self._crms.org.delete("OpportunityContactRole", role, at)
