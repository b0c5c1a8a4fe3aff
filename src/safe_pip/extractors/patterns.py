"""Families of strings that say what code is after: credential paths, wallets, persistence."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SEP = r"[/\\]{1,4}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family: the feature that it counts for, and a phrase for people."""

    feature: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A family found in a string, and the text that shows it."""

    family: str
    text: str


# name: (feature, phrase, pattern). Patterns are linear: no nested or large bounded repeats.
_FAMILIES: Mapping[str, tuple[str, str, str]] = {
    "aws": ("secret_path_families", "AWS credentials", rf"\.aws{_SEP}(?:credentials|config)"),
    "ssh": ("secret_path_families", "SSH keys",
            rf"\.ssh(?:{_SEP}(?!known_hosts)|$)|\bid_(?:rsa|ed25519|ecdsa)\b(?!\.pub)"),
    "kube": ("secret_path_families", "Kubernetes credentials",
             rf"\.kube{_SEP}config|/var/run/secrets/kubernetes\.io/serviceaccount"),
    "gcloud": ("secret_path_families", "Google Cloud credentials",
               rf"gcloud{_SEP}|application_default_credentials|credentials\.db"),
    "azure": ("secret_path_families", "Azure credentials",
              rf"\.azure{_SEP}|msal_token_cache|accessTokens\.json"),
    "npm": ("secret_path_families", "npm credentials", r"\.npmrc\b"),
    "pypi": ("secret_path_families", "PyPI credentials", r"\.pypirc\b"),
    "netrc": ("secret_path_families", "netrc passwords", r"[._]netrc\b"),
    "git": ("secret_path_families", "git credentials", r"\.git-credentials\b"),
    "github": ("secret_path_families", "GitHub credentials", rf"\bgh{_SEP}hosts\.yml"),
    "docker": ("secret_path_families", "Docker credentials", rf"\.docker{_SEP}config\.json"),
    "dotenv": ("secret_path_families", "environment files",
               r"(?:^|[/\\])\.env(?:\.(?:local|production|prod|development))?$"),
    "history": ("secret_path_families", "shell history", r"\.(?:bash|zsh|python|psql)_history\b"),
    "passwd": ("secret_path_families", "system accounts", r"/etc/(?:shadow|passwd)\b"),
    "gnupg": ("secret_path_families", "GnuPG keys", rf"\.gnupg(?:{_SEP}|$)"),
    "keychain": ("secret_path_families", "the macOS keychain",
                 r"Library/Keychains|login\.keychain|find-generic-password|dump-keychain"),
    "vault": ("secret_path_families", "Vault and Terraform tokens",
              r"\.vault-token\b|\.terraform\.d/credentials|\.terraformrc\b"),
    "wifi": ("secret_path_families", "Wi-Fi passwords",
             r"netsh wlan (?:show|export) profile|wlan show profile"),
    "browser": ("browser_wallet_paths", "browser profiles",
                rf"\bUser Data{_SEP}|\bLogin Data\b|{_SEP}Local State\b|\bcookies\.sqlite\b"
                rf"|\blogins\.json\b|\bkey[34]\.db\b|Local Storage{_SEP}leveldb"
                rf"|BraveSoftware{_SEP}|Opera Software{_SEP}|Yandex{_SEP}YandexBrowser"
                rf"|Google{_SEP}Chrome(?: SxS)?{_SEP}|Firefox{_SEP}Profiles|Microsoft{_SEP}Edge{_SEP}"
                rf"|{_SEP}Network{_SEP}Cookies\b|Application Support/(?:Google|Firefox|BraveSoftware)"),
    "discord": ("browser_wallet_paths", "Discord tokens",
                r"\b[Dd]iscord(?:canary|ptb|development)\b|discord_desktop_core|\bLightcord\b"
                r"|/api/v\d+/users/@me\b|dQw4w9WgXcQ"),
    "wallet": ("browser_wallet_paths", "cryptocurrency wallets",
               rf"\bExodus{_SEP}|exodus\.wallet|\bElectrum{_SEP}wallets|\bwallet\.dat\b"
               rf"|\batomic{_SEP}Local Storage|Ethereum{_SEP}keystore|\bCoinomi{_SEP}|Jaxx{_SEP}"
               r"|nkbihfbeogaeaoehlefnkodbefgpgknn|bfnaelmomeimhlpmgjnjophhpkkoljpa"
               r"|fhbohimaelbohpjbbldcngcnapndodjp|ibnejdfjmmkpcnlpebklmnkoeoihofec"
               rf"|\.config{_SEP}solana{_SEP}id\.json|Ledger Live{_SEP}|\bMetaMask\b.{{0,40}}[/\\]"),
    "messenger": ("browser_wallet_paths", "messenger and game sessions",
                  rf"Telegram Desktop{_SEP}tdata|\btdata{_SEP}|\.minecraft{_SEP}|Steam{_SEP}config"
                  rf"|Growtopia{_SEP}|\bssfn\d|Signal{_SEP}config|Roblox.{{0,20}}COOKIE"
                  r"|\.ROBLOSECURITY"),
    "discord-token": ("token_regex", "a pattern for Discord tokens",
                      r"\[\\w-\]\{2[3-8](?:,2[3-8])?\}|mfa\\\.\[\\w-\]|\[\\w-\]\{24\}"
                      r"|dQw4w9WgXcQ:"),
    "cloud-token": ("token_regex", "a pattern for access tokens",
                    r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|pypi-|xox[baprs]?-?|sk-)"
                    r"(?:\[|\\w|\(\?:)|\(?A(?:KIA|SIA)(?:\||\)|\[)|AIza\["
                    r"|eyJ\[A-Za-z|-----BEGIN[ \w\[\]\(\)?:|*+.]{0,40}PRIVATE KEY.{0,20}(?:\[\\s|\.\*)"),
    "crypto-address": ("crypto_addresses", "a pattern for cryptocurrency addresses",
                       r"\bbc1[\[(|]|0x\[[\w-]{3,12}\]\{40\}|\[13\]\[a-km|\[LM3\]\[|T\[A-Za-z1-9"
                       r"|4\[0-9AB\]\["),
    "metadata-service": ("imds_access", "the cloud metadata service",
                         r"169\.254\.169\.254|169\.254\.170\.2\b|metadata\.google\.internal"
                         r"|fd00:ec2::254|100\.100\.100\.200"),
    "ci": ("ci_secret_scrape", "secrets of a CI job",
           r"/proc/(?:self|\{\}|%[ds])/(?:mem|environ)\b|Runner\.Worker"
           r"|\bACTIONS_(?:ID_TOKEN_REQUEST_(?:TOKEN|URL)|RUNTIME_TOKEN)\b|\bisSecret\b"),
    "startup": ("persistence", "start at login",
                rf"CurrentVersion{_SEP}Run(?:Once)?\b|Start Menu{_SEP}Programs{_SEP}Startup"
                r"|\bschtasks\b.{0,80}/create|/etc/cron\.|\bcrontab\s+-|/etc/rc\.local"
                r"|/etc/systemd/system|\.config/systemd/user|systemctl (?:--user )?enable"
                r"|Library/Launch(?:Agents|Daemons)|launchctl load|\.config/autostart"
                r"|/etc/init\.d/|\bauthorized_keys\b|/etc/ld\.so\.preload|sitecustomize\.py"),
    "shell-profile": ("persistence", "shell start-up files",
                      r"(?:^|[/\\~])\.(?:bashrc|zshrc|bash_profile|zprofile|profile)$|"
                      r">>\s*~/\.(?:bashrc|zshrc|profile)"),
    "agent": ("agent_config_write", "the settings of a coding agent",
              rf"\.claude(?:{_SEP}|\.json)|\.cursor{_SEP}|\bmcp(?:_settings|_config)?\.json\b"
              rf"|\.gemini{_SEP}|\.codex{_SEP}|\.windsurf{_SEP}|claude_desktop_config\.json"
              rf"|\.vscode{_SEP}tasks\.json|\.github/copilot-instructions|\bCLAUDE\.md\b"),
    "publish": ("registry_publish", "publishing to a package registry",
                r"upload\.pypi\.org/legacy|\btwine upload\b|\bnpm publish\b"
                r"|registry\.npmjs\.org/-/|/-/npm/v1/tokens"),
    "runtime": ("foreign_runtime_fetch", "another runtime or executable",
                r"oven-sh/bun/releases|\bbun\.sh/install|nodejs\.org/dist/"
                r"|python\.org/ftp/python/\S{3,40}embed"
                r"|https?://\S{3,400}\.(?:exe|msi|scr|ps1|bat|vbs|hta|pyz|dll|elf|apk|jar)(?:[?#]|$|\b(?![./\w]))"),
    "sandbox": ("vm_debug_check", "virtual machines and analysis tools",
                r"\bvboxservice\b|\bvmtoolsd\b|\bVBoxGuest\b|vmmouse\.sys|\bsbiedll\b|\bSbieDll\b"
                r"|\bwireshark\b|\bprocesshacker\b|\bollydbg\b|\bx64dbg\b|\bx32dbg\b|\bida64\b"
                r"|\bhttpdebuggerui\b|\bfiddler\b|\bprocmon\b|\bVMwareService\b|\bqemu-ga\b"
                r"|\bcuckoo\b.{0,20}sandbox|\bSandboxie\b|00:05:69|00:0[cC]:29|08:00:27"),
    "discovery": ("host_probe_urls", "a service that tells the public address",
                  r"api\.ipify\.org|ipinfo\.io|\bifconfig\.me\b|icanhazip\.com|checkip\.amazonaws"
                  r"|\bip-api\.com|api\.myip\.com|\bipapi\.co|ipwho\.is|\bident\.me\b|geojs\.io"),
    "defender": ("defence_evasion", "switching protection off",
                 r"(?:Add|Set)-MpPreference|DisableRealtimeMonitoring|DisableAntiSpyware"
                 r"|ExecutionPolicy\s+(?:Bypass|Unrestricted)|\bvssadmin\b.{0,20}delete"
                 r"|netsh (?:adv)?firewall.{0,40}(?:off|disable|add rule)|\battrib \+[hs]\b"
                 r"|System32.{0,3}drivers.{0,3}etc.{0,3}hosts|AmsiScanBuffer|amsiInitFailed"),
}  # fmt: skip

FAMILIES: Mapping[str, Family] = {
    name: Family(feature=feature, says=says) for name, (feature, says, _) in _FAMILIES.items()
}
_COMBINED = re.compile(
    "|".join(
        f"(?P<{name.replace('-', '_')}>{pattern})" for name, (_, _, pattern) in _FAMILIES.items()
    )
)
_MAX_SEARCHED_CHARS = 200_000


@functools.lru_cache(maxsize=4_096)
def mentions(text: str) -> tuple[Mention, ...]:
    """The families in one string, each once, in order of appearance."""
    found: dict[str, Mention] = {}
    for match in _COMBINED.finditer(text[:_MAX_SEARCHED_CHARS]):
        family = (match.lastgroup or "").replace("_", "-")
        found.setdefault(family, Mention(family=family, text=match.group()))
    return tuple(found.values())


def is_secret_path(text: str) -> bool:
    """Whether the string names a place where credentials are kept."""
    return any(
        FAMILIES[mention.family].feature in ("secret_path_families", "browser_wallet_paths")
        for mention in mentions(text)
    )
