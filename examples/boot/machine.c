/* SPDX-License-Identifier: MIT */
/* Makes the machine from the library's parts, and powers it on. */
/*
 * The order is the library's: a context (which backend), a VM, the memory
 * map, devices, processors.  Everything is made once; a reset of the guest
 * only puts it back into its power-on state and loads the kernel again.
 */
#include "machine.h"
#include "terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROM_UNIT (64 * KIB)
#define ROM_MAX	 (16 * MIB - TEST_RAM_SIZE) /* ends above the test RAM */

int complain(const char *what)
{
	const struct vmapi_error *error = vmapi_error_last();

	fprintf(stderr, "vmapi-boot: %s: %s%s%s\n", what, error->object,
		error->object[0] != '\0' ? ": " : "",
		error->message[0] != '\0' ? error->message
					  : strerror(-error->code));
	return STATUS_MACHINE;
}

/* -- Files -------------------------------------------------------------- */

static int read_file(struct image *image, const char *name, uint64_t limit)
{
	char error[320];

	if (name == NULL || image_read(image, name, limit, error,
				    sizeof(error)) == 0)
		return 0;
	fprintf(stderr, "vmapi-boot: %s\n", error);
	return STATUS_LOAD;
}

static int read_files(struct machine *m)
{
	const struct options *options = m->options;
	int status;

	status = read_file(&m->kernel, options->kernel, options->mem);
	if (status == 0)
		status = read_file(&m->initrd, options->initrd, options->mem);
	if (status == 0)
		status = read_file(&m->bios, options->bios, ROM_MAX);
	if (status == 0 && m->bios.size % ROM_UNIT != 0) {
		fprintf(stderr, "vmapi-boot: %s: %" PRIu64
			" bytes, and a ROM has a multiple of 64 KiB\n",
			options->bios, m->bios.size);
		status = STATUS_LOAD;
	}
	if (status == 0 && options->disk != NULL &&
		disk_open(&m->disk, options->disk) != 0) {
		fprintf(stderr, "vmapi-boot: %s: %s\n", options->disk,
			errno == EINVAL ? "no file of whole 512-byte sectors"
					: strerror(errno));
		status = STATUS_LOAD;
	}
	return status;
}

static int open_network(struct machine *m)
{
	const char *how = m->options->net;

	if (how == NULL || net_open(&m->net, how) == 0)
		return 0;
	fprintf(stderr, "vmapi-boot: --net %s: %s\n", how,
		errno == EINVAL ? "it takes user, tap or tap=NAME" :
		errno == ENOTSUP ? "built without libslirp (Debian: "
				   "libslirp-dev)" : strerror(errno));
	return errno == EINVAL ? STATUS_USAGE : STATUS_LOAD;
}

/* -- The context -------------------------------------------------------- */

static void log_line(void *opaque, int level, const char *line)
{
	(void)opaque;
	(void)level;
	fprintf(stderr, "vmapi-boot: %s\n", line);
}

static void trace_line(void *opaque, unsigned what, const char *line)
{
	(void)opaque;
	(void)what;
	fprintf(stderr, "%s\n", line);
}

static int open_backend(struct machine *m)
{
	const struct options *options = m->options;
	struct vmapi_cap cap = { .size = sizeof(cap) };

	if (vmapi_open(options->backend, 0, &m->ctx) != 0)
		return complain("cannot open a backend");
	if (vmapi_log_set(m->ctx, options->stats ? VMAPI_LOG_INFO
						 : VMAPI_LOG_WARNING,
		    log_line, NULL) != 0)
		return complain("log");
	if (options->trace != 0 &&
		vmapi_trace_set(m->ctx, options->trace, trace_line, NULL) != 0)
		return complain("--trace");
	if (options->max_instructions == 0)
		return 0;
	if (vmapi_cap_get(m->ctx, VMAPI_CAP_RUN_LIMIT, &cap) != 0)
		return complain("capability");
	if (cap.value != 0)
		return 0;
	fprintf(stderr, "vmapi-boot: --max-instructions: the backend %s "
		"cannot count instructions\n", vmapi_backend_name(m->ctx));
	return STATUS_USAGE;
}

static int create_vm(struct machine *m)
{
	const struct vmapi_vm_config config = {
		.size = sizeof(config),
		.flags = VMAPI_VM_PIT | (m->options->deterministic ?
				VMAPI_VM_DETERMINISTIC : 0),
		.irqchip = VMAPI_IRQCHIP_FULL,
		.cpu_model = m->options->cpu
	};

	if (vmapi_vm_create(m->ctx, &config, &m->vm) != 0)
		return complain("cannot create the VM");
	if (vmapi_vm_as(m->vm, &m->as) != 0)
		return complain("address space");
	if (hypercalls_create(m) != 0)
		return STATUS_MACHINE;
	return smram_create(m);
}

/* -- Memory ------------------------------------------------------------- */

int machine_ram(struct machine *m, const char *name, uint64_t bytes,
	enum vmapi_ram_kind kind, struct vmapi_ram **ram)
{
	struct vmapi_ram_config config = {
		.size = sizeof(config),
		.bytes = bytes,
		.kind = kind,
		.flags = VMAPI_RAM_HUGE
	};

	snprintf(config.name, sizeof(config.name), "%s", name);
	if (vmapi_ram_create(m->ctx, &config, ram) != 0)
		return complain("guest RAM");
	return 0;
}

static int add_entry(struct vmapi_map *map, struct vmapi_as *as,
	struct vmapi_map_entry entry)
{
	entry.size = sizeof(entry);
	return entry.bytes == 0 ? 0 : vmapi_map_add(map, as, &entry);
}

/* What an address space has, in SMM or outside. */
static int map_space(struct machine *m, struct vmapi_map *map,
	struct vmapi_as *as)
{
	const struct memory *memory = &m->memory;
	const struct vmapi_map_entry entries[] = {
		{ .gpa = 0, .bytes = VIDEO_BASE, .ram = m->ram },
		{ .gpa = MIB, .bytes = memory->low - MIB, .ram = m->ram,
			.offset = MIB },
		{ .gpa = RAM_HIGH_BASE, .bytes = memory->size - memory->low,
			.ram = m->ram, .offset = memory->low },
		{ .gpa = TEST_RAM_BASE, .bytes = TEST_RAM_SIZE,
			.ram = m->test_ram }
	};
	size_t i;

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (add_entry(map, as, entries[i]) != 0)
			return -1;
	return shadow_map(m, map, as) != 0 ? -1 : smram_map(m, map, as);
}

/* The whole map in one transaction: either all of it is there or nothing. */
static int map_memory(struct machine *m)
{
	struct vmapi_map *map;

	if (vmapi_map_begin(m->vm, &map) != 0)
		return complain("memory map");
	if (map_space(m, map, m->as) != 0 ||
		(m->smm_as != NULL && map_space(m, map, m->smm_as) != 0)) {
		vmapi_map_abort(map);
		return complain("memory map");
	}
	return vmapi_map_commit(map) != 0 ? complain("memory map") : 0;
}

static int create_memory(struct machine *m)
{
	void *base;
	int status;

	status = machine_ram(m, "ram", m->options->mem,
		m->options->device_process ? VMAPI_RAM_MEMFD
					   : VMAPI_RAM_ANONYMOUS, &m->ram);
	if (status == 0)
		status = machine_ram(m, "test", TEST_RAM_SIZE,
			VMAPI_RAM_ANONYMOUS, &m->test_ram);
	if (status != 0)
		return status;
	if (vmapi_ram_pointer(m->ram, &base) != 0)
		return complain("guest RAM");
	memory_init(&m->memory, base, m->options->mem);
	status = shadow_create(m);
	return status != 0 ? status : map_memory(m);
}

/* -- Processors --------------------------------------------------------- */

static int create_cpus(struct machine *m)
{
	struct vmapi_vcpu_config config = {
		.size = sizeof(config),
		.flags = VMAPI_VCPU_STEADY_MASK,
	};
	unsigned i;

	m->cpus = calloc(m->options->cpus, sizeof(*m->cpus));
	if (m->cpus == NULL) {
		fprintf(stderr, "vmapi-boot: out of memory\n");
		return STATUS_MACHINE;
	}
	for (i = 0; i < m->options->cpus; i++) {
		struct cpu *cpu = &m->cpus[i];

		cpu->machine = m;
		cpu->index = i;
		config.id = i;
		if (vmapi_vcpu_create(m->vm, &config, &cpu->vcpu) != 0)
			return complain("cannot create a processor");
		m->n_cpus++;
	}
	return 0;
}

/* -- Devices ------------------------------------------------------------ */

static void uart_send(void *opaque, uint8_t byte)
{
	(void)opaque;
	terminal_write(&byte, 1);
}

/* The main thread may have keys that wait for room: wake it. */
static void uart_drained(void *opaque)
{
	struct machine *m = opaque;
	ssize_t done = write(m->control.pipe[1], "d", 1);

	(void)done; /* a full pipe wakes it as well */
}

static void uart_line(void *opaque, int level)
{
	struct machine *m = opaque;

	vmapi_irq_set(m->uart_irq, level, NULL);
}

static int create_devices(struct machine *m)
{
	int status, err;

	m->uart.send = uart_send;
	m->uart.drained = uart_drained;
	m->uart.line = uart_line;
	m->uart.opaque = m;
	m->pci.pam = shadow_pam;
	m->pci.smram = smram_control;
	m->pci.opaque = m;
	m->ports.trace_post = m->options->trace_post;
	status = chips_create(m);
	if (status == 0)
		status = devices_create(m);
	if (status != 0)
		return status;
	err = uart_attach(&m->uart, &m->board, 0x3f8);
	if (err == 0)
		err = pci_attach(&m->pci, &m->board);
	if (err == 0)
		err = ports_attach(&m->ports, &m->board);
	if (err == 0)
		err = smram_attach(m);
	if (err == 0)
		err = chips_firmware_files(m);
	if (err == 0)
		err = fwcfg_attach(&m->fwcfg, &m->board, m->as);
	if (err == 0)
		return 0;
	fprintf(stderr, "vmapi-boot: the board: %s\n", strerror(-err));
	return STATUS_MACHINE;
}

/* -- All of it ---------------------------------------------------------- */

int machine_create(struct machine *m, const struct options *options)
{
	int status;

	memset(m, 0, sizeof(*m));
	m->options = options;
	m->control.pipe[0] = m->control.pipe[1] = -1;
	m->disk.fd = -1;
	m->net.fd = -1;
	devices_init(m);
	board_init(&m->board);
	status = read_files(m);
	if (status == 0)
		status = open_network(m);
	if (status == 0)
		status = open_backend(m);
	if (status == 0)
		status = create_vm(m);
	if (status == 0)
		status = create_memory(m);
	if (status == 0)
		status = create_cpus(m);
	if (status == 0)
		status = create_devices(m);
	return status;
}

/*
 * Children before parents is tidy, but the library would not mind.  Who watches
 * over the devices' processes may be asking the vcpus to stop until he is gone.
 */
void machine_destroy(struct machine *m)
{
	unsigned i;

	devices_destroy(m);
	for (i = 0; i < m->n_cpus; i++)
		vmapi_vcpu_destroy(m->cpus[i].vcpu);
	free(m->cpus);
	disk_close(&m->disk);
	net_close(&m->net);
	chips_destroy(m);
	fwcfg_free(&m->fwcfg);
	vmapi_ram_destroy(m->shadow.rom);
	vmapi_ram_destroy(m->test_ram);
	vmapi_ram_destroy(m->ram);
	vmapi_as_destroy(m->smm_as);
	vmapi_as_destroy(m->as);
	vmapi_vm_destroy(m->vm);
	vmapi_close(m->ctx);
	image_free(&m->kernel);
	image_free(&m->initrd);
	image_free(&m->bios);
}

static int load(struct machine *m, struct start *start)
{
	struct load load = {
		.memory = &m->memory,
		.kernel = &m->kernel,
		.initrd = m->options->initrd != NULL ? &m->initrd : NULL,
		.append = m->options->append
	};

	m->memory.n_taken = 0;
	load.rsdp = acpi_place(&m->acpi, &m->memory);
	if (load_kernel(&load) != 0) {
		fprintf(stderr, "vmapi-boot: %s\n", load.error);
		return STATUS_LOAD;
	}
	*start = load.start;
	/* The loaders wrote through the pointer: say so. */
	if (vmapi_ram_written(m->ram, 0, m->memory.size) != 0)
		return complain("guest RAM");
	return 0;
}

int machine_start(struct machine *m)
{
	struct start start = { .mode = START_RESET };
	int status;

	uart_reset(&m->uart);
	pci_reset(&m->pci);
	ports_reset(&m->ports);
	fwcfg_reset(&m->fwcfg);
	status = devices_reset(m);
	if (status != 0)
		return status;
	if (vmapi_vm_reset(m->vm) != 0)
		return complain("reset");
	status = shadow_reset(m);
	if (status == 0)
		status = smram_reset(m);
	if (status != 0 || m->options->bios != NULL)
		return status;
	status = firmware_run(m);
	if (status == 0)
		status = load(m, &start);
	return status != 0 ? status : firmware_enter(m, &start);
}
