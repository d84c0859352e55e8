"""Bugs that walk.py must find, each done to the module while it runs: `walk.py --self-test`."""

from __future__ import annotations

from typing import Any


def _patched(verb: str, change: Any) -> Any:
    """Return what replaces a verb: `change` gets the right one, and what that gets."""

    def plant(z: Any) -> None:
        right = z._VERBS[verb]
        z._VERBS[verb] = lambda row, *rest: change(right, row, *rest)

    return plant


def _begin_unowned(right: Any, row: Any, now: int, lease: int, run_id: str, *rest: Any) -> Any:
    held = row and row.runs.get(run_id)
    return right(row, now, lease, run_id, *rest) if held is None else (True, row)


def _renew_unowned(right: Any, row: Any, now: int, lease: int, run_id: str, owner: str) -> Any:
    held = row and row.runs.get(run_id)
    return right(row, now, lease, run_id, held.owner if held else owner)


def _claim_stale(right: Any, row: Any, now: int, lease: int, old: Any, *rest: Any) -> Any:
    return right(row, now, lease, old if row is None else row.revision, *rest)


def _claim_once(right: Any, row: Any, *rest: Any) -> Any:
    return (-1, row) if row is not None and rest[6] in row.runs else right(row, *rest)


def _claim_beyond(right: Any, row: Any, *rest: Any) -> Any:
    return right(row, *rest[:5], 99, *rest[6:])


def _take_anew(right: Any, row: Any, now: int, lease: int, run_id: str, *rest: Any) -> Any:
    answer, after = right(row, now, lease, run_id, *rest)
    if answer and after is not row:
        after = after.with_run(run_id, after.runs[run_id]._replace(started_us=0))
    return answer, after


def _look_early(z: Any) -> None:
    right = z._Leases.look

    def look(self: Any, expired: bool) -> None:
        z.time.now += 120_000_000
        try:
            right(self, True)
        finally:
            z.time.now -= 120_000_000

    z._Leases.look = look


def _count_all(z: Any) -> None:
    z._Row.is_full = lambda self, now, limit: len(self.runs) >= limit


def _keep_claims(z: Any) -> None:
    z._Leases.give_back = lambda self, runs: None


def _owned_unchanged(right: Any, row: Any, *rest: Any) -> Any:
    return right(row, *rest)[0], row


PLANTS: dict[str, tuple[str, Any]] = {
    "begin-without-claim": ("once", _patched("begin", _begin_unowned)),
    "renew-of-anothers": ("lease", _patched("renew", _renew_unowned)),
    "take-too-early": ("lease", _look_early),
    "given-back-counts": ("rest", _count_all),
    "claim-by-old-revision": ("once", _patched("claim", _claim_stale)),
    "claim-beyond-limit": ("limit", _patched("claim", _claim_beyond)),
    "claim-not-repeatable": ("slot", _patched("claim", _claim_once)),
    "finish-keeps-ticket": ("slot", _patched("finish", _owned_unchanged)),
    "take-restarts": ("once", _patched("take", _take_anew)),
    "release-keeps-lease": ("slot", _patched("release", _owned_unchanged)),
    "stop-keeps-claim": ("slot", _keep_claims),
}
