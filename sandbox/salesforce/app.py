"""The Starlette application: HTTP in, `api.Call` through, HTTP out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Path

from sandbox.salesforce import account_engagement, bulk_ingest, bulk_query, composite, oauth, query, setup, sobjects
from sandbox.salesforce.api import NEWEST, OLDEST, Answer, Call, serve

if TYPE_CHECKING:
    from starlette.requests import Request

    from sandbox.salesforce.org import Org

ROUTES = [
    *query.ROUTES,
    *composite.ROUTES,
    *bulk_query.ROUTES,
    *bulk_ingest.ROUTES,
    *setup.ROUTES,
    *sobjects.ROUTES,
]
_RELEASES = ("Spring", "Summer", "Winter")


def create_app(org: Org) -> Starlette:
    """The application that serves one org. Raises CutConnection out of a call when told to (see `sandbox.core`)."""

    async def data(request: Request) -> Response:
        scope = request.scope
        call = Call(
            org,
            request.method,
            "/" + request.path_params["rest"],
            dict(request.query_params),
            {name.lower(): value for name, value in request.headers.items()},
            await request.body(),
            str(request.path_params["version"]),
            head=len(scope["raw_path"])
            + len(scope["query_string"])
            + sum(len(n) + len(v) + 4 for n, v in scope["headers"]),
        )
        return _response(serve(ROUTES, call))

    async def versions(_request: Request) -> Response:
        return _response(Answer([_version(number) for number in range(int(OLDEST), int(NEWEST) + 1)]))

    async def token(request: Request) -> Response:
        form = _form(await request.body())
        return _response(oauth.token(org, request.headers, form, str(request.base_url).rstrip("/")))

    async def revoke(request: Request) -> Response:
        form = _form(await request.body())
        org.end_session(form.get("token", ""))
        return Response(status_code=200)

    async def engagement(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        base_url = str(request.base_url).rstrip("/")
        with org.lock:
            told = account_engagement.answer(org, request.path_params["rest"], base_url, request.query_params, headers)
        return _response(told)

    async def identity(request: Request) -> Response:
        scheme_and_token = request.headers.get("authorization", " ").partition(" ")
        user_id = org.user_of_session(scheme_and_token[2])
        if user_id is None or user_id != request.path_params["user"]:
            return Response("Bad_OAuth_Token", 403)
        return _response(Answer(oauth.identity(org, user_id)))

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Path("/services/oauth2/token", token, methods=["POST"]),
            Path("/services/oauth2/revoke", revoke, methods=["POST"]),
            Path("/id/{org}/{user}", identity, methods=["GET"]),
            Path("/api/v5/objects/{rest:path}", engagement, methods=["GET"]),
            Path("/services/data", versions, methods=["GET"]),
            Path("/services/data/", versions, methods=["GET"]),
            Path("/services/data/v{version:float}/{rest:path}", data, methods=methods),
            Path("/services/data/v{version:float}", data, methods=methods),
        ]
    )


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode()))


def _version(number: int) -> dict[str, str]:
    # 31.0 was Summer '14; three releases a year, Winter carrying the next year's number.
    releases = number - 30
    season = _RELEASES[releases % 3]
    year = 14 + (releases + 1) // 3
    return {"label": f"{season} '{year}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def _response(answer: Answer) -> Response:
    body = answer.body()
    # Set here, because Starlette adds a charset to text types that are given to it as a media type.
    content_type = {"Content-Type": answer.media_type} if body or answer.chunks is not None else {}
    headers = {**answer.headers, **content_type}
    if answer.chunks is not None:
        return StreamingResponse(answer.chunks, answer.status, headers)
    return Response(body, answer.status, headers)
