"""Makes a running process do a system call of the caller's choice, as whoever took it over would:
stops it by ptrace, lets it execute one `syscall` instruction of its own, puts everything back."""
import ctypes
import os
import signal
import time

NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
         "fs_base gs_base ds es fs gs").split()
ARGS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
NUMBERS = {"open": 2, "mmap": 9, "mprotect": 10, "socket": 41, "connect": 42, "clone": 56,
           "fork": 57, "execve": 59, "kill": 62, "ptrace": 101, "openat": 257, "prlimit": 302,
           "getpid": 39, "memfd_create": 319}
PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS = 7, 9, 12, 13
PTRACE_ATTACH, PTRACE_DETACH = 16, 17

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES]


def ptrace(request, pid, data=None):
    if LIBC.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {pid}")


def stop(pid):
    """Attaches when the process waits in a system call; returns its registers."""
    for _ in range(1000):
        ptrace(PTRACE_ATTACH, pid)
        _, status = os.waitpid(pid, 0)
        while os.WSTOPSIG(status) != signal.SIGSTOP:  # one of its own came first
            ptrace(PTRACE_CONT, pid, os.WSTOPSIG(status))
            _, status = os.waitpid(pid, 0)
        registers = Registers()
        ptrace(PTRACE_GETREGS, pid, ctypes.byref(registers))
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(registers.rip - 2)
            if memory.read(2) == b"\x0f\x05":
                return registers
        ptrace(PTRACE_DETACH, pid)
        time.sleep(0.001)
    raise AssertionError("the process makes no system calls")


def step(pid):
    """One instruction. The status of the process; its timer's signals are left out."""
    while True:
        ptrace(PTRACE_SINGLESTEP, pid)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status) or os.WSTOPSIG(status) == signal.SIGTRAP:
            return status


def system_call(pid, name, *args):
    """The call's result (negative: an errno), or None: the process was killed for it by SIGSYS.
    Texts among the arguments are put on its stack."""
    before = stop(pid)
    now = Registers.from_buffer_copy(before)
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        room = (before.rsp - 4096) & ~15
        for register, value in zip(ARGS, args):
            if isinstance(value, bytes):
                memory.seek(room)
                memory.write(value + b"\0")
                value, room = room, room + 256
            setattr(now, register, value & 0xffffffffffffffff)
    now.rip, now.rax, now.orig_rax = before.rip - 2, NUMBERS[name], 0xffffffffffffffff
    ptrace(PTRACE_SETREGS, pid, ctypes.byref(now))
    status = step(pid)
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) != signal.SIGSYS:
            raise AssertionError(f"killed by signal {os.WTERMSIG(status)}")
        return None
    ptrace(PTRACE_GETREGS, pid, ctypes.byref(now))
    ptrace(PTRACE_SETREGS, pid, ctypes.byref(before))
    ptrace(PTRACE_DETACH, pid)
    return ctypes.c_longlong(now.rax).value
