"""Normal forms, as SQL expressions: what makes two e-mail addresses, or two pages, the same."""

from __future__ import annotations


def email(column: str) -> str:
    """The address trimmed and in lower case; null when it is not one. Plus-tags stay: they may be another person."""
    trimmed = rf"lower(regexp_replace({column}, '^[\s\p{{Z}}]+|[\s\p{{Z}}]+$', '', 'g'))"
    label = r"[^@\s\p{Z}.]+"
    return rf"CASE WHEN regexp_full_match({trimmed}, '[^@\s\p{{Z}}]+@{label}(\.{label})+') THEN {trimmed} END"


def url(column: str) -> str:
    """The page without query string, fragment, credentials and trailing slash; scheme and host in lower case.

    Query strings carry tracking and session marks; kept, they would make a signature of every visit.
    """
    bare = rf"regexp_replace(trim({column}), '[?#].*$', '')"
    origin = rf"regexp_extract({bare}, '^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*')"
    host = rf"lower(regexp_replace({origin}, '//[^@/]*@', '//'))"
    path = rf"regexp_replace(substr({bare}, length({origin}) + 1), '([^/])/+$', '\1')"
    whole = f"CASE WHEN {path} = '/' AND {origin} <> '' THEN {host} || '/' ELSE {host} || {path} END"
    return f"nullif({whole}, '')"


def domain(column: str) -> str:
    """A company's domain out of a domain or an address of its site: no scheme, ``www.``, port or path."""
    host = rf"regexp_extract(lower(trim({column})), '^(?:[a-z][a-z0-9+.-]*:)?(?://)?(?:www\.)?([^/?#:]*)', 1)"
    return rf"nullif(rtrim({host}, '.'), '')"
