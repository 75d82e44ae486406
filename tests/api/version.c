/* SPDX-License-Identifier: MIT */
/* The running library is the one that these headers belong to. */
#include <stdio.h>
#include <string.h>
#include <vmapi/version.h>

int main(void)
{
	if (vmapi_version() != VMAPI_VERSION_NUMBER) {
		printf("number %#x, header %#x\n", vmapi_version(),
			(unsigned int)VMAPI_VERSION_NUMBER);
		return 1;
	}
	if (strcmp(vmapi_version_string(), VMAPI_VERSION_STRING) != 0) {
		printf("string %s, header %s\n", vmapi_version_string(),
			VMAPI_VERSION_STRING);
		return 1;
	}
	return 0;
}
