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
    """Turn what the operating system says about `path` into one line.

    A caller for whom a missing file is no surprise catches FileNotFoundError inside.

    Raises:
        StorageFailure: instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or f"{error.strerror or error}: check the disk or use another folder"
        raise StorageFailure(f"cannot use {os.fspath(path)}: {reason}") from error


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder `path`, made with its parents where it is not there yet.

    Raises:
        StorageFailure: it cannot be made.
    """
    folder = Path(path)
    with storage(folder):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_atomic(path: str | os.PathLike[str], data: Chunk | Iterable[Chunk]) -> None:
    """Write `data` (bytes, or pieces of them) to `path`: afterwards it is there as a whole, or as it was before.

    The rename is the commit point; file and folder are synced, so that it outlives a crash of the machine.

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
    """What a temporary file of this process is called by: the process, and its machine, which tells whose it is."""
    return f"{lead}{os.getpid()}-{_machine()}-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of this process for temporary files, removed however it is left; what dead processes left is swept.

    Raises:
        StorageFailure: it cannot be made.
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
    """Remove what processes of this machine that are gone left directly in `folder` under their `own_prefix`.

    Of this user only, and whatever the folder belongs to; answers how many files and folders.
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
    """Short for the name of this machine: the numbers of processes mean nothing on another."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def sweep(folder: str | os.PathLike[str]) -> int:
    """Remove temporary files that killed runs left directly in `folder`; answers how many.

    Only for the holder of a lock on what the folder belongs to: a running writer's file would go as well.
    """
    found = 0
    with storage(folder):
        for stray in Path(folder).glob(TEMPORARY):
            stray.unlink(missing_ok=True)
            found += 1
    return found


@contextmanager
def lock(folder: str | os.PathLike[str], option: str = "--output") -> Iterator[None]:
    """Keep other runs out of `folder`, made if need be. `option` is how a person would choose another folder.

    What a killed run left half-written directly in it is swept.
    The kernel lets go of it when the process ends, however it ends; the file `.lock` stays, empty of meaning: removing
    it would let two runs hold two files of the same name.

    Raises:
        LockedFailure: another run holds it.
        StorageFailure: the folder cannot be written.
    """
    path = make_folder(folder) / LOCK
    with storage(folder):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
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
        os.close(descriptor)


def _refuse_pipes(folder: str | os.PathLike[str]) -> None:
    """Stop where a pipe stands in place of a file: whoever opens it waits for ever."""
    with storage(folder), os.scandir(folder) as entries:
        for entry in entries:
            if stat.S_ISFIFO(entry.stat(follow_symlinks=False).st_mode):
                raise StorageFailure(f"cannot use {entry.path}: it is a pipe, but a file is needed: remove it")


def _myself() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()}"


def _holder(descriptor: int) -> str:
    """Who wrote itself into the lock file; it may not have got round to it yet."""
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
