/*
 * proc/cache.h -- the folder of compiled artifacts: named by key, authenticated, never half there.
 *
 * Every file ends in a struct abi_trailer with a MAC under a secret of this folder. A file appears
 * under its name only complete (written aside, synced, renamed). The folder belongs to one user
 * and is not writable by others.
 */
#pragma once
#include "abi/artifact.h"
#include "base/err.h"

#define PROC_PATH_MAX 4096

struct proc_cache {
    char path[PROC_PATH_MAX]; /* absolute */
    struct digest mac_key;
    bool is_temporary; /* made for this process, removed by proc_cache_close; nothing is synced */
};

/* Opens, or makes, the artifact folder: path, or when NULL $WEIR_CACHE, $XDG_CACHE_HOME/weir,
 * $HOME/.cache/weir. Where that cannot be used (read-only, full, foreign), a private temporary
 * folder serves instead and one warning line goes to standard error. A folder of others, or what is
 * no folder, is an error where a path was given. */
MUST_CHECK bool proc_cache_open(struct proc_cache *cache, const char *path, struct err *err);
/* A private folder in $TMPDIR or /tmp, for artifacts that nobody needs later. */
MUST_CHECK bool proc_cache_open_temporary(struct proc_cache *cache, struct err *err);
void proc_cache_close(struct proc_cache *cache);

/* Is there disk for so many bytes more? */
bool proc_cache_has_room(const struct proc_cache *cache, u64 bytes);

/* From here on a private temporary folder serves for what is compiled, and one warning line says
 * so; what was found before stays good. */
MUST_CHECK bool proc_cache_leave(struct proc_cache *cache, const char *why, struct err *err);

/* A new private folder inside the cache for one compiler; remove with proc_cache_job_remove. */
MUST_CHECK bool proc_cache_job_create(struct proc_cache *cache, char out[PROC_PATH_MAX],
                                      struct err *err);
void proc_cache_job_remove(const char *path);

/* "PATH/HEX.SUFFIX". suffix: "code" or "module". */
MUST_CHECK bool proc_cache_file_path(const struct proc_cache *cache, const struct digest *key,
                                     const char *suffix, char out[PROC_PATH_MAX], struct err *err);

/* True if the file exists with a right trailer; a damaged one is removed with a warning line. */
bool proc_cache_has(const struct proc_cache *cache, const char *path);

/* Copies the job's file from_path to to_path, authenticated, atomically and durably, and removes
 * it: a compiler that still runs cannot change the copy.
 * errors: ERR_COMPILE (not a regular file, empty or too large), ERR_SYSTEM. */
MUST_CHECK bool proc_cache_publish(struct proc_cache *cache, const char *from_path,
                                   const char *to_path, struct err *err);
