/* The listening socket of a Wayland display: where it is, and whose its files are. */
#ifndef GUEST_PROXY_CLIENTS_DISPLAY_SOCKET_H
#define GUEST_PROXY_CLIENTS_DISPLAY_SOCKET_H

#include <stdbool.h>
#include <sys/un.h>

#define DISPLAY_SOCKET_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

struct display_socket {
	int fd, lock_fd; /* -1: none */
	char path[DISPLAY_SOCKET_PATH_BYTES];
	char lock_path[DISPLAY_SOCKET_PATH_BYTES + 8]; /* empty: the files are systemd's */
	/* For WAYLAND_DISPLAY: the name, or the path if it is not in $XDG_RUNTIME_DIR. */
	char name[DISPLAY_SOCKET_PATH_BYTES];
};

#define DISPLAY_SOCKET_NONE ((struct display_socket){.fd = -1, .lock_fd = -1})

/*
 * Listens at @name, a socket's name in $XDG_RUNTIME_DIR or an absolute path; NULL: the first free
 * one of wayland-0, wayland-1, ..., or, @beside_others, of wayferry-1, wayferry-2, ...: where
 * compositors of their own are, the names wayland-N are theirs, and wayferry-host looks for them
 * there. False with a log line.
 */
bool display_socket_bind(struct display_socket *display, const char *name, bool beside_others);
/* Takes the socket that systemd passed; its files stay systemd's. False (log line): it has no path.
 */
bool display_socket_adopt(struct display_socket *display, int fd);
/* Closes it and removes its files. */
void display_socket_close(struct display_socket *display);

#endif
