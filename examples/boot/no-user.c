/* SPDX-License-Identifier: MIT */
/* No network for --net user, where libslirp was not there to be built with. */
#include "net.h"

#include <errno.h>

static int user_open(struct net *net, const char *word)
{
	(void)net;
	(void)word;
	errno = ENOTSUP;
	return -1;
}

const struct net_peer net_user = { .name = "user", .open = user_open };
