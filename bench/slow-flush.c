/*
 * A disk whose flushes cost what they cost on a machine without a battery behind its cache: loaded before the
 * C library, it sleeps SLOW_FLUSH_US microseconds in each. With FLUSH_COUNT_FILE, the first eight bytes of that
 * file count the flushes of the process.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t *count;
static long sleep_us;

__attribute__((constructor)) static void start(void) {
  const char *us = getenv("SLOW_FLUSH_US");
  sleep_us = us == NULL ? 0 : atol(us);
  const char *file = getenv("FLUSH_COUNT_FILE");
  if (file == NULL) return;
  int fd = open(file, O_RDWR | O_CREAT, 0600);
  if (fd < 0 || ftruncate(fd, sizeof *count) != 0) return;
  void *shared = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared != MAP_FAILED) count = shared;
  close(fd);
}

static void flushing(void) {
  if (count != NULL) __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
  if (sleep_us <= 0) return;
  struct timespec pause = {sleep_us / 1000000, (sleep_us % 1000000) * 1000};
  nanosleep(&pause, NULL);
}

int fsync(int fd) {
  flushing();
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  flushing();
  return (int)syscall(SYS_fdatasync, fd);
}

int sync_file_range(int fd, off_t offset, off_t length, unsigned int flags) {
  flushing();
  return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
}
