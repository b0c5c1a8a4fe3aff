"""Which files count, what is wrong with a file, and what trust means."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from safe_pip.errors import EXIT_BAD_POLICY, PolicyError
from safe_pip.policy.keys import KEYS
from safe_pip.policy.loading import LoadedPolicy, find_project_file, load_policy, read_policy_file
from safe_pip.policy.settings import Action, Policy, Threshold
from safe_pip.policy.showing import policy_lines
from safe_pip.policy.trust import TrustedFiles
from tests.policies import THRESHOLDS, make_decision, make_verdict

GOLDEN = Path(__file__).parents[1] / "golden" / "terminal"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def load(folder: Path, *, given: Path | None = None) -> LoadedPolicy:
    """With the user's file at ``user/safe-pip.toml`` and the project in ``project``."""
    return load_policy(
        user_file=folder / "user" / "safe-pip.toml",
        start_folder=folder / "project",
        given=given,
        trusted=TrustedFiles(register=folder / "user" / "trusted.json"),
        organisation_files=[folder / "site" / "safe-pip.toml", folder / "site2" / "safe-pip.toml"],
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("blok-above = 0.5", "blok-above: unknown key; did you mean block-above?"),
        ("block_above = 0.5", "did you mean block-above?"),
        ("zzz = 1", "zzz: unknown key; there are block-above"),
        ('block-above = "high"', "block-above: 'high' is not a number from 0 to 1"),
        ("block-above = true", "block-above: True is not a number"),
        ("block-above = nan", "block-above: nan is not a number"),
        ("ask-above = 1.5", "ask-above: 1.5 is not a number from 0 to 1"),
        ("ask-above = 0.9\nblock-above = 0.5", "ask-above: 0.9 is greater than block-above"),
        (f"ask-above = 0x{'f' * 9000}", "ask-above: a very large number is not"),
        ("unattended = true", 'unattended: True is not one of "block", "allow-below-block"'),
        ('unscannable = "allow"', "unscannable: 'allow' is not one of"),
        ('advisories = "allow"', "advisories: 'allow' is not one of"),
        ("sdists = []", "sdists: [] is not one of"),
        ("offline = 1", "offline: 1 is not true or false"),
        ('advisory-feeds = "x"', "advisory-feeds: 'x' is not a list of URLs"),
        ("advisory-feeds = [1]", "advisory-feeds[1]: 1 is not the URL"),
        ('advisory-feeds = ["http://a.example"]', "advisory-feeds[1]: 'http://a.example' cannot"),
        ('minimum-release-age = "7"', "minimum-release-age: '7' is not a duration"),
        ('minimum-release-age-exempt = "a"', "minimum-release-age-exempt: 'a' is not a list"),
        ('name-squats = "off"', "name-squats: 'off' is not one of"),
        ('name-squats-exempt = ["a b"]', "name-squats-exempt[1]: 'a b' is not a project name"),
        ("minimum-release-age-exempt = [1]", "minimum-release-age-exempt[1]: 1 is not"),
        ('minimum-release-age-exempt = ["a b"]', "minimum-release-age-exempt[1]: 'a b' is not"),
        ("minimum-release-age = 7", "minimum-release-age: 7 is not a duration"),
        ('deny = "demo"', "deny: 'demo' is not a list"),
        ('deny = ["ok", "not ok!"]', "deny[2]: 'not ok!' is not a project name"),
        ('deny = ["a @ https://x.example/a.whl"]', "deny[1]:"),
        ("deny = [1]", "deny[1]: 1 is not a project name"),
        ("allow = 1", "allow: 1 is not an array of tables"),
        ("allow = [1]", "allow[1]: 1 is not a table"),
        ('[[allow]]\nproject = "a"', "allow[1].reason: this key is required"),
        ('[[allow]]\nreason = "a"', "allow[1].project: this key is required"),
        ('[[allow]]\nproject = "a"\nreason = " "', "allow[1].reason: ' ' is not a text"),
        ('[[allow]]\nproject = "a/b"\nreason = "x"', "allow[1].project: 'a/b' is not a project"),
        ('[[allow]]\nproject = "a"\nreason = "x"\nsha = "y"', "allow[1].sha: unknown key"),
        ('[[allow]]\nproject = "a"\nreason = "x"\nsha256 = "y"', "allow[1].sha256: 'y' is not"),
        ('[[allow]]\nproject = "a"\nreason = "x"\nversion = "1.0"', "allow[1].version: '1.0'"),
        (
            '[[allow]]\nproject = "a"\nreason = "x"\nexpires = "2030-01-01"',
            "allow[1].expires: '2030-01-01' is not a date",
        ),
        ('private-names = "x"', "private-names: 'x' is not a table"),
        ('[private-names]\n"a*" = "nowhere"', "private-names.a*: 'nowhere' is not the URL"),
        ('[private-names]\n"a[b]" = "https://x.example"', "private-names.a[b]: 'a[b]' is not"),
        ("block-above = ", "is not valid TOML"),
        ("a = [" * 5000, "is not valid TOML"),
        (f"ask-above = {'9' * 9000}", "is not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_by_key_path(write: Write, text: str, words: str) -> None:
    path = write("safe-pip.toml", text)
    with pytest.raises(PolicyError) as raised:
        read_policy_file(path)
    assert str(raised.value).startswith(str(path))
    assert words in str(raised.value)
    assert raised.value.exit_code == EXIT_BAD_POLICY
    assert raised.value.hint


@pytest.mark.parametrize("key", KEYS)
def test_every_key_refuses_what_makes_no_sense_by_its_name(write: Write, key: str) -> None:
    path = write("given.toml", f"{key} = 1999-12-31T23:59:59")
    with pytest.raises(PolicyError) as raised:
        read_policy_file(path)
    assert str(raised.value).startswith(f"{path}: {key}: ")
    assert " is not " in str(raised.value)
    assert raised.value.hint


def test_the_key_path_in_a_pyproject_begins_with_its_table(write: Write) -> None:
    path = write("pyproject.toml", "[tool.safe-pip]\nsdists = 1")
    with pytest.raises(PolicyError, match=r"tool\.safe-pip\.sdists: 1 is not"):
        read_policy_file(path)


@pytest.mark.parametrize("text", ["tool = 1  # safe-pip", "[tool]\nsafe-pip = 1"])
def test_a_tool_table_of_the_wrong_type_is_refused(write: Write, text: str) -> None:
    with pytest.raises(PolicyError, match="is not a table"):
        find_project_file(write("pyproject.toml", text).parent)


def test_every_key_can_be_set(write: Write) -> None:
    path = write(
        "given.toml",
        """
        block-above = 1
        ask-above = 0.2
        unattended = "allow-below-block"
        unscannable = "ask"
        deny = ["Evil_Name", "bad<2", "worse-*"]
        direct-urls = "block"
        vcs = "ask"
        editable = "ask"
        sdists = "ask"
        advisories = "off"
        changes = "off"
        offline = true
        advisory-feeds = ["https://osv.example/all.zip"]
        minimum-release-age = "2w"
        unknown-age = "block"
        minimum-release-age-exempt = ["Acme_*"]
        yanked = "ask"
        quarantined = "ask"
        several-indexes = "block"
        name-squats = "block"
        name-squats-exempt = ["Acme_*"]
        attestations = "ask"
        attestation-loss = "ask"
        [[allow]]
        project = "Good_Name"
        version = "==1.0"
        sha256 = "%s"
        reason = "read"
        expires = 2030-01-31
        [private-names]
        "Acme_*" = "https://index.example/simple/"
        """
        % ("A" * 64),
    )
    file = read_policy_file(path)
    assert set(file.said) == {key.field for key in KEYS.values()}
    loaded = load(path.parent, given=path)
    (entry,) = loaded.policy.allow
    assert (entry.project, entry.sha256) == ("good-name", "a" * 64)
    assert {str(denied) for denied in loaded.policy.deny} == {"evil-name", "bad<2", "worse-*"}
    assert {name.pattern for name in loaded.policy.private_names} == {"acme-*"}
    assert len(list(policy_lines(loaded, None))) == len(KEYS) + 1


def test_without_files_the_policy_is_the_built_in_one(tmp_path: Path) -> None:
    assert load(tmp_path).policy == Policy()


def test_the_nearest_project_file_counts(write: Write, tmp_path: Path) -> None:
    write("project/safe-pip.toml", 'vcs = "block"')
    near = write("project/inner/pyproject.toml", '[tool.safe-pip]\nsdists = "block"')
    found = find_project_file(near.parent)
    assert found is not None
    assert found.path == near
    assert load(tmp_path).policy.vcs is Action.BLOCK


def test_a_broken_pyproject_that_does_not_speak_of_us_is_left_alone(write: Write) -> None:
    path = write("project/pyproject.toml", "[tool.other")
    assert find_project_file(path.parent) is None
    write("project/pyproject.toml", "[tool.safe-pip")
    with pytest.raises(PolicyError, match="not valid TOML"):
        find_project_file(path.parent)


def test_layers_add_their_entries_and_replace_the_rest(write: Write, tmp_path: Path) -> None:
    write("user/safe-pip.toml", 'deny = ["one"]\nsdists = "block"\nask-above = 0.1')
    given = write("given.toml", 'deny = ["two"]\nsdists = "allow"')
    loaded = load(tmp_path, given=given)
    assert {str(entry) for entry in loaded.policy.deny} == {"one", "two"}
    assert loaded.policy.sdists is Action.ALLOW
    assert loaded.policy.ask_above == Threshold(fixed=0.1, includes_model=False)
    assert loaded.source("sdists").startswith("--policy")
    assert loaded.source("ask_above").startswith("user")
    assert loaded.source("vcs") == "built-in"


def test_nothing_below_loosens_what_the_organisation_says(write: Write, tmp_path: Path) -> None:
    write("site/safe-pip.toml", 'sdists = "ask"\nblock-above = 0.7\ndeny = ["evil"]')
    write("user/safe-pip.toml", 'sdists = "allow"\nblock-above = 0.95\nvcs = "ask"')
    given = write("given.toml", 'sdists = "allow"\nblock-above = 0.5\ndeny = ["other"]')
    loaded = load(tmp_path, given=given)
    assert loaded.policy.sdists is Action.ASK
    assert loaded.policy.block_above.value(1.0) == 0.5
    assert loaded.policy.vcs is Action.ASK
    assert {str(entry) for entry in loaded.policy.deny} == {"evil", "other"}
    assert loaded.source("sdists").startswith("organisation")
    assert loaded.source("block_above").startswith("--policy")
    assert loaded.source("deny").startswith("organisation")
    assert "--policy" in loaded.source("deny")


def test_the_organisation_may_loosen_the_built_in_policy(write: Write, tmp_path: Path) -> None:
    write("site/safe-pip.toml", "block-above = 0.99")
    assert load(tmp_path).policy.block_above.value(0.9) == 0.99


def test_every_file_of_the_organisation_is_a_floor(write: Write, tmp_path: Path) -> None:
    write("site/safe-pip.toml", 'sdists = "block"')
    write("site2/safe-pip.toml", 'sdists = "allow"\nvcs = "block"')
    policy = load(tmp_path).policy
    assert (policy.sdists, policy.vcs) == (Action.BLOCK, Action.BLOCK)


ENTRY = '[[allow]]\nproject = "demo"\nreason = "read by us"\n'


@pytest.mark.parametrize(
    ("whose", "action"),
    [("user", Action.BLOCK), ("site", Action.ALLOW), ("site2", Action.BLOCK), (None, Action.BLOCK)],
)
def test_only_the_organisation_excepts_from_its_rules(
    write: Write, tmp_path: Path, whose: str | None, action: Action
) -> None:
    """A second file of the machine, such as one that a variable names, is no authority."""
    entry = ENTRY if whose == "site" else ""
    write("site/safe-pip.toml", f'sdists = "block"\n{entry}')
    if whose not in (None, "site"):
        write(f"{whose}/safe-pip.toml", ENTRY)
    policy = load(tmp_path).policy
    assert make_decision(make_verdict(kind="sdist"), policy).action is action


def test_anybody_may_except_from_what_the_organisation_leaves_open(
    write: Write, tmp_path: Path
) -> None:
    write("site/safe-pip.toml", 'vcs = "block"')
    write("user/safe-pip.toml", f'sdists = "block"\n{ENTRY}')
    policy = load(tmp_path).policy
    assert make_decision(make_verdict(kind="sdist"), policy).action is Action.ALLOW


def test_the_organisations_wait_is_not_over_when_the_time_is_unknown(
    write: Write, tmp_path: Path
) -> None:
    write("site/safe-pip.toml", 'minimum-release-age = "7d"')
    write("user/safe-pip.toml", 'unknown-age = "allow"')
    assert load(tmp_path).policy.unknown_age is Action.ASK


def test_nobody_else_exempts_from_the_organisations_wait(write: Write, tmp_path: Path) -> None:
    write("user/safe-pip.toml", 'minimum-release-age-exempt = ["mine", "ours"]')
    assert load(tmp_path).policy.minimum_release_age_exempt == {"mine", "ours"}
    write("site/safe-pip.toml", 'minimum-release-age = "7d"\nminimum-release-age-exempt = ["ours"]')
    assert load(tmp_path).policy.minimum_release_age_exempt == {"ours"}


def test_nobody_else_excepts_from_what_the_organisation_says_of_names(
    write: Write, tmp_path: Path
) -> None:
    write("user/safe-pip.toml", 'name-squats = "allow"\nname-squats-exempt = ["mine", "ours"]')
    assert load(tmp_path).policy.name_squats is Action.ALLOW
    write("site/safe-pip.toml", 'name-squats = "block"\nname-squats-exempt = ["ours"]')
    policy = load(tmp_path).policy
    assert policy.name_squats is Action.BLOCK
    assert policy.name_squats_exempt == {"ours"}


def test_a_bad_file_of_the_organisation_stops_everything(write: Write, tmp_path: Path) -> None:
    write("site/safe-pip.toml", "sdists = 1")
    with pytest.raises(PolicyError, match="sdists"):
        load(tmp_path)


def test_the_policy_is_shown_with_where_each_value_came_from(write: Write, tmp_path: Path) -> None:
    site = write("site/safe-pip.toml", 'sdists = "ask"\nadvisories = "off"')
    user = write("user/safe-pip.toml", f'sdists = "allow"\noffline = true\n{ENTRY}')
    own = write("project/safe-pip.toml", 'vcs = "block"\neditable = "allow"\nblock-above = 1')
    shown = "\n".join(policy_lines(load(tmp_path), THRESHOLDS))
    for path, name in ((site, "SITE"), (user, "USER"), (own, "PROJECT")):
        shown = shown.replace(str(path), name)
    expected = (GOLDEN / "policy-show.txt").read_text(encoding="utf-8")
    assert f"{shown}\n" == expected


LOOSE = """
block-above = 0.99
sdists = "allow"
unattended = "allow-below-block"
vcs = "block"
[[allow]]
project = "evil"
reason = "trust me"
"""


def test_a_project_nobody_trusted_can_only_tighten(write: Write, tmp_path: Path) -> None:
    write("user/safe-pip.toml", 'sdists = "ask"\nblock-above = 0.8')
    write("project/safe-pip.toml", LOOSE)
    loaded = load(tmp_path)
    assert loaded.policy.sdists is Action.ASK
    assert loaded.policy.block_above.value(0.9) == 0.8
    assert loaded.policy.vcs is Action.BLOCK
    assert not loaded.policy.allow
    (_, project) = loaded.layers
    assert not project.is_trusted
    looser = {"block-above", "sdists", "unattended", "allow"}
    assert set(project.looser_keys(None)) == looser


def test_an_untrusted_threshold_does_not_replace_the_models(write: Write, tmp_path: Path) -> None:
    write("project/safe-pip.toml", "block-above = 0.99")
    policy = load(tmp_path).policy
    assert policy.block_above.value(0.9) == 0.9
    assert policy.block_above.value(1.0) == 0.99


def test_a_threshold_that_comes_out_as_the_models_has_no_other_source(
    write: Write, tmp_path: Path
) -> None:
    write("project/safe-pip.toml", "block-above = 0.99\nask-above = 0.1")
    loaded = load(tmp_path)
    assert loaded.source("block_above", THRESHOLDS) == "the model"
    assert loaded.source("ask_above", THRESHOLDS).startswith("project")
    # Nobody knows yet what it will come to.
    assert loaded.source("block_above").startswith("project")


def test_what_a_floor_takes_away_is_the_organisations_doing(write: Write, tmp_path: Path) -> None:
    site = write("site/safe-pip.toml", 'minimum-release-age = "7d"\nblock-above = 0.5')
    write("user/safe-pip.toml", 'minimum-release-age-exempt = ["mine"]\nblock-above = 0.7')
    loaded = load(tmp_path)
    for field in ("minimum_release_age_exempt", "minimum_release_age", "block_above"):
        assert loaded.source(field, THRESHOLDS) == f"organisation ({site})"


def test_a_value_that_is_stricter_than_the_floor_keeps_its_source(
    write: Write, tmp_path: Path
) -> None:
    write("site/safe-pip.toml", 'block-above = 0.8\nsdists = "ask"\ndeny = ["one"]')
    write("project/safe-pip.toml", 'block-above = 0.4\nsdists = "block"\ndeny = ["two"]')
    loaded = load(tmp_path)
    assert loaded.source("block_above", THRESHOLDS).startswith("project")
    assert loaded.source("sdists", THRESHOLDS).startswith("project")
    first, second = loaded.source("deny", THRESHOLDS).split(", ")
    assert first.startswith("organisation")
    assert second.startswith("project")


def test_no_project_chooses_where_the_list_of_malware_comes_from(
    write: Write, tmp_path: Path
) -> None:
    path = write("project/safe-pip.toml", 'advisory-feeds = ["https://one.example/all.zip"]')
    TrustedFiles(register=tmp_path / "user" / "trusted.json").add(
        path, read_policy_file(path).table_digest
    )
    loaded = load(tmp_path)
    assert not loaded.policy.advisory_feeds
    assert loaded.source("advisory_feeds") == "built-in"
    (layer,) = loaded.layers
    assert layer.is_trusted
    assert layer.unheard_keys == ["advisory-feeds"]
    assert "; not heard: advisory-feeds)" in list(policy_lines(loaded, THRESHOLDS))[-1]


@pytest.mark.parametrize(("value", "is_looser"), [(0.99, True), (0.9, False), (0.1, False)])
def test_a_threshold_is_looser_if_it_is_above_the_models(
    write: Write, tmp_path: Path, value: float, is_looser: bool
) -> None:
    write("project/safe-pip.toml", f"block-above = {value}")
    (layer,) = load(tmp_path).layers
    assert layer.looser_keys(THRESHOLDS) == (["block-above"] if is_looser else [])


def test_a_trusted_project_may_loosen_until_it_changes(write: Write, tmp_path: Path) -> None:
    path = write("project/safe-pip.toml", LOOSE)
    trusted = TrustedFiles(register=tmp_path / "user" / "trusted.json")
    trusted.add(path, read_policy_file(path).table_digest)
    assert load(tmp_path).policy.block_above.value(0.9) == 0.99
    write("project/safe-pip.toml", f"# a comment\n{LOOSE}")
    assert load(tmp_path).policy.allow
    write("project/safe-pip.toml", LOOSE.replace("evil", "worse"))
    assert not load(tmp_path).policy.allow


def test_trust_holds_for_one_path_only(write: Write, tmp_path: Path) -> None:
    path, copy = write("a/safe-pip.toml", LOOSE), write("b/safe-pip.toml", LOOSE)
    trusted = TrustedFiles(register=tmp_path / "trusted.json")
    digest = read_policy_file(path).table_digest
    trusted.add(path, digest)
    assert trusted.holds(path, digest)
    assert not trusted.holds(copy, digest)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', "[" * 100_000])
def test_a_damaged_register_trusts_nothing(write: Write, text: str) -> None:
    trusted = TrustedFiles(register=write("trusted.json", text))
    assert not trusted.holds(Path("x"), "1")


def test_a_given_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="does not exist"):
        load(tmp_path, given=tmp_path / "missing.toml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_in_the_working_directory_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "safe-pip.toml")
    with pytest.raises(PolicyError, match="not a regular file"):
        find_project_file(tmp_path)


def test_a_file_of_megabytes_is_refused(write: Write) -> None:
    path = write("safe-pip.toml", "# " + "x" * (1 << 20))
    with pytest.raises(PolicyError, match="larger than"):
        read_policy_file(path)
