/* `wayferry-host libvirt-xml`: what makes a machine of libvirt one with wayferry. */
#include "host-bridge/machines/libvirt_xml.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host-bridge/machines/apparmor.h"
#include "host-bridge/machines/replace.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define DEFINITION_BYTES (4u << 20)

/* The commands, and what their words are made of. */
struct plan {
	const struct libvirt_machine *machine;
	char device[PATH_MAX + 512], label[256], unit[128];
	const char *commands[4][LIBVIRT_WORDS];
	size_t n_commands;
};

static void add_command(struct plan *plan, const char *const *words, size_t n)
{
	memcpy(plan->commands[plan->n_commands++], words, n * sizeof(words[0]));
}

#define ADD(plan, ...)                                                                             \
	do {                                                                                       \
		const char *const words_here[] = {__VA_ARGS__, NULL};                              \
		static_assert(ARRAY_LENGTH(words_here) <= LIBVIRT_WORDS, "");                      \
		add_command(plan, words_here, ARRAY_LENGTH(words_here));                           \
	} while (0)

/* False: there is no such user. */
static bool find_socket(
	const struct libvirt_machine *machine, const char *vm, char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const struct passwd *user = machine->system_user ? getpwnam(machine->system_user) : NULL;

	if (machine->system_user && !user) {
		fprintf(stderr, "wayferry-host: there is no user %s\n", machine->system_user);
		return false;
	}
	if (user || !runtime || !runtime[0])
		snprintf(path, size, "/run/user/%u/wayferry/%s.gpu",
			(unsigned)(user ? user->pw_uid : geteuid()), vm);
	else
		snprintf(path, size, "%s/wayferry/%s.gpu", runtime, vm);
	return true;
}

static bool make_plan(struct plan *plan, const struct libvirt_machine *machine, const char *vm)
{
	const char *uri = libvirt_uri(machine);
	char socket[PATH_MAX];

	*plan = (struct plan){.machine = machine};
	if (!find_socket(machine, vm, socket, sizeof(socket)))
		return false;
	snprintf(plan->device, sizeof(plan->device),
		/* In one word: its value begins as an option does. */
		"--qemu-commandline=-device pcie-root-port,id=" LIBVIRT_PORT
		",bus=pcie.0,addr=0x1e,chassis=30,"
		"pref64-reserve=2G -chardev socket,id=" LIBVIRT_CHARDEV
		",path=%s -device " MACHINE_DEVICE ",id=" LIBVIRT_DEVICE ",bus=" LIBVIRT_PORT
		",chardev=" LIBVIRT_CHARDEV ",virtio-id=16,num_vqs=2,vq_size=1024,config_size=16",
		socket);
	snprintf(plan->unit, sizeof(plan->unit), "wayferry-host@%s.socket", vm);
	ADD(plan, "virt-xml", "-c", uri, machine->name, "--edit", "--memorybacking",
		"source.type=memfd,access.mode=shared");
	ADD(plan, "virt-xml", "-c", uri, machine->name, "--edit", plan->device);
	if (machine->system_user) {
		snprintf(plan->label, sizeof(plan->label), "./seclabel/label=%s:libvirt-qemu",
			machine->system_user);
		ADD(plan, "virt-xml", "-c", uri, machine->name, "--edit", "--xml",
			"./seclabel/@type=static", "--xml", "./seclabel/@model=dac", "--xml",
			"./seclabel/@relabel=yes", "--xml", plan->label);
	}
	return true;
}

static void print_elements(const struct libvirt_machine *machine)
{
	printf("\n# Or, in place of the socket, libvirt starts wayferry-host with the machine "
	       "(virsh -c %s edit):\n"
	       "# the root element gets xmlns:qemu, the others go where libvirt's own of these "
	       "names are.\n"
	       "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
	       "  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>\n"
	       "  <devices>\n"
	       "    <video><driver name='vhostuser'/><model type='virtio'/><alias "
	       "name='ua-wayferry'/></video>\n"
	       "  </devices>\n",
		libvirt_uri(machine));
	if (machine->system_user)
		printf("  <seclabel type='static' model='dac' "
		       "relabel='yes'><label>%s:libvirt-qemu</label></seclabel>\n",
			machine->system_user);
	printf("  <qemu:override>\n"
	       "    <qemu:device alias='ua-wayferry'>\n"
	       "      <qemu:frontend>\n"
	       "        <qemu:property name='driver' type='string' value='" MACHINE_DEVICE "'/>\n"
	       "        <qemu:property name='max_outputs' type='remove'/>\n"
	       "        <qemu:property name='virtio-id' type='unsigned' value='16'/>\n"
	       "        <qemu:property name='num_vqs' type='unsigned' value='2'/>\n"
	       "        <qemu:property name='vq_size' type='unsigned' value='1024'/>\n"
	       "        <qemu:property name='config_size' type='unsigned' value='16'/>\n"
	       "      </qemu:frontend>\n"
	       "    </qemu:device>\n"
	       "  </qemu:override>\n"
	       "</domain>\n");
}

int libvirt_xml_print(const struct libvirt_machine *machine, const char *vm)
{
	struct plan plan;

	if (!make_plan(&plan, machine, vm))
		return EXIT_FAILURE;
	printf("# These make %s a machine with wayferry; --apply runs those of virt-xml.\n",
		machine->name);
	for (size_t i = 0; i < plan.n_commands; i++)
		libvirt_print_command(stdout, plan.commands[i]);
	printf("systemctl --user enable --now %s%s%s\n", plan.unit,
		machine->system_user ? "    # as " : "",
		machine->system_user ? machine->system_user : "");
	print_elements(machine);
	if (machine->system_user)
		apparmor_print_rules();
	return EXIT_SUCCESS;
}

/* The machine's definition as virsh prints it, to be freed; NULL: told why there is none. */
static char *read_definition(const struct libvirt_machine *machine)
{
	const char *const words[] = {"virsh", "-c", libvirt_uri(machine), "dumpxml", "--inactive",
		"--security-info", machine->name, NULL};
	char *text = malloc(DEFINITION_BYTES);

	if (text && libvirt_run(words, text, DEFINITION_BYTES) == 0)
		return text;
	free(text);
	return NULL;
}

static void put_back(const struct libvirt_machine *machine, const char *definition)
{
	char path[] = "/tmp/wayferry-XXXXXX";
	const char *const words[] = {"virsh", "-c", libvirt_uri(machine), "define", path, NULL};
	size_t length = strlen(definition);
	int fd = mkstemp(path);

	if (fd >= 0 && write(fd, definition, length) == (ssize_t)length &&
		libvirt_run(words, NULL, 0) == 0)
		fprintf(stderr, "wayferry-host: %s is as it was\n", machine->name);
	else
		fprintf(stderr, "wayferry-host: %s has been changed in part\n", machine->name);
	if (fd >= 0)
		unlink(path);
	fd_close(&fd);
}

int libvirt_xml_apply(const struct libvirt_machine *machine, const char *vm)
{
	struct plan plan;
	char *before = make_plan(&plan, machine, vm) ? read_definition(machine) : NULL;
	bool good = before;

	if (before && (strstr(before, "id=" LIBVIRT_DEVICE) || strstr(before, "ua-wayferry"))) {
		printf("%s has wayferry's device already.\n", machine->name);
		free(before);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; good && i < plan.n_commands; i++) {
		good = libvirt_run(plan.commands[i], NULL, 0) == 0;
		if (!good)
			put_back(machine, before);
	}
	free(before);
	if (good)
		printf("From its next start %s has wayferry's device. Have wayferry-host there:\n"
		       "systemctl --user enable --now %s\n",
			machine->name, plan.unit);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
