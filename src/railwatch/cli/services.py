"""`railwatch ingest`, `detector` and `alerting`: run a service until it receives a signal to stop."""


def ingest() -> None:
    """Run the ingest service: it takes scenes in, checks them, cuts them into tiles and publishes the tiles."""
    from railwatch.services.ingest.main import run
    from railwatch.siting.page.routes import add_page

    run(add_page)


def detector() -> None:
    """Run the detector service: it compares each tile with its baseline and counts the railcars."""
    from railwatch.services.detector.main import run

    run()


def alerting() -> None:
    """Run the alerting service: it judges each count against its site's history and sends alerts to receivers."""
    from railwatch.services.alerting.main import run

    run()
