"""Capabilities: which functions reach the network, start processes, run text as code, and so on.

Names are qualified and canonical: Python 2 names, vendored copies and compatibility layers stand
for the module that they wrap, and a method of a result is named by what made the result
("socket.socket.connect").
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safe_pip.extractors.values import NO_ORIGINS, Origin, Origins


class Action(enum.Enum):
    """What a call does to the world. The values are phrases for people."""

    CAPTURE = "records keys, screen, camera or sound"
    CLIPBOARD_READ = "reads the clipboard"
    CLIPBOARD_WRITE = "replaces the clipboard"
    CONNECT = "connects a socket"
    DECODE = "decodes data"
    DEBUG_CHECK = "looks for a debugger or a virtual machine"
    DELAY = "waits"
    DELETE = "deletes files"
    DUPLICATE = "redirects standard streams"
    EXECUTE = "executes text as code"
    FORK = "forks into the background"
    HOST = "asks who and where this machine is"
    LOAD = "loads code from a path"
    LOGIN = "logs in"
    NATIVE = "runs machine code from memory"
    NETWORK = "talks to the network"
    READ = "reads a file"
    REGISTRY = "changes the registry"
    RESOLVE = "looks a name up in code"
    SECRET = "reads a credential store"
    SPAWN = "starts a process"
    THREAD = "starts a thread"
    UNPICKLE = "unpickles data, which may run code"
    TOUCH = "changes a file's times"
    WRITE = "writes a file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """A function with an effect; ``origins`` is what its result carries."""

    action: Action
    origins: Origins = NO_ORIGINS


_ORIGIN_OF: Mapping[Action, Origin] = {
    Action.CAPTURE: "keys",
    Action.CLIPBOARD_READ: "clipboard",
    Action.DECODE: "decoded",
    Action.HOST: "host",
    Action.NETWORK: "network",
    Action.READ: "file",
    Action.SECRET: "secret",
}

_VERBS = "get post put patch delete head options request"

# One line a module: "module: function function Class.method".
_TABLE: Mapping[Action, str] = {
    Action.NETWORK: f"""
        requests: {_VERBS} Session.get Session.post Session.put Session.request Session.send
        requests: session.get session.post session.put session.request Session.patch Session.head
        httpx: {_VERBS} stream Client.get Client.post Client.request AsyncClient.get
        httpx: AsyncClient.post AsyncClient.request Client.stream
        aiohttp: request ClientSession.get ClientSession.post ClientSession.request
        aiohttp: ClientSession.put ClientSession.ws_connect
        urllib.request: urlopen urlretrieve build_opener.open URLopener.open URLopener.retrieve
        urllib.request: FancyURLopener.open OpenerDirector.open
        urllib: urlopen urlretrieve
        urllib3: request PoolManager.request PoolManager.urlopen connection_from_url.request
        http.client: HTTPConnection.request HTTPSConnection.request HTTPConnection.getresponse
        http.client: HTTPSConnection.getresponse HTTPSConnection.connect HTTPConnection.connect
        socket: create_connection socket.send socket.sendall socket.sendto socket.recv
        socket: socket.recvfrom
        socket: gethostbyname gethostbyname_ex getaddrinfo
        asyncio: open_connection
        smtplib: SMTP.sendmail SMTP.send_message SMTP_SSL.sendmail SMTP_SSL.send_message
        ftplib: FTP.storbinary FTP.retrbinary FTP.login FTP_TLS.storbinary
        paramiko: SSHClient.connect Transport.connect
        telnetlib: Telnet
        websocket: create_connection WebSocketApp.run_forever WebSocketApp
        websockets: connect
        websockets.sync.client: connect
        socketio: Client.connect
        dns.resolver: query resolve Resolver.query Resolver.resolve
        discord: SyncWebhook.from_url.send Webhook.from_url.send Client.run
        discord_webhook: DiscordWebhook.execute
        dhooks: Webhook.send Webhook
        telebot: TeleBot TeleBot.send_message TeleBot.send_document TeleBot.polling
        telegram: Bot.send_message Bot.send_document
        wget: download
        pycurl: Curl.perform
        cloudscraper: create_scraper.get create_scraper.post
        tls_client: Session.get Session.post Session.execute_request
        curl_cffi.requests: {_VERBS} Session.get Session.post
        requests_html: HTMLSession.get
        mechanize: urlopen Browser.open
        grequests: {_VERBS}
        xmlrpc.client: ServerProxy
        pysftp: Connection
        git: Repo.clone_from
        boto3: client.put_object client.upload_file resource.Bucket.upload_file
        ctypes.windll.urlmon: URLDownloadToFileW URLDownloadToFileA
        solana.rpc.api: Client.send_transaction Client.send_raw_transaction
        solana.rpc.async_api: AsyncClient.send_transaction AsyncClient.send_raw_transaction
        web3: Web3.eth.send_raw_transaction Web3.eth.send_transaction
    """,
    Action.SPAWN: """
        os: system popen popen2 popen3 popen4 startfile spawnl spawnle spawnlp spawnlpe spawnv
        os: spawnve spawnvp spawnvpe execl execle execlp execlpe execv execve execvp execvpe
        os: posix_spawn posix_spawnp
        subprocess: Popen run call check_call check_output getoutput getstatusoutput
        commands: getoutput getstatusoutput
        pip: main
        pip._internal: main
        pip._internal.cli.main: main
        pip._internal.main: main
        popen2: popen2 popen3 Popen3
        pty: spawn
        pexpect: spawn run popen_spawn.PopenSpawn
        asyncio: create_subprocess_shell create_subprocess_exec
        asyncio: get_event_loop.subprocess_shell get_event_loop.subprocess_exec
        asyncio: get_running_loop.subprocess_shell get_running_loop.subprocess_exec
        asyncio: new_event_loop.subprocess_shell new_event_loop.subprocess_exec
        imaplib: IMAP4_stream
        tkinter: Tcl.call Tcl.eval Tk.call Tk.eval Tk.tk.call Tk.tk.eval
        webbrowser: BackgroundBrowser GenericBrowser get
        asyncio.subprocess: create_subprocess_shell create_subprocess_exec
        anyio: run_process open_process
        trio: run_process open_process
        distutils.spawn: spawn
        win32api: WinExec ShellExecute
        win32process: CreateProcess
        win32com.shell.shell: ShellExecuteEx
        win32com.client: Dispatch.Run Dispatch.ShellExecute
        ctypes.windll.shell32: ShellExecuteW ShellExecuteA
        ctypes.windll.kernel32: WinExec CreateProcessW CreateProcessA
        _winapi: CreateProcess
        _posixsubprocess: fork_exec
        plumbum.local: __call__
        invoke: run
        fabric: run local
        cffi: FFI.dlopen.system
        ctypes.CDLL: system popen execve
        ctypes.cdll.LoadLibrary: system
        ctypes.cdll.msvcrt: system
    """,
    Action.EXECUTE: """
        builtins: exec eval execfile
        code: InteractiveInterpreter.runsource InteractiveInterpreter.runcode interact
        code: InteractiveConsole.push InteractiveConsole.runsource
        concurrent.interpreters: create.exec Interpreter.exec
        _interpreters: exec run_string
        sys: remote_exec
        annotationlib: ForwardRef.evaluate
        typing: ForwardRef.evaluate ForwardRef._evaluate
        types: FunctionType LambdaType
        new: function
        js2py: eval_js
        execjs: eval compile.call
        IPython: get_ipython.run_cell
    """,
    Action.UNPICKLE: """
        pickle: loads load Unpickler.load
        dill: loads load
        cloudpickle: loads load
    """,
    Action.LOAD: """
        runpy: run_path run_module _run_module_as_main
        imp: load_source load_compiled load_dynamic load_module
        importlib.machinery: SourceFileLoader.load_module SourceFileLoader.exec_module
        importlib.machinery: ExtensionFileLoader SourcelessFileLoader.load_module
        importlib.util: spec_from_file_location.loader.exec_module
        importlib.util: spec_from_file_location.loader.load_module
        zipimport: zipimporter.load_module zipimporter.exec_module
        ctypes: CDLL WinDLL OleDLL PyDLL
        ctypes.cdll: LoadLibrary
        ctypes.windll: LoadLibrary
        ctypes.windll.kernel32: LoadLibraryA LoadLibraryW
    """,
    Action.WRITE: """
        os: write rename replace chmod symlink
        shutil: copy copy2 copyfile copyfileobj move copytree unpack_archive
        pathlib.Path: write_text write_bytes
        zipfile: ZipFile.extractall ZipFile.extract
        tarfile: open.extractall TarFile.open.extractall TarFile.extractall open.extract
        py7zr: SevenZipFile.extractall
        urllib.request: urlretrieve URLopener.retrieve
        urllib: urlretrieve
        wget: download
        aiofiles: open
    """,
    Action.READ: """
        pathlib.Path: read_text read_bytes
        linecache: getline getlines
        pkgutil: get_data
        pkg_resources: resource_string resource_stream
        importlib.resources: read_text read_binary open_text open_binary
        zipfile: ZipFile.read
    """,
    Action.SECRET: """
        keyring: get_password get_credential
        win32crypt: CryptUnprotectData
        ctypes.windll.crypt32: CryptUnprotectData
        browser_cookie3: load chrome firefox edge opera brave safari chromium vivaldi opera_gx
        browsercookie: load chrome firefox
        secretstorage: get_all_items
        pywifi: PyWiFi
    """,
    Action.HOST: """
        platform: node uname platform system machine release version processor mac_ver win32_ver
        platform: architecture
        socket: gethostname getfqdn
        os: getlogin uname getuid getcwd getcwdb getppid
        getpass: getuser
        pwd: getpwuid getpwnam getpwall
        uuid: getnode
        psutil: virtual_memory disk_usage net_if_addrs users cpu_count boot_time disk_partitions
        psutil: net_connections
        distro: id name version
        netifaces: interfaces ifaddresses
        wmi: WMI
        GPUtil: getGPUs
        cpuinfo: get_cpu_info
        geocoder: ip
        locale: getdefaultlocale
        ctypes.windll.kernel32: GetComputerNameW GetUserDefaultUILanguage GetVolumeInformationW
    """,
    Action.DECODE: """
        base64: b64decode b32decode b16decode b85decode a85decode urlsafe_b64decode decodebytes
        base64: standard_b64decode decodestring decode b32hexdecode z85decode
        binascii: unhexlify a2b_hex a2b_base64 a2b_uu a2b_qp
        codecs: decode getdecoder
        zlib: decompress decompressobj.decompress
        gzip: decompress GzipFile.read
        bz2: decompress
        lzma: decompress
        marshal: loads load
        cryptography.fernet: Fernet.decrypt MultiFernet.decrypt
        cryptography.hazmat.primitives.ciphers: Cipher.decryptor.update
        Crypto.Cipher.AES: new.decrypt new.decrypt_and_verify
        Crypto.Cipher.ARC4: new.decrypt
        Crypto.Cipher.DES: new.decrypt
        Crypto.Cipher.DES3: new.decrypt
        Crypto.Cipher.Blowfish: new.decrypt
        Crypto.Cipher.ChaCha20: new.decrypt
        Crypto.Cipher.PKCS1_OAEP: new.decrypt
        nacl.secret: SecretBox.decrypt
        pyaes: AESModeOfOperationCTR.decrypt AESModeOfOperationGCM.decrypt
        rsa: decrypt
        builtins: bytes.fromhex bytearray.fromhex
        uu: decode
        quopri: decodestring
    """,
    Action.CAPTURE: """
        pynput.keyboard: Listener Listener.start Listener.join
        pynput.mouse: Listener
        keyboard: on_press on_release hook record read_key
        PIL.ImageGrab: grab
        pyautogui: screenshot
        pyscreenshot: grab
        mss: mss mss.grab mss.shot
        cv2: VideoCapture
        sounddevice: rec
        pyaudio: PyAudio.open
        pyHook: HookManager
        pyWinhook: HookManager
        ctypes.windll.user32: SetWindowsHookExA SetWindowsHookExW GetAsyncKeyState
        d3dshot: create
    """,
    Action.CLIPBOARD_READ: """
        pyperclip: paste waitForNewPaste
        win32clipboard: GetClipboardData
        clipboard: paste
        ctypes.windll.user32: GetClipboardData
        PIL.ImageGrab: grabclipboard
        tkinter: Tk.clipboard_get
    """,
    Action.CLIPBOARD_WRITE: """
        pyperclip: copy
        win32clipboard: SetClipboardData SetClipboardText
        clipboard: copy
        ctypes.windll.user32: SetClipboardData
        tkinter: Tk.clipboard_append
    """,
    Action.CONNECT: """
        socket: socket.connect socket.connect_ex create_connection
    """,
    Action.LOGIN: """
        smtplib: SMTP.login SMTP_SSL.login
        ftplib: FTP.login FTP_TLS.login FTP FTP_TLS
        imaplib: IMAP4.login IMAP4_SSL.login
        paramiko: SSHClient.connect Transport.connect
        pysftp: Connection
    """,
    Action.DUPLICATE: """
        os: dup2
    """,
    Action.FORK: """
        os: fork forkpty setsid
        daemon: DaemonContext
        daemonize: Daemonize
    """,
    Action.THREAD: """
        threading: Thread Timer
        multiprocessing: Process
        _thread: start_new_thread start_new
        concurrent.futures: ThreadPoolExecutor.submit ProcessPoolExecutor.submit
        concurrent.futures: InterpreterPoolExecutor.submit
        concurrent.interpreters: create.call create.call_in_thread
        concurrent.interpreters: Interpreter.call Interpreter.call_in_thread
    """,
    Action.DELETE: """
        os: remove unlink rmdir removedirs
        shutil: rmtree
        pathlib.Path: unlink rmdir
    """,
    Action.TOUCH: """
        os: utime
    """,
    Action.DELAY: """
        time: sleep
        asyncio: sleep
    """,
    Action.DEBUG_CHECK: """
        sys: gettrace
        ctypes.windll.kernel32: IsDebuggerPresent CheckRemoteDebuggerPresent
        psutil: process_iter pids
    """,
    Action.REGISTRY: """
        win32com.client: Dispatch.CreateShortCut Dispatch.CreateShortcut Dispatch.RegWrite
        winreg: SetValueEx SetValue CreateKey CreateKeyEx DeleteKey
        win32api: RegSetValueEx
    """,
    Action.NATIVE: """
        os: memfd_create
        ctypes.windll.kernel32: VirtualAlloc VirtualAllocEx VirtualProtect RtlMoveMemory
        ctypes.windll.kernel32: WriteProcessMemory CreateRemoteThread CreateThread
        ctypes.windll.kernel32: NtCreateThreadEx QueueUserAPC
        ctypes.windll.ntdll: NtAllocateVirtualMemory RtlMoveMemory NtCreateThreadEx
    """,
}

_CANONICAL_MODULES: Mapping[str, str] = {
    "Cryptodome": "Crypto",
    "_io.open": "builtins.open",
    "_socket": "socket",
    "_winreg": "winreg",
    "_xxsubinterpreters": "_interpreters",
    "__builtin__": "builtins",
    "__spec__.loader": "__loader__",
    "__builtins__": "builtins",
    "backports.lzma": "lzma",
    "botocore.vendored.requests": "requests",
    "cPickle": "pickle",
    "_pickle": "pickle",
    "codecs.open": "builtins.open",
    "compression.bz2": "bz2",
    "compression.gzip": "gzip",
    "compression.lzma": "lzma",
    "compression.zlib": "zlib",
    "ctypes.WinDLL.kernel32": "ctypes.windll.kernel32",
    "eventlet.green.socket": "socket",
    "ssl.SSLContext.wrap_socket": "socket.socket",
    "ssl._create_unverified_context.wrap_socket": "socket.socket",
    "ssl.create_default_context.wrap_socket": "socket.socket",
    "ssl.wrap_socket": "socket.socket",
    "eventlet.green.subprocess": "subprocess",
    "future.backports.urllib.request": "urllib.request",
    "future.moves.urllib.request": "urllib.request",
    "gevent.socket": "socket",
    "gevent.subprocess": "subprocess",
    "httplib": "http.client",
    "interpreters_backport.interpreters": "concurrent.interpreters",
    "importlib.__import__": "builtins.__import__",
    "io.open": "builtins.open",
    "nt": "os",
    "ntpath": "os.path",
    "pathlib.PosixPath": "pathlib.Path",
    "pathlib.WindowsPath": "pathlib.Path",
    "pathlib2": "pathlib",
    "pip._vendor.requests": "requests",
    "pip._vendor.urllib3": "urllib3",
    "posix": "os",
    "posixpath": "os.path",
    "pyximport.pyximport": "pyximport",
    "requests.api": "requests",
    "requests.sessions": "requests",
    "requests.packages.urllib3": "urllib3",
    "setuptools._distutils": "distutils",
    "six.moves.builtins": "builtins",
    "six.moves.http_client": "http.client",
    "six.moves.cPickle": "pickle",
    "six.moves.urllib": "urllib",
    "subprocess32": "subprocess",
    "Tkinter": "tkinter",
    "ujson": "json",
    "urllib2": "urllib.request",
    "urllib3.poolmanager": "urllib3",
    "xmlrpclib": "xmlrpc.client",
}


@functools.lru_cache(maxsize=65_536)
def canonical(ref: str) -> str:
    """The name under which the table knows what ``ref`` refers to."""
    name = ref.replace("()", "")
    head = name
    while head:
        replacement = _CANONICAL_MODULES.get(head)
        if replacement is not None:
            return replacement + name[len(head) :]
        head = head.rpartition(".")[0]
    return name


def _table_entries() -> Iterator[tuple[str, Action]]:
    for action, lines in _TABLE.items():
        for line in lines.strip().splitlines():
            module, _, names = line.partition(":")
            for name in names.split():
                yield f"{module.strip()}.{name}", action


# What says who or where a machine is, as opposed to what kind of machine it is.
_IDENTITY = frozenset(
    """platform.node platform.uname socket.gethostname socket.getfqdn os.getlogin os.uname
    os.getcwd getpass.getuser pwd.getpwuid uuid.getnode psutil.users psutil.net_if_addrs
    netifaces.ifaddresses geocoder.ip GPUtil.getGPUs wmi.WMI
    ctypes.windll.kernel32.GetComputerNameW""".split()  # noqa: SIM905
)


def _build_sinks() -> Mapping[str, tuple[Sink, ...]]:
    sinks: dict[str, tuple[Sink, ...]] = {}
    for name, action in _table_entries():
        origin = _ORIGIN_OF.get(action)
        if action is Action.HOST and name not in _IDENTITY:
            origin = None
        sink = Sink(action=action, origins=frozenset((origin,)) if origin else NO_ORIGINS)
        sinks[name] = (*sinks.get(name, ()), sink)
    return sinks


SINKS: Mapping[str, tuple[Sink, ...]] = _build_sinks()
"""By canonical name; a function may have several effects (``urlretrieve``)."""

SINK_MODULES = frozenset(
    name[: end if end > 0 else None]
    for name in SINKS
    for end in range(len(name))
    if name[end] == "."
)
"""Every module and class prefix of a sink, for ``from module import *``."""

DYNAMIC_BUILTINS = frozenset(
    f"builtins.{name}" for name in ("__import__", "compile", "eval", "exec", "getattr", "open")
)
"""Builtins that nobody looks up by name who has nothing to hide."""

UNREMARKABLE_ACTIONS = frozenset(
    (Action.DELAY, Action.READ, Action.THREAD, Action.HOST, Action.WRITE, Action.DELETE)
)
