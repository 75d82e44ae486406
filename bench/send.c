/* SPDX-License-Identifier: MIT */
/* Posts zeros: send ADDRESS PORT PATH BYTES, in pieces of usual size. */
/*
 * For bench/net.sh, as a static program of the guest.  Its busybox's head reads
 * bytes one by one, and its nc writes a kilobyte at a time: with those one
 * measures them.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char piece[65536];

static int post(int fd, const char *path, unsigned long long bytes)
{
	const int n = dprintf(fd, "POST %s HTTP/1.0\r\n"
		"Content-Length: %llu\r\n\r\n", path, bytes);
	ssize_t done = n;

	for (; done > 0 && bytes > 0; bytes -= (unsigned long long)done)
		done = write(fd, piece,
			bytes < sizeof(piece) ? bytes : sizeof(piece));
	if (done <= 0)
		return -1;
	while (read(fd, piece, sizeof(piece)) > 0)
		continue;
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((unsigned short)atoi(argv[2]));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
		post(fd, argv[3], strtoull(argv[4], NULL, 10)) != 0) {
		perror("send");
		return 1;
	}
	return 0;
}
