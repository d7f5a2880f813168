"""What a sender or a source may send: scenes of which role, over which sites."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from railwatch.shared.access import Holder, Scope
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import TileRole
from railwatch.shared.sites import Site

OTHER_SITES = "The scene shows other sites, too, for which the token is not valid; nothing was published for them."

T = TypeVar("T")


def check_role(role: TileRole, source: str, sender: Holder | None, baselines_from: Collection[str]) -> None:
    """Checks that a scene may have its role.

    Args:
        role: the scene's role.
        source: where the scene comes in.
        sender: who pushed it; null if it comes from another source.
        baselines_from: the other sources whose scenes may be baselines.

    Raises:
        UnprocessableError: `role-not-allowed`.
    """
    scope = Scope.BASELINE if role is TileRole.BASELINE else Scope.PUSH
    if sender and scope not in sender.scopes:
        raise UnprocessableError(
            "role-not-allowed", f"The scene's role is `{role}`; its token must have the scope `{scope}`."
        )
    if sender is None and role is TileRole.BASELINE and source not in baselines_from:
        raise UnprocessableError("role-not-allowed", f"The source `{source}` may not set baselines.")


def within_reach(shown: Sequence[tuple[Site, T]], sender: Holder | None) -> list[tuple[Site, T]]:
    """Those of the sites that a scene shows for which its sender's token is valid.

    Raises:
        UnprocessableError: `site-not-allowed`: there is none.
    """
    reached = [(site, parts) for site, parts in shown if sender is None or sender.reaches(site.id)]
    if not reached:
        raise UnprocessableError("site-not-allowed", "The scene shows no site for which the token is valid.")
    return reached
