/* SPDX-License-Identifier: MIT */
/* The library's chips, wired as on a PC, and what firmware is told. */
#include "machine.h"
#include "bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UART_IRQ 4
#define RTC_IRQ	 8

static int make_irq(struct machine *m, unsigned pin, struct vmapi_irq **irq)
{
	const struct vmapi_irq_config config = {
		.size = sizeof(config),
		.pin = pin
	};

	return vmapi_irq_create(m->vm, &config, irq);
}

/* *device stays NULL where this backend has no such device. */
static int make_device(struct machine *m, enum vmapi_device_type type,
	struct vmapi_irq *irq, struct vmapi_device **device)
{
	const struct vmapi_device_config config = {
		.size = sizeof(config),
		.type = type,
		.base = type == VMAPI_DEVICE_ACPI_PM ? PM_BASE : 0,
		.irq = { irq }
	};
	int err = vmapi_device_create(m->vm, &config, device);

	return err == -ENOTSUP ? 0 : err;
}

/*
 * The bytes of the CMOS by which a PC BIOS learns of the machine (Ralf
 * Brown's CMOS.LST; 0x34 and above as QEMU's and SeaBIOS's custom).
 */
static void fill_cmos(const struct machine *m, uint8_t *cmos)
{
	uint64_t low = m->memory.low, high = m->memory.size - low;
	uint64_t extended = (low - MIB) / KIB;
	uint64_t above16 = low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0;

	cmos[0x14] = 0x02; /* a coprocessor, no drives, no display */
	put16(cmos + 0x15, 640);
	put16(cmos + 0x17, extended > 0xffff ? 0xffff : extended);
	put16(cmos + 0x30, extended > 0xffff ? 0xffff : extended);
	put16(cmos + 0x34, above16 > 0xffff ? 0xffff : above16);
	put_le(cmos + 0x5b, 3, high / (64 * KIB));
	cmos[0x5f] = (uint8_t)(m->n_cpus - 1);
	cmos[0x32] = 0x20; /* the century */
}

static int set_up_rtc(struct machine *m)
{
	uint8_t cmos[128] = { 0 };
	int64_t now = (int64_t)time(NULL);

	if (m->rtc == NULL)
		return 0;
	fill_cmos(m, cmos);
	if (vmapi_device_set(m->rtc, VMAPI_RTC_NVRAM, cmos, sizeof(cmos)) != 0)
		return -1;
	if (m->options->deterministic)
		return 0; /* it begins at the same moment always */
	return vmapi_device_set(m->rtc, VMAPI_RTC_SECONDS, &now, sizeof(now));
}

static int make_devices(struct machine *m)
{
	struct vmapi_irq *rtc_irq = NULL, *sci = NULL;
	int err;

	/* A device references its lines: ours can go. */
	err = make_irq(m, RTC_IRQ, &rtc_irq);
	if (err == 0)
		err = make_irq(m, SCI_IRQ, &sci);
	if (err == 0)
		err = make_device(m, VMAPI_DEVICE_RTC, rtc_irq, &m->rtc);
	if (err == 0)
		err = make_device(m, VMAPI_DEVICE_ACPI_PM, sci, &m->pm);
	if (err == 0)
		err = make_device(m, VMAPI_DEVICE_HPET, NULL, &m->hpet);
	vmapi_irq_destroy(sci);
	vmapi_irq_destroy(rtc_irq);
	return err;
}

int chips_create(struct machine *m)
{
	struct acpi_config acpi = {
		.cpus = m->n_cpus,
		.pci_hole = m->memory.low
	};
	unsigned i;

	if (make_devices(m) != 0 || set_up_rtc(m) != 0)
		return complain("cannot make the board's chips");
	if (make_irq(m, UART_IRQ, &m->uart_irq) != 0)
		return complain("the serial port's interrupt");
	for (i = 0; i < TEST_LINES; i++)
		if (make_irq(m, i, &m->ports.lines[i]) != 0)
			return complain("the test device's interrupts");
	acpi.hpet = m->hpet != NULL;
	if (m->disk.fd >= 0)
		acpi.virtio |= 1u << SLOT_DISK;
	if (m->net.peer != NULL)
		acpi.virtio |= 1u << SLOT_NET;
	if (acpi_build(&m->acpi, &acpi) != 0) {
		fprintf(stderr, "vmapi-boot: the ACPI tables do not fit\n");
		return STATUS_MACHINE;
	}
	return 0;
}

void chips_destroy(struct machine *m)
{
	unsigned i;

	for (i = 0; i < TEST_LINES; i++)
		vmapi_irq_destroy(m->ports.lines[i]);
	vmapi_irq_destroy(m->uart_irq);
	vmapi_device_destroy(m->hpet);
	vmapi_device_destroy(m->pm);
	vmapi_device_destroy(m->rtc);
}

/* RAM as firmware finds it; what it takes for itself it knows. */
static int add_e820(struct machine *m)
{
	uint8_t map[2 * 20] = { 0 };
	uint64_t high = m->memory.size - m->memory.low;

	put64(map + 8, m->memory.low);
	put32(map + 16, RANGE_RAM);
	put64(map + 20, RAM_HIGH_BASE);
	put64(map + 28, high);
	put32(map + 36, RANGE_RAM);
	return fwcfg_add_file(&m->fwcfg, "etc/e820", map, high > 0 ? 40 : 20);
}

int chips_firmware_files(struct machine *m)
{
	static uint8_t script[ACPI_SCRIPT_MAX];
	struct fwcfg *fwcfg = &m->fwcfg;
	uint32_t size = (uint32_t)acpi_script(&m->acpi, script);
	int err;

	err = fwcfg_add_number(fwcfg, FWCFG_RAM_SIZE, 8, m->memory.size);
	if (err == 0)
		err = fwcfg_add_number(fwcfg, FWCFG_CPUS, 2, m->n_cpus);
	if (err == 0)
		err = fwcfg_add_number(fwcfg, FWCFG_MAX_CPUS, 2, m->n_cpus);
	if (err == 0)
		err = add_e820(m);
	if (err == 0)
		err = fwcfg_add_file(fwcfg, "etc/acpi/rsdp", m->acpi.rsdp,
			ACPI_RSDP_BYTES);
	if (err == 0)
		err = fwcfg_add_file(fwcfg, "etc/acpi/tables", m->acpi.tables,
			m->acpi.size);
	if (err == 0)
		err = fwcfg_add_file(fwcfg, "etc/table-loader", script, size);
	return err;
}
