"""Services may share one environment, as they share a ConfigMap: a variable of another service is no mistake."""

import pytest

from railwatch.cli.variables import settings_of
from railwatch.shared.environment import examine
from railwatch.shared.process import SERVICES
from railwatch.shared.variables import variables_of


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_refuses_a_variable_of_another(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {each.name for each in variables_of(settings_of(service))}
    others = {each.name for other in SERVICES for each in variables_of(settings_of(other))} - own
    assert others
    for name in others:
        monkeypatch.setenv(name, "anything")
    _, faults = examine(settings_of(service))
    assert not [fault for fault in faults if fault.partition(" ")[0] in others]
