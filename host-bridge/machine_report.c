/* What there is of this wayferry-host's machine. */
#include "host-bridge/machine_report.h"

#include <inttypes.h>

#include "host-bridge/policy/base/windows.h"
#include "host-bridge/policy/surfaces/policy_surface.h"
#include "protocol/program/json.h"

#define UP_BYTES 32
/* A machine that opens more must not have its report too long for an answer (control.h). */
#define WINDOWS_SHOWN 1000

static const char *name_of(const struct machine_report *report)
{
	return report->policy->vm_name ? report->policy->vm_name : "";
}

/* Those that are shown, or all. */
static unsigned count_windows(const struct machine_report *report, bool all)
{
	const struct window *window;
	unsigned n = 0;

	wl_list_for_each(window, report->policy->windows, link)
	{
		n += all || window->surface->width > 0;
	}
	return n;
}

static unsigned count_left_out(const struct machine_report *report)
{
	const unsigned all = count_windows(report, true);

	return all > WINDOWS_SHOWN ? all - WINDOWS_SHOWN : 0;
}

/* "3 d 4 h", "4 h 12 min", "12 min 3 s". */
static const char *print_up(uint64_t up_s, char text[UP_BYTES])
{
	if (up_s >= 86400)
		snprintf(text, UP_BYTES, "%" PRIu64 " d %" PRIu64 " h", up_s / 86400,
			up_s / 3600 % 24);
	else if (up_s >= 3600)
		snprintf(text, UP_BYTES, "%" PRIu64 " h %" PRIu64 " min", up_s / 3600,
			up_s / 60 % 60);
	else
		snprintf(text, UP_BYTES, "%" PRIu64 " min %" PRIu64 " s", up_s / 60, up_s % 60);
	return text;
}

/* --- objects of JSON --- */

/* The members that list and show have. */
static void print_members(const struct machine_report *report, FILE *out)
{
	fputs("\"name\": ", out);
	json_print_string(out, name_of(report));
	fprintf(out,
		", \"pid\": %d, \"answers\": true, \"up-seconds\": %" PRIu64 ", \"running\": %s, ",
		report->pid, report->up_s, report->running ? "true" : "false");
	fputs("\"compositor\": ", out);
	json_print_string(out, report->compositor);
	fprintf(out, ", \"security-context\": %s", report->in_context ? "true" : "false");
}

static void print_border(const struct border_settings *border, FILE *out)
{
	if (border->width_px == 0) {
		fputs("null", out);
	} else {
		fprintf(out, "{\"colour\": \"#%06" PRIx32 "\", \"width\": %" PRId32, border->colour,
			border->width_px);
		if (border->label[0]) {
			fputs(", \"label\": ", out);
			json_print_string(out, border->label);
		}
		fputs("}", out);
	}
	fprintf(out, ", \"fullscreen\": \"%s\"", border_fullscreen_word(border));
}

static void print_windows_json(const struct machine_report *report, FILE *out)
{
	const struct window *window;
	const char *comma = "";
	unsigned n = 0;

	wl_list_for_each(window, report->policy->windows, link)
	{
		if (n++ == WINDOWS_SHOWN)
			break;
		fprintf(out, "%s{\"title\": ", comma);
		json_print_string(out, window->title);
		fputs(", \"app-id\": ", out);
		json_print_string(out, window->app_id);
		fputs(", \"connection\": ", out);
		json_print_string(out, window->connection);
		fprintf(out, ", \"width\": %" PRId64 ", \"height\": %" PRId64 "}",
			window->surface->width, window->surface->height);
		comma = ", ";
	}
}

static void print_limits_json(const struct vm_quota *quota, FILE *out)
{
	for (enum quota_limit i = 0; i < QUOTA_N_LIMITS; i++)
		fprintf(out,
			"%s\"%s\": {\"limit\": %" PRIu64 ", \"use\": %" PRIu64
			", \"peak\": %" PRIu64 "}",
			i > 0 ? ", " : "", quota_name(i), quota->entries[i].limit,
			quota->entries[i].use, quota->entries[i].peak);
}

static void show_json(const struct machine_report *report, FILE *out)
{
	const struct policy *policy = report->policy;

	fputs("{", out);
	print_members(report, out);
	fputs(", \"border\": ", out);
	print_border(&policy->border, out);
	fputs(", \"transfers\": {", out);
	transfer_rules_print_json(&policy->rules, out);
	fputs("}, \"windows\": [", out);
	print_windows_json(report, out);
	fprintf(out, "], \"windows-left-out\": %u, \"limits\": {", count_left_out(report));
	print_limits_json(policy->quota, out);
	fputs("}}\n", out);
}

/* --- lines for people --- */

static void print_windows(const struct machine_report *report, FILE *out)
{
	const struct window *window;
	unsigned n = 0;

	fprintf(out, "windows: %u shown, %u in all\n", count_windows(report, false),
		count_windows(report, true));
	wl_list_for_each(window, report->policy->windows, link)
	{
		if (n++ == WINDOWS_SHOWN)
			break;
		fprintf(out, "  %" PRId64 "x%" PRId64 "  %s  (%s, %s)\n", window->surface->width,
			window->surface->height, window->title, window->app_id, window->connection);
	}
	if (count_left_out(report) > 0)
		fprintf(out, "  and %u more\n", count_left_out(report));
}

static void print_limits(const struct vm_quota *quota, FILE *out)
{
	fprintf(out, "%-20s %15s %15s %15s\n", "limits:", "in use", "at most", "limit");
	for (enum quota_limit i = 0; i < QUOTA_N_LIMITS; i++)
		fprintf(out, "  %-18s %15" PRIu64 " %15" PRIu64 " %15" PRIu64 "\n", quota_name(i),
			quota->entries[i].use, quota->entries[i].peak, quota->entries[i].limit);
}

static void show_lines(const struct machine_report *report, FILE *out)
{
	char up[UP_BYTES];

	fprintf(out, "machine: %s, process %d\n", name_of(report)[0] ? name_of(report) : "-",
		report->pid);
	fprintf(out, "up: %s, its driver %s\n", print_up(report->up_s, up),
		report->running ? "runs" : "does not run");
	fprintf(out, "compositor: %s%s\n",
		report->compositor[0] ? report->compositor : "none was found yet",
		report->in_context ? ", in a security context" : "");
	border_print(&report->policy->border, out);
	transfer_rules_print(&report->policy->rules, out);
	print_windows(report, out);
	print_limits(report->policy->quota, out);
}

/* --- both --- */

void machine_report_list(const struct machine_report *report, bool json, FILE *out)
{
	char up[UP_BYTES];

	if (json) {
		fputs("{", out);
		print_members(report, out);
		fprintf(out, ", \"windows\": %u}\n", count_windows(report, false));
		return;
	}
	fprintf(out, "%-20s %8d %8u  %-12s %s\n", name_of(report)[0] ? name_of(report) : "-",
		report->pid, count_windows(report, false), print_up(report->up_s, up),
		report->compositor[0] ? report->compositor : "-");
}

void machine_report_show(const struct machine_report *report, bool json, FILE *out)
{
	if (json)
		show_json(report, out);
	else
		show_lines(report, out);
}
