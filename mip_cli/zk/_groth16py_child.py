"""Program of the child process that alone loads groth16py; imports nothing of ours.

Run as a script. Arguments: folder that holds the package, .zkey path, .wtns path. Writes 256
bytes of proof. The binary cannot be read, so before it is loaded the process gives up
writing files, network, other processes and all else that proving does not need, by an allow list
of system calls.
"""

from __future__ import annotations

import ctypes
import resource
import struct
import sys

_ARCH = 0xC000003E  # AUDIT_ARCH_X86_64
_ALLOWED = (
    (0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 24, 25, 28)
    # read write close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction
    # rt_sigprocmask rt_sigreturn ioctl pread64 readv writev access sched_yield mremap madvise
    + (39, 60, 63, 72, 79, 89, 97, 98, 99, 102, 104, 107, 108, 131, 158, 186)
    # getpid exit uname fcntl getcwd readlink getrlimit getrusage sysinfo getuid getgid geteuid
    # getegid sigaltstack arch_prctl gettid
    + (202, 203, 204, 217, 218, 228, 229, 230, 231, 262, 267, 273, 318, 332, 334)
    # futex sched_setaffinity sched_getaffinity getdents64 set_tid_address clock_gettime
    # clock_getres clock_nanosleep exit_group newfstatat readlinkat set_robust_list getrandom
    # statx rseq
)
_READ_ONLY = ((2, 1), (257, 2))
"""open and openat, with the index of the argument that holds the flags."""
_THREAD = (56, 0)
"""clone, allowed with CLONE_THREAD only."""
_CLONE_THREAD = 0x00010000
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND."""
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
    for number, argument in _READ_ONLY:
        code += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, 16 + 8 * argument),
            (_TEST, 0, 1, _WRITING),
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


def confine() -> None:
    """Give up every right that proving does not need; raises ``OSError`` if the kernel refuses."""
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    program = _program()
    wanted = _Filter(len(program) // 8, program)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(wanted), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def main() -> None:
    """Confine this process, then prove."""
    folder, zkey, wtns = sys.argv[1:]
    confine()
    sys.path.insert(0, folder)
    import groth16py

    key = groth16py.import_zkey(zkey)[0]
    sys.stdout.buffer.write(groth16py.prove_wtns(key, wtns))


if __name__ == "__main__":
    main()
