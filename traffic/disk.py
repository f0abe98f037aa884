"""What touches a disk safely: files that are whole or absent, one run per folder, errors that say what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import socket
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from traffic.errors import LockedFailure, StorageFailure

LOCK = ".lock"
_HELD: set[int] = set()
"""Descriptors of the locks of this process."""
# The prefix keeps `sweep` from ever removing what somebody else left in the folder.
TEMPORARY = ".sl-*.tmp"

Chunk = bytes | bytearray | memoryview

_REASONS = {
    errno.ENOSPC: "no space left there: free some or use another folder",
    errno.EDQUOT: "the disk quota is used up: free some space or use another folder",
    errno.EFBIG: "the file exceeds the size limit of this system (ulimit -f): raise the limit or use another folder",
    errno.EROFS: "the file system is read-only: use another folder",
    errno.EACCES: "permission denied: change its permissions or use another folder",
    errno.EPERM: "permission denied: change its permissions or use another folder",
    errno.EIO: "the disk reports an error: check it, or use another folder",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this system: close some",
    errno.ENOTDIR: "part of that path is a file, not a folder: use another path",
    errno.EISDIR: "it is a folder, but a file is needed: use another path",
    errno.ENAMETOOLONG: "the name is too long: use a shorter path",
    errno.ENOENT: "it does not exist: check the path",
}


@contextmanager
def storage(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an error of the operating system about `path` into one line.

    A caller that expects that the file may be missing catches FileNotFoundError inside.

    Raises:
        StorageFailure: instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or f"{error.strerror or error}: check the disk or use another folder"
        raise StorageFailure(f"cannot use {os.fspath(path)}: {reason}") from error


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder `path`, created with its parents if it does not exist.

    Raises:
        StorageFailure: it cannot be created.
    """
    folder = Path(path)
    with storage(folder):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_atomic(path: str | os.PathLike[str], data: Chunk | Iterable[Chunk]) -> None:
    """Write `data` (bytes, or pieces of them) to `path`: afterwards the file is complete, or as it was before.

    The rename is the commit point; file and folder are synced, so that it survives a crash of the machine.

    Raises:
        StorageFailure: it could not be written; nothing is left of the attempt.
    """
    target = Path(path)
    # One folder for both names: a rename across file systems would not be atomic.
    temporary = target.parent / f"{own_prefix('.sl-')}{secrets.token_hex(6)}.tmp"
    with storage(target):
        try:
            # Not tempfile: its files are private to the user, and these are results.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            with os.fdopen(descriptor, "wb") as file:
                for chunk in (data,) if isinstance(data, Chunk) else data:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync(target.parent)


def own_prefix(lead: str = "sl-") -> str:
    """Prefix of temporary files of this process: its id and machine, which identify the owner."""
    return f"{lead}{os.getpid()}-{_machine()}-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A temporary folder of this process, removed however it is left; leftovers of dead processes are removed too.

    Raises:
        StorageFailure: it cannot be created.
    """
    sweep_dead(tempfile.gettempdir())
    # Named before it is made, unlike mkdtemp's: a signal that ends the run may arrive between any two steps, and the
    # `finally` below has to know by then which folder to remove.
    folder = Path(tempfile.gettempdir()) / f"{own_prefix()}{secrets.token_hex(6)}"
    try:
        with storage(tempfile.gettempdir()):
            folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_dead(folder: str | os.PathLike[str], lead: str = "sl-") -> int:
    """Remove what dead processes of this machine left directly in `folder` under their `own_prefix`.

    Only files of this user, whoever owns the folder; returns the number of files and folders removed.
    """
    found = 0
    for stray in Path(folder).glob(f"{lead}*-{_machine()}-*"):
        process = stray.name.removeprefix(lead).partition("-")[0]
        with suppress(OSError):
            if process.isdecimal() and stray.lstat().st_uid == os.getuid() and not _runs(int(process)):
                shutil.rmtree(stray) if stray.is_dir() and not stray.is_symlink() else stray.unlink()
                found += 1
    return found


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _machine() -> str:
    """A short hash of this machine's name: process ids mean nothing on another machine."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def sweep(folder: str | os.PathLike[str]) -> int:
    """Remove temporary files that killed runs left directly in `folder`; returns their number.

    Only for the holder of the lock on the folder: the file of a running writer would be removed as well.
    """
    found = 0
    with storage(folder):
        for stray in Path(folder).glob(TEMPORARY):
            stray.unlink(missing_ok=True)
            found += 1
    return found


@contextmanager
def lock(folder: str | os.PathLike[str], option: str = "--output") -> Iterator[None]:
    """Keep other runs out of `folder`, which is created if needed. `option` is how a user chooses another folder.

    Half-written files that a killed run left directly in it are removed. The kernel releases the lock when the process
    ends, however it ends. The file `.lock` stays, without meaning: removing it would let two runs lock two files of the
    same name.

    Raises:
        LockedFailure: another run holds it.
        StorageFailure: the folder cannot be written.
    """
    path = make_folder(folder) / LOCK
    with storage(folder):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    _HELD.add(descriptor)
    try:
        with storage(folder):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(descriptor)
                if holder == _myself():
                    raise LockedFailure(
                        f"this run already uses {os.fspath(folder)} for something else: use another {option}"
                    ) from None
                raise LockedFailure(
                    f"another run ({holder}) is using {os.fspath(folder)}: wait for it or use another {option}"
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{_myself()}\n".encode(), 0)
        _refuse_pipes(folder)
        sweep(folder)
        yield
    finally:
        _HELD.discard(descriptor)
        os.close(descriptor)


def _let_go() -> None:
    """A fork holds no lock: one that outlived its run for a moment would keep the next run out."""
    for descriptor in _HELD:
        os.close(descriptor)
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)


def _refuse_pipes(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder with a pipe in place of a file: whoever opens it would wait for ever."""
    with storage(folder), os.scandir(folder) as entries:
        for entry in entries:
            if stat.S_ISFIFO(entry.stat(follow_symlinks=False).st_mode):
                raise StorageFailure(f"cannot use {entry.path}: it is a pipe, but a file is needed: remove it")


def _myself() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()}"


def _holder(descriptor: int) -> str:
    """The run that wrote its name into the lock file; it may not have done so yet."""
    return os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "just starting"


def _sync(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; the rename itself has happened.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
