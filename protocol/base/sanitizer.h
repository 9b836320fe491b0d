/* Whether AddressSanitizer is built in; sandboxes would forbid what it does at run time. */
#ifndef PROTOCOL_BASE_SANITIZER_H
#define PROTOCOL_BASE_SANITIZER_H

#ifndef __has_feature /* clang has it */
#define __has_feature(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#else
#define ADDRESS_SANITIZER 0
#endif

#endif
