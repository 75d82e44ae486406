/* SPDX-License-Identifier: MIT */
/* x87 instructions on the processor that the test runs on. */
#include "tests/soft/x87_case.h"

#if defined(__x86_64__)

#include <string.h>
#include <sys/mman.h>

/* RDI: the image; RSI: memory; RDX: flags, then RAX. */
static const uint8_t before[] = {
	0xff, 0x32,		/* push qword [rdx] */
	0x48, 0x8b, 0x42, 0x08, /* mov rax, [rdx + 8] */
	0x9d,			/* popfq */
	0xdd, 0x27,		/* frstor [rdi] */
};

static const uint8_t after[] = {
	0xdd,
	0x37, /* fnsave [rdi] */
	0x9c, /* pushfq */
	0x8f,
	0x02, /* pop qword [rdx] */
	0x48,
	0x89,
	0x42,
	0x08, /* mov [rdx + 8], rax */
	0xc3,
};

typedef void code(uint8_t *image, uint8_t *memory, uint64_t *flags);

/* One page for code, for good: a copy per instruction that is new. */
static uint8_t *page(void)
{
	static uint8_t *p;

	if (!p)
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

bool x87_host_run(struct x87_case *t, const uint8_t *insn, unsigned len)
{
	uint64_t words[2] = { t->rflags, t->rax };
	uint8_t *p = page();
	code *run;

	if (!p)
		return false;
	if (memcmp(p + sizeof(before), insn, len) ||
		memcmp(p + sizeof(before) + len, after, sizeof(after))) {
		memcpy(p, before, sizeof(before));
		memcpy(p + sizeof(before), insn, len);
		memcpy(p + sizeof(before) + len, after, sizeof(after));
	}
	memcpy(&run, &p, sizeof(run));
	run(t->image, t->memory, words);
	t->rflags = words[0];
	t->rax = words[1];
	return true;
}

#else

bool x87_host_run(struct x87_case *t, const uint8_t *insn, unsigned len)
{
	(void)t;
	(void)insn;
	(void)len;
	return false;
}

#endif
