"""What a conformance run found."""

from __future__ import annotations

from dataclasses import dataclass, field

LEVELS = ("passed", "note", "unknown", "failed")


@dataclass(frozen=True)
class Finding:
    """One sentence with the numbers. `level`: "passed", "note" (true, and worth knowing), "unknown" (cannot be checked:
    Cosmos has not published it), "failed". `columns` holds a number a column where the finding has one."""

    check: str
    level: str
    message: str
    columns: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """All findings on one robot."""

    embodiment: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """True if nothing failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == "failed")

    def __str__(self) -> str:
        lines = [f"{finding.level:8} {finding.check}: {finding.message}" for finding in self.findings]
        return "\n".join([f"{self.embodiment}: {'conforms' if self.passed else 'DOES NOT CONFORM'}", *lines])
