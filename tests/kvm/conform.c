/* SPDX-License-Identifier: MIT */
/* The conformance suite on the recording kernel: what needs no guest. */
#include "tests/api/present.h"
#include "tests/kvm/native.h"

bool api_present(void)
{
	fake_install(&native.kernel);
	fake.is_strict = true;
	fake.attributes = VMAPI_MEMORY_PRIVATE;
	return false;
}
