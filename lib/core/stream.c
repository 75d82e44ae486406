/* SPDX-License-Identifier: MIT */
/*
 * A saved state as a row of sections with checksums, on a descriptor.
 *
 * Whatever comes from outside is checked here before anybody looks at it:
 * lengths before they are allocated, headers before their lengths are
 * believed, payloads before they are given away.  A header's checksum begins
 * with the stream's id and covers the section's number, so that what was cut
 * out, doubled or put in from another stream shows.  The checksum is CRC-32C
 * (RFC 3720 B.4), which finds every burst of up to 32 bits; it is no
 * protection against somebody who forges it, who finds checks of the
 * contents behind it.
 */
#include "lib/core/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <vmapi/state.h>

#include "lib/sys/sys.h"

/* Beginning as PNG does: no text, no 7-bit channel, no changed line ends. */
static const uint8_t magic[8] = { 0x89, 'V', 'M', 'S', 0x0d, 0x0a, 0x1a, 0x0a };

#define ENDIAN_MARK 0x01020304u
#define STREAM_VERSION 1u
#define HEAD_BYTES  64u
#define HEAD_CRC    60u /* where its checksum is */
#define SECTION_BYTES 32u
#define SECTION_CRC   28u

/* -- CRC-32C ------------------------------------------------------------ */

#define POLYNOMIAL 0x82f63b78u

/* tables[k][b]: the byte b followed by k bytes of zero. */
static void fill_tables(uint32_t (*tables)[256])
{
	unsigned b, k;

	for (b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		tables[0][b] = crc;
	}
	for (b = 0; b < 256; b++)
		for (k = 1; k < 8; k++)
			tables[k][b] = tables[k - 1][b] >> 8 ^
				tables[0][tables[k - 1][b] & 0xff];
}

static uint32_t crc_of(
	const struct vmi_stream *s, uint32_t seed, const uint8_t *at, size_t n)
{
	uint32_t (*t)[256] = s->crc;
	uint32_t crc = ~seed;

	for (; n >= 8; n -= 8, at += 8) {
		uint32_t low = crc ^ (uint32_t)vmi_fetch(at, 4);
		uint32_t high = (uint32_t)vmi_fetch(at + 4, 4);

		crc = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^
			t[5][low >> 16 & 0xff] ^ t[4][low >> 24] ^
			t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^
			t[1][high >> 16 & 0xff] ^ t[0][high >> 24];
	}
	while (n--)
		crc = crc >> 8 ^ t[0][(crc ^ *at++) & 0xff];
	return ~crc;
}

/* -- The descriptor ----------------------------------------------------- */

/* It may not be a blocking one. */
static int wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r = vmi_sys->poll(&p, 1, -1);

	return r < 0 && r != -EINTR ? r : 0;
}

static int write_all(const struct vmi_stream *s, const uint8_t *at, size_t n)
{
	ssize_t done;
	int err = 0;

	while (n && !err) {
		done = vmi_sys->write(s->fd, at, n);
		if (done >= 0) {
			at += done;
			n -= (size_t)done;
		} else if (done == -EAGAIN) {
			err = wait_for(s->fd, POLLOUT);
		} else if (done != -EINTR) {
			err = (int)done;
		}
	}
	return err ? vmi_fail(err, "stream", "cannot write it: %s",
			     strerror(-err))
		   : 0;
}

static int read_all(const struct vmi_stream *s, uint8_t *at, size_t n)
{
	ssize_t done;
	int err = 0;

	while (n && !err) {
		done = vmi_sys->read(s->fd, at, n);
		if (!done)
			return vmi_fail(-EBADMSG, "stream",
				"it ends in the middle");
		if (done > 0) {
			at += done;
			n -= (size_t)done;
		} else if (done == -EAGAIN) {
			err = wait_for(s->fd, POLLIN);
		} else if (done != -EINTR) {
			err = (int)done;
		}
	}
	return err ? vmi_fail(err, "stream", "cannot read it: %s",
			     strerror(-err))
		   : 0;
}

int vmi_stream_open(struct vmi_stream *s, int fd)
{
	s->fd = fd;
	s->seed = s->sequence = 0;
	s->crc = vmi_alloc(8 * sizeof(*s->crc));
	if (!s->crc)
		return vmi_fail(-ENOMEM, "stream", "no memory");
	fill_tables(s->crc);
	return 0;
}

void vmi_stream_close(struct vmi_stream *s)
{
	vmi_free(s->crc);
}

/* -- The head of the stream --------------------------------------------- */

int vmi_stream_write_head(
	struct vmi_stream *s, const struct vmi_stream_head *head)
{
	uint8_t bytes[HEAD_BYTES] = { 0 };

	memcpy(bytes, magic, sizeof(magic));
	vmi_store(bytes + 8, ENDIAN_MARK, 4);
	vmi_store(bytes + 12, STREAM_VERSION, 4);
	vmi_store(bytes + 16, head->machine, 4);
	vmi_store(bytes + 20, head->flags, 4);
	memcpy(bytes + 24, head->id, VMI_STREAM_ID);
	memcpy(bytes + 40, head->parent, VMI_STREAM_ID);
	vmi_store(bytes + HEAD_CRC, crc_of(s, 0, bytes, HEAD_CRC), 4);
	s->seed = crc_of(s, 0, head->id, VMI_STREAM_ID);
	return write_all(s, bytes, sizeof(bytes));
}

static int check_head(const struct vmi_stream *s, const uint8_t *bytes)
{
	uint32_t version = (uint32_t)vmi_fetch(bytes + 12, 4);

	if (memcmp(bytes, magic, sizeof(magic)))
		return vmi_fail(-EBADMSG, "stream",
			"it is no saved state of this library");
	if (vmi_fetch(bytes + HEAD_CRC, 4) != crc_of(s, 0, bytes, HEAD_CRC))
		return vmi_fail(-EBADMSG, "stream", "its head is damaged");
	if (vmi_fetch(bytes + 8, 4) != ENDIAN_MARK)
		return vmi_fail(-EPROTONOSUPPORT, "stream",
			"its byte order is not this format's");
	if (version != STREAM_VERSION)
		return vmi_fail(-EPROTONOSUPPORT, "stream",
			"its version is %" PRIu32 ", this library knows %u",
			version, STREAM_VERSION);
	if (vmi_fetch(bytes + 20, 4) &
		~(uint64_t)(VMI_STREAM_DELTA | VMI_STREAM_ROUNDS))
		return vmi_fail(-EPROTONOSUPPORT, "stream",
			"it has flags that this library does not know");
	return 0;
}

int vmi_stream_read_head(struct vmi_stream *s, struct vmi_stream_head *head)
{
	uint8_t bytes[HEAD_BYTES];
	int err = read_all(s, bytes, sizeof(bytes));

	if (!err)
		err = check_head(s, bytes);
	if (err)
		return err;
	head->machine = (uint32_t)vmi_fetch(bytes + 16, 4);
	head->flags = (uint32_t)vmi_fetch(bytes + 20, 4);
	memcpy(head->id, bytes + 24, VMI_STREAM_ID);
	memcpy(head->parent, bytes + 40, VMI_STREAM_ID);
	s->seed = crc_of(s, 0, head->id, VMI_STREAM_ID);
	return 0;
}

/* -- Sections ----------------------------------------------------------- */

const char *vmi_section_name(uint32_t type)
{
	static const char *const names[] = {
		[VMI_SECTION_END] = "end",
		[VMI_SECTION_MACHINE] = "machine",
		[VMI_SECTION_RAM] = "ram",
		[VMI_SECTION_MAP] = "map",
		[VMI_SECTION_CLOCK] = "clock",
		[VMI_SECTION_CPUID] = "cpuid",
		[VMI_SECTION_VCPU] = "vcpu",
		[VMI_SECTION_ROUTES] = "routes",
		[VMI_SECTION_CHIP] = "chip",
		[VMI_SECTION_DEVICE] = "device",
		[VMI_SECTION_APP] = "application",
		[VMI_SECTION_PAGES] = "pages",
		[VMI_SECTION_SERVERS] = "servers",
		[VMI_SECTION_CALLS] = "calls",
	};

	return type < vmi_array_len(names) ? names[type] : "unknown";
}

int vmi_stream_write(struct vmi_stream *s, const struct vmi_section *section)
{
	uint8_t head[SECTION_BYTES];
	size_t n = (size_t)section->bytes;
	int err;

	if (n > VMAPI_SECTION_MAX)
		return vmi_fail(-E2BIG, vmi_section_name(section->type),
			"a section has %zu bytes and may have %u", n,
			VMAPI_SECTION_MAX);
	vmi_store(head, section->type, 4);
	vmi_store(head + 4, section->flags, 4);
	vmi_store(head + 8, section->bytes, 8);
	vmi_store(head + 16, section->index, 4);
	vmi_store(head + 20, s->sequence++, 4);
	vmi_store(head + 24, crc_of(s, 0, section->data, n), 4);
	vmi_store(head + SECTION_CRC, crc_of(s, s->seed, head, SECTION_CRC), 4);
	err = write_all(s, head, sizeof(head));
	return err ? err : write_all(s, section->data, n);
}

int vmi_stream_next(struct vmi_stream *s, struct vmi_section *section)
{
	uint8_t head[SECTION_BYTES];
	int err = read_all(s, head, sizeof(head));

	if (err)
		return err;
	section->type = (uint32_t)vmi_fetch(head, 4);
	section->flags = (uint32_t)vmi_fetch(head + 4, 4);
	section->bytes = vmi_fetch(head + 8, 8);
	section->index = (uint32_t)vmi_fetch(head + 16, 4);
	section->crc = (uint32_t)vmi_fetch(head + 24, 4);
	section->data = NULL;
	if (vmi_fetch(head + SECTION_CRC, 4) !=
		crc_of(s, s->seed, head, SECTION_CRC))
		return vmi_fail(-EBADMSG, "stream",
			"the head of section %" PRIu32 " is damaged",
			s->sequence);
	if (vmi_fetch(head + 20, 4) != s->sequence)
		return vmi_fail(-EBADMSG, "stream",
			"section %" PRIu32 " is missing", s->sequence);
	if (section->bytes > VMAPI_SECTION_MAX)
		return vmi_fail(-EBADMSG, vmi_section_name(section->type),
			"section %" PRIu32 " has 0x%" PRIx64 " bytes",
			s->sequence, section->bytes);
	s->sequence++;
	return 0;
}

int vmi_stream_body(
	struct vmi_stream *s, const struct vmi_section *section, void *data)
{
	size_t n = (size_t)section->bytes;
	int err = read_all(s, data, n);

	if (err || crc_of(s, 0, data, n) == section->crc)
		return err;
	return vmi_fail(-EBADMSG, vmi_section_name(section->type),
		"section %" PRIu32 " is damaged", s->sequence - 1);
}
