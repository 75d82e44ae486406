/* SPDX-License-Identifier: MIT */
/* A guest that writes numbered records to its disk; and who looks for them. */
/*
 * As process 1 of a guest: write record after record to /dev/vda, each to a
 * place of its own for RECORDS of them, flush, and only then say on the console
 * "acked N". Now and then one of those is read back past the cache. A line on
 * the console ends it.
 *
 * journal check FILE N: are record N and those before it in that file? Not the
 * oldest ones: the guest may be ahead meanwhile, and write in their places.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#define BASE	0x800000u /* behind the file system */
#define RECORDS 1024u
#define CHECKED 400u
#define BYTES	16384u
#define WORDS	(BYTES / 8)

static uint64_t expected[WORDS];
static uint64_t found[WORDS] __attribute__((aligned(4096)));

/* No two words of two records are equal (but by chance: splitmix64). */
static const uint64_t *record(uint64_t number)
{
	uint64_t z;
	unsigned i;

	for (i = 0; i < WORDS; i++) {
		z = (number * WORDS + i) * 0x9e3779b97f4a7c15u;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		expected[i] = z ^ z >> 31;
	}
	expected[0] = number;
	return expected;
}

static off_t place(uint64_t number)
{
	return BASE + (off_t)(number % RECORDS) * BYTES;
}

static int is_there(int fd, uint64_t number)
{
	return pread(fd, found, BYTES, place(number)) == (ssize_t)BYTES &&
	       !memcmp(found, record(number), BYTES);
}

/* -- The guest ---------------------------------------------------------- */

static int is_over(void)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&keys, 1, 0) > 0;
}

static int one(int fd, int direct, uint64_t number)
{
	uint64_t past = number > 100 ? number - (uint64_t)rand() % 100 : 1;

	if (pwrite(fd, record(number), BYTES, place(number)) !=
		(ssize_t)BYTES || fsync(fd))
		return -1;
	printf("acked %llu\n", (unsigned long long)number);
	return number % 4 == 0 && !is_there(direct, past) ? -1 : 0;
}

static void run(void)
{
	uint64_t number = 0;
	int fd, direct;

	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/vda", O_RDWR);
	direct = open("/dev/vda", O_RDONLY | O_DIRECT);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fd >= 0 && direct >= 0 && !is_over())
		if (one(fd, direct, ++number)) {
			printf("WRONG at %llu\n", (unsigned long long)number);
			break;
		}
	printf("the journal ends\n");
	/* A kernel that goes down fails what it writes after its devices. */
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	sync();
	reboot(RB_POWER_OFF);
}

/* -- Who looks ---------------------------------------------------------- */

static int check(const char *name, uint64_t last)
{
	uint64_t number = last > CHECKED ? last - CHECKED : 1;
	int fd = open(name, O_RDONLY), bad = fd < 0;

	for (; number <= last && !bad; number++) {
		bad = !is_there(fd, number);
		if (bad)
			printf("record %llu of %llu is not there, but %llu\n",
				(unsigned long long)number,
				(unsigned long long)last,
				(unsigned long long)found[0]);
	}
	return bad;
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return check(argv[2], strtoull(argv[3], NULL, 10));
	if (getpid() == 1)
		run();
	return 2;
}
