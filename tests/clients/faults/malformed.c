/*
 * Sends malformed messages, each on a connection of its own, and checks what the client is told: a
 * wl_display.error that names what was wrong, then the end. A client that behaves is connected all
 * the time, and another one comes after each case: both must be served.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/clients/faults/malformed.h"
#include "tests/clients/faults/raw_client.h"
#include "tests/clients/faults/raw_context.h"

struct options {
	const char *display;
	struct raw_device *device; /* in place of a display: contexts of wayferry-host */
	const char *reference;     /* a direct connection: NULL when @display is one */
	const char *only;
};

/* Contexts of the device: the client that behaves has the first. */
enum place { BYSTANDER = 1, CASE = 2, NEWCOMER = 3 };

static struct link *open_link(const struct options *options, enum place place)
{
	return options->device ? link_open_context(options->device, place)
			       : link_open_display(options->display);
}

/* What a case led to. */
struct outcome {
	int error; /* -errno of the test's own, or -ETIMEDOUT when the connection did not end */
	bool fine; /* still served */
	bool failed;
	uint32_t object, code;
	char message[4096];
};

static int send_bind(
	struct raw_client *client, const struct malformed_case *test, uint32_t hidden_name)
{
	const struct raw_global *global =
		test->bind_of && !test->hidden ? raw_client_global(client, test->bind_of) : NULL;
	uint32_t name = test->hidden ? hidden_name : global ? global->name : 4242;
	uint32_t version = test->bind_version < 0 ? 0
		: test->bind_version > 0          ? (uint32_t)test->bind_version
						  : global->version + 1;

	return raw_client_bind(
		client, name, test->bind_as ? test->bind_as : test->bind_of, version, NEXT);
}

/* Takes the link (NULL: it could not be opened). */
static void run_case(const struct malformed_case *test, struct link *link, uint32_t hidden_name,
	struct outcome *outcome)
{
	static struct raw_client client;

	memset(outcome, 0, sizeof(*outcome));
	outcome->error = link ? raw_client_prepare(&client, link) : -ECONNREFUSED;
	if (outcome->error)
		return;
	outcome->error = test->bind
		? send_bind(&client, test, hidden_name)
		: link->ops->send(link, test->words, test->n_words * 4, test->pool);
	if (test->finish)
		link->ops->finish_sending(link);
	if (!outcome->error && test->verdict == VERDICT_FINE)
		outcome->fine = raw_client_ping(&client) == 0;
	else if (!outcome->error)
		outcome->error = raw_client_drain(&client);
	outcome->failed = client.failed;
	outcome->object = client.error_object;
	outcome->code = client.error_code;
	memcpy(outcome->message, client.error_message, sizeof(outcome->message));
	raw_client_finish(&client);
}

/* Why @outcome is not what it should be, or NULL. */
static const char *judge(const struct malformed_case *test, const struct outcome *outcome,
	const struct outcome *direct)
{
	if (outcome->error == -ETIMEDOUT) /* some compositors are lenient; we are not */
		return direct ? "the connection does not end" : NULL;
	if (outcome->error)
		return strerror(-outcome->error);
	if (test->verdict == VERDICT_FINE)
		return outcome->fine ? NULL : "it was refused";
	if (test->verdict == VERDICT_END)
		return outcome->failed ? "an error came" : NULL;
	if (!outcome->failed)
		return "the connection ended without wl_display.error";
	if (!direct) /* here only the shape can be judged: these are the compositor's words */
		return NULL;
	if (outcome->message[0] == 0)
		return "the error has no text";
	if (test->verdict == VERDICT_AS_DIRECT)
		return outcome->object == direct->object && outcome->code == direct->code
			? NULL
			: "the error is not the compositor's";
	if (test->object != 0 && outcome->object != test->object)
		return "the error is about another object";
	if (outcome->code >= 32 || !(test->codes & 1u << outcome->code))
		return "the error has another code";
	return strstr(outcome->message, test->mention) ? NULL
						       : "the error does not name what was wrong";
}

static void print_outcome(const char *who, const struct outcome *outcome)
{
	if (outcome->failed)
		printf("    %s: object %u, code %u: %s\n", who, outcome->object, outcome->code,
			outcome->message);
	else
		printf("    %s: %s\n", who,
			outcome->fine            ? "served on"
				: outcome->error ? strerror(-outcome->error)
						 : "end of file");
}

/* The number of a global that only the direct connection shows; 0: it is not there either. */
static uint32_t find_hidden(const char *reference, const char *interface)
{
	static struct raw_client client;
	struct link *link = link_open_display(reference);
	uint32_t name = 0;

	if (link && raw_client_prepare(&client, link) == 0) {
		const struct raw_global *global = raw_client_global(&client, interface);

		name = global ? global->name : 0;
		raw_client_finish(&client);
	}
	return name;
}

static const char *newcomer_fault(const struct options *options)
{
	static struct raw_client client;
	struct link *link = open_link(options, NEWCOMER);

	if (!link || raw_client_prepare(&client, link) < 0)
		return "a client that came after was not served";
	raw_client_finish(&client);
	return NULL;
}

static bool check_case(const struct malformed_case *test, const struct options *options,
	struct raw_client *bystander)
{
	struct outcome outcome, direct = {0};
	const char *fault = NULL;
	uint32_t hidden_name = 0;

	if (test->hidden && !options->reference)
		return true; /* nothing is hidden from a direct connection */
	if (test->hidden && (hidden_name = find_hidden(options->reference, test->bind_of)) == 0)
		fault = "the compositor has no such global";
	if (options->reference && test->verdict == VERDICT_AS_DIRECT) {
		run_case(test, link_open_display(options->reference), 0, &direct);
		if (!direct.failed)
			fault = "the compositor itself does not mind";
	}
	run_case(test, open_link(options, CASE), hidden_name, &outcome);
	fault = fault ? fault : judge(test, &outcome, options->reference ? &direct : NULL);
	if (!fault && raw_client_ping(bystander) < 0)
		fault = "the client that behaves was not served any more";
	fault = fault ? fault : newcomer_fault(options);
	printf("%s %s%s%s\n", fault ? "FAILED" : "ok", test->name, fault ? ": " : "",
		fault ? fault : "");
	print_outcome("sees", &outcome);
	if (options->reference && test->verdict == VERDICT_AS_DIRECT)
		print_outcome("direct", &direct);
	return !fault;
}

static const char usage[] =
	"Usage: malformed [--reference DISPLAY] [--only NAME] DISPLAY | --device SOCKET\n"
	"Sends malformed messages to DISPLAY and checks what the client is told.\n"
	"  --reference DISPLAY  the compositor behind DISPLAY; without it DISPLAY is taken for a "
	"compositor, whose\n"
	"                       words are printed but not judged\n"
	"  --device SOCKET      instead of DISPLAY: wayferry-host's, as a guest that relays "
	"everything\n"
	"  --only NAME          that case\n";

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = {{"reference", required_argument, NULL, 'r'},
		{"only", required_argument, NULL, 'o'}, {"device", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'}, {0}};
	static struct raw_device device;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'r':
			options->reference = optarg;
			break;
		case 'o':
			options->only = optarg;
			break;
		case 'd':
			if (raw_device_connect(&device, optarg) < 0 ||
				raw_device_start(&device) < 0)
				exit(1);
			options->device = &device;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	if (optind + (options->device ? 0 : 1) != argc) {
		fputs(usage, stderr);
		exit(2);
	}
	options->display = argv[optind];
}

int main(int argc, char **argv)
{
	static struct raw_client bystander;
	struct options options = {0};
	size_t n_run = 0, n_failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse_options(&options, argc, argv);
	struct link *link = open_link(&options, BYSTANDER);
	if (!link || raw_client_prepare(&bystander, link) < 0)
		return 1;
	for (size_t i = 0; i < n_malformed_cases; i++) {
		if (options.only && strcmp(options.only, malformed_cases[i].name) != 0)
			continue;
		n_run++;
		n_failed += !check_case(&malformed_cases[i], &options, &bystander);
	}
	raw_client_finish(&bystander);
	printf("%zu cases, %zu failed\n", n_run, n_failed);
	return n_run == 0 || n_failed > 0;
}
