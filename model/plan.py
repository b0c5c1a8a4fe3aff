"""The plan of a data set: which items there are, whose they are, and on which side of a split.

Families and projects are never divided. An item is named by what it is made from, so that a
record can be found again whatever else the plan holds.
"""

from __future__ import annotations

import enum
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model.benign import Pin
from model.families import Fingerprint, cluster
from model.grafts import Place
from model.labels import Label
from model.registry import Sample
from model.transforms import Transform

FAMILY_CAP = 8
VALIDATION_FROM, TEST_FROM = "2024-07-01", "2025-01-01"
# Malicious families fall about 75 : 20 : 5. Benign validation and test need more than that: a
# false-positive rate of 1e-3 cannot be seen in 100 files.
BENIGN_SHARES = (0.55, 0.75)
MAX_HOST_BYTES = 3_000_000


class Split(enum.Enum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    KNOWN = "known family"


class Origin(enum.Enum):
    """How an item came to be."""

    CORPUS = "corpus"
    INDEX = "index"
    LOCAL = "local"
    GRAFT = "graft"
    TRANSFORM = "transform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One row to be. ``group`` is a family (``f…``) or a project; ``source`` is a git object or a
    benign digest; ``host`` a benign digest, for grafts and transformations. ``project`` and
    ``version`` are what the row claims to be: its host's, if it is a graft."""

    key: str
    origin: Origin
    label: Label
    split: Split
    group: str
    project: str
    version: str
    source: str
    source_filename: str
    first_seen: str = ""
    kind: str = ""
    host: str = ""
    host_filename: str = ""
    variant: str = ""

    @property
    def filename(self) -> str:
        return self.host_filename if self.origin is Origin.GRAFT else self.source_filename


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the first pass over the malicious corpus found about one sample."""

    fingerprint: Fingerprint
    label: Label
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many grafts and transformed samples a split gets, before what does not apply."""

    grafts_by_place: int
    transforms_by_kind: int


QUOTAS: Mapping[Split, Quota] = {
    Split.TRAIN: Quota(grafts_by_place=130, transforms_by_kind=80),
    Split.VALIDATION: Quota(grafts_by_place=70, transforms_by_kind=50),
    Split.TEST: Quota(grafts_by_place=120, transforms_by_kind=100),
}


def draw(*parts: str) -> float:
    """A number in [0, 1) that depends on the words alone."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)


def split_of_date(first_seen: str) -> Split:
    if first_seen < VALIDATION_FROM:
        return Split.TRAIN
    return Split.VALIDATION if first_seen < TEST_FROM else Split.TEST


def split_of_project(project: str) -> Split:
    place = draw("benign split", project)
    if place < BENIGN_SHARES[0]:
        return Split.TRAIN
    return Split.VALIDATION if place < BENIGN_SHARES[1] else Split.TEST


def malicious_items(
    samples: Sequence[Sample], judgements: Mapping[str, Judgement]
) -> Iterator[Item]:
    """The readable samples, at most FAMILY_CAP of a family and split.

    A sample of the test period whose family was seen before goes to KNOWN.
    """
    readable = [s for s in samples if s.path in judgements and not judgements[s.path].error]
    families = cluster([judgements[sample.path].fingerprint for sample in readable])
    first_seen: dict[int, str] = {}
    for sample, family in zip(readable, families, strict=True):
        first_seen[family] = min(sample.first_seen, first_seen.get(family, sample.first_seen))
    taken: dict[tuple[int, Split, str], int] = defaultdict(int)
    for sample, family in sorted(
        zip(readable, families, strict=True), key=lambda pair: draw("cap", pair[0].path)
    ):
        split = split_of_date(first_seen[family])
        if split is not Split.TEST and split_of_date(sample.first_seen) is Split.TEST:
            split = Split.KNOWN
        label = judgements[sample.path].label
        taken[family, split, label.value] += 1
        if taken[family, split, label.value] > FAMILY_CAP:
            continue
        yield Item(
            key=f"malicious {sample.blob}",
            origin=Origin.CORPUS,
            label=label,
            split=split,
            group=f"f{family}",
            project=sample.project,
            version="",
            source=sample.blob,
            source_filename=sample.filename,
            first_seen=sample.first_seen,
        )


def benign_items(pins: Sequence[Pin], *, origin: Origin) -> Iterator[Item]:
    for pin in pins:
        yield Item(
            key=f"benign {pin.sha256}",
            origin=origin,
            label=Label.BENIGN,
            split=split_of_project(pin.project),
            group=pin.project,
            project=pin.project,
            version=pin.version,
            source=pin.sha256,
            source_filename=pin.filename,
            first_seen=pin.uploaded,
            kind=pin.kind,
        )


def made_items(
    malicious: Sequence[Item], benign: Sequence[Item], sizes: Mapping[str, int], *, maker: str
) -> Iterator[Item]:
    """Grafts and transformed samples: families and hosts of one split stay in it.

    ``maker`` is the digest of the code that makes them, and part of their keys.
    """
    for split, quota in QUOTAS.items():
        families: dict[str, Item] = {}
        for item in malicious:
            if item.split is split and item.label is Label.MALICIOUS:
                families.setdefault(item.group, item)
        hosts = [
            item for item in benign
            if item.split is split and sizes.get(item.source, MAX_HOST_BYTES) < MAX_HOST_BYTES
        ]  # fmt: skip
        payloads = sorted(families.values(), key=lambda item: draw("payload", item.key))
        if not payloads or not hosts:
            continue
        for place in Place:
            if split is Split.TEST and not place.is_tested:
                continue
            usable = [h for h in hosts if not place.needs_sdist or not h.filename.endswith(".whl")]
            for number in range(quota.grafts_by_place * place.tries):
                seed = f"{split.value} {place.value} {number}"
                payload = payloads[int(draw("graft payload", seed) * len(payloads))]
                host = _host(usable, sizes, seed)
                yield _made(payload, host, Origin.GRAFT, place.value, maker=maker)
        for kind in Transform:
            chosen = sorted(payloads, key=lambda item: draw(kind.value, item.key))
            for sample in chosen[: quota.transforms_by_kind]:
                host = _host(hosts, sizes, f"{kind.value} {sample.key}")
                yield _made(sample, host, Origin.TRANSFORM, kind.value, maker=maker)


def _host(hosts: Sequence[Item], sizes: Mapping[str, int], seed: str) -> Item:
    """A host, such that every magnitude of size is equally likely."""
    bands: dict[int, list[Item]] = defaultdict(list)
    for host in hosts:
        bands[sizes[host.source].bit_length() // 2].append(host)
    choice = random.Random(seed)
    return choice.choice(bands[choice.choice(sorted(bands))])


def _made(sample: Item, host: Item, origin: Origin, variant: str, *, maker: str) -> Item:
    return Item(
        key=f"{origin.value} {maker} {variant} {sample.source} {host.source}",
        origin=origin,
        label=Label.MALICIOUS,
        split=sample.split,
        group=sample.group,
        project=host.project if origin is Origin.GRAFT else sample.project,
        version=host.version if origin is Origin.GRAFT else sample.version,
        source=sample.source,
        source_filename=sample.source_filename,
        first_seen=sample.first_seen,
        host=host.source,
        host_filename=host.source_filename,
        variant=variant,
    )
