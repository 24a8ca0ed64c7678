/*
 * A disk that fails when it is told to, for one process: loaded before the C library, it stands between the
 * process and every write and flush of the files whose path contains DISK_FILES, or ends with it where it ends
 * with a dollar sign.
 *
 * DISK_FAIL       "write" or "flush": which calls are counted
 * DISK_FAIL_FILES the files whose calls are counted, where these are fewer than all
 * DISK_FAIL_AT    the first of them that fails, counted from 1
 * DISK_COUNT      how many fail from there on; absent for all
 * DISK_ERRNO      with which error
 * DISK_SWITCH     a file: calls are counted, and fail, only while it exists; absent for always
 * DISK_RECORD     a file to which every write, flush and truncation is added, and every write to standard
 *                 output, in the order in which they happened
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static long counted = 0;
static int record_fd = -2;

static int is_one_of(const char *files, const char *path) {
  if (files == NULL) return 0;
  size_t wanted = strlen(files);
  if (files[wanted - 1] != '$') return strstr(path, files) != NULL;
  size_t length = strlen(path);
  wanted -= 1;
  return length >= wanted && strncmp(path + length - wanted, files, wanted) == 0;
}

static int path_of(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_one_of(getenv("DISK_FILES"), path);
}

static int fails(const char *kind, const char *path) {
  const char *wanted = getenv("DISK_FAIL");
  if (wanted == NULL || strcmp(wanted, kind) != 0) return 0;
  if (!is_one_of(getenv("DISK_FAIL_FILES") ?: getenv("DISK_FILES"), path)) return 0;
  const char *lever = getenv("DISK_SWITCH");
  if (lever != NULL && access(lever, F_OK) != 0) return 0;
  const char *count = getenv("DISK_COUNT");
  long first = atol(getenv("DISK_FAIL_AT") ?: "1");
  counted += 1;
  if (counted < first || (count != NULL && counted >= first + atol(count))) return 0;
  errno = atoi(getenv("DISK_ERRNO") ?: "5");
  return 1;
}

/* One record: kind, path length, path, offset, length, and the bytes themselves. */
static void record(char kind, const char *path, int64_t offset, const void *bytes, uint32_t length) {
  if (record_fd == -2) {
    const char *file = getenv("DISK_RECORD");
    record_fd = file == NULL ? -1 : open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  }
  if (record_fd < 0) return;
  char head[4096 + 32];
  uint16_t path_length = (uint16_t)strlen(path);
  size_t size = 0;
  head[size++] = kind;
  memcpy(head + size, &path_length, 2), size += 2;
  memcpy(head + size, path, path_length), size += path_length;
  memcpy(head + size, &offset, 8), size += 8;
  memcpy(head + size, &length, 4), size += 4;
  /* Past the functions below, or every record would be recorded. */
  syscall(SYS_write, record_fd, head, size);
  if (bytes != NULL) syscall(SYS_write, record_fd, bytes, length);
}

static ssize_t written(int fd, const void *bytes, size_t length, off_t offset, int at_offset) {
  char path[4096];
  if (fd == 1) {
    pthread_mutex_lock(&turn);
    record('A', "", 0, bytes, (uint32_t)length);
    pthread_mutex_unlock(&turn);
  }
  if (!path_of(fd, path, sizeof path)) {
    return at_offset ? syscall(SYS_pwrite64, fd, bytes, length, offset)
                     : syscall(SYS_write, fd, bytes, length);
  }
  pthread_mutex_lock(&turn);
  ssize_t result = -1;
  if (!fails("write", path)) {
    if (!at_offset) offset = lseek(fd, 0, SEEK_CUR);
    result = at_offset ? syscall(SYS_pwrite64, fd, bytes, length, offset)
                       : syscall(SYS_write, fd, bytes, length);
    if (result > 0) record('W', path, offset, bytes, (uint32_t)result);
  }
  int error = errno;
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

static int flushed(int fd, long call) {
  char path[4096];
  if (!path_of(fd, path, sizeof path)) return (int)syscall(call, fd);
  pthread_mutex_lock(&turn);
  int result = -1;
  if (!fails("flush", path)) {
    result = (int)syscall(call, fd);
  }
  int error = errno;
  record(result == 0 ? 'F' : 'X', path, 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

static int truncated(int fd, off_t length) {
  char path[4096];
  int matches = path_of(fd, path, sizeof path);
  pthread_mutex_lock(&turn);
  int result = (int)syscall(SYS_ftruncate, fd, length);
  if (matches && result == 0) record('T', path, length, NULL, 0);
  int error = errno;
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

ssize_t write(int fd, const void *bytes, size_t length) { return written(fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return written(fd, bytes, length, offset, 1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  return written(fd, bytes, length, offset, 1);
}
int fsync(int fd) { return flushed(fd, SYS_fsync); }
int fdatasync(int fd) { return flushed(fd, SYS_fdatasync); }
int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off_t length) { return truncated(fd, length); }
