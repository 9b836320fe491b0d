/* host-bridge/doctor/doctor_globals.c */
#include "host-bridge/doctor/doctor_globals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/interfaces/interfaces.h"

static const char *const all[] = {"wl_data_device_manager",
	"zwp_primary_selection_device_manager_v1", "zwp_linux_dmabuf_v1", "wp_viewporter",
	"wp_fractional_scale_manager_v1", "zxdg_decoration_manager_v1", "xdg_activation_v1",
	"zwp_text_input_manager_v3", "zwp_pointer_constraints_v1",
	"zwp_relative_pointer_manager_v1", "wp_cursor_shape_manager_v1", "wp_presentation",
	"zwp_idle_inhibit_manager_v1"};

static void what_is_missing_is_told_with_its_use(void **state)
{
	struct finding finding;

	/* All but one, each in turn. */
	for (size_t missing = 0; missing <= ARRAY_LENGTH(all); missing++) {
		struct doctor_globals globals = {0};
		for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
			if (i != missing)
				doctor_globals_note(&globals, all[i]);
		assert_int_equal(doctor_globals_tell(&globals, &finding), CHECK_OK);
		if (missing == ARRAY_LENGTH(all))
			assert_non_null(strstr(finding.found, "has all"));
		else
			assert_non_null(strstr(finding.found, "lacks what is for: "));
		assert_null(strchr(finding.found, ';'));
	}
	struct doctor_globals globals = {0};
	doctor_globals_note(&globals, "wp_viewporter");
	doctor_globals_note(&globals, "of_another");
	assert_int_equal(doctor_globals_tell(&globals, &finding), CHECK_OK);
	assert_non_null(strstr(finding.found, "clipboard, drags; "));
	assert_non_null(strstr(finding.found, "; no lock during a film"));
	assert_null(strstr(finding.found, "videos"));
}

static void an_older_protocol_will_do(void **state)
{
	struct doctor_globals globals = {0};
	struct finding finding;

	doctor_globals_note(&globals, "org_kde_kwin_server_decoration_manager");
	doctor_globals_tell(&globals, &finding);
	assert_null(strstr(finding.found, "title bars"));
}

/* A name that is misspelled would be missing everywhere. */
static void guests_get_all_of_them(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		assert_non_null(interface_find(all[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_told_with_its_use),
		cmocka_unit_test(an_older_protocol_will_do),
		cmocka_unit_test(guests_get_all_of_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
