"""The HTTP API of looks and cars."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from railwatch.services.alerting.products.answers import (
    OTHER_FORMS,
    After,
    Bbox,
    Form,
    From,
    Limit,
    OnlySite,
    To,
    ground_of,
    page_answer,
    tagged,
    wanted,
)
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.formats import (
    MEDIA_TYPES,
    Format,
    as_csv,
    as_json,
    collection,
    feature,
    properties,
)
from railwatch.services.alerting.products.query import BadQueryError, Query
from railwatch.services.alerting.products.rows import car_rows, look_row
from railwatch.services.alerting.rule.judgement import State
from railwatch.shared.access import Holder


def looks_router(products: Products, reader: Callable[..., Holder]) -> APIRouter:
    """Looks and cars."""
    router = APIRouter(prefix="/v1", tags=["looks"])
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]

    def page(
        request: Request, product: Product, query: Query, by: Holder, after: str | None, limit: int, form: Format | None
    ) -> Response:
        try:
            found = products.page(product, query, by, after, limit)
        except BadQueryError as error:
            raise HTTPException(422, str(error)) from None
        return page_answer(request, product, found, wanted(request, form))

    @router.get("/looks", summary="Looks at all sites, or at one, by site and time", responses=OTHER_FORMS)
    def list_looks(
        request: Request,
        by: Reader,
        site: OnlySite = None,
        state: State | None = None,
        bbox: Bbox = None,
        from_: From = None,
        to: To = None,
        limit: Limit = 100,
        after: After = None,
        f: Form = None,
    ) -> Response:
        query = Query(ground_of(bbox), from_, to, site, state)
        return page(request, Product.LOOKS, query, by, after, limit, f)

    @router.get("/cars", summary="Railcars that were counted, by site and time", responses=OTHER_FORMS)
    def list_cars(
        request: Request,
        by: Reader,
        site: OnlySite = None,
        state: State | None = None,
        bbox: Bbox = None,
        from_: From = None,
        to: To = None,
        limit: Limit = 100,
        after: After = None,
        f: Form = None,
    ) -> Response:
        query = Query(ground_of(bbox), from_, to, site, state)
        return page(request, Product.CARS, query, by, after, limit, f)

    @router.get(
        "/sites/{site}/looks/{scene}", summary="The look that a scene belongs to, with its cars", responses=OTHER_FORMS
    )
    def get_look(request: Request, site: str, scene: str, by: Reader, f: Form = None) -> Response:
        look = products.look(site, scene) if by.reaches(site) else None
        if look is None:
            raise HTTPException(404, f"There is no look of the scene {scene!r} at the site {site!r}.")
        row, cars, form = look_row(look, products.public_url), list(car_rows(look)), wanted(request, f)
        if form is Format.CSV:
            return tagged(request, as_csv(Product.CARS, cars), MEDIA_TYPES[form])
        if form is Format.GEOJSON:
            body = collection(Product.CARS, cars, {"look": feature(Product.LOOKS, row)})
            return tagged(request, body, MEDIA_TYPES[form])
        answer: dict[str, Any] = {
            "look": properties(Product.LOOKS, row),
            "judgement": look.judgement and look.judgement.model_dump(mode="json", by_alias=True),
            "cars": [properties(Product.CARS, car) for car in cars],
            "counts": [{"id": event.id, **event.model_dump(mode="json")} for event in look.events],
        }
        return tagged(request, as_json(answer), MEDIA_TYPES[form])

    return router
