/* SPDX-License-Identifier: MIT */
/* The first process of a guest that has a KVM of its own: runs the tests. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * tests/cross/kvm.sh packs this as /init, with two lists beside it, a path on
 * each line: /modules, loaded in this order, and /programs, run in this order,
 * those named .sh by busybox. What a program prints becomes comments of TAP,
 * its status the verdict of its case. What cannot be done is said and ends the
 * run: kvm.sh misses the plan then.
 */

#define LINE_BYTES   1024

static unsigned ran;

/* What hangs shall not hold up the others: seconds, from the kernel's words. */
static unsigned patience(void)
{
	const char *words = getenv("VMI_ALARM");

	return words ? (unsigned)atoi(words) : 150;
}

/* The console is the only way out, and it shall not hold lines back. */
static void die(const char *what, const char *which)
{
	printf("Bail out! %s %s: %s\n", what, which, strerror(errno));
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void mount_all(void)
{
	static const struct { const char *type, *where; } mounts[] = {
		{ "devtmpfs", "/dev" },
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "tmpfs", "/tmp" },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0,
			    NULL))
			die("mount", mounts[i].where);
	}
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		die("load", path);
	close(fd);
}

/* The commands that scripts use. */
static void install(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/busybox", "busybox", "--install", "-s", "/bin",
			(char *)NULL);
		_exit(126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		die("install", "busybox");
}

/* Starts a program with its output in a pipe. */
static pid_t start(const char *path, int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe for", path);
	pid = fork();
	if (pid < 0)
		die("fork for", path);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		alarm(patience());
		if (strcmp(path + strlen(path) - 3, ".sh"))
			execl(path, path, (char *)NULL);
		else
			execl("/bin/busybox", "sh", path, (char *)NULL);
		printf("%s: %s\n", path, strerror(errno));
		fflush(stdout);
		_exit(126);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* Shows what a program prints; leaves its last line, a skip's reason. */
static void show(int fd, char *last)
{
	FILE *from = fdopen(fd, "r");
	char line[LINE_BYTES];

	last[0] = '\0';
	while (from && fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\r\n")] = '\0';
		printf("# %s\n", line);
		if (line[0])
			memcpy(last, line, sizeof(line));
	}
	fclose(from);
}

static void judge(const char *name, int status, const char *last)
{
	bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == 77;
	bool good = skipped || (WIFEXITED(status) && !WEXITSTATUS(status));

	printf("%sok %u - %s", good ? "" : "not ", ++ran, name);
	if (skipped)
		printf(" # SKIP %s", last);
	else if (WIFSIGNALED(status))
		printf(" killed by signal %d", WTERMSIG(status));
	else if (!good)
		printf(" exit status %d", WEXITSTATUS(status));
	printf("\n");
}

static void run(const char *path)
{
	char last[LINE_BYTES];
	int out, status;
	time_t began = time(NULL);
	pid_t pid = start(path, &out);

	show(out, last);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	judge(path + 1, status, last);
	printf("# %s took %ld s\n", path + 1, (long)(time(NULL) - began));
}

static void each_line(const char *list, void (*call)(const char *path))
{
	FILE *from = fopen(list, "r");
	char line[LINE_BYTES];

	if (!from)
		die("read", list);
	while (fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = '\0';
		call(line);
	}
	fclose(from);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_all();
	setenv("PATH", "/bin", 1);
	setenv("srcdir", ".", 1);
	each_line("/modules", load);
	install();
	each_line("/programs", run);
	printf("1..%u\n", ran);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
