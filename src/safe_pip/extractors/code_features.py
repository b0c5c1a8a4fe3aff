"""The columns of the code group: what the Python of a distribution can do, and when it does it."""

from __future__ import annotations

from collections.abc import Mapping

from safe_pip.extractors.capabilities import Action
from safe_pip.extractors.chains import CHAINS
from safe_pip.feature import Feature, Fold, Group

CAPABILITIES: Mapping[str, tuple[frozenset[Action], str, str]] = {
    "net_out": (
        frozenset((Action.NETWORK,)),
        "talks to the network",
        "a second stage must be fetched and loot must be sent",
    ),
    "proc_spawn": (
        frozenset((Action.SPAWN,)),
        "starts another process",
        "most payloads end in a process of their own",
    ),
    "dyn_exec": (
        frozenset((Action.EXECUTE,)),
        "executes text as code",
        "every packer and loader needs it",
    ),
    "code_load": (
        frozenset((Action.LOAD, Action.UNPICKLE)),
        "loads code from a file or from bytes",
        "the other door to execution",
    ),
    "file_write": (
        frozenset((Action.WRITE,)),
        "writes files",
        "a dropper's middle step",
    ),
    "secret_read": (
        frozenset((Action.SECRET,)),
        "reads a credential store",
        "theft needs it",
    ),
    "host_info": (
        frozenset((Action.HOST,)),
        "asks who and where this machine is",
        "beacons and targeting need it",
    ),
    "decode": (
        frozenset((Action.DECODE,)),
        "decodes or decrypts data",
        "hidden code must be unhidden",
    ),
}
"""By feature: the actions that it counts, what to say, and why. Each also as ``…_unasked``."""

ANNOUNCING: Mapping[str, str] = {
    "net_out": """api aws azure bot browser chat client cloud crawl database deploy discord dns
        docker download email endpoint fetch ftp github google http internet mail mcp mqtt network
        online proxy redis remote rest rpc scan scrap sdk server service slack smtp socket ssh
        stream telegram twitter upload url web""",
    "proc_spawn": """bash build cli command compil daemon deploy docker execut install launch
        process runner script shell subprocess task terminal tool virtual wrapper""",
    "dyn_exec": """debug decorat dynamic eval exec expression interpreter language macro meta
        namespace notebook plugin script templat""",
    "secret_read": """auth aws browser cloud config cookie credential keyring login password secret
        ssh token vault wallet""",
}
"""By feature: beginnings of words, one of which describes what honestly does it."""

WEIGHTY_ACTIONS = frozenset(
    (
        Action.CAPTURE,
        Action.CLIPBOARD_READ,
        Action.EXECUTE,
        Action.NATIVE,
        Action.NETWORK,
        Action.REGISTRY,
        Action.SECRET,
        Action.SPAWN,
    )
)
"""What is worth a second look wherever it is found; the others are every program's daily work."""


def _feature(
    name: str, fold: Fold, says: str, reason: str, *, is_monotone: bool = True, clip: float = 4.0
) -> Feature:
    return Feature(
        name=name,
        group=Group.CODE,
        fold=fold,
        reason=reason,
        says=says,
        is_monotone=is_monotone,
        clip=clip,
    )


def _capability_features() -> tuple[Feature, ...]:
    anywhere = (
        _feature(name, Fold.COUNT, says, reason, is_monotone=False)
        for name, (_, says, reason) in CAPABILITIES.items()
    )
    unasked = (
        _feature(f"{name}_unasked", Fold.COUNT, f"{says} without being called", reason)
        for name, (_, says, reason) in CAPABILITIES.items()
    )
    return (*anywhere, *unasked)


def _chain_features() -> tuple[Feature, ...]:
    reason = "the steps are common, their order and flow are not"
    anywhere = (_feature(name, Fold.MAX, says, reason) for name, says in CHAINS.items())
    unasked = (
        _feature(f"{name}_unasked", Fold.MAX, f"{says}, without being called", reason)
        for name, says in CHAINS.items()
    )
    return (*anywhere, *unasked)


_OTHERS = (
    _feature("chain_toplevel", Fold.COUNT, "attacks without being called",
             "separates libraries from malware"),
    _feature("chain_in_silent_try", Fold.MAX, "hides every error of what it does",
             "an attack must not be noticed when it fails"),
    _feature("leak_to_stranger", Fold.MAX,
             "sends credentials, keys, or what it learns of a machine, to a host that no known "
             "project names",
             "what is sent, and to whom, tells more together than apart"),
    _feature("leak_in_silence", Fold.MAX,
             "sends credentials, keys, or what it learns of a machine, and hides every error",
             "telemetry may fail aloud; theft must not"),
    _feature("payload_in_silence", Fold.MAX,
             "decodes or fetches what it runs, and hides every error",
             "a loader may fail aloud; a payload must not"),
    _feature("chain_cross_file", Fold.MAX, "spreads an attack over several files",
             "defeats the splitting of a payload"),
    _feature("detached_spawn", Fold.COUNT, "starts a detached or hidden process",
             "outlives the install and shows no window"),
    _feature("detached_spawn_unasked", Fold.COUNT,
             "starts a detached or hidden process without being called",
             "outlives the install and shows no window"),
    _feature("thread_unasked", Fold.MAX, "starts a thread or child when it is imported",
             "survives the import"),
    _feature("net_unnamed_host", Fold.COUNT, "talks to a host that its description does not name",
             "a service that a package is for is in its description; a collector is not"),
    _feature("net_unnamed_host_unasked", Fold.COUNT,
             "talks, without being called, to a host that its description does not name",
             "a service that a package is for is in its description; a collector is not"),
    _feature("net_unknown_host", Fold.COUNT,
             "talks to a host that neither its description nor any known project names",
             "what others use too is no secret collector"),
    _feature("net_unknown_host_unasked", Fold.COUNT,
             "talks, without being called, to a host that no known project names",
             "what others use too is no secret collector"),
    _feature("net_unknown_drop", Fold.COUNT,
             "sends data to, or hides errors at, a host that no known project names",
             "loot goes where nobody else goes"),
    _feature("net_unknown_program", Fold.MAX,
             "runs what it fetches from a host that no known project names",
             "updates and tools come from where others get them too"),
    _feature("net_odd_host", Fold.COUNT,
             "talks to a host that only one of its files names, among others",
             "a client names its own service all over; a collector is put into one place"),
    _feature("net_hidden_address", Fold.COUNT, "goes to an address that it decodes first",
             "an address that must be decoded first is meant not to be found"),
    _feature("net_fetched_address", Fold.COUNT,
             "goes to the address that another address answers with",
             "a drop that can be moved when the first is found; clients follow fields of answers"),
    _feature("net_suspicious_host", Fold.MAX,
             "talks to a host that anyone can use without a name",
             "many name such hosts in passing; code that goes there means it"),
    _feature("net_sends_unnamed", Fold.COUNT,
             "sends data to a host that its description does not name",
             "loot has to be sent; most clients of unnamed hosts only fetch"),
    _feature("net_sends_key", Fold.MAX,
             "sends keys or logins to a host that its description does not name",
             "a client sends its user's keys to the service that it is for, if anywhere"),
    _feature("key_to_stranger", Fold.MAX,
             "sends keys or logins to a host that no known project names",
             "what is sent, and to whom, tells more together than apart"),
    _feature("net_silent", Fold.COUNT,
             "talks to an unnamed host and hides every error",
             "a collector must not be noticed when it is out of reach"),
    _feature("fixed_login", Fold.COUNT, "logs in with a name and a password that it carries",
             "the mailbox is the attacker's; a library takes them from its user"),
    *(
        _feature(f"{name}_unannounced", Fold.COUNT,
                 f"{CAPABILITIES[name][1]}, which nothing in its description announces",
                 "a package that is for it says so; a payload has nothing to do with the rest")
        for name in ANNOUNCING
    ),
    _feature("startup_acts", Fold.COUNT, "acts at every interpreter start",
             "start-up files of honest packages patch an import and no more"),
    _feature("startup_spawns", Fold.COUNT, "starts a process at every interpreter start",
             "no honest start-up file needs a process of its own"),
    _feature("startup_talks", Fold.COUNT, "talks to the network at every interpreter start",
             "no honest start-up file needs the network"),
    _feature("pip_in_code", Fold.MAX, "installs further packages",
             "a second stage from the registry"),
    _feature("own_file_spawn", Fold.MAX, "starts a script or program that it ships",
             "code moved out of Python's sight"),
    _feature("self_delete", Fold.ANY, "deletes its own file", "anti-forensics"),
    _feature("persistence", Fold.MAX, "arranges to be started again",
             "must touch places that the system fixes"),
    _feature("vm_debug_check", Fold.COUNT, "looks for analysis tools or virtual machines",
             "evades sandboxes"),
    _feature("os_gate_before_chain", Fold.ANY, "attacks only on some systems", "targeting"),
    _feature("run_once_gate", Fold.MAX, "starts something once and leaves a mark",
             "a library has no need to remember that it ran"),
    _feature("delay_gate", Fold.MAX, "waits before it acts", "outlives a sandbox"),
    _feature("secret_path_families", Fold.MAX, "names credential stores",
             "one is normal, four are not", clip=8.0),
    _feature("browser_wallet_paths", Fold.MAX, "names browser profiles or wallets",
             "stealers must name what they steal", clip=8.0),
    _feature("token_regex", Fold.COUNT, "looks for access tokens", "stealers carry the patterns"),
    _feature("crypto_addresses", Fold.COUNT, "looks for cryptocurrency addresses",
             "clippers carry the patterns"),
    _feature("host_probe_urls", Fold.COUNT, "asks for the public address",
             "the first step of a beacon"),
    _feature("defence_evasion", Fold.COUNT, "switches protection off",
             "no library has a reason to"),
    _feature("keylog_screen_cam", Fold.COUNT, "records keys, screen, camera or sound",
             "rare in libraries"),
    _feature("imds_access", Fold.MAX, "reaches for the cloud metadata service", "cloud theft"),
    _feature("ci_secret_scrape", Fold.MAX, "reaches for the secrets of a CI job", "CI theft"),
    _feature("registry_publish", Fold.MAX, "publishes packages", "the step of a worm"),
    _feature("agent_config_write", Fold.MAX, "touches the settings of coding agents",
             "persistence since 2026"),
    _feature("foreign_runtime_fetch", Fold.MAX, "fetches another runtime or executable",
             "a second stage out of Python's sight"),
    _feature("shell_download", Fold.MAX, "downloads and runs by a command line",
             "a dropper in one line"),
    _feature("shell_upload", Fold.MAX, "sends data away by a command line",
             "what Python would be watched for, curl does"),
    _feature("inline_code_unasked", Fold.MAX,
             "starts an interpreter with a program in its command line, without being called",
             "code that leaves the process before anyone looks"),
    _feature("memory_program", Fold.MAX, "runs a program that only memory holds",
             "leaves no file to find"),
    _feature("destroys", Fold.MAX, "deletes the user's files or switches the machine off",
             "no library has a reason to"),
    _feature("hidden_lookup", Fold.COUNT, "looks functions up so that a search misses them",
             "survives the hiding of keywords"),
    _feature("hidden_lookup_unasked", Fold.COUNT,
             "looks functions up so that a search misses them, without being called",
             "survives the hiding of keywords"),
    _feature("sink_aliasing", Fold.COUNT, "calls dangerous functions under other names",
             "the evasion is itself the sign"),
    _feature("nested_code_sinks", Fold.COUNT, "keeps dangerous code in strings",
             "code is put into strings to hide it"),
    _feature("chr_map_density", Fold.MAX, "assembles strings character by character",
             "keyword hiding leaves its machinery", clip=10.0),
    _feature("native_code", Fold.COUNT, "runs machine code from memory",
             "shellcode loaders need these calls"),
    _feature("registry_change", Fold.COUNT, "changes the Windows registry",
             "persistence and evasion"),
    _feature("cmdclass_override", Fold.MAX, "replaces an install command",
             "survives any renaming of the payload"),
    _feature("cmdclass_capability", Fold.COUNT, "acts in an install command",
             "an install command has one purpose"),
    _feature("setup_extra_calls", Fold.COUNT, "does more in setup.py than call setup()",
             "the body of setup.py runs at once"),
    _feature("build_backend_code", Fold.COUNT, "acts in a build backend of its own",
             "install-time code without setup.py"),
    _feature("unparsable_python", Fold.MAX, "holds Python that does not parse",
             "a file that cannot be read must not become invisible", is_monotone=False),
)  # fmt: skip

FEATURES: tuple[Feature, ...] = (*_capability_features(), *_chain_features(), *_OTHERS)
