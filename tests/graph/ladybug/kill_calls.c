/* Preloaded into a process, ends it by SIGKILL at its nth call that changes a file below a folder.
 *
 * kill_at_call(folder, n, fraction): from now on; a call that writes bytes first writes that fraction of them.
 * calls_made(): calls since then. With n = 0 nothing is killed and calls are counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char watched[PATH_MAX];
static long fatal_call, calls;
static double torn_fraction;

void kill_at_call(const char *folder, long n, double fraction) {
    snprintf(watched, sizeof watched, "%s", folder);
    fatal_call = n;
    torn_fraction = fraction;
    calls = 0;
}

long calls_made(void) { return calls; }

static int is_below(const char *path) { return watched[0] && path && strncmp(path, watched, strlen(watched)) == 0; }

static int is_fatal_path(const char *path) {
    return is_below(path) && __sync_add_and_fetch(&calls, 1) == fatal_call;
}

static int is_fatal_file(int file) {
    char link[64], path[PATH_MAX];
    if (!watched[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_fatal_path(path);
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write);
    if (is_fatal_file(file)) {
        real(file, bytes, (size_t)(size * torn_fraction));
        end();
    }
    return real(file, bytes, size);
}

#define PWRITE(name, offset_type) \
    ssize_t name(int file, const void *bytes, size_t size, offset_type offset) { \
        REAL(name); \
        if (is_fatal_file(file)) { \
            real(file, bytes, (size_t)(size * torn_fraction), offset); \
            end(); \
        } \
        return real(file, bytes, size, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_FILE(name, parameters, ...) \
    int name parameters { \
        REAL(name); \
        if (is_fatal_file(file)) end(); \
        return real(__VA_ARGS__); \
    }
ON_FILE(fsync, (int file), file)
ON_FILE(fdatasync, (int file), file)
ON_FILE(ftruncate, (int file, off_t size), file, size)
ON_FILE(ftruncate64, (int file, off64_t size), file, size)

int rename(const char *from, const char *to) {
    REAL(rename);
    if (is_fatal_path(to)) end();
    return real(from, to);
}

int unlink(const char *path) {
    REAL(unlink);
    if (is_fatal_path(path)) end();
    return real(path);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (flags & (O_CREAT | O_TRUNC) && is_fatal_path(path)) end(); \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
