#include "proc/cache.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define ARTIFACT_BYTES_MAX ((u64)4 << 30)
#define KEY_FILE           "mac.key"
#define JOB_PREFIX         "job-"      /* private folders of compilers */
#define NEW_PREFIX         "new-"      /* files on their way */
#define FILES_NEEDED       16          /* of a compile, its folder and objects included */
#define JOB_SECONDS_MAX    (24 * 3600) /* no compile takes so long */

static bool join(char out[PROC_PATH_MAX], const char *folder, const char *name, struct err *err)
{
    int need = snprintf(out, PROC_PATH_MAX, "%s/%s", folder, name);
    if (need < 0 || need >= PROC_PATH_MAX)
        return err_set(err, ERR_LIMIT, ERR_NO_AT, "the path %s is too long", folder);
    return true;
}

/* ---- the folder and its secret ---- */

static bool default_path(char out[PROC_PATH_MAX], struct err *err)
{
    const char *own = getenv("WEIR_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own != NULL && own[0] != 0) {
        int need = snprintf(out, PROC_PATH_MAX, "%s", own);
        return (need >= 0 && need < PROC_PATH_MAX) ||
               err_set(err, ERR_LIMIT, ERR_NO_AT, "WEIR_CACHE is too long");
    }
    if (xdg != NULL && xdg[0] == '/')
        return join(out, xdg, "weir", err);
    if (home != NULL && home[0] == '/')
        return join(out, home, ".cache/weir", err);
    return err_set(err, ERR_USAGE, ERR_NO_AT, "no HOME to keep compiled modules in");
}

/* mkdir -p with private permissions for what is created. */
static bool make_folders(const char *path, struct err *err)
{
    char part[PROC_PATH_MAX];
    size_t len = strlen(path);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return err_sys(err, "cannot make the folder %s", part);
    }
    return true;
}

static bool check_folder(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_sys(err, "cannot use the folder %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_SYSTEM, ERR_NO_AT, "%s is not a folder", path);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_set(err, ERR_SYSTEM, ERR_NO_AT,
                       "the folder %s can be written by others; make it yours alone (chmod 700)",
                       path);
    if (access(path, R_OK | X_OK) != 0)
        return err_sys(err, "cannot read the folder %s", path);
    return true;
}

static bool read_key(const char *path, struct digest *key)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); /* not for a pipe */
    if (fd < 0)
        return false;
    struct stat st;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
              st.st_size == DIGEST_BYTES && fd_read_all(fd, key->bytes, DIGEST_BYTES);
    fd_close(&fd);
    return ok;
}

static bool sync_file(const struct proc_cache *cache, int fd)
{
    return cache->is_temporary || fsync(fd) == 0;
}

/* Two processes may start at once: the key is written aside and linked, so that exactly one wins
 * and both read the winner's. */
static bool load_key(struct proc_cache *cache, struct err *err)
{
    char path[PROC_PATH_MAX], aside[PROC_PATH_MAX];
    if (!join(path, cache->path, KEY_FILE, err) || !join(aside, cache->path, "key-XXXXXX", err))
        return false;
    if (read_key(path, &cache->mac_key))
        return true;
    int fd = mkostemp(aside, O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "cannot write in the folder %s", cache->path);
    random_bytes(cache->mac_key.bytes, DIGEST_BYTES);
    bool ok = fd_write_all(fd, cache->mac_key.bytes, DIGEST_BYTES) && sync_file(cache, fd) &&
              (link(aside, path) == 0 || errno == EEXIST);
    if (!ok)
        err_sys(err, "cannot write the key file %s", path);
    unlink(aside);
    fd_close(&fd);
    if (ok && !read_key(path, &cache->mac_key))
        return err_set(err, ERR_ARTIFACT, ERR_NO_AT, "%s is damaged; remove it and try again",
                       path);
    return ok;
}

/* Removes a folder of plain files; what is not one of ours keeps it in place. */
static void remove_flat_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(path);
}

/* What was left by processes that were killed before they could remove it. */
static void sweep(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    time_t now = time(NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        char job[PROC_PATH_MAX];
        bool is_job = strncmp(entry->d_name, JOB_PREFIX, sizeof JOB_PREFIX - 1) == 0;
        bool is_new = strncmp(entry->d_name, NEW_PREFIX, sizeof NEW_PREFIX - 1) == 0;
        if ((!is_job && !is_new) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            now - st.st_mtime <= JOB_SECONDS_MAX)
            continue;
        if (is_new && S_ISREG(st.st_mode))
            unlinkat(dirfd(dir), entry->d_name, 0);
        if (is_job && S_ISDIR(st.st_mode) && join(job, path, entry->d_name, NULL))
            remove_flat_folder(job);
    }
    closedir(dir);
}

static bool open_at(struct proc_cache *cache, const char *path, bool is_temporary, struct err *err)
{
    *cache = (struct proc_cache){.is_temporary = is_temporary};
    if (!make_folders(path, err) || !check_folder(path, err))
        return false;
    if (realpath(path, cache->path) == NULL)
        return err_sys(err, "cannot use the folder %s", path);
    sweep(cache->path);
    return load_key(cache, err);
}

bool proc_cache_open_temporary(struct proc_cache *cache, struct err *err)
{
    const char *base = getenv("TMPDIR");
    char path[PROC_PATH_MAX];
    if (!join(path, base != NULL && base[0] == '/' ? base : "/tmp", "weir-XXXXXX", err))
        return false;
    if (mkdtemp(path) == NULL)
        return err_sys(err, "cannot make a temporary folder %s", path);
    if (!open_at(cache, path, true, err)) {
        rmdir(path);
        return false;
    }
    return true;
}

static bool disk_has_room(const char *path, u64 bytes)
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0)
        return true; /* whoever writes will see */
    bool has_files = disk.f_files == 0 || disk.f_favail >= FILES_NEEDED;
    return (disk.f_flag & ST_RDONLY) == 0 && has_files && access(path, W_OK) == 0 &&
           disk.f_bavail >= bytes / disk.f_frsize + 1;
}

bool proc_cache_open(struct proc_cache *cache, const char *path, struct err *err)
{
    char chosen[PROC_PATH_MAX];
    struct err why = {0};
    if (path != NULL ? open_at(cache, path, false, &why)
                     : default_path(chosen, &why) && open_at(cache, chosen, false, &why))
        return true;
    if (path != NULL && disk_has_room(path, sizeof cache->mac_key)) {
        *err = why;
        return false;
    }
    if (!proc_cache_open_temporary(cache, err))
        return false;
    fprintf(stderr, "weir: warning: compiled modules will not be kept: %s\n", why.text);
    return true;
}

bool proc_cache_has_room(const struct proc_cache *cache, u64 bytes)
{
    return cache->is_temporary || disk_has_room(cache->path, bytes);
}

bool proc_cache_leave(struct proc_cache *cache, const char *why, struct err *err)
{
    struct proc_cache temporary;
    if (!proc_cache_open_temporary(&temporary, err))
        return err_context(err, "%s: %s", cache->path, why);
    fprintf(stderr, "weir: warning: compiled modules will not be kept: %s: %s\n", cache->path, why);
    temporary.mac_key = cache->mac_key; /* one key for all artifacts of this process */
    *cache = temporary;
    return true;
}

void proc_cache_close(struct proc_cache *cache)
{
    if (cache->is_temporary)
        remove_flat_folder(cache->path);
    *cache = (struct proc_cache){0};
}

bool proc_cache_job_create(struct proc_cache *cache, char out[PROC_PATH_MAX], struct err *err)
{
    if (!join(out, cache->path, JOB_PREFIX "XXXXXX", err))
        return false;
    if (mkdtemp(out) == NULL)
        return err_sys(err, "cannot make a folder in %s", cache->path);
    return true;
}

void proc_cache_job_remove(const char *path)
{
    remove_flat_folder(path);
}

bool proc_cache_file_path(const struct proc_cache *cache, const struct digest *key,
                          const char *suffix, char out[PROC_PATH_MAX], struct err *err)
{
    char hex[DIGEST_HEX], name[DIGEST_HEX + 16];
    digest_hex(key, hex);
    snprintf(name, sizeof name, "%s.%s", hex, suffix);
    return join(out, cache->path, name, err);
}

/* ---- authenticated files ---- */

static bool trailer_right(const struct proc_cache *cache, const char *path,
                          const struct file_view *file)
{
    struct abi_trailer trailer;
    if (file->len < sizeof trailer)
        return false;
    size_t len = file->len - sizeof trailer;
    memcpy(&trailer, file->bytes + len, sizeof trailer);
    struct digest mac;
    digest_file(&cache->mac_key, path, file->bytes, len, &mac);
    return trailer.magic == ABI_TRAILER_MAGIC && digest_equal(&trailer.mac, &mac);
}

bool proc_cache_has(const struct proc_cache *cache, const char *path)
{
    struct file_view file;
    struct err err = {0};
    if (access(path, F_OK) != 0)
        return false;
    if (!file_map(path, ARTIFACT_BYTES_MAX, "artifact", &file, &err)) {
        fprintf(stderr, "weir: warning: %s\n", err.text);
        return false;
    }
    bool ok = trailer_right(cache, path, &file);
    file_unmap(&file);
    if (!ok) {
        fprintf(stderr, "weir: warning: %s is damaged; compiling again\n", path);
        unlink(path);
    }
    return ok;
}

/* Appends what is left of from; it may change or shrink at any time. */
static bool copy(int from, int to, struct err *err)
{
    static const size_t chunk = 256 * 1024;
    struct stat st;
    if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_COMPILE, ERR_NO_AT, "the compiler left what is not a regular file");
    u8 *bytes = malloc(chunk);
    u64 total = 0;
    ssize_t len = bytes == NULL ? -1 : 1;
    while (len > 0 && (len = read(from, bytes, chunk)) > 0) {
        total += (u64)len;
        if (total > ARTIFACT_BYTES_MAX || !fd_write_all(to, bytes, (size_t)len))
            break;
    }
    free(bytes);
    if (total > ARTIFACT_BYTES_MAX)
        return err_set(err, ERR_COMPILE, ERR_NO_AT, "the compiler wrote more than an artifact has");
    if (len != 0)
        return err_sys(err, "cannot copy an artifact");
    return total > 0 || err_set(err, ERR_COMPILE, ERR_NO_AT, "the compiler wrote an empty file");
}

/* path: where the file will be. */
static bool add_trailer(const struct proc_cache *cache, int fd, const char *path, struct err *err)
{
    struct file_view file;
    if (!file_map_fd(fd, ARTIFACT_BYTES_MAX, "artifact", &file, err))
        return false;
    struct abi_trailer trailer = {.magic = ABI_TRAILER_MAGIC};
    digest_file(&cache->mac_key, path, file.bytes, file.len, &trailer.mac);
    file_unmap(&file);
    if (!fd_write_all(fd, &trailer, sizeof trailer) || fchmod(fd, 0400) != 0 ||
        !sync_file(cache, fd))
        return err_sys(err, "cannot write an artifact");
    return true;
}

static bool sync_folder(const struct proc_cache *cache)
{
    int fd = open(cache->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && sync_file(cache, fd);
    fd_close(&fd);
    return ok;
}

bool proc_cache_publish(struct proc_cache *cache, const char *from_path, const char *to_path,
                        struct err *err)
{
    char aside[PROC_PATH_MAX];
    if (!join(aside, cache->path, NEW_PREFIX "XXXXXX", err))
        return false;
    int from = open(from_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (from < 0)
        return err_sys(err, "the compiler left no file %s", from_path);
    int to = mkostemp(aside, O_CLOEXEC);
    bool ok = to >= 0 || err_sys(err, "cannot write in the folder %s", cache->path);
    ok = ok && copy(from, to, err) && add_trailer(cache, to, to_path, err);
    if (ok && (rename(aside, to_path) != 0 || !sync_folder(cache)))
        ok = err_sys(err, "cannot store the artifact %s", to_path);
    if (!ok && to >= 0)
        unlink(aside);
    unlink(from_path);
    fd_close(&from);
    fd_close(&to);
    return ok;
}
