/* Times in messages, of the host's clocks and the guest's. */
#include <time.h>

#include "guest-proxy/connection/clock.h"
#include "guest-proxy/connection/connection.h"
#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)
#define US_PER_S 1000000
#define MAX_S (UINT64_C(100) * 366 * 86400)

/* A time on the wire: seconds in two halves, and nanoseconds. */

static int64_t get_time(const union wire_arg *args)
{
	uint64_t seconds = (uint64_t)args[0].u << 32 | args[1].u;
	return (int64_t)min_u64(seconds, MAX_S) * NS_PER_S + args[2].u;
}

static void put_time(union wire_arg *args, int64_t ns)
{
	uint64_t positive_ns = ns < 0 ? 0 : (uint64_t)ns;
	uint64_t seconds = positive_ns / NS_PER_S;
	args[0].u = (uint32_t)(seconds >> 32);
	args[1].u = (uint32_t)seconds;
	args[2].u = (uint32_t)(positive_ns % NS_PER_S);
}

static int64_t now(void)
{
	return (int64_t)monotonic_ns();
}

/* Asks the host for the time by @clock, if that is due. */
static void refresh(const struct relay *relay, struct host_clock *clock)
{
	struct channel *channel = connection_of(relay)->channel;
	int64_t now_ns = now();

	if ((clock->asked_ns == 0 || now_ns - clock->asked_ns >= HOST_CLOCK_ASK_NS) && channel &&
		channel_ask_clock(channel, clock->id))
		clock->asked_ns = now_ns;
}

static struct host_clocks *clocks_of(const struct relay_message *message)
{
	return connection_of(message->relay)->clocks;
}

/* wp_presentation.clock_id(clk_id) */
static enum relay_verdict handle_clock_id(struct relay_message *message)
{
	struct host_clocks *clocks = clocks_of(message);

	if (clocks->same)
		return RELAY_FORWARD;
	if (clocks->presentation.id != message->args[0].u)
		clocks->presentation = (struct host_clock){.id = message->args[0].u};
	message->args[0].u = CLOCK_MONOTONIC;
	refresh(message->relay, &clocks->presentation);
	return RELAY_FORWARD;
}

/* wp_presentation_feedback.presented(tv_sec_hi, tv_sec_lo, tv_nsec, refresh, seq_hi, seq_lo, flags)
 */
static enum relay_verdict handle_presented(struct relay_message *message)
{
	struct host_clocks *clocks = clocks_of(message);

	if (clocks->same)
		return RELAY_FORWARD;
	put_time(message->args,
		host_clock_to_guest(&clocks->presentation, get_time(message->args), now()));
	refresh(message->relay, &clocks->presentation);
	return RELAY_FORWARD;
}

/* wp_commit_timer_v1.set_timestamp(tv_sec_hi, tv_sec_lo, tv_nsec) */
static enum relay_verdict handle_set_timestamp(struct relay_message *message)
{
	struct host_clocks *clocks = clocks_of(message);

	/* The compositor refuses what is no valid time. */
	if (clocks->same || message->args[2].u >= NS_PER_S)
		return RELAY_FORWARD;
	put_time(message->args, host_clock_to_host(&clocks->presentation, get_time(message->args)));
	refresh(message->relay, &clocks->presentation);
	return RELAY_FORWARD;
}

/*
 * Input. Protocols leave open which clock its times are of; compositors use CLOCK_MONOTONIC. Until
 * the host has told its time they pass as they are.
 */

/* What is to be added; 0: nothing is known. */
static int64_t input_difference_ns(const struct relay_message *message)
{
	struct host_clocks *clocks = clocks_of(message);

	if (clocks->same)
		return 0;
	refresh(message->relay, &clocks->input);
	return clocks->input.known ? -host_clock_to_host(&clocks->input, 0) : 0;
}

/*
 * Nothing happens later than it is told of: what is to be taken off a time that is @ahead_ns of
 * now. By much it is ahead where the guest's clock has stood still, as in a machine that slept,
 * until the host has been asked anew.
 */
static int64_t excess_ns(const struct relay_message *message, int64_t ahead_ns)
{
	struct host_clock *clock = &clocks_of(message)->input;

	if (ahead_ns > HOST_CLOCK_EARLY_NS && clock->measured_ns >= clock->asked_ns) {
		clock->asked_ns = 0;
		refresh(message->relay, clock);
	}
	return ahead_ns > 0 ? ahead_ns : 0;
}

/* wl_seat.get_keyboard(id), and the like: what comes of it will have times. */
static enum relay_verdict handle_get_device(struct relay_message *message)
{
	input_difference_ns(message);
	return RELAY_FORWARD;
}

/* zwp_input_timestamps_v1.timestamp(tv_sec_hi, tv_sec_lo, tv_nsec), before the event it is of */
static enum relay_verdict handle_timestamp(struct relay_message *message)
{
	int64_t difference_ns = input_difference_ns(message);

	if (difference_ns != 0) {
		int64_t ns = get_time(message->args) + difference_ns;
		put_time(message->args, ns - excess_ns(message, ns - now()));
	}
	return RELAY_FORWARD;
}

/* zwp_relative_pointer_v1.relative_motion(utime_hi, utime_lo, ...): microseconds */
static enum relay_verdict handle_relative_motion(struct relay_message *message)
{
	uint64_t us = (uint64_t)message->args[0].u << 32 | message->args[1].u;
	int64_t difference_ns = input_difference_ns(message);

	if (difference_ns != 0) {
		us += (uint64_t)(difference_ns / NS_PER_US);
		/* What is beyond reason is not looked at: its nanoseconds would overflow. */
		if (us / US_PER_S < MAX_S)
			us -= (uint64_t)(excess_ns(message, (int64_t)us * NS_PER_US - now()) /
				NS_PER_US);
	}
	message->args[0].u = (uint32_t)(us >> 32);
	message->args[1].u = (uint32_t)us;
	return RELAY_FORWARD;
}

/* Milliseconds, which begin anew after seven weeks. */
static enum relay_verdict move_ms(struct relay_message *message, size_t argument)
{
	int64_t difference_ns = input_difference_ns(message);

	if (difference_ns != 0) {
		uint32_t ms = message->args[argument].u + (uint32_t)(difference_ns / NS_PER_MS);
		int32_t ahead_ms = (int32_t)(ms - (uint32_t)(now() / NS_PER_MS));
		message->args[argument].u =
			ms - (uint32_t)(excess_ns(message, ahead_ms * NS_PER_MS) / NS_PER_MS);
	}
	return RELAY_FORWARD;
}

/* Events that begin with their time, */
static enum relay_verdict handle_time(struct relay_message *message)
{
	return move_ms(message, 0);
}

/* and those that have a serial before it. */
static enum relay_verdict handle_serial_time(struct relay_message *message)
{
	return move_ms(message, 1);
}

const struct relay_hook clock_hooks[] = {
	{"wp_presentation", "clock_id", handle_clock_id, RELAY_UP},
	{"wp_presentation_feedback", "presented", handle_presented, RELAY_UP},
	{"wp_commit_timer_v1", "set_timestamp", handle_set_timestamp, RELAY_DOWN},
	{"wl_data_device", "motion", handle_time, RELAY_UP},
	{"wl_keyboard", "key", handle_serial_time, RELAY_UP},
	{"wl_pointer", "axis", handle_time, RELAY_UP},
	{"wl_pointer", "axis_stop", handle_time, RELAY_UP},
	{"wl_pointer", "button", handle_serial_time, RELAY_UP},
	{"wl_pointer", "motion", handle_time, RELAY_UP},
	{"wl_seat", "get_keyboard", handle_get_device, RELAY_DOWN},
	{"wl_seat", "get_pointer", handle_get_device, RELAY_DOWN},
	{"wl_seat", "get_touch", handle_get_device, RELAY_DOWN},
	{"wl_touch", "down", handle_serial_time, RELAY_UP},
	{"wl_touch", "motion", handle_time, RELAY_UP},
	{"wl_touch", "up", handle_serial_time, RELAY_UP},
	{"zwp_input_timestamps_v1", "timestamp", handle_timestamp, RELAY_UP},
	{"zwp_pointer_gesture_hold_v1", "begin", handle_serial_time, RELAY_UP},
	{"zwp_pointer_gesture_hold_v1", "end", handle_serial_time, RELAY_UP},
	{"zwp_pointer_gesture_pinch_v1", "begin", handle_serial_time, RELAY_UP},
	{"zwp_pointer_gesture_pinch_v1", "end", handle_serial_time, RELAY_UP},
	{"zwp_pointer_gesture_pinch_v1", "update", handle_time, RELAY_UP},
	{"zwp_pointer_gesture_swipe_v1", "begin", handle_serial_time, RELAY_UP},
	{"zwp_pointer_gesture_swipe_v1", "end", handle_serial_time, RELAY_UP},
	{"zwp_pointer_gesture_swipe_v1", "update", handle_time, RELAY_UP},
	{"zwp_relative_pointer_v1", "relative_motion", handle_relative_motion, RELAY_UP},
	{"zwp_tablet_pad_dial_v2", "frame", handle_time, RELAY_UP},
	{"zwp_tablet_pad_group_v2", "mode_switch", handle_time, RELAY_UP},
	{"zwp_tablet_pad_ring_v2", "frame", handle_time, RELAY_UP},
	{"zwp_tablet_pad_strip_v2", "frame", handle_time, RELAY_UP},
	{"zwp_tablet_pad_v2", "button", handle_time, RELAY_UP},
	{"zwp_tablet_tool_v1", "frame", handle_time, RELAY_UP},
	{"zwp_tablet_tool_v2", "frame", handle_time, RELAY_UP},
	{"zwp_text_input_v1", "keysym", handle_serial_time, RELAY_UP},
	{"zwp_text_input_v2", "keysym", handle_time, RELAY_UP},
	{0},
};
