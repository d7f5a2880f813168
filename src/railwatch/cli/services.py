"""`railwatch ingest`, `detector` and `alerting`: run a service until it is told to stop."""


def ingest() -> None:
    """Run the ingest service: takes scenes in, checks them, cuts them into tiles and publishes those."""
    from railwatch.services.ingest.main import run

    run()


def detector() -> None:
    """Run the detector service: counts the railcars on each tile against its baseline."""
    from railwatch.services.detector.main import run

    run()


def alerting() -> None:
    """Run the alerting service: judges each site's count against its history, and tells whoever should know."""
    from railwatch.services.alerting.main import run

    run()
