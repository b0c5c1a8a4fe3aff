"""Families of strings that say what code is after: credential paths, wallets, persistence."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from safe_pip.extractors.late_regex import late_regex

_SEP = r"[/\\]{1,4}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family: the feature that it counts for, and a phrase for people.

    ``words`` are such that every match of ``pattern`` holds one of them as a whole word; a text
    without any word of any family is not searched. Patterns run in linear time.
    """

    feature: str
    says: str
    words: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A family found in a string, and the text that shows it."""

    family: str
    text: str


def _secret(says: str, words: str, pattern: str) -> Family:
    return Family(feature="secret_path_families", says=says, words=words, pattern=pattern)


def _loot(says: str, words: str, pattern: str) -> Family:
    return Family(feature="browser_wallet_paths", says=says, words=words, pattern=pattern)


FAMILIES: Mapping[str, Family] = {
    "aws": _secret("AWS credentials", "aws", rf"\.aws{_SEP}(?:credentials|config)"),
    "ssh": _secret(
        "SSH keys",
        "ssh id_rsa id_ed25519 id_ecdsa",
        rf"\.ssh(?:{_SEP}(?!known_hosts|config)|$)|\bid_(?:rsa|ed25519|ecdsa)\b(?!\.pub)",
    ),
    "kube": _secret(
        "Kubernetes credentials",
        "kube kubernetes",
        rf"\.kube{_SEP}config|/var/run/secrets/kubernetes\.io/serviceaccount"
        r"(?!/(?:namespace|ca\.crt)(?:[\"'\s]|$))",
    ),
    "gcloud": _secret(
        "Google Cloud credentials",
        "gcloud application_default_credentials credentials",
        rf"gcloud{_SEP}|application_default_credentials|\bcredentials\.db\b",
    ),
    "azure": _secret(
        "Azure credentials",
        "azure msal_token_cache accessTokens",
        rf"\.azure{_SEP}|\bmsal_token_cache\b|\baccessTokens\.json",
    ),
    "npm": _secret("npm credentials", "npmrc", r"\.npmrc\b"),
    "pypi": _secret("PyPI credentials", "pypirc", r"\.pypirc\b"),
    "netrc": _secret("netrc passwords", "netrc _netrc", r"\.netrc\b|\b_netrc\b"),
    "git": _secret("git credentials", "credentials", r"\.git-credentials\b"),
    "github": _secret("GitHub credentials", "hosts", rf"\bgh{_SEP}hosts\.yml"),
    "docker": _secret("Docker credentials", "docker", rf"\.docker{_SEP}config\.json"),
    "dotenv": _secret(
        "environment files",
        "env",
        r"(?:^|[/\\])\.env(?:\.(?:local|production|prod|development))?$",
    ),
    "history": _secret(
        "shell history",
        "bash_history zsh_history python_history psql_history",
        r"\.(?:bash|zsh|python|psql)_history\b",
    ),
    "passwd": _secret("system accounts", "shadow passwd", r"/etc/(?:shadow|passwd)\b"),
    "gnupg": _secret("GnuPG keys", "gnupg", rf"\.gnupg(?:{_SEP}|$)"),
    "keychain": _secret(
        "the macOS keychain",
        "Keychains keychain generic",
        r"Library/Keychains\b|\blogin\.keychain\b|find-generic-password|dump-keychain",
    ),
    "vault": _secret(
        "Vault and Terraform tokens",
        "vault terraform terraformrc",
        r"\.vault-token\b|\.terraform\.d/credentials|\.terraformrc\b",
    ),
    "wifi": _secret("Wi-Fi passwords", "wlan", r"\bwlan (?:show|export) profile"),
    "browser": _loot(
        "browser profiles",
        "BraveSoftware Chrome Cookies Data Edge Firefox Google Login Opera Profiles State "
        "YandexBrowser cookies key3 key4 leveldb logins",
        rf"\bUser Data{_SEP}|\bLogin Data\b|{_SEP}Local State\b|\bcookies\.sqlite\b"
        rf"|\blogins\.json\b|\bkey[34]\.db\b|Local Storage{_SEP}leveldb\b"
        rf"|\bBraveSoftware{_SEP}|\bOpera Software{_SEP}|{_SEP}YandexBrowser\b"
        rf"|Google{_SEP}Chrome(?: SxS)?{_SEP}|Firefox{_SEP}Profiles\b|Microsoft{_SEP}Edge{_SEP}"
        rf"|{_SEP}Network{_SEP}Cookies\b|Application Support/(?:Google|Firefox|BraveSoftware)\b",
    ),
    "discord": _loot(
        "Discord tokens",
        "Discord Lightcord dQw4w9WgXcQ discord discord_desktop_core discordcanary "
        "discorddevelopment discordptb Discordcanary users",
        r"\b[Dd]iscord(?:canary|ptb|development)\b|\bdiscord_desktop_core\b|\bLightcord\b"
        r"|/api/v\d+/users/@me\b|\bdQw4w9WgXcQ\b",
    ),
    "wallet": _loot(
        "cryptocurrency wallets",
        "Coinomi Electrum Exodus Jaxx Ledger MetaMask atomic bfnaelmomeimhlpmgjnjophhpkkoljpa "
        "exodus fhbohimaelbohpjbbldcngcnapndodjp ibnejdfjmmkpcnlpebklmnkoeoihofec keystore "
        "nkbihfbeogaeaoehlefnkodbefgpgknn solana wallet",
        rf"\bExodus{_SEP}|\bexodus\.wallet\b|\bElectrum{_SEP}wallets|\bwallet\.dat\b"
        rf"|\batomic{_SEP}Local Storage|Ethereum{_SEP}keystore\b|\bCoinomi{_SEP}|\bJaxx{_SEP}"
        r"|\bnkbihfbeogaeaoehlefnkodbefgpgknn\b|\bbfnaelmomeimhlpmgjnjophhpkkoljpa\b"
        r"|\bfhbohimaelbohpjbbldcngcnapndodjp\b|\bibnejdfjmmkpcnlpebklmnkoeoihofec\b"
        rf"|\.config{_SEP}solana{_SEP}id\.json|\bLedger Live{_SEP}|\bMetaMask\b.{{0,40}}[/\\]",
    ),
    "messenger": _loot(
        "messenger and game sessions",
        "COOKIE Growtopia ROBLOSECURITY Signal Steam Telegram minecraft tdata",
        rf"\bTelegram Desktop{_SEP}tdata|\btdata{_SEP}|\.minecraft{_SEP}|\bSteam{_SEP}config"
        rf"|\bGrowtopia{_SEP}|\bSignal{_SEP}config|\.ROBLOSECURITY\b",
    ),
    "discord-token": Family(
        feature="token_regex",
        says="a pattern for Discord tokens",
        words="w",
        pattern=r"\[\\w-\]\{2[3-8](?:,2[3-8])?\}|mfa\\\.\[\\w-\]",
    ),
    "cloud-token": Family(
        feature="token_regex",
        says="a pattern for access tokens",
        words="A AIza AKIA ASIA PRIVATE eyJ gho_ ghp_ ghr_ ghs_ ghu_ github_pat_ glpat npm_ pypi "
        "sk xox xoxb xoxp",
        pattern=r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|pypi-|xox[bp]?-?|sk-)(?:\[|\\w|\(\?:)"
        r"|\bA(?:KIA|SIA)(?:\)|\[)|\bA\(\??:?(?:KIA|SIA)|\bAIza\[|\beyJ\[A-Za-z"
        r"|-----BEGIN[ \w\[\]\(\)?:|*+.]{0,40}\bPRIVATE KEY.{0,20}(?:\[\\s|\.\*)",
    ),
    "crypto-address": Family(
        feature="crypto_addresses",
        says="a pattern for cryptocurrency addresses",
        words="0x 13 4 LM3 T bc1",
        pattern=r"\bbc1[\[(|]|\b0x\[[\w-]{3,12}\]\{40\}|\[13\]\[a-km|\[LM3\]\[|\bT\[A-Za-z1-9"
        r"|\b4\[0-9AB\]\[",
    ),
    "metadata-service": Family(
        feature="imds_access",
        says="the cloud metadata service",
        words="100 169 ec2 metadata",
        pattern=r"\b169\.254\.169\.254\b|\b169\.254\.170\.2\b|\bmetadata\.google\.internal"
        r"|fd00:ec2::254|\b100\.100\.100\.200\b",
    ),
    "ci": Family(
        feature="ci_secret_scrape",
        says="secrets of a CI job",
        words="ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_RUNTIME_TOKEN "
        "Runner isSecret proc",
        pattern=r"/proc/(?:self|\{\}|%[ds])/(?:mem|environ)\b|\bRunner\.Worker"
        r"|\bACTIONS_(?:ID_TOKEN_REQUEST_(?:TOKEN|URL)|RUNTIME_TOKEN)\b|\bisSecret\b",
    ),
    "startup": Family(
        feature="persistence",
        says="start at login",
        words="CurrentVersion LaunchAgents LaunchDaemons Startup authorized_keys autostart cron "
        "crontab etc init launchctl rc schtasks sitecustomize systemctl systemd",
        pattern=rf"\bCurrentVersion{_SEP}Run(?:Once)?\b|Start Menu{_SEP}Programs{_SEP}Startup\b"
        r"|\bschtasks\b.{0,80}/create|/etc/cron\.|\bcrontab\s+-|/etc/rc\.local"
        r"|/etc/systemd/system|\.config/systemd/user|\bsystemctl (?:--user )?enable"
        r"|Library/Launch(?:Agents|Daemons)\b|\blaunchctl load|\.config/autostart\b"
        r"|/etc/init\.d/|\bauthorized_keys\b|/etc/ld\.so\.preload|\bsitecustomize\.py\b",
    ),
    "shell-profile": Family(
        feature="persistence",
        says="shell start-up files",
        words="bash_profile bashrc profile zprofile zshrc",
        pattern=r"(?:^|[/\\~])\.(?:bashrc|zshrc|bash_profile|zprofile|profile)$"
        r"|>>\s*~/\.(?:bashrc|zshrc|profile)\b",
    ),
    "agent": Family(
        feature="agent_config_write",
        says="the settings of a coding agent",
        words="CLAUDE claude claude_desktop_config codex copilot cursor gemini mcp mcp_config "
        "mcp_settings vscode windsurf",
        pattern=rf"\.claude(?:{_SEP}|\.json)|\.cursor{_SEP}|\bmcp(?:_settings|_config)?\.json\b"
        rf"|\.gemini{_SEP}|\.codex{_SEP}|\.windsurf{_SEP}|\bclaude_desktop_config\.json"
        rf"|\.vscode{_SEP}tasks\.json|\.github/copilot-instructions|\bCLAUDE\.md\b",
    ),
    "publish": Family(
        feature="registry_publish",
        says="publishing to a package registry",
        words="npm npmjs twine upload",
        pattern=r"\bupload\.pypi\.org/legacy|\btwine upload\b|\bnpm publish\b"
        r"|\bregistry\.npmjs\.org/-/|/-/npm/v1/tokens",
    ),
    "runtime": Family(
        feature="foreign_runtime_fetch",
        says="another runtime or executable",
        words="apk bat bun dll elf exe ftp hta jar msi nodejs ps1 pyz scr vbs",
        pattern=r"\boven-sh/bun/releases|\bbun\.sh/install|\bnodejs\.org/dist/"
        r"|\bpython\.org/ftp/python/\S{3,40}embed"
        r"|\bhttps?://[^\s/]{3,80}/\S{1,400}\.(?:exe|msi|scr|ps1|bat|vbs|hta|pyz|dll|elf|apk|jar)"
        r"(?![\w/.])",
    ),
    "sandbox": Family(
        feature="vm_debug_check",
        says="virtual machines and analysis tools",
        words="00 08 SbieDll Sandboxie VBoxGuest VMwareService cuckoo fiddler httpdebuggerui "
        "ida64 ollydbg processhacker procmon qemu sbiedll vboxservice vmmouse vmtoolsd wireshark "
        "x32dbg x64dbg",
        pattern=r"\b(?:vboxservice|vmtoolsd|VBoxGuest|sbiedll|SbieDll|wireshark|processhacker"
        r"|ollydbg|x64dbg|x32dbg|ida64|httpdebuggerui|fiddler|procmon|VMwareService|Sandboxie)\b"
        r"|\bvmmouse\.sys|\bqemu-ga\b|\bcuckoo\b.{0,20}sandbox|\b00:05:69\b|\b00:0[cC]:29\b"
        r"|\b08:00:27\b",
    ),
    "discovery": Family(
        feature="host_probe_urls",
        says="a service that tells the public address",
        words="checkip geojs icanhazip ident ifconfig ip ipapi ipify ipinfo ipwho myip",
        pattern=r"\bapi\.ipify\.org|\bipinfo\.io|\bifconfig\.me\b|\bicanhazip\.com"
        r"|\bcheckip\.amazonaws|\bip-api\.com|\bapi\.myip\.com|\bipapi\.co\b|\bipwho\.is\b"
        r"|\bident\.me\b|\bgeojs\.io",
    ),
    "defender": Family(
        feature="defence_evasion",
        says="switching protection off",
        words="AmsiScanBuffer DisableAntiSpyware DisableRealtimeMonitoring ExecutionPolicy add "
        "MpPreference System32 amsiInitFailed attrib netsh vssadmin",
        pattern=r"\b(?:Add|Set)-MpPreference\b|\bDisableRealtimeMonitoring\b"
        r"|\bDisableAntiSpyware\b|\bExecutionPolicy\s+(?:Bypass|Unrestricted)"
        r"|\bvssadmin\b.{0,20}delete|\bnetsh (?:adv)?firewall.{0,40}(?:off|disable|add rule)"
        r"|\battrib \+[hs]\b|\bSystem32\b.{0,3}drivers.{0,3}etc.{0,3}hosts|\bAmsiScanBuffer\b"
        r"|\bamsiInitFailed\b|\bnet (?:user|localgroup)\b[^\n]{0,80}/add\b",
    ),
}

_PATTERNS = {name: late_regex(family.pattern) for name, family in FAMILIES.items()}
# A family's pattern is searched for only where one of its words stands.
_FAMILIES_BY_WORD: dict[bytes, list[str]] = {}
for _name, _family in FAMILIES.items():
    for _word in _family.words.split():
        _FAMILIES_BY_WORD.setdefault(_word.encode(), []).append(_name)
_WORDS = frozenset(_FAMILIES_BY_WORD)
_SINGLE_WORDS = frozenset(word.decode() for word in _WORDS)
_TO_WORDS = bytes(
    code if (code < 128 and chr(code).isalnum()) or code == ord("_") else ord(" ")
    for code in range(256)
)
_MAX_SEARCHED_CHARS = 200_000
_MAX_REMEMBERED_CHARS = 400


def mentions(text: str) -> tuple[Mention, ...]:
    """The families in one string, each once, in order of appearance."""
    if text.isidentifier() and text.isascii() and text not in _SINGLE_WORDS:
        # A single word, as most literals are.
        return ()
    if len(text) <= _MAX_REMEMBERED_CHARS:
        return _remembered_mentions(text)
    return _search(text[:_MAX_SEARCHED_CHARS])


@functools.lru_cache(maxsize=4_096)
def _remembered_mentions(text: str) -> tuple[Mention, ...]:
    return _search(text)


def _search(text: str) -> tuple[Mention, ...]:
    present = _WORDS.intersection(text.encode("utf-8", "replace").translate(_TO_WORDS).split())
    families = {name for word in present for name in _FAMILIES_BY_WORD[word]}
    matches = ((_PATTERNS[name].search(text), name) for name in families)
    found = sorted((match.start(), name, match.group()) for match, name in matches if match)
    return tuple(Mention(family=name, text=text) for _, name, text in found)


def is_secret_path(text: str) -> bool:
    """Whether the string names a place where credentials are kept."""
    for mention in mentions(text):
        if FAMILIES[mention.family].feature in ("secret_path_families", "browser_wallet_paths"):
            return True
    return False
