/* Memory that somebody else can write. */
#ifndef PROTOCOL_BASE_COPIED_ONCE_H
#define PROTOCOL_BASE_COPIED_ONCE_H

/*
 * Behind a copy out of such memory: from then on the copy is what is looked at. Without this the
 * compiler may read the memory again, which may have changed; also where the copy was made by a
 * function of another file, as files are optimised together.
 */
static inline void copied_once(void)
{
	__asm__ volatile("" ::: "memory");
}

#endif
