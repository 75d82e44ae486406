/* SPDX-License-Identifier: MIT */
/* Prints each backend that can be opened: its name, "impaired" or "good". */
#include <stdio.h>
#include <string.h>

#include <vmapi/vmapi.h>

#define BACKENDS 8

int main(void)
{
	struct vmapi_backend_info infos[BACKENDS];
	size_t count, i;

	memset(infos, 0, sizeof(infos));
	infos[0].size = sizeof(infos[0]);
	if (vmapi_probe(VMAPI_PROBE_TRIAL, infos, BACKENDS, &count) != 0) {
		fprintf(stderr, "%s\n", vmapi_error_last()->message);
		return 1;
	}
	for (i = 0; i < count && i < BACKENDS; i++) {
		if (infos[i].status == 0)
			printf("%s %s\n", infos[i].name,
				infos[i].flags & VMAPI_BACKEND_IMPAIRED
					? "impaired" : "good");
		else
			fprintf(stderr, "%s: %s\n", infos[i].name,
				infos[i].reason);
	}
	return 0;
}
