"""The first pass over the malicious corpus: fingerprint and label of every sample.

``python -m model.corpus`` is resumable: a sample that was judged by this code is not read again.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from model.families import Fingerprint, fingerprint
from model.labels import Label, label_malicious
from model.observing import OutOfTimeError, opened, time_limit
from model.plan import Judgement, malicious_items
from model.records import Store
from model.registry import Sample, list_samples, read_samples
from model.workspace import Workspace, add_malregistry, open_workspace, stage_parser
from safe_pip.errors import SafePipError

BATCH = 24
SECONDS_A_SAMPLE = 60


def judge(sample: Sample, data: bytes) -> Judgement:
    """Fingerprint and label of one sample; its error if it cannot be read."""
    try:
        with time_limit(SECONDS_A_SAMPLE), opened(data, sample.filename) as distribution:
            return Judgement(
                fingerprint=fingerprint(distribution), label=label_malicious(distribution)
            )
    except (SafePipError, OutOfTimeError, RecursionError, MemoryError, ValueError) as error:
        nothing = Fingerprint(code="", skeleton="", minhash=())
        return Judgement(
            fingerprint=nothing, label=Label.MALICIOUS, error=f"{type(error).__name__}: {error}"
        )


def _judge_batch(
    repository: Path, samples: Sequence[Sample]
) -> list[tuple[str, dict[str, object]]]:
    judged = []
    for sample, data in read_samples(repository, samples):
        judgement = judge(sample, data)
        document = {**asdict(judgement), "label": judgement.label.value}
        judged.append((sample.path, document))
    return judged


def _code_digest() -> str:
    folder = Path(__file__).parent
    names = ("families.py", "labels.py")
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()[:12]


def judge_all(workspace: Workspace, repository: Path) -> dict[str, Judgement]:
    """The judgement of every sample by path, from memory where there is one."""
    store = Store(workspace.root / f"corpus-{_code_digest()}.sqlite")
    samples = list_samples(repository)
    known = store.keys()
    todo = [sample for sample in samples if sample.path not in known]
    batches = [todo[start : start + BATCH] for start in range(0, len(todo), BATCH)]
    parallel = Parallel(n_jobs=workspace.jobs, return_as="generator_unordered")
    with tqdm(total=len(todo), desc="judging samples", unit="sample") as bar:
        for judged in parallel(delayed(_judge_batch)(repository, batch) for batch in batches):
            for path, document in judged:
                store.put(path, document)
            bar.update(len(judged))
    return dict(_read(store, [sample.path for sample in samples]))


def _read(store: Store, paths: Sequence[str]) -> Iterator[tuple[str, Judgement]]:
    for path, document in store.items(paths):
        if not isinstance(document, dict):
            raise TypeError(f"{path}: not a judgement")
        print_ = document["fingerprint"]
        yield (
            path,
            Judgement(
                fingerprint=Fingerprint(
                    code=print_["code"],
                    skeleton=print_["skeleton"],
                    minhash=tuple(print_["minhash"]),
                ),
                label=Label(document["label"]),
                error=document["error"],
            ),
        )


def main() -> None:
    parser = stage_parser("model.corpus", "Fingerprint, label and cluster the malicious corpus.")
    add_malregistry(parser)
    arguments = parser.parse_args()
    if arguments.malregistry is None:
        sys.exit("name the malicious corpus with --malregistry")
    workspace = open_workspace(arguments)
    judgements = judge_all(workspace, arguments.malregistry)
    samples = list_samples(arguments.malregistry)
    items = list(malicious_items(samples, judgements))
    errors = Counter(j.error.partition(":")[0] for j in judgements.values() if j.error)
    print(f"{len(judgements)} samples, unreadable: {dict(errors)}")
    print(f"labels: {dict(Counter(j.label.value for j in judgements.values() if not j.error))}")
    for split in sorted({item.split for item in items}, key=lambda split: split.value):
        mine = [item for item in items if item.split is split]
        counts = dict(Counter(item.label.value for item in mine))
        families = {item.group for item in mine if item.label is Label.MALICIOUS}
        print(f"{split.value}: {len(families)} malicious families; kept {counts}")


if __name__ == "__main__":
    main()
