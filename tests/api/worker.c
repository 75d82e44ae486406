/* SPDX-License-Identifier: MIT */
/* A guest that computes a checksum, to be moved about. */
#include "tests/api/worker.h"

#define ROUNDS WORKER_ROUNDS
#define DEVICE 0x100010u
#define PAGE   WORKER_PAGE

/*
 * 16 bits: a checksum over a page that it changes on the way, in ROUNDS
 * rounds, each of which adds what a device at 0x100010 says.
 *
 *	xor eax,eax; mov bx,0xffff; mov es,bx; mov cx,ROUNDS
 * round:	mov si,0x2000
 * inner:	rol eax,5; add eax,[si]; xor eax,esi; mov [si],eax; add si,4
 *	cmp si,0x3000; jb inner
 *	add eax,es:[0x20]; out 0x10,eax; dec cx; jnz round
 *	out 0x11,eax; hlt
 */
static const uint8_t checksum[] = { 0x66, 0x31, 0xc0, 0xbb, 0xff, 0xff, 0x8e,
	0xc3, 0xb9, ROUNDS, 0x00, 0xbe, 0x00, 0x20, 0x66, 0xc1, 0xc0, 0x05,
	0x66, 0x03, 0x04, 0x66, 0x31, 0xf0, 0x66, 0x89, 0x04, 0x83, 0xc6, 0x04,
	0x81, 0xfe, 0x00, 0x30, 0x72, 0xea, 0x26, 0x66, 0x03, 0x06, 0x20, 0x00,
	0x66, 0xe7, 0x10, 0x49, 0x75, 0xdb, 0x66, 0xe7, 0x11, 0xf4 };

/* What the device says the n-th time. */
static uint32_t device_value(unsigned n)
{
	return 0x01234567u * (n + 1);
}

uint32_t worker_expected(void)
{
	static uint32_t page[1024];
	uint32_t eax = 0;
	unsigned n, i;

	memset(page, 0, sizeof(page));
	for (n = 0; n < ROUNDS; n++) {
		for (i = 0; i < 1024; i++) {
			eax = (eax << 5 | eax >> 27) + page[i];
			eax ^= PAGE + 4 * i;
			page[i] = eax;
		}
		eax += device_value(n);
	}
	return eax;
}

void twin(struct machine *m, const char *backend,
	const struct vmapi_vm_config *config)
{
	memset(m, 0, sizeof(*m));
	m->backend = backend;
	api_machine(m, config);
}

void worker_load(struct machine *m)
{
	api_load(m, checksum, sizeof(checksum));
}

unsigned worker_go_on(struct machine *m, struct vmapi_exit *exit,
	unsigned *reads)
{
	unsigned reason = api_run(m, exit);
	uint32_t value;

	if (reason == VMAPI_EXIT_MMIO) {
		uint8_t bytes[4];
		unsigned i;

		EQUAL((int64_t)exit->u.mmio.gpa, DEVICE);
		EQUAL(exit->u.mmio.length, 4);
		value = device_value((*reads)++);
		for (i = 0; i < 4; i++)
			bytes[i] = (uint8_t)(value >> 8 * i);
		EQUAL(vmapi_vcpu_complete(m->vcpu, bytes, 4), 0);
	}
	return reason;
}
