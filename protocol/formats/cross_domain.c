/* Codecs of the cross-domain protocol: lengths are checked here, so that those who execute commands
 * need not. */
#include "protocol/formats/cross_domain.h"

#include <errno.h>

/* What each command needs at least; 0: unknown, only the header. */
static const uint16_t command_sizes[256] = {
	[CROSS_DOMAIN_CMD_INIT] = sizeof(struct cross_domain_init_legacy),
	[CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS] =
		sizeof(struct cross_domain_get_image_requirements),
	[CROSS_DOMAIN_CMD_POLL] = sizeof(struct cross_domain_poll),
	[CROSS_DOMAIN_CMD_SEND] = sizeof(struct cross_domain_send_receive),
	[CROSS_DOMAIN_CMD_WRITE] = sizeof(struct cross_domain_read_write),
	[CROSS_DOMAIN_CMD_CREDIT] = sizeof(struct cross_domain_credit),
	[CROSS_DOMAIN_CMD_FETCH] = sizeof(struct cross_domain_fetch),
	[CROSS_DOMAIN_CMD_WRITE_FROM] = sizeof(struct cross_domain_write_from),
	[CROSS_DOMAIN_CMD_CLOCK] = sizeof(struct cross_domain_clock),
	[CROSS_DOMAIN_CMD_GROUP] = sizeof(struct cross_domain_group),
	[CROSS_DOMAIN_CMD_PAGES] = sizeof(struct cross_domain_pages),
};

#define SEND_RECEIVE_FIELD(field) offsetof(struct cross_domain_send_receive, field)

/* What SEND and RECEIVE have in common; @length is that of the struct at least. */
static bool send_fits(const uint8_t *bytes, size_t length)
{
	return load_u32(bytes + SEND_RECEIVE_FIELD(num_identifiers)) <=
		CROSS_DOMAIN_MAX_IDENTIFIERS &&
		load_u32(bytes + SEND_RECEIVE_FIELD(opaque_data_size)) <=
		length - sizeof(struct cross_domain_send_receive);
}

static bool write_fits(const uint8_t *bytes, size_t length)
{
	return load_u32(bytes + offsetof(struct cross_domain_read_write, opaque_data_size)) <=
		length - sizeof(struct cross_domain_read_write);
}

int cross_domain_command_decode(
	const uint8_t *bytes, size_t size, struct cross_domain_header *header, size_t *length)
{
	if (size < sizeof(*header))
		return -EINVAL;
	memcpy(header, bytes, sizeof(*header));
	if (header->cmd_size < sizeof(*header) || header->cmd_size > size ||
		header->cmd_size < command_sizes[header->cmd])
		return -EINVAL;
	if (header->cmd == CROSS_DOMAIN_CMD_SEND && !send_fits(bytes, header->cmd_size))
		return -EINVAL;
	if (header->cmd == CROSS_DOMAIN_CMD_WRITE && !write_fits(bytes, header->cmd_size))
		return -EINVAL;
	*length = header->cmd_size;
	return 0;
}

int cross_domain_init_decode(const uint8_t *bytes, size_t length, struct cross_domain_init *out)
{
	if (length == sizeof(struct cross_domain_init_legacy)) {
		struct cross_domain_init_legacy legacy;
		memcpy(&legacy, bytes, sizeof(legacy));
		*out = (struct cross_domain_init){
			.hdr = legacy.hdr,
			.query_ring = legacy.query_ring,
			.channel_ring = legacy.query_ring,
			.channel_type = legacy.channel_type,
		};
		return 0;
	}
	/* The fields after the first 20 bytes (24: a version, 36: a socket's uuid) are not used for
	 * Wayland. */
	if (length != 20 && length != 24 && length != 36)
		return -EINVAL;
	memcpy(out, bytes, sizeof(*out));
	return 0;
}

int cross_domain_receive_decode(const uint8_t *page, size_t size,
	struct cross_domain_send_receive *out, const uint8_t **data)
{
	if (size < sizeof(*out))
		return -EPROTO;
	memcpy(out, page, sizeof(*out));
	if (out->hdr.cmd != CROSS_DOMAIN_CMD_RECEIVE ||
		out->num_identifiers > CROSS_DOMAIN_MAX_IDENTIFIERS ||
		out->opaque_data_size > size - sizeof(*out))
		return -EPROTO;
	*data = page + sizeof(*out);
	return 0;
}

int cross_domain_read_decode(
	const uint8_t *page, size_t size, struct cross_domain_read_write *out, const uint8_t **data)
{
	if (size < sizeof(*out))
		return -EPROTO;
	memcpy(out, page, sizeof(*out));
	if (out->hdr.cmd != CROSS_DOMAIN_CMD_READ || out->opaque_data_size > size - sizeof(*out))
		return -EPROTO;
	*data = page + sizeof(*out);
	return 0;
}

int cross_domain_bell_decode(
	const uint8_t *page, size_t size, struct cross_domain_bell *out, const uint8_t **members)
{
	if (size < sizeof(*out))
		return -EPROTO;
	memcpy(out, page, sizeof(*out));
	if (out->hdr.cmd != CROSS_DOMAIN_CMD_BELL ||
		out->n_members > CROSS_DOMAIN_BELL_MAX_MEMBERS ||
		out->n_members > (size - sizeof(*out)) / sizeof(uint32_t))
		return -EPROTO;
	*members = page + sizeof(*out);
	return 0;
}

/* As cross_domain_receive_decode, of bytes that nobody else can write. */
static bool receive_fits(const uint8_t *bytes, size_t size)
{
	return size >= sizeof(struct cross_domain_send_receive) &&
		bytes[0] == CROSS_DOMAIN_CMD_RECEIVE && send_fits(bytes, size);
}

size_t cross_domain_event_length(const uint8_t *bytes, size_t size)
{
	struct cross_domain_read_write read;
	struct cross_domain_bell bell;
	const uint8_t *data;
	size_t length = 0;
	/* Nearly all are this one: its arrays are not copied only to see how long it is. */
	if (receive_fits(bytes, size))
		length = sizeof(struct cross_domain_send_receive) +
			load_u32(bytes + SEND_RECEIVE_FIELD(opaque_data_size));
	else if (cross_domain_read_decode(bytes, size, &read, &data) == 0)
		length = sizeof(read) + read.opaque_data_size;
	else if (cross_domain_bell_decode(bytes, size, &bell, &data) == 0)
		length = sizeof(bell) + bell.n_members * sizeof(uint32_t);
	length = align_up(length, 8);
	return length <= size ? length : 0;
}

uint32_t cross_domain_event_identifiers(const uint8_t *bytes, size_t size)
{
	return receive_fits(bytes, size) ? load_u32(bytes + SEND_RECEIVE_FIELD(num_identifiers))
					 : 0;
}
