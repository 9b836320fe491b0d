/* Memory for long runs of events. */
#include "guest-proxy/channel/read_pages.h"

#include <errno.h>

bool read_pages_ask(
	struct read_pages *pages, const struct gpu_ops *ops, struct gpu_context *context)
{
	if (pages->blob || pages->refused)
		return false;
	int error = ops->blob_create(context, GPU_BLOB_GUEST, 0,
		POLL_CREDITS_MAX_SLOTS * (size_t)CROSS_DOMAIN_LONG_RUN_MAX_BYTES, &pages->blob);
	if (error != 0 && error != -EINPROGRESS) {
		pages->blob = NULL;
		pages->refused = true;
	}
	pages->ready = error == 0;
	return pages->ready;
}

bool read_pages_answered(struct read_pages *pages, const struct gpu_ops *ops, int error)
{
	pages->ready = error == 0;
	if (error < 0) {
		read_pages_finish(pages, ops);
		pages->refused = true;
	}
	return pages->ready;
}

void read_pages_finish(struct read_pages *pages, const struct gpu_ops *ops)
{
	ops->blob_destroy(pages->blob);
	*pages = (struct read_pages){.refused = pages->refused};
}
