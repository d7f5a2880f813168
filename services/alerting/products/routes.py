"""The HTTP API of looks and cars."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from railwatch.services.alerting.products.answers import (
    OTHER_FORMS,
    Asked,
    Form,
    OnlySite,
    list_forms,
    tagged,
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
from railwatch.services.alerting.products.rows import car_rows, look_row
from railwatch.services.alerting.rule.judgement import State
from railwatch.shared.access import Holder


def looks_router(products: Products, reader: Callable[..., Holder]) -> APIRouter:
    """Looks and cars."""
    router = APIRouter(prefix="/v1", tags=["looks"])
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]

    @router.get(
        "/looks", summary="Looks at all sites, or at one, by site and time", responses=list_forms(Product.LOOKS)
    )
    def list_looks(asked: Asked, by: Reader, site: OnlySite = None, state: State | None = None) -> Response:
        return asked.answer(products, Product.LOOKS, by, site=site, state=state)

    @router.get("/cars", summary="Railcars that were counted, by site and time", responses=list_forms(Product.CARS))
    def list_cars(asked: Asked, by: Reader, site: OnlySite = None, state: State | None = None) -> Response:
        return asked.answer(products, Product.CARS, by, site=site, state=state)

    @router.get(
        "/sites/{site}/looks/{scene}", summary="The look that a scene belongs to, with its cars", responses=OTHER_FORMS
    )
    def get_look(request: Request, site: str, scene: str, by: Reader, form: Form) -> Response:
        look = products.look(site, scene) if by.reaches(site) else None
        if look is None:
            raise HTTPException(404, f"There is no look of the scene {scene!r} at the site {site!r}.")
        row, cars = look_row(look, products.public_url), list(car_rows(look))
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
