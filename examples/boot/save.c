/* SPDX-License-Identifier: MIT */
/* Saves the machine to a file, and makes it what a file says. */
/*
 * The library saves what is its own; the board's devices go along as sections
 * of bytes, little-endian, written and read by one function for each device:
 * `move` puts its fields into a section or takes them out, so that the two
 * cannot differ.
 */
#include "machine.h"
#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOM	 4096
#define SECTIONS 7

struct fields {
	uint8_t bytes[ROOM];
	size_t n;
	bool out; /* to the section, else from it */
};

static void number(struct fields *f, unsigned width, uint64_t *value)
{
	if (f->out)
		put_le(f->bytes + f->n, width, *value);
	else
		*value = get_le(f->bytes + f->n, width);
	f->n += width;
}

static void byte(struct fields *f, uint8_t *value)
{
	uint64_t wide = *value;

	number(f, 1, &wide);
	*value = (uint8_t)wide;
}

static void bytes(struct fields *f, uint8_t *values, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		byte(f, &values[i]);
}

static void flag(struct fields *f, int *value)
{
	uint64_t wide = *value != 0;

	number(f, 1, &wide);
	*value = wide != 0;
}

/* -- The devices -------------------------------------------------------- */

static void move_uart(struct machine *m, struct fields *f)
{
	struct uart *u = &m->uart;
	uint64_t head = u->head, count = u->count, divisor = u->divisor;

	bytes(f, u->fifo, UART_FIFO);
	number(f, 1, &head);
	number(f, 1, &count);
	number(f, 2, &divisor);
	u->head = (unsigned)head % UART_FIFO;
	u->count = count > UART_FIFO ? UART_FIFO : (unsigned)count;
	u->divisor = (uint16_t)divisor;
	byte(f, &u->ier);
	byte(f, &u->fcr);
	byte(f, &u->lcr);
	byte(f, &u->mcr);
	byte(f, &u->scr);
	byte(f, &u->errors);
	byte(f, &u->deltas);
	byte(f, &u->loop_inputs);
	flag(f, &u->empty_pending);
	flag(f, &u->level);
}

static void move_pci(struct machine *m, struct fields *f)
{
	uint64_t address = m->pci.address;
	unsigned i;

	number(f, 4, &address);
	m->pci.address = (uint32_t)address;
	for (i = 0; i < PCI_FUNCTIONS; i++)
		bytes(f, m->pci.function[i].config,
			sizeof(m->pci.function[i].config));
}

static void move_ports(struct machine *m, struct fields *f)
{
	struct ports *p = &m->ports;

	bytes(f, p->latch, sizeof(p->latch));
	byte(f, &p->mode);
	byte(f, &p->command);
	byte(f, &p->answer);
	flag(f, &p->has_answer);
	bytes(f, p->pm_cnt, sizeof(p->pm_cnt));
	bytes(f, p->printer, sizeof(p->printer));
}

/* An item is known by its key. */
static void move_fwcfg(struct machine *m, struct fields *f)
{
	struct fwcfg *c = &m->fwcfg;
	uint64_t key = c->selected != NULL ? c->selected->key : 0xffff;
	uint64_t offset = c->offset;

	number(f, 2, &key);
	number(f, 4, &offset);
	number(f, 8, &c->dma);
	fwcfg_seek(c, (unsigned)key, (uint32_t)offset);
}

/* What of the map is ours: the map itself is the library's. */
static void move_shadow(struct machine *m, struct fields *f)
{
	bytes(f, m->shadow.pam, PAM_BYTES);
	byte(f, &m->smram.control);
	bytes(f, m->smram.apm, sizeof(m->smram.apm));
}

static void move_ring(struct virtio_ring *ring, struct fields *f)
{
	uint64_t size = ring->size, next = ring->next;
	int is_ready = ring->ready;

	number(f, 2, &size);
	number(f, 2, &next);
	flag(f, &is_ready);
	number(f, 8, &ring->descriptors);
	number(f, 8, &ring->available);
	number(f, 8, &ring->used);
	ring->size = (uint16_t)size;
	ring->next = (uint16_t)next;
	ring->ready = is_ready;
}

static void word(struct fields *f, uint32_t *value)
{
	uint64_t wide = *value;

	number(f, 4, &wide);
	*value = (uint32_t)wide;
}

static void move_flight(struct virtio_flight *flight, struct fields *f)
{
	uint32_t value = atomic_load(&flight->used);
	unsigned i;

	word(f, &value);
	atomic_store(&flight->used, value);
	for (i = 0; i < VIRTIO_QUEUE; i++) {
		value = atomic_load(&flight->taken[i]);
		word(f, &value);
		atomic_store(&flight->taken[i], value);
	}
}

/* It is held. */
static void move_virtio(struct virtio *v, struct fields *f)
{
	struct virtio_state *s = v->state;
	uint32_t interrupt = atomic_load(&s->interrupt);
	unsigned i;

	word(f, &s->status);
	word(f, &s->queue);
	word(f, &s->offered_word);
	word(f, &s->taken_word);
	number(f, 8, &s->taken);
	word(f, &interrupt);
	for (i = 0; i < VIRTIO_QUEUES; i++) {
		move_ring(&s->rings[i], f);
		move_flight(&s->flights[i], f);
	}
	atomic_store(&s->interrupt, interrupt);
}

static void move_disk(struct machine *m, struct fields *f)
{
	move_virtio(&m->disk.virtio, f);
}

/* The card.  What its peer knows, connections above all, is lost. */
static void move_net(struct machine *m, struct fields *f)
{
	move_virtio(&m->net.virtio, f);
}

static const struct {
	const char *name;
	void (*move)(struct machine *m, struct fields *f);
} devices[SECTIONS] = {
	{ "boot: serial port", move_uart },
	{ "boot: pci", move_pci },
	{ "boot: ports", move_ports },
	{ "boot: fw_cfg", move_fwcfg },
	{ "boot: shadow", move_shadow },
	{ "boot: disk", move_disk },
	{ "boot: network", move_net },
};

/* -- Files -------------------------------------------------------------- */

static struct vmapi_section section_of(unsigned i, struct fields *f)
{
	struct vmapi_section section = { .data = f->bytes, .bytes = f->n };

	snprintf(section.name, sizeof(section.name), "%s", devices[i].name);
	return section;
}

static int no_file(const char *name)
{
	fprintf(stderr, "vmapi-boot: %s: %s\n", name, strerror(errno));
	return STATUS_LOAD;
}

static int save(struct machine *m)
{
	static struct fields fields[SECTIONS];
	struct vmapi_section sections[SECTIONS];
	const struct vmapi_state_config config = { .size = sizeof(config),
		.sections = sections, .n_sections = SECTIONS };
	const char *name = m->options->save;
	int fd, err;
	unsigned i;

	for (i = 0; i < SECTIONS; i++) {
		fields[i].n = 0;
		fields[i].out = true;
		devices[i].move(m, &fields[i]);
		sections[i] = section_of(i, &fields[i]);
	}
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return no_file(name);
	err = vmapi_vm_save(m->vm, fd, &config);
	if (close(fd) != 0 && err == 0)
		return no_file(name);
	return err != 0 ? complain("cannot save the machine") : 0;
}

/* No processor runs.  0 or a status; the guest could go on all the same. */
int machine_save(struct machine *m)
{
	int status, left;

	devices_hold(m);
	status = save(m);
	left = devices_release(m);
	return status != 0 ? status : left;
}

/*
 * In place of powering on.  The chips have the serial port's line as it was;
 * our handle on it has not.
 */
int machine_restore(struct machine *m)
{
	static struct fields fields[SECTIONS];
	struct vmapi_section sections[SECTIONS];
	const struct vmapi_state_config config = { .size = sizeof(config),
		.sections = sections, .n_sections = SECTIONS };
	const char *name = m->options->restore;
	int fd, err;
	unsigned i;

	for (i = 0; i < SECTIONS; i++) {
		fields[i].n = sizeof(fields[i].bytes);
		sections[i] = section_of(i, &fields[i]);
	}
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return no_file(name);
	err = vmapi_vm_restore(m->vm, fd, &config);
	close(fd);
	if (err != 0)
		return complain("cannot restore the machine");
	devices_hold(m);
	for (i = 0; i < SECTIONS; i++) {
		fields[i].n = 0;
		devices[i].move(m, &fields[i]);
	}
	devices_resume(m);
	err = devices_release(m);
	if (err != 0)
		return err;
	return vmapi_irq_set(m->uart_irq, m->uart.level, NULL) != 0
		? complain("the serial port's interrupt") : 0;
}
