/*
 * The malformed messages. Opcodes and layouts are those of wayland.xml and xdg-shell.xml; the
 * tables are not used, so that a mistake in them cannot hide.
 */
#include "tests/clients/faults/malformed.h"

/* wl_display.error's codes, as bits */
#define INVALID_OBJECT (1u << 0)
#define INVALID_METHOD (1u << 1)
#define ANY_CODE UINT32_MAX

/* Requests */
#define DISPLAY_SYNC 0
#define REGISTRY_BIND 0
#define COMPOSITOR_CREATE_SURFACE 0
#define COMPOSITOR_CREATE_REGION 1
#define SHM_CREATE_POOL 0
#define POOL_CREATE_BUFFER 0
#define POOL_RESIZE 2
#define SURFACE_ATTACH 1
#define SURFACE_DAMAGE 2
#define SURFACE_COMMIT 6
#define SURFACE_SET_BUFFER_TRANSFORM 7
#define SURFACE_SET_BUFFER_SCALE 8
#define SURFACE_DAMAGE_BUFFER 9
#define WM_BASE_GET_XDG_SURFACE 2
#define XDG_SURFACE_ACK_CONFIGURE 4
#define TOPLEVEL_SET_PARENT 1
#define TOPLEVEL_SET_TITLE 2

/* The second word of a message of @words words. */
#define HEAD(opcode, words) (uint32_t)((words)*4) << 16 | (opcode)
#define SIZED(opcode, bytes) (uint32_t)(bytes) << 16 | (opcode)
#define TEXT(a, b, c, d)                                                                           \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define NEGATIVE(n) (uint32_t) - (n)
#define WORDS(...)                                                                                 \
	.words = (const uint32_t[]){__VA_ARGS__},                                                  \
	.n_words = sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)
#define ERROR(on, code, word)                                                                      \
	.verdict = VERDICT_ERROR, .object = (on), .codes = (code), .mention = (word)
#define AS_DIRECT .verdict = VERDICT_AS_DIRECT
#define FINE .verdict = VERDICT_FINE

const struct malformed_case malformed_cases[] = {
	/* Framing */
	{"a size of 0", WORDS(SURFACE, SIZED(SURFACE_COMMIT, 0)),
		ERROR(DISPLAY, INVALID_METHOD, "length")},
	{"a size of 4", WORDS(SURFACE, SIZED(SURFACE_COMMIT, 4)),
		ERROR(DISPLAY, INVALID_METHOD, "length")},
	{"a size that is no multiple of 4", WORDS(SURFACE, SIZED(SURFACE_COMMIT, 9), 0, 0),
		ERROR(DISPLAY, INVALID_METHOD, "length")},
	{"a message longer than its arguments", WORDS(SURFACE, HEAD(SURFACE_COMMIT, 4), 1, 2),
		ERROR(DISPLAY, INVALID_METHOD, "wl_surface")},
	{"a message shorter than its arguments", WORDS(SURFACE, HEAD(SURFACE_DAMAGE, 4), 0, 0),
		ERROR(DISPLAY, INVALID_METHOD, "wl_surface")},
	{"half a message, then the end", WORDS(SURFACE, SIZED(SURFACE_COMMIT, 65532), 1, 2, 3),
		.finish = true, .verdict = VERDICT_END},
	{"half a header, then the end", WORDS(SURFACE), .finish = true, .verdict = VERDICT_END},

	/* The object that is addressed */
	{"an object that never was", WORDS(4242, HEAD(0, 2)),
		ERROR(DISPLAY, INVALID_OBJECT, "4242")},
	{"object 0", WORDS(0, HEAD(0, 2)), ERROR(DISPLAY, INVALID_OBJECT, "0")},
	{"an object that is destroyed", WORDS(DEAD, HEAD(0, 2)),
		ERROR(DISPLAY, INVALID_OBJECT, "14")},
	{"an object of the server that never was", WORDS(SERVER_ID + 77, HEAD(0, 2)),
		ERROR(DISPLAY, INVALID_OBJECT, "4278190157")},
	{"the largest object id", WORDS(UINT32_MAX, HEAD(0, 2)),
		ERROR(DISPLAY, INVALID_OBJECT, "4294967295")},
	{"an opcode out of range", WORDS(SURFACE, HEAD(99, 2)),
		ERROR(DISPLAY, INVALID_METHOD, "wl_surface")},
	{"the largest opcode", WORDS(DISPLAY, HEAD(0xffff, 2)),
		ERROR(DISPLAY, INVALID_METHOD, "wl_display")},
	{"a request to an interface without requests",
		WORDS(DISPLAY, HEAD(DISPLAY_SYNC, 3), NEXT, NEXT, HEAD(0, 2)),
		ERROR(DISPLAY, INVALID_METHOD | INVALID_OBJECT, "")},
	{"a request newer than what was bound",
		WORDS(OLD_SURFACE, HEAD(SURFACE_DAMAGE_BUFFER, 6), 0, 0, 1, 1),
		ERROR(DISPLAY, INVALID_METHOD, "wl_surface")},

	/* Objects as arguments */
	{"an argument that never was", WORDS(SURFACE, HEAD(SURFACE_ATTACH, 5), 4242, 0, 0),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "4242")},
	{"an argument that is destroyed", WORDS(SURFACE, HEAD(SURFACE_ATTACH, 5), DEAD, 0, 0),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "14")},
	{"an argument of another interface",
		WORDS(SURFACE, HEAD(SURFACE_ATTACH, 5), COMPOSITOR, 0, 0),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "wl_surface")},
	{"an argument of another interface that may be null",
		WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_PARENT, 3), SURFACE),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "xdg_toplevel")},
	{"null for an object", WORDS(WM_BASE, HEAD(WM_BASE_GET_XDG_SURFACE, 4), NEXT, 0),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "xdg_wm_base")},
	{"null where it is allowed", WORDS(SURFACE, HEAD(SURFACE_ATTACH, 5), 0, 0, 0), FINE},

	/* New ids */
	{"null for a new id", WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), 0),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "wl_compositor")},
	{"a new id that is in use", WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), BUFFER),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "9")},
	{"wl_display's id as a new one",
		WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), DISPLAY),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "1")},
	{"a new id far beyond the last",
		WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), 0x00f00000),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "15728640")},
	{"a new id that leaves a gap",
		WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), NEXT + 100),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "115")},
	{"a new id of the server's range",
		WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), SERVER_ID + 1),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "4278190081")},
	{"the same new id twice",
		WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), NEXT, COMPOSITOR,
			HEAD(COMPOSITOR_CREATE_REGION, 3), NEXT),
		ERROR(DISPLAY, INVALID_OBJECT | INVALID_METHOD, "15")},
	{"an id that has become free", WORDS(COMPOSITOR, HEAD(COMPOSITOR_CREATE_SURFACE, 3), DEAD),
		FINE},

	/* Strings and arrays */
	{"a string without its NUL",
		WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_TITLE, 4), 4, TEXT('a', 'b', 'c', 'd')),
		ERROR(DISPLAY, INVALID_METHOD, "xdg_toplevel")},
	{"a string with a NUL inside",
		WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_TITLE, 4), 4, TEXT('a', 0, 'c', 0)),
		.verdict = VERDICT_FINE},
	{"a string past the end",
		WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_TITLE, 4), 5, TEXT('a', 'b', 'c', 0)),
		ERROR(DISPLAY, INVALID_METHOD, "xdg_toplevel")},
	{"a string of almost 4 GiB",
		WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_TITLE, 4), 0xffffffff, TEXT('a', 'b', 'c', 0)),
		ERROR(DISPLAY, INVALID_METHOD, "xdg_toplevel")},
	{"a string whose rounded length is 0",
		WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_TITLE, 4), 0xfffffffd, TEXT('a', 'b', 'c', 0)),
		ERROR(DISPLAY, INVALID_METHOD, "xdg_toplevel")},
	{"a string of 2 GiB",
		WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_TITLE, 4), 0x80000000, TEXT('a', 'b', 'c', 0)),
		ERROR(DISPLAY, INVALID_METHOD, "xdg_toplevel")},
	{"null for a string", WORDS(TOPLEVEL, HEAD(TOPLEVEL_SET_TITLE, 3), 0),
		ERROR(DISPLAY, INVALID_METHOD, "xdg_toplevel")},

	/* Globals */
	{"a global that nobody offers", .bind = true, .bind_as = "wl_compositor", .bind_version = 1,
		ERROR(0, ANY_CODE, "wl_compositor")},
	{"a global under another interface", .bind = true, .bind_of = "wl_shm",
		.bind_as = "wl_compositor", .bind_version = 1, ERROR(0, ANY_CODE, "wl_")},
	{"a global under an interface that does not exist", .bind = true, .bind_of = "wl_shm",
		.bind_as = "wl_nonsense", .bind_version = 1, ERROR(0, ANY_CODE, "wl_")},
	{"a version above what is offered", .bind = true, .bind_of = "wl_compositor",
		ERROR(0, ANY_CODE, "wl_compositor")},
	{"version 0", .bind = true, .bind_of = "wl_compositor", .bind_version = -1,
		ERROR(0, ANY_CODE, "wl_compositor")},
	{"a global that is hidden", .bind = true, .bind_of = "weston_desktop_shell",
		.bind_version = 1, .hidden = true, ERROR(0, ANY_CODE, "weston_desktop_shell")},

	/* Fds and shared memory */
	{"an fd that did not come",
		WORDS(SHM, HEAD(SHM_CREATE_POOL, 4), NEXT, 4096, DISPLAY, HEAD(DISPLAY_SYNC, 3),
			DEAD),
		ERROR(DISPLAY, ANY_CODE, "wl_shm")},
	{"an fd that nobody asked for", WORDS(SURFACE, HEAD(SURFACE_COMMIT, 2)), .pool = 4096,
		FINE},
	{"a pool of size 0", WORDS(SHM, HEAD(SHM_CREATE_POOL, 4), NEXT, 0), .pool = 4096,
		AS_DIRECT},
	{"a pool of negative size", WORDS(SHM, HEAD(SHM_CREATE_POOL, 4), NEXT, NEGATIVE(4096)),
		.pool = 4096, AS_DIRECT},
	{"a pool that shrinks", WORDS(POOL, HEAD(POOL_RESIZE, 3), 4096), AS_DIRECT},
	{"a buffer past the pool's end",
		WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, POOL_BYTES - 4 * 16 * 16 + 4, 16, 16,
			64, 1),
		AS_DIRECT},
	{"a buffer before the pool's start",
		WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, NEGATIVE(4), 16, 16, 64, 1),
		AS_DIRECT},
	{"a buffer of width 0", WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, 0, 0, 16, 64, 1),
		AS_DIRECT},
	{"a buffer of negative height",
		WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, 0, 16, NEGATIVE(16), 64, 1),
		AS_DIRECT},
	{"a stride that is too small",
		WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, 0, 16, 16, 8, 1), AS_DIRECT},
	{"a buffer whose size overflows",
		WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, 0, 0x10000, 0x10000, 0x40000, 1),
		AS_DIRECT},
	{"a stride that overflows",
		WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, 0, 0x7fffffff, 2, 0x7fffffff, 1),
		AS_DIRECT},
	{"an unknown format",
		WORDS(POOL, HEAD(POOL_CREATE_BUFFER, 8), NEXT, 0, 16, 16, 64,
			TEXT('N', 'O', 'N', 'E')),
		AS_DIRECT},

	/* What only the compositor can judge */
	{"a scale of 0", WORDS(SURFACE, HEAD(SURFACE_SET_BUFFER_SCALE, 3), 0), AS_DIRECT},
	{"a transform that does not exist",
		WORDS(SURFACE, HEAD(SURFACE_SET_BUFFER_TRANSFORM, 3), 99), AS_DIRECT},
	{"a second role for a surface",
		WORDS(WM_BASE, HEAD(WM_BASE_GET_XDG_SURFACE, 4), NEXT, SURFACE), AS_DIRECT},
	{"a buffer before the first configure",
		WORDS(SURFACE, HEAD(SURFACE_ATTACH, 5), BUFFER, 0, 0, SURFACE,
			HEAD(SURFACE_COMMIT, 2)),
		AS_DIRECT},
	{"an ack of a configure that never came",
		WORDS(XDG_SURFACE, HEAD(XDG_SURFACE_ACK_CONFIGURE, 3), 4242), AS_DIRECT},
};
const size_t n_malformed_cases = sizeof(malformed_cases) / sizeof(malformed_cases[0]);
