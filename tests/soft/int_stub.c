/* SPDX-License-Identifier: MIT */
/* A processor of flat memory, for tests of single helpers. */
#include "tests/soft/int_stub.h"

#include "lib/soft/block.h"
#include "lib/soft/device.h"
#include "lib/soft/smm.h"
#include "lib/sys/sys.h"

struct stub stub;
const struct vmi_sys *vmi_sys;

bool vmi_random(struct vmi_cpu *c, uint64_t *value)
{
	(void)c;
	*value = stub_random();
	return true;
}

static jmp_buf out;

uint64_t stub_random(void)
{
	static uint64_t x = 0x2545f4914f6cdd1dull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x9e3779b97f4a7c15ull;
}

void stub_fail(const char *what, uint64_t got, uint64_t want)
{
	if (stub.failures++ < 20)
		printf("%s: %llx, not %llx\n", what,
			(unsigned long long)got, (unsigned long long)want);
}

void stub_reset(unsigned mode)
{
	unsigned i;

	memset(stub.page, 0, sizeof(stub.page));
	memset(&stub.cpu, 0, sizeof(stub.cpu));
	memset(&stub.op, 0, sizeof(stub.op));
	stub.cpu.mode = (uint8_t)mode;
	stub.cpu.amask = mode == 64 ? ~0ull : 0xffffffffull;
	stub.cpu.cr0 = VMI_CR0_PE;
	for (i = 0; i < 6; i++) {
		stub.cpu.seg[i].limit = 0xffffffff;
		stub.cpu.seg[i].attributes = i == VMI_CS ? 0xb : 0x3;
		if (mode == 32)
			stub.cpu.seg[i].attributes |= VMAPI_X86_SEG_DB;
		stub.cpu.seg[i].selector = (uint16_t)(8 * i);
	}
	stub.op.base = stub.op.index = VMI_R_ZERO;
	stub.op.bits = VMI_DS << 4;
	stub.events_after = stub.looks = 0;
	stub.host_runs = stub.accesses = stub.n_ports = 0;
}

int stub_run(void (*helper)(struct vmi_cpu *, const struct vmi_op *))
{
	int r = setjmp(out);

	stub.cpu.op = &stub.op;
	stub.cpu.enter = &stub.op;
	if (r == 0)
		helper(&stub.cpu, &stub.op);
	return r;
}

void vmi_raise(struct vmi_cpu *c, unsigned vector)
{
	c->fault = (struct vmi_fault){ .vector = (uint8_t)vector };
	longjmp(out, STUB_FAULT);
}

void vmi_raise_code(struct vmi_cpu *c, unsigned vector, uint32_t code)
{
	c->fault = (struct vmi_fault){ .vector = (uint8_t)vector,
		.has_code = true, .code = code };
	longjmp(out, STUB_FAULT);
}

bool vmi_element_done(struct vmi_cpu *c)
{
	(void)c;
	return ++stub.looks == stub.events_after;
}

void vmi_again(struct vmi_cpu *c)
{
	(void)c;
	longjmp(out, STUB_AGAIN);
}

/* -- Memory ------------------------------------------------------------- */

static uint8_t *byte_at(struct vmi_cpu *c, uint64_t linear)
{
	linear &= STUB_BYTES - 1;
	if (stub.page[linear >> 12] == STUB_ABSENT) {
		c->fault = (struct vmi_fault){ .vector = VMI_PF,
			.has_code = true, .cr2 = linear };
		longjmp(out, STUB_FAULT);
	}
	return &stub.memory[linear];
}

void vmi_check(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	unsigned i;

	(void)access;
	for (i = 0; i < bytes; i++)
		byte_at(c, linear + i);
}

uint64_t vmi_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	uint64_t v = 0;
	unsigned i;

	vmi_check(c, linear, bytes, VMI_MEM_READ);
	for (i = 0; i < bytes; i++)
		v |= (uint64_t)*byte_at(c, linear + i) << (8 * i);
	stub.accesses++;
	return v;
}

uint64_t vmi_read_rmw(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return vmi_read(c, linear, bytes);
}

uint64_t vmi_sys_read(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	return vmi_read(c, linear, bytes);
}

void vmi_write(struct vmi_cpu *c, uint64_t linear, uint64_t value,
	unsigned bytes)
{
	unsigned i;

	vmi_check(c, linear, bytes, VMI_MEM_WRITE);
	for (i = 0; i < bytes; i++)
		*byte_at(c, linear + i) = (uint8_t)(value >> (8 * i));
	stub.accesses++;
	stub.written = linear;
}

uint8_t *vmi_host(struct vmi_cpu *c, uint64_t linear, unsigned bytes,
	unsigned access)
{
	uint8_t *p = byte_at(c, linear);
	enum stub_page page = stub.page[(linear & (STUB_BYTES - 1)) >> 12];

	if ((linear & 0xfff) + bytes > 0x1000 || page == STUB_WATCHED ||
		(page == STUB_CODE && access == VMI_MEM_WRITE))
		return NULL;
	stub.host_runs++;
	return p;
}

/* Alignment is tests/engine/align.c's. */
void vmi_need_aligned(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	(void)c;
	(void)linear;
	(void)bytes;
}

bool vmi_lockable(struct vmi_cpu *c, uint64_t linear, unsigned bytes)
{
	vmi_check(c, linear, bytes, VMI_MEM_WRITE);
	return vmi_host(c, linear, 1, VMI_MEM_READ);
}

void vmi_debug_access(struct vmi_cpu *c, uint64_t at, unsigned bytes,
	unsigned kinds)
{
	(void)c;
	(void)at;
	(void)bytes;
	(void)kinds;
}

/* The first attempt of each compare-and-swap meets another processor's. */
struct vmi_seen vmi_cas(struct vmi_cpu *c, const struct vmi_op *op,
	uint64_t linear, uint64_t expected, uint64_t desired, unsigned bytes)
{
	struct vmi_seen s = { .value = vmi_read(c, linear, bytes) };

	(void)op;
	s.swapped = s.value == expected;
	if (s.swapped && stub.events_after == ~0u) {
		stub.events_after = 0;
		s.value ^= 1;
		vmi_write(c, linear, s.value, bytes);
		s.swapped = false;
		return s;
	}
	if (s.swapped)
		vmi_write(c, linear, desired, bytes);
	return s;
}

uint64_t vmi_linear(struct vmi_cpu *c, unsigned seg, uint64_t offset,
	unsigned bytes, unsigned access)
{
	(void)access;
	if (c->mode != 64 && offset + bytes - 1 > c->seg[seg].limit)
		vmi_raise_code(c, seg == VMI_SS ? VMI_EXC_SS : VMI_GP, 0);
	return (c->r[VMI_R_SEG + seg] + offset) & c->amask;
}

uint64_t vmi_after(const struct vmi_cpu *c, const struct vmi_op *op)
{
	(void)op;
	return c->rip;
}

/* -- The rest ----------------------------------------------------------- */

void vmi_exclusive_begin(struct vmi_cpu *c)
{
	(void)c;
}

void vmi_exclusive_end(struct vmi_cpu *c)
{
	(void)c;
}

uint64_t vmi_dev_read(struct vmi_cpu *c, enum vmi_space space,
	uint64_t address, unsigned bytes)
{
	(void)c;
	(void)space;
	stub.port_log[stub.n_ports++ & 63] = (uint32_t)address;
	return 0x1122334455667788ull & ((1ull << (8 * bytes)) - 1);
}

void vmi_dev_write(struct vmi_cpu *c, enum vmi_space space, uint64_t address,
	uint64_t value, unsigned bytes)
{
	(void)c;
	(void)space;
	(void)bytes;
	stub.port_log[stub.n_ports++ & 63] = (uint32_t)(address | value << 16);
}

uint64_t vmi_dev_in(struct vmi_cpu *c, uint16_t port, unsigned bytes)
{
	return vmi_dev_read(c, VMI_SPACE_PORT, port, bytes);
}

void vmi_dev_out(struct vmi_cpu *c, uint16_t port, uint64_t value,
	unsigned bytes)
{
	vmi_dev_write(c, VMI_SPACE_PORT, port, value, bytes);
}

void vmi_ferr(struct vmi_cpu *c)
{
	vmi_raise(c, VMI_MF);
}
