"""The shape of the control catalogue: policy statements, controls, framework clauses."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ControlId = Annotated[str, StringConstraints(pattern=r"^ZDR-(RET|EXC|SCP|BLK|ENB|AUD|ADM|CON)-\d\d$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Family(StrEnum):
    """The control families, in report order."""

    RET = "RET"
    EXC = "EXC"
    SCP = "SCP"
    BLK = "BLK"
    ENB = "ENB"
    AUD = "AUD"
    ADM = "ADM"
    CON = "CON"

    @property
    def words(self) -> str:
        return {
            "RET": "Retention",
            "EXC": "Exceptions",
            "SCP": "Scope",
            "BLK": "Blocked features",
            "ENB": "Enablement",
            "AUD": "Audit log",
            "ADM": "Administration",
            "CON": "Contract",
        }[self.value]


class Severity(StrEnum):
    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"


class Method(StrEnum):
    """Assessment method in the words of NIST SP 800-53A."""

    test = "test"
    examine = "examine"


class Evidence(StrEnum):
    """What a control's verdict rests on."""

    answers = "answers"  # what the target answered to our requests
    stores = "stores"  # every evidence source of the profile that is not read over HTTP
    read_back = "read_back"  # every evidence source that is an interface which gives stored content back


class PolicyStatement(Closed):
    """One sentence of the policy in our own words. `checkable` false needs `why_not`."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
    section: Text
    paraphrase: Text
    checkable: bool = True
    why_not: str | None = None


class Control(Closed):
    """One checkable promise."""

    id: ControlId
    title: Text
    statement: Text
    policy: Annotated[tuple[str, ...], Field(min_length=1)]
    severity: Severity
    method: Method
    minimum_accepted: Annotated[int, Field(ge=0)]
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]
    requires: tuple[str, ...] = ()
    remediation: Text

    @property
    def family(self) -> Family:
        return Family(self.id.split("-")[1])


class Clause(Closed):
    """A clause of a framework that some controls support, and why that can be defended."""

    id: Text
    title: Text
    controls: Annotated[tuple[ControlId, ...], Field(min_length=1)]
    rationale: Text


class Framework(Closed):
    """A framework (`soc2`, `iso27001`, `nist80053`, `gdpr`, `hipaa`) and its clauses."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+$")]
    title: Text
    clauses: Annotated[tuple[Clause, ...], Field(min_length=1)]


class Catalogue(Closed):
    """All controls in id order, the policy edition that they encode, and the framework mappings."""

    edition: Text
    source: Text
    statements: tuple[PolicyStatement, ...]
    controls: tuple[Control, ...]
    frameworks: tuple[Framework, ...]
    digest: str

    def control(self, control_id: str) -> Control:
        """The control with that id; KeyError where there is none."""
        for item in self.controls:
            if item.id == control_id:
                return item
        raise KeyError(control_id)

    def clauses_of(self, control_id: str) -> dict[str, tuple[str, ...]]:
        """Framework id -> clause ids that the control supports."""
        found = {f.id: tuple(c.id for c in f.clauses if control_id in c.controls) for f in self.frameworks}
        return {k: v for k, v in found.items() if v}
