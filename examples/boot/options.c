/* SPDX-License-Identifier: MIT */
/* The command line. */
#include "options.h"
#include "memory.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmapi/vmapi.h>

#define MEM_MIN	    MIB
#define MEM_MAX	    (1024 * GIB)
#define MEM_DEFAULT (256 * MIB)
#define TRACE_POST  (1u << 31)

enum option_code {
	OPT_BACKEND = 256,
	OPT_CPU,
	OPT_CPUS,
	OPT_MEM,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_APPEND,
	OPT_BIOS,
	OPT_DISK,
	OPT_DEVICE_PROCESS,
	OPT_NET,
	OPT_MAX_INSTRUCTIONS,
	OPT_DETERMINISTIC,
	OPT_NO_REBOOT,
	OPT_SAVE,
	OPT_RESTORE,
	OPT_STATS,
	OPT_TRACE,
	OPT_HELP,
	OPT_VERSION
};

static const struct option_name {
	const char *name;
	unsigned bit;
} traces[] = {
	{ "call", VMAPI_TRACE_CALL },
	{ "exit", VMAPI_TRACE_EXIT },
	{ "irq", VMAPI_TRACE_IRQ },
	{ "insn", VMAPI_TRACE_INSN },
	{ "block", VMAPI_TRACE_BLOCK },
	{ "post", TRACE_POST },
	{ "all", VMAPI_TRACE_CALL | VMAPI_TRACE_EXIT | VMAPI_TRACE_IRQ |
			VMAPI_TRACE_INSN | VMAPI_TRACE_BLOCK | TRACE_POST }
};

static const struct option long_options[] = {
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "bios", required_argument, NULL, OPT_BIOS },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "device-process", no_argument, NULL, OPT_DEVICE_PROCESS },
	{ "net", required_argument, NULL, OPT_NET },
	{ "max-instructions", required_argument, NULL, OPT_MAX_INSTRUCTIONS },
	{ "deterministic", no_argument, NULL, OPT_DETERMINISTIC },
	{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
	{ "save", required_argument, NULL, OPT_SAVE },
	{ "restore", required_argument, NULL, OPT_RESTORE },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "trace", optional_argument, NULL, OPT_TRACE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

static const char help[] =
	"usage: vmapi-boot [option...] --kernel FILE | --bios ROM |\n"
	"                              --restore FILE\n"
	"\n"
	"  --backend kvm|soft    who runs the guest (default: what works)\n"
	"  --cpu MODEL           CPU model, as examples/info lists them\n"
	"                        (host)\n"
	"  --cpus N              processors, 1 to 255 (1)\n"
	"  --mem SIZE            RAM, in bytes or with K, M, G (256M)\n"
	"  --kernel FILE         Linux bzImage, multiboot 1, PVH ELF, or else\n"
	"                        a flat image at 0x7c00 in real mode\n"
	"  --initrd FILE         initial RAM disk, or multiboot module\n"
	"  --append STRING       kernel command line\n"
	"  --bios ROM            firmware, a multiple of 64 KiB, below 4 GiB\n"
	"  --disk FILE           a virtio block device; its contents are not in\n"
	"                        what --save saves\n"
	"  --net user|tap[=NAME] a virtio network device: connections of this\n"
	"                        process, or an interface of the host\n"
	"  --device-process      each of these is a process of its own, which\n"
	"                        may die: another one goes on\n"
	"  --max-instructions N  stop after exactly N (soft only)\n"
	"  --deterministic       time is the instruction count (soft only)\n"
	"  --save FILE           save the machine at Ctrl-A s, and when\n"
	"                        --max-instructions were executed\n"
	"  --restore FILE        go on from there; --cpus, --mem and --bios as\n"
	"                        they were\n"
	"  --no-reboot           leave with a dump when the guest resets\n"
	"  --stats               count instructions, time and exits\n"
	"  --trace[=WHAT,...]    call, exit, irq, insn, block, post, all;\n"
	"                        without WHAT: exit,irq,post\n"
	"  --help, --version\n"
	"\n"
	"The guest's serial port is the terminal: Ctrl-A x leaves, Ctrl-A s\n"
	"saves, Ctrl-A h helps.\n"
	"\n"
	"exit status:\n"
	"  odd  the guest wrote a value to port 0xf4: (value << 1) | 1\n"
	"  0    the guest powered off, or Ctrl-A x\n"
	"  2    wrong usage\n"
	"  4    a file cannot be read or loaded\n"
	"  6    the backend cannot make the machine or run it\n"
	"  8    the guest died: a dump says why\n"
	"  10   reset under --no-reboot: a dump says where\n"
	"  12   --max-instructions were executed\n"
	"SIGINT, SIGTERM and SIGHUP end it, too, and show as such.\n";

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "vmapi-boot: %s%s%s\n"
		"vmapi-boot: try --help\n", what, value != NULL ? ": " : "",
		value != NULL ? value : "");
	return STATUS_USAGE;
}

/* A number with nothing before or behind it; the rest goes to *end. */
static int parse_number(const char *text, uint64_t *value, const char **end)
{
	char *stop;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	*value = strtoull(text, &stop, 0);
	*end = stop;
	return errno == 0 && stop != text ? 0 : -1;
}

static int parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "kmg";
	const char *end, *suffix;
	uint64_t value, unit = 1;

	if (parse_number(text, &value, &end) != 0)
		return -1;
	if (*end != '\0') {
		suffix = strchr(suffixes, *end | 0x20);
		if (suffix == NULL || end[1] != '\0')
			return -1;
		unit = KIB << (10 * (suffix - suffixes));
	}
	if (value > MEM_MAX / unit)
		return -1;
	*bytes = value * unit;
	return 0;
}

static int parse_trace(struct options *options, const char *list)
{
	unsigned mask = 0;
	size_t length, i;

	for (; *list != '\0'; list += length + (list[length] == ',')) {
		length = strcspn(list, ",");
		for (i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
			if (strlen(traces[i].name) == length &&
				memcmp(traces[i].name, list, length) == 0)
				break;
		if (i == sizeof(traces) / sizeof(traces[0]))
			return usage("--trace: no such thing to trace", list);
		mask |= traces[i].bit;
	}
	options->trace_post = (mask & TRACE_POST) != 0;
	options->trace = mask & ~TRACE_POST;
	return -1;
}

static int set_number(struct options *options, int option, const char *text)
{
	const char *end;
	uint64_t value;

	if (option == OPT_MEM) {
		if (parse_size(text, &options->mem) != 0 ||
			options->mem < MEM_MIN || options->mem % 4096 != 0)
			return usage("--mem takes 1M to 1024G, whole pages",
				text);
		return -1;
	}
	if (parse_number(text, &value, &end) != 0 || *end != '\0')
		value = 0;
	if (option == OPT_CPUS) {
		if (value < 1 || value > CPUS_MAX)
			return usage("--cpus takes 1 to 255", text);
		options->cpus = (unsigned)value;
		return -1;
	}
	if (value == 0)
		return usage("--max-instructions takes a number from 1 on",
			text);
	options->max_instructions = value;
	return -1;
}

static int set(struct options *options, int option, const char *value)
{
	switch (option) {
	case OPT_BACKEND: options->backend = value; return -1;
	case OPT_CPU: options->cpu = value; return -1;
	case OPT_CPUS:
	case OPT_MEM:
	case OPT_MAX_INSTRUCTIONS: return set_number(options, option, value);
	case OPT_KERNEL: options->kernel = value; return -1;
	case OPT_INITRD: options->initrd = value; return -1;
	case OPT_APPEND: options->append = value; return -1;
	case OPT_BIOS: options->bios = value; return -1;
	case OPT_DISK: options->disk = value; return -1;
	case OPT_DEVICE_PROCESS: options->device_process = true; return -1;
	case OPT_NET: options->net = value; return -1;
	case OPT_DETERMINISTIC: options->deterministic = true; return -1;
	case OPT_SAVE: options->save = value; return -1;
	case OPT_RESTORE: options->restore = value; return -1;
	case OPT_NO_REBOOT: options->no_reboot = true; return -1;
	case OPT_STATS: options->stats = true; return -1;
	case OPT_TRACE:
		return parse_trace(options,
			value != NULL ? value : "exit,irq,post");
	case OPT_HELP:
		fputs(help, stdout);
		return STATUS_OFF;
	case OPT_VERSION:
		printf("vmapi-boot, libvmapi %s\n", vmapi_version_string());
		return STATUS_OFF;
	default:
		return usage("wrong option", NULL);
	}
}

static int check(const struct options *options)
{
	if (options->kernel == NULL && options->bios == NULL &&
		options->restore == NULL)
		return usage("give it a --kernel or a --bios", NULL);
	if (options->kernel != NULL && options->bios != NULL)
		return usage("--kernel and --bios exclude each other", NULL);
	if (options->kernel == NULL && options->initrd != NULL)
		return usage("--initrd needs a --kernel", NULL);
	if (options->kernel == NULL && options->append != NULL)
		return usage("--append needs a --kernel", NULL);
	if (options->disk == NULL && options->net == NULL &&
		options->device_process)
		return usage("--device-process needs a --disk or a --net",
			NULL);
	if ((options->disk != NULL || options->net != NULL) &&
		options->deterministic)
		return usage("--disk and --net have threads of their own and "
			"are not --deterministic", NULL);
	return -1;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int option, status;

	memset(options, 0, sizeof(*options));
	options->cpus = 1;
	options->mem = MEM_DEFAULT;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) !=
		-1) {
		status = set(options, option, optarg);
		if (status >= 0)
			return status;
	}
	if (optind < argc)
		return usage("what is this", argv[optind]);
	/* A guest that was restored and resets needs something to load. */
	if (options->kernel == NULL && options->bios == NULL)
		options->no_reboot = true;
	return check(options);
}
