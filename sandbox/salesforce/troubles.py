"""The trouble switches of this server, set through ``shared.troubles``."""

from __future__ import annotations

from typing import Final

TROUBLES: Final[dict[str, str]] = {
    "session_expired": "The session ends now: 401 INVALID_SESSION_ID for this and later calls with the same token.",
    "login_refused": "The token endpoint answers 400 invalid_grant.",
    "html_503": "503 with an HTML page, as the network edge answers.",
    "status": "An empty answer with status `code` (406, 420, 429, 500 ...).",
    "server_unavailable": "503 SERVER_UNAVAILABLE as JSON.",
    "concurrent_limit": "403 REQUEST_LIMIT_EXCEEDED for concurrent requests; worth a retry.",
    "daily_limit": "403 REQUEST_LIMIT_EXCEEDED for the whole day; not worth a retry.",
    "noisy_neighbour": "Other apps spend `calls` (all that is left) of the day's allowance just before the call.",
    "refuse": "The call is refused with `status` (403), `code` (INSUFFICIENT_ACCESS) and `message`.",
    "api_disabled": "403 API_DISABLED_FOR_ORG.",
    "drop_after_write": "The write is applied, then the connection is cut without an answer.",
    "limit_header": "Sforce-Limit-Info carries the text `value` (missing when empty).",
    "late_commit": "The change is shown to queries only `seconds` (60) after its stamp; `match` names the object.",
    "log_behind": "The log of deletions covers nothing of the last `seconds` (3600) yet, and says so.",
    "query_timeout": "400 QUERY_TIMEOUT for a query of more than `over_rows` (0) rows.",
    "operation_too_large": "400 OPERATION_TOO_LARGE for an activity query that meets more than `people` (0) people.",
    "locator_expired": "400 INVALID_QUERY_LOCATOR when the next page is asked for.",
    "repeat_row": "A query page starts with the last row of the page before.",
    "row_lock": "UNABLE_TO_LOCK_ROW for rows of `account` (or `ids`, or all), `wrapped` in another code if told.",
    "apex_limits": "Every row of a batch of more than `over` (0) rows fails with the org's own code at its limits.",
    "batch_too_slow": "400 REQUEST_RUNNING_TOO_LONG for a batch of more than `over` (0) rows.",
    "row_missing": "A collections answer lacks its last row.",
    "bulk_refused": "400 LIMIT_EXCEEDED when a bulk job is created.",
    "job_slow": "A bulk job needs `polls` more polls to end.",
    "job_failed": "A bulk job ends as `state` (Failed; or Aborted): a query with `message` (QUERY_TIMEOUT), an "
    "ingest job after `done` (0) rows, and the rest stays unprocessed.",
    "whole_as_decimals": "Bulk CSV writes whole numbers as decimals: 5.0.",
    "no_charset": "Bulk CSV is sent as text/csv without a charset.",
    "times_with_offset": "Bulk CSV writes date-times with +0000 instead of Z.",
    "results_expired": "404 when the results of a bulk job are fetched.",
}
