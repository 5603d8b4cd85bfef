/*
 * base/sanitize.h -- what AddressSanitizer must be told; nothing at all in other builds.
 */
#pragma once
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZE_ADDRESS 1
#endif

#ifdef SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SANITIZED 1
static inline void sanitize_poison(const void *memory, size_t len)
{
    __asan_poison_memory_region(memory, len);
}
static inline void sanitize_unpoison(const void *memory, size_t len)
{
    __asan_unpoison_memory_region(memory, len);
}
/* Announces a switch to the stack [bottom, bottom + len); *fake keeps the state of this one.
 * fake NULL: the stack being left is never entered again. */
static inline void sanitize_switch_start(void **fake, const void *bottom, size_t len)
{
    __sanitizer_start_switch_fiber(fake, bottom, len);
}
/* Completes the switch on the new stack; fake is what its own switch away stored, or NULL. */
static inline void sanitize_switch_finish(void *fake, const void **old_bottom, size_t *old_len)
{
    __sanitizer_finish_switch_fiber(fake, old_bottom, old_len);
}
#else
#define SANITIZED 0
static inline void sanitize_poison(const void *memory, size_t len)
{
    (void)memory;
    (void)len;
}
static inline void sanitize_unpoison(const void *memory, size_t len)
{
    (void)memory;
    (void)len;
}
static inline void sanitize_switch_start(void **fake, const void *bottom, size_t len)
{
    (void)fake;
    (void)bottom;
    (void)len;
}
static inline void sanitize_switch_finish(void *fake, const void **old_bottom, size_t *old_len)
{
    (void)fake;
    (void)old_bottom;
    (void)old_len;
}
#endif
