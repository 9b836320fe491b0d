/* What a policy is, and what its hooks need to know of the connection that a message is of. */
#ifndef HOST_BRIDGE_POLICY_BASE_POLICY_CONNECTION_H
#define HOST_BRIDGE_POLICY_BASE_POLICY_CONNECTION_H

#include "host-bridge/keys/chords.h"
#include "host-bridge/policy/base/border_settings.h"
#include "host-bridge/policy/base/policy_mark.h"
#include "host-bridge/resources/quota.h"
#include "host-bridge/transfers/transfer_rules.h"
#include "protocol/base/log.h"
#include "protocol/relay/relay.h"

#define POLICY_TEXT_BYTES 1024

/* Of all connections of the process. */
struct policy_counters {
	uint64_t connections;
	uint64_t messages[2], bytes[2]; /* by enum relay_end that they came from */
	uint64_t objects;               /* live */
	uint64_t surfaces;              /* ever made */
	uint64_t shadow_bytes;          /* live memory that stands for buffers in guest pages */
	uint64_t copied_bytes;          /* from guest pages into it */
	uint64_t copy_pauses;           /* how often such a copy made way for others */
	/* linux-dmabuf's buffers ever made, by the way they took */
	uint64_t dmabufs_handed_on; /* the compositor has the dma-buf */
	uint64_t dmabufs_as_shm;    /* it has the same memory as wl_shm */
	uint64_t shm_as_dmabufs;    /* buffers of wl_shm that the compositor has as dma-bufs */
	uint64_t dmabufs_shadowed;  /* it has a shadow of guest pages as wl_shm */
	/* Of clipboards, primary selections and drags. */
	uint64_t transfers_refused[TRANSFER_N_WAYS]; /* contents that were asked for, or all */
	uint64_t types_withheld, offers_withheld;
	uint64_t transfers_too_large;
	uint64_t questions, questions_failed; /* to the user; of these, those without an answer */
	uint64_t sources_kept;                /* selections that stayed with the machine */
	uint64_t chords_withheld;             /* presses of keys */
	uint64_t without_action;              /* requests that were no answer to the user */
};

#define POLICY_RESTRICTIONS_MAX 64

/* What a configuration takes away from the table, or adds to it. */
struct policy_restriction {
	const char *interface;
	uint32_t max_version; /* 0: refused */
	bool widens;          /* it is allowed, although the table refuses it */
};

struct policy {
	const char *wayland_display; /* NULL: $WAYLAND_DISPLAY, else wayland-0 */
	const char *
		vm_name; /* NULL: titles and app-ids stay as they are; else policy_vm_name_good() */
	struct policy_mark app_id; /* of machines with a name; policy_init: POLICY_APP_ID */
	uint32_t max_objects;      /* per connection */
	struct vm_quota *quota;    /* of the machine; borrowed; NULL: no limits */
	int connect_told_ms;       /* a compositor too busy to accept for so long is worth a line */
	struct transfer_rules rules; /* for clipboards and drags */
	struct chords accelerators;  /* that guests never see */
	/* Which let selections through once; by default Ctrl+Shift+C and V, where they do. */
	struct chords copy_chord, paste_chord;
	struct policy_restriction restrictions[POLICY_RESTRICTIONS_MAX];
	size_t n_restrictions;
	struct border_settings border;
	bool imports; /* buffers of wl_shm may be dma-bufs, to be handed on as such */
	const struct relay_hooks *hooks;    /* set by policy_init */
	struct policy_counters *counters;   /* set by policy_init */
	struct policy_keyboards *keyboards; /* set by policy_init; keys/hooks.h */
	struct attendant *attendant; /* who asks the user; borrowed; NULL: nobody can be asked */
	struct transfers *transfers; /* set by policy_init; host-bridge/transfers/transfers.h */
	struct wl_list *windows;     /* window::link; set by policy_init; policy/base/windows.h */
	/* Policies do not change once they are in use; another one follows (policy_follow). */
	uint32_t users;                        /* see policy_ref */
	bool followed;                         /* nobody begins to use it */
	void (*unused)(struct policy *policy); /* when it is followed and not used; may be NULL */
};

#define POLICY_UNSETTLED_MAX 8
#define POLICY_SHM_FORMATS_MAX 256

/* What the compositor offers, as far as dma-bufs depend on it (policy_globals.c). */
struct policy_display {
	struct relay_ref registry; /* the first one */
	uint32_t shm_name, dmabuf_name;
	bool has_shm, has_dmabuf;                     /* at the compositor */
	struct relay_ref shm;                         /* a wl_shm of ours, which only UP knows */
	uint32_t shm_formats[POLICY_SHM_FORMATS_MAX]; /* DRM codes */
	uint32_t n_shm_formats;
	struct wl_list offers; /* objects of our own zwp_linux_dmabuf_v1; {0}: none ever */
	/* Registries whose first globals are still to come, oldest first. */
	struct {
		struct relay_ref object;
		uintptr_t serial;
	} unsettled[POLICY_UNSETTLED_MAX];
	uint32_t n_unsettled;
	uintptr_t n_registries; /* ever made */
};

#define POLICY_IMPORT_FORMATS 32

#define POLICY_LAYOUTS 32

/* Layouts other than rows that the compositor's GPU takes (policy_layouts.c). */
struct policy_layouts {
	uint64_t modifiers[POLICY_LAYOUTS]; /* DRM's, of all formats */
	uint32_t n_modifiers;
	struct {
		uint32_t code; /* DRM's */
		uint32_t mask; /* a bit for each of the modifiers */
	} formats[POLICY_IMPORT_FORMATS];
	uint32_t n_formats;
};

/* Buffers of wl_shm that the compositor gets as dma-bufs (policy_imports.c). */
struct policy_imports {
	struct relay_ref dmabuf; /* a zwp_linux_dmabuf_v1 of ours, which only UP knows */
	struct policy_import_format {
		uint32_t code; /* DRM's; linear ones are imported */
		uint8_t state;
		uint32_t width, height, stride; /* what is no larger was imported */
	} formats[POLICY_IMPORT_FORMATS];
	uint32_t n_formats;
	struct policy_layouts layouts;
	/* While the compositor tries one: what comes from the guest waits. */
	bool waiting;
	struct relay_ref params, pool, buffer;
	uint32_t format;
};

/* A copy under way, into a shadow: the bytes [next, end) of a pool (policy_shadows.c). */
struct policy_copy {
	bool active;
	uint64_t next, end;
};

#define POLICY_SERIALS 64

/* The latest serials that a client was given, as a ring. */
struct policy_serials {
	uint32_t last[POLICY_SERIALS];
	uint32_t n; /* of a ring that is full: where the next one goes, and some more */
};

/* The surface that has the pointer, for example, and the wl_pointer that told. */
struct policy_focus {
	struct relay_ref surface, device;
};

/* What the compositor has told a client of its user's input (policy_attention.c). */
struct policy_attention {
	struct policy_focus pointer, keyboard, touch, pen;
	uint32_t n_fingers;          /* on touch.surface, or where they were put before */
	uint64_t until_ns;           /* CLOCK_MONOTONIC; it is paid until then in any case */
	struct policy_serials acted; /* of what the user did: buttons, keys, touches */
	struct policy_serials given; /* of other events */
};

/*
 * What the hooks need to know of a connection. relay_data() of a relay that runs under a policy's
 * hooks points to one of these (which may be the start of something larger).
 */
struct policy_connection {
	const struct policy *policy;
	const char *name;           /* for log lines */
	struct wl_event_loop *loop; /* for transfers with a limit, which need one */
	struct policy_display display;
	struct policy_imports imports;
	struct border_means border;
	const uint64_t *turn_ends_ns; /* CLOCK_MONOTONIC; NULL: turns may take any time */
	uint32_t n_pieces;            /* of long work, since the last relay_push */
	struct policy_copy copy;
	uint32_t n_own_offers; /* that are not the compositor's (policy_selections.c) */
	struct policy_attention attention;
	bool held;                    /* a hook holds a request: there is more to do for it */
	char text[POLICY_TEXT_BYTES]; /* a changed string argument, until its message is encoded */
};

/* For who goes by a policy for longer than a call: it stays as it is until policy_unref. */
const struct policy *policy_ref(const struct policy *policy);
void policy_unref(const struct policy *policy);

/* Ends @relay, whose guest has reached @limit of its machine; says so. */
enum relay_verdict policy_refuse(struct relay *relay, enum quota_limit limit);

/*
 * Whether this turn of the event loop has time for more. Where it has not, a hook whose work may
 * take long holds its message, but not without having done a piece of it since the last relay_push.
 */
bool policy_has_time(const struct policy_connection *connection);
/* RELAY_HOLD; the connection's owner pushes again in a later turn. */
enum relay_verdict policy_hold(struct relay_message *message);

#endif
