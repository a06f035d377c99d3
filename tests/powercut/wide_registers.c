/* Lets a kernel in user space run on a processor whose registers are wider than that kernel knows.
 *
 * It sets the floating-point registers of its processes with PTRACE_SETREGSET and a block of the size it was built for. The
 * host takes a whole block or none (EFAULT), and with AMX a whole one has some 11 kB. Here the block is filled up with what
 * the process holds already. Loaded by `xtask/src/powercut.rs` with LD_PRELOAD into linux.uml alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#define WHOLE_MAX 65536

static long (*host)(enum __ptrace_request, pid_t, void *, void *);

__attribute__((constructor)) static void find_host(void) { *(void **)&host = dlsym(RTLD_NEXT, "ptrace"); }

long ptrace(enum __ptrace_request request, ...)
{
    va_list rest;
    va_start(rest, request);
    pid_t pid = va_arg(rest, pid_t);
    void *address = va_arg(rest, void *);
    void *data = va_arg(rest, void *);
    va_end(rest);
    struct iovec *given = data;
    if (request != PTRACE_SETREGSET || (long)address != NT_X86_XSTATE || given->iov_len >= WHOLE_MAX)
        return host(request, pid, address, data);
    static char block[WHOLE_MAX];
    struct iovec whole = {block, sizeof block};
    long error = host(PTRACE_GETREGSET, pid, address, &whole);
    if (error || whole.iov_len <= given->iov_len)
        return host(request, pid, address, data);
    memcpy(block, given->iov_base, given->iov_len);
    return host(request, pid, address, &whole);
}
