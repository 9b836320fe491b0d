/* Units of the user's service manager, as `setup` of both programs switches them on and off. */
#ifndef PROTOCOL_PROGRAM_USER_UNIT_H
#define PROTOCOL_PROGRAM_USER_UNIT_H

#include <stdbool.h>

/*
 * Has @unit started now and at each login, or (@enabled false) neither; says so, in the words of
 * systemctl where it cannot be. It may be so already. False: there is no manager, or no such unit.
 */
bool user_unit_enable(const char *unit, bool enabled);

#endif
