"""A/B tests: their declaration, and which arm a user is in."""

from __future__ import annotations

from hashlib import md5
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

NUM_BUCKETS = 100
"""Users are spread over so many buckets, one for each per cent of a share."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Arm(BaseModel):
    """One of the ways to answer that an experiment compares.

    Attributes:
        name: e.g. `control` or `test`; the first arm of an experiment is what the others are compared with.
        share: per cent of the users.
        version: a published version that answers instead of the one in force; empty: that one.
        diversity: takes the place of the request's where the request asks for none.
        explore: share of the answers whose first place goes to any of their items with equal chances, so that other
            ways to answer can be judged from the log.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    share: int = Field(ge=1, le=NUM_BUCKETS)
    version: str = ""
    diversity: float | None = Field(None, ge=0, le=1)
    explore: float = Field(0.0, ge=0, le=1)


class Experiment(BaseModel):
    """An A/B test of one system.

    Attributes:
        name: of its log and its report.
        system: whose answers it is about.
        arms: two or more; users beyond the sum of their shares are in none.
        salt: makes the spread of users one of its own; secret, or users could choose their arm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    system: str = "products"
    arms: tuple[Arm, ...] = Field(min_length=2)
    salt: SecretStr

    @model_validator(mode="after")
    def _adds_up(self) -> Experiment:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"experiment {self.name} has two arms of one name")
        if sum(arm.share for arm in self.arms) > NUM_BUCKETS:
            raise ValueError(f"shares of experiment {self.name} add up to more than {NUM_BUCKETS} per cent")
        if len(self.salt.get_secret_value()) < 4:
            raise ValueError(f"the salt of experiment {self.name} needs 4 characters or more")
        return self

    def arm_of(self, user_id: str | int) -> Arm | None:
        """The arm of a user, always the same; None for who is in no arm."""
        bucket, upper = bucket_of(user_id, self.salt.get_secret_value()), 0
        for arm in self.arms:
            upper += arm.share
            if bucket < upper:
                return arm
        return None


def bucket_of(user_id: str | int, salt: str) -> int:
    """From 0 to `NUM_BUCKETS` - 1, spread evenly over users, and for another salt independently."""
    return int(md5(f"{user_id}{salt}".encode(), usedforsecurity=False).hexdigest(), 16) % NUM_BUCKETS
