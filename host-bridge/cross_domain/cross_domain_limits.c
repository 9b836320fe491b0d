/* What a cross-domain context is charged, and how it ends when it breaks a bound. */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <stdio.h>

#include "protocol/wire/wire.h"
#define LOG_MODULE "context"

bool cross_domain_update_quota(struct cross_domain_context *context)
{
	return quota_adjust(context->base.host->quota, QUOTA_QUEUED_BYTES, &context->charged_bytes,
		guest_stream_bytes(&context->stream) + context->blob_ids.files_bytes);
}

void cross_domain_add_error(
	struct cross_domain_context *context, enum wl_display_error code, const char *text)
{
	uint8_t message[WIRE_DISPLAY_ERROR_BYTES];
	char line[160];

	if (context->error_told)
		return;
	context->error_told = true;
	snprintf(line, sizeof(line), "wayferry: %s", text);
	guest_stream_add(
		&context->stream, message, wire_encode_display_error(message, code, line), NULL, 0);
}

static void fail(struct cross_domain_context *context, enum wl_display_error code, const char *why)
{
	if (context->failed)
		return;
	log_limited(LOG_LEVEL_WARN, "%s failed: %s", context->base.name, why);
	cross_domain_counters(context)->contexts_lost++;
	context->failed = true;
	if (!context->ended)
		cross_domain_add_error(context, code, why);
	context->ended = true;
	cross_domain_hand_over(context);
	cross_domain_end_input(context);
	compositor_destroy(context->compositor);
	context->compositor = NULL;
	pipes_finish(&context->pipes);
	context_wake(&context->base);
}

void cross_domain_fail(struct cross_domain_context *context, const char *why)
{
	fail(context, WL_DISPLAY_ERROR_IMPLEMENTATION, why);
}

void cross_domain_fail_by_quota(struct cross_domain_context *context, enum quota_limit limit)
{
	char text[QUOTA_TEXT_MAX];
	fail(context, WL_DISPLAY_ERROR_NO_MEMORY,
		quota_explain(context->base.host->quota, limit, text));
}

void cross_domain_end_by_quota(struct cross_domain_context *context, enum quota_limit limit)
{
	quota_explain(context->base.host->quota, limit, context->end_text);
	context->end_by_quota = true;
}
