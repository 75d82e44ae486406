/* SPDX-License-Identifier: MIT */
/* The version of the library that is running. */
#include <vmapi/version.h>

unsigned int vmapi_version(void)
{
	return VMAPI_VERSION_NUMBER;
}

const char *vmapi_version_string(void)
{
	return VMAPI_VERSION_STRING;
}
