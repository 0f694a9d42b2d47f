/* Notes which bytes of a worker's files were made durable: preloaded into workers that are to lose power.
 *
 * Each line that it appends to DTX_SYNC_LOG is `KIND DEVICE INODE LENGTH`:
 *
 *   S  so many bytes at least were synced: the length before a sync that succeeded
 *   T  truncated to so many bytes; what was synced behind them is no more
 *   G  the last name of the file is gone, and its inode may be used again
 *   A  synced in a way that shows no lengths (O_SYNC, O_DSYNC, aio_fsync): taken for durable, all of it
 *
 * A line is appended by one write(2), so it is in the page cache, whole, when a SIGKILL comes. What is written after the
 * length was taken may be durable too; it is not noted, and nobody was promised it. sync_file_range is not noted: it
 * writes no file length (sync_file_range(2), "Warning"), so what it wrote behind the old end is lost with the power.
 * Not seen: system calls that bypass the C library (Go, io_uring), for which dtx.targets.workers.durable looks.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A function of the C library behind this one, found when it is first needed. */
#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define MOST_FILES 512
#define DEEPEST 8

struct seen {
    dev_t device;
    ino_t inode;
    long long length;
};

static long raw(long number, long a, long b, long c, long d)
{
    static long (*real)(long, ...);
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return real(number, a, b, c, d);
}

static void note(char kind, dev_t device, ino_t inode, long long length)
{
    const char *log = getenv("DTX_SYNC_LOG");
    char line[96];
    int saved = errno;
    if (log) {
        int size = snprintf(line, sizeof line, "%c %llu %llu %lld\n", kind,
                            (unsigned long long)device, (unsigned long long)inode, length);
        long file = raw(SYS_openat, AT_FDCWD, (long)log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (file >= 0) {
            raw(SYS_write, file, (long)line, size, 0);
            raw(SYS_close, file, 0, 0, 0);
        }
    }
    errno = saved;
}

static int is_file(int file, struct stat *found)
{
    int saved = errno;
    int is = fstat(file, found) == 0 && S_ISREG(found->st_mode);
    errno = saved;
    return is;
}

static void note_file(char kind, int file, long long length)
{
    struct stat found;
    if (is_file(file, &found)) note(kind, found.st_dev, found.st_ino, length);
}

/* ------------------------------------------------------------------ syncs of one file */

#define SYNC_ONE(name)                                                                             \
    int name(int file)                                                                             \
    {                                                                                              \
        REAL(name);                                                                                \
        struct stat before;                                                                        \
        int is = is_file(file, &before);                                                           \
        int result = real(file);                                                                   \
        if (result == 0 && is) note('S', before.st_dev, before.st_ino, before.st_size);            \
        return result;                                                                             \
    }

SYNC_ONE(fsync)
SYNC_ONE(fdatasync)

int aio_fsync(int how, struct aiocb *request)
{
    REAL(aio_fsync);
    int result = real(how, request);
    if (result == 0) note_file('A', request->aio_fildes, 0);
    return result;
}

int aio_fsync64(int how, struct aiocb64 *request)
{
    REAL(aio_fsync64);
    int result = real(how, request);
    if (result == 0) note_file('A', request->aio_fildes, 0);
    return result;
}

/* Through the C library's syscall(2), as some runtimes do. */
long syscall(long number, ...)
{
    REAL(syscall);
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_fsync) return fsync((int)a[0]);
    if (number == SYS_fdatasync) return fdatasync((int)a[0]);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ------------------------------------------------------------------ syncs of many files */

static int walk(const char *folder, struct seen *files, int count, int depth)
{
    DIR *listing = depth < DEEPEST ? opendir(folder) : NULL;
    if (!listing) return count;
    for (struct dirent *entry; count < MOST_FILES && (entry = readdir(listing));) {
        char path[4096];
        struct stat found;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (lstat(path, &found) != 0) continue;
        if (S_ISDIR(found.st_mode)) count = walk(path, files, count, depth + 1);
        if (S_ISREG(found.st_mode))
            files[count++] = (struct seen){found.st_dev, found.st_ino, found.st_size};
    }
    closedir(listing);
    return count;
}

static int all_files(struct seen *files)
{
    const char *folder = getenv("DTX_DATA_DIR");
    int saved = errno;
    int count = folder ? walk(folder, files, 0, 0) : 0;
    errno = saved;
    return count;
}

static void note_all(const struct seen *files, int count)
{
    for (int i = 0; i < count; i++) note('S', files[i].device, files[i].inode, files[i].length);
}

void sync(void)
{
    REAL(sync);
    struct seen files[MOST_FILES];
    int count = all_files(files);
    real();
    note_all(files, count);
}

int syncfs(int file)
{
    REAL(syncfs);
    struct seen files[MOST_FILES];
    int count = all_files(files);
    int result = real(file);
    if (result == 0) note_all(files, count);
    return result;
}

static int mapped_files(void *address, size_t length, struct seen *files)
{
    unsigned long begin = (unsigned long)address, end = begin + length;
    char *line = NULL;
    size_t room = 0;
    int count = 0, saved = errno;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && count < MOST_FILES && getline(&line, &room, maps) > 0) {
        unsigned long from, to, inode;
        int path = 0;
        struct stat found;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %lu %n", &from, &to, &inode, &path) < 3 || !path) continue;
        line[strcspn(line, "\n")] = 0;
        if (inode && from < end && begin < to && stat(line + path, &found) == 0 && found.st_ino == inode)
            files[count++] = (struct seen){found.st_dev, found.st_ino, found.st_size};
    }
    if (maps) fclose(maps);
    free(line);
    errno = saved;
    return count;
}

int msync(void *address, size_t length, int flags)
{
    REAL(msync);
    struct seen files[MOST_FILES];
    int count = flags & MS_SYNC ? mapped_files(address, length, files) : 0;
    int result = real(address, length, flags);
    if (result == 0) note_all(files, count);
    return result;
}

/* ------------------------------------------------------------------ opening */

static int opened(int file, int flags)
{
    if (file >= 0 && flags & O_TRUNC) note_file('T', file, 0);
    if (file >= 0 && flags & O_DSYNC) note_file('A', file, 0); /* O_SYNC has this bit too. */
    return file;
}

#define MODE(flags, last)                                                                          \
    mode_t mode = 0;                                                                               \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                                 \
        va_list rest;                                                                              \
        va_start(rest, last);                                                                      \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        REAL(name);                                                                                \
        MODE(flags, flags)                                                                         \
        return opened(real(path, flags, mode), flags);                                             \
    }

#define OPENAT(name)                                                                               \
    int name(int folder, const char *path, int flags, ...)                                         \
    {                                                                                              \
        REAL(name);                                                                                \
        MODE(flags, flags)                                                                         \
        return opened(real(folder, path, flags, mode), flags);                                     \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What open becomes with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open64(path, flags); }
int __openat_2(int folder, const char *path, int flags) { return openat(folder, path, flags); }
int __openat64_2(int folder, const char *path, int flags) { return openat64(folder, path, flags); }

int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static FILE *stream(FILE *opened_stream, const char *mode)
{
    if (opened_stream && mode[0] == 'w') note_file('T', fileno(opened_stream), 0);
    return opened_stream;
}

#define FOPEN(name)                                                                                \
    FILE *name(const char *path, const char *mode)                                                 \
    {                                                                                              \
        REAL(name);                                                                                \
        return stream(real(path, mode), mode);                                                     \
    }

#define FREOPEN(name)                                                                              \
    FILE *name(const char *path, const char *mode, FILE *old)                                      \
    {                                                                                              \
        REAL(name);                                                                                \
        return stream(real(path, mode, old), mode);                                                \
    }

FOPEN(fopen)
FOPEN(fopen64)
FREOPEN(freopen)
FREOPEN(freopen64)

/* ------------------------------------------------------------------ truncating */

#define FTRUNCATE(name, type)                                                                      \
    int name(int file, type length)                                                                \
    {                                                                                              \
        REAL(name);                                                                                \
        int result = real(file, length);                                                           \
        if (result == 0) note_file('T', file, length);                                             \
        return result;                                                                             \
    }

#define TRUNCATE(name, type)                                                                       \
    int name(const char *path, type length)                                                        \
    {                                                                                              \
        REAL(name);                                                                                \
        struct stat found;                                                                         \
        int result = real(path, length);                                                           \
        if (result == 0 && stat(path, &found) == 0) note('T', found.st_dev, found.st_ino, length); \
        return result;                                                                             \
    }

FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)
TRUNCATE(truncate, off_t)
TRUNCATE(truncate64, off64_t)

/* ------------------------------------------------------------------ names that go */

static int is_last_name(int folder, const char *path, struct stat *found)
{
    int saved = errno;
    int is = fstatat(folder, path, found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found->st_mode) &&
             found->st_nlink == 1;
    errno = saved;
    return is;
}

#define GOING(call, folder, path)                                                                  \
    struct stat last;                                                                              \
    int is_last = is_last_name(folder, path, &last);                                               \
    int result = call;                                                                             \
    if (result == 0 && is_last) note('G', last.st_dev, last.st_ino, 0);                            \
    return result

int unlink(const char *path)
{
    REAL(unlink);
    GOING(real(path), AT_FDCWD, path);
}

int remove(const char *path)
{
    REAL(remove);
    GOING(real(path), AT_FDCWD, path);
}

int unlinkat(int folder, const char *path, int flags)
{
    REAL(unlinkat);
    GOING(real(folder, path, flags), folder, path);
}

/* A file that takes the name of another one ends that; one that takes its own name does not. */
static int is_replaced(int from, const char *old, int to, const char *new, struct stat *found)
{
    struct stat moved;
    return is_last_name(to, new, found) && fstatat(from, old, &moved, AT_SYMLINK_NOFOLLOW) == 0 &&
           moved.st_ino != found->st_ino;
}

#define RENAMING(call, from, old, to, new)                                                         \
    struct stat last;                                                                              \
    int is_last = is_replaced(from, old, to, new, &last);                                          \
    int result = call;                                                                             \
    if (result == 0 && is_last) note('G', last.st_dev, last.st_ino, 0);                            \
    return result

int rename(const char *old, const char *new)
{
    REAL(rename);
    RENAMING(real(old, new), AT_FDCWD, old, AT_FDCWD, new);
}

int renameat(int from, const char *old, int to, const char *new)
{
    REAL(renameat);
    RENAMING(real(from, old, to, new), from, old, to, new);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned int flags)
{
    REAL(renameat2);
    if (flags & RENAME_EXCHANGE) return real(from, old, to, new, flags);
    RENAMING(real(from, old, to, new, flags), from, old, to, new);
}
