/* libvirt's programs: virsh and virt-xml, as a person would type them. */
#ifndef HOST_BRIDGE_MACHINES_LIBVIRT_H
#define HOST_BRIDGE_MACHINES_LIBVIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LIBVIRT_WORDS 16

/* The machine @name of libvirt. In qemu:///system it runs as @system_user; NULL: qemu:///session.
 */
struct libvirt_machine {
	const char *name;
	const char *system_user;
};

const char *libvirt_uri(const struct libvirt_machine *machine);

/* A command line for a shell, each word quoted where that is needed, and a newline. */
void libvirt_print_command(FILE *out, const char *const *words);

/*
 * Runs the program @words[0], found in $PATH; @words end with NULL. What it says on standard output
 * is left in @output, up to @size - 1 bytes; NULL: it says it itself. 0, its exit status, or
 * -errno; what is not 0 has been told.
 */
int libvirt_run(const char *const *words, char *output, size_t size);

#endif
