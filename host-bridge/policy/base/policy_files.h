/* Policy: files that the compositor hands out. */
#ifndef HOST_BRIDGE_POLICY_BASE_POLICY_FILES_H
#define HOST_BRIDGE_POLICY_BASE_POLICY_FILES_H

#include "host-bridge/policy/base/policy_connection.h"

/*
 * A hook for events with a file. A guest gets a file's contents, not the file. Where there are none
 * it gets an empty file: an error would end a client that did nothing wrong.
 */
enum relay_verdict policy_file_event(struct relay_message *message);

#endif
