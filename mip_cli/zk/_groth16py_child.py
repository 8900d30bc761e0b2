"""Program of the child process that alone loads groth16py; imports nothing of ours.

Run as a script. Arguments: folder that holds the package, .zkey path, .wtns path; both files are
``/proc/self/fd/N``, anonymous memory. Writes 256 bytes of proof. The binary cannot be read, so
before it is loaded, and its first instruction runs, the process gives up what proving does not
need:

- by an allow list of system calls: writing files, network, other processes and their memory,
  device control, asynchronous input and output;
- by Landlock: opening any file but the key and the witness (anonymous memory, which has no
  path), the package and the libraries of Python and the system. ``prove_wtns`` opens the witness
  itself, so open cannot be forbidden outright.

A kernel without Landlock (before 5.13, or switched off) leaves the second out: the binary can
then read the user's files, and has nowhere to put what it read but the proof, which the parent
randomises anew. Without seccomp nothing is loaded at all.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import resource
import struct
import sys

_ARCH = 0xC000003E  # AUDIT_ARCH_X86_64
_ALLOWED = (
    (0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 24, 25, 28)
    # read write close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction
    # rt_sigprocmask rt_sigreturn pread64 readv writev access sched_yield mremap madvise
    + (39, 60, 63, 79, 89, 97, 98, 99, 102, 104, 107, 108, 131, 158, 186)
    # getpid exit uname getcwd readlink getrlimit getrusage sysinfo getuid getgid geteuid
    # getegid sigaltstack arch_prctl gettid
    + (202, 204, 217, 218, 228, 229, 230, 231, 262, 267, 273, 318, 332, 334)
    # futex sched_getaffinity getdents64 set_tid_address clock_gettime
    # clock_getres clock_nanosleep exit_group newfstatat readlinkat set_robust_list getrandom
    # statx rseq
)
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND."""
_BEYOND_GETFL = 0xFFFFFFFF ^ 3
"""Set in the commands of fcntl that change, lock or signal; those below duplicate and look."""
_WITHOUT = ((2, 1, _WRITING), (257, 2, _WRITING), (72, 1, _BEYOND_GETFL))
"""open, openat and fcntl, with the index of an argument and the bits it must not have."""
_THREAD = (56, 0)
"""clone, allowed with CLONE_THREAD only."""
_CLONE_THREAD = 0x00010000
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 38
"""Fail the call with ENOSYS."""
_KILL = 0x80000000

_LOAD, _EQUAL, _TEST, _RETURN = 0x20, 0x15, 0x45, 0x06


def _program() -> bytes:
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCH),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    for number in _ALLOWED:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number, argument, bits in _WITHOUT:
        code += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, 16 + 8 * argument),
            (_TEST, 0, 1, bits),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    number, argument = _THREAD
    code += [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, 16 + 8 * argument),
        (_TEST, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in code)


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]  # noqa: RUF012


_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_ALL = (1 << 13) - 1
"""Every right of Landlock's first version."""
_LANDLOCK_FILE, _LANDLOCK_FOLDER = 1 << 2, 1 << 2 | 1 << 3
"""Reading of a file; that, and listing, of all below a folder."""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")


def _readable_only(libc: ctypes.CDLL, paths: list[str]) -> None:
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    rights = ctypes.c_uint64(_LANDLOCK_ALL)
    rules = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(rights), ctypes.c_size_t(8), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    for path in paths:
        try:
            at = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allowed = _LANDLOCK_FOLDER if os.path.isdir(path) else _LANDLOCK_FILE
        rule = struct.pack("<Qi", allowed, at)
        if libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0):
            raise OSError(ctypes.get_errno(), "landlock")
        os.close(at)
    if libc.syscall(_LANDLOCK_RESTRICT, rules, 0):
        raise OSError(ctypes.get_errno(), "landlock")
    os.close(rules)


def confine(*readable: str) -> None:
    """Give up every right that proving does not need; raises ``OSError`` if the kernel refuses.

    Of named files, ``readable`` (folders with all below them) and libraries stay readable.
    """
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    program = _program()
    wanted = _Filter(len(program) // 8, program)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    _readable_only(libc, [*readable, *sys.path, *_LIBRARIES])
    if libc.prctl(22, 2, ctypes.byref(wanted), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def main() -> None:
    """Confine this process, then prove."""
    folder, zkey, wtns = sys.argv[1:]
    sys.path.insert(0, folder)
    spec = importlib.util.find_spec("groth16py")  # lists the folder, which is closed from then on
    sys.path.remove(folder)
    if spec is None or spec.loader is None:
        raise ImportError("groth16py")
    confine(os.path.join(folder, "groth16py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["groth16py"] = module
    spec.loader.exec_module(module)
    key = module.import_zkey(zkey)[0]
    sys.stdout.buffer.write(module.prove_wtns(key, wtns))


if __name__ == "__main__":
    main()
