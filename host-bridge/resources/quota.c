/* What one machine may cost the host and its compositor. */
#include "host-bridge/resources/quota.h"

#include <inttypes.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/program/options.h"

/*
 * The defaults are far above what a desktop session of one machine uses, and let a compositor with
 * 1024 file descriptors and 65,530 mappings (the usual limits of a process) live on.
 */
static const struct {
	const char *name;
	uint64_t limit;
	bool each; /* on each single thing, not on the sum */
} descriptions[QUOTA_N_LIMITS] = {
	[QUOTA_CONNECTIONS] = {"connections", 200, false},
	[QUOTA_OBJECTS] = {"objects", 131072, false},
	[QUOTA_SURFACES] = {"surfaces", 2048, false},
	[QUOTA_SUBSURFACE_DEPTH] = {"subsurface-depth", 32, true},
	[QUOTA_SUBSURFACE_MARGIN] = {"subsurface-margin", 100, true},
	[QUOTA_POPUP_PIXELS] = {"popup-pixels", UINT64_C(1) << 20, true},
	[QUOTA_RECTANGLES] = {"rectangles", 65536, false},
	[QUOTA_REGION_RECTANGLES] = {"region-rectangles", 1024, true},
	[QUOTA_SHM_POOLS] = {"shm-pools", 16384, false},
	[QUOTA_BUFFERS] = {"buffers", 32768, false},
	[QUOTA_DMABUF_FDS] = {"dmabuf-fds", 512, false},
	[QUOTA_SHADOW_BYTES] = {"shadow-bytes", UINT64_C(1) << 30, false},
	[QUOTA_ICON_BYTES] = {"icon-bytes", UINT64_C(32) << 20, false},
	[QUOTA_PROFILE_BYTES] = {"profile-bytes", UINT64_C(32) << 20, false},
	[QUOTA_TEXT_BYTES] = {"text-bytes", UINT64_C(4) << 20, false},
	[QUOTA_MIME_TYPES] = {"mime-types", 512, true},
	[QUOTA_QUEUED_BYTES] = {"queued-bytes", UINT64_C(128) << 20, false},
	[QUOTA_PIPES] = {"pipes", 512, false},
	[QUOTA_CONTEXTS] = {"contexts", 2048, false},
	[QUOTA_3D_CONTEXTS] = {"3d-contexts", 64, false},
	[QUOTA_RESOURCES] = {"resources", 65536, false},
	[QUOTA_BLOB_BYTES] = {"blob-bytes", UINT64_C(1) << 40, false},
	[QUOTA_KEPT_REQUESTS] = {"kept-requests", 1024, false},
	[QUOTA_SHARED_FILES] = {"shared-files", 512, false},
	[QUOTA_FDS] = {"fds", 65536, false},
};

void quota_init(struct vm_quota *quota)
{
	*quota = (struct vm_quota){0};
	for (size_t i = 0; i < QUOTA_N_LIMITS; i++)
		quota->entries[i].limit = descriptions[i].limit;
}

const char *quota_set(struct vm_quota *quota, const char *name, const char *value)
{
	unsigned long long limit;

	for (size_t i = 0; i < QUOTA_N_LIMITS; i++) {
		if (strcmp(descriptions[i].name, name) != 0)
			continue;
		if (!options_parse_bytes(value, &limit))
			return "not a number, with K, M, G or T behind it";
		quota->entries[i].limit = limit;
		return NULL;
	}
	return "there is no such limit (see wayferry-host capabilities)";
}

void quota_take_limits(struct vm_quota *quota, const struct vm_quota *from)
{
	for (size_t i = 0; i < QUOTA_N_LIMITS; i++)
		quota->entries[i].limit = from->entries[i].limit;
}

bool quota_cap(struct vm_quota *quota, enum quota_limit limit, uint64_t most)
{
	bool less = most < quota->entries[limit].limit;

	if (less)
		quota->entries[limit].limit = most;
	return less;
}

uint64_t quota_limit_of(const struct vm_quota *quota, enum quota_limit limit)
{
	return quota ? quota->entries[limit].limit : descriptions[limit].limit;
}

bool quota_charge(struct vm_quota *quota, enum quota_limit limit, uint64_t n)
{
	if (!quota)
		return true;
	uint64_t use = descriptions[limit].each ? 0 : quota->entries[limit].use;
	if (!range_fits(use, n, quota->entries[limit].limit))
		return false;
	quota->entries[limit].peak = max_u64(quota->entries[limit].peak, use + n);
	if (!descriptions[limit].each)
		quota->entries[limit].use += n;
	return true;
}

void quota_release(struct vm_quota *quota, enum quota_limit limit, uint64_t n)
{
	if (quota && !descriptions[limit].each)
		quota->entries[limit].use -= n;
}

bool quota_change(struct vm_quota *quota, enum quota_limit limit, uint64_t *charged, uint64_t now)
{
	if (now > *charged && !quota_charge(quota, limit, now - *charged))
		return false;
	if (now < *charged)
		quota_release(quota, limit, *charged - now);
	*charged = now;
	return true;
}

const char *quota_explain(
	const struct vm_quota *quota, enum quota_limit limit, char text[QUOTA_TEXT_MAX])
{
	snprintf(text, QUOTA_TEXT_MAX, "this machine has reached its limit of %s (%" PRIu64 ")",
		descriptions[limit].name, quota ? quota->entries[limit].limit : 0);
	return text;
}

const char *quota_name(enum quota_limit limit)
{
	return descriptions[limit].name;
}

void quota_print(const struct vm_quota *quota, FILE *out)
{
	for (size_t i = 0; i < QUOTA_N_LIMITS; i++)
		fprintf(out, "limit %s %" PRIu64 "\nuse %s %" PRIu64 "\npeak %s %" PRIu64 "\n",
			descriptions[i].name, quota->entries[i].limit, descriptions[i].name,
			quota->entries[i].use, descriptions[i].name, quota->entries[i].peak);
}
