/* What is left of a fuzzer's input, from which it takes its steps. Behind the end are zeroes. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *data;
	size_t size;
};

static inline uint8_t input_byte(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static inline uint16_t input_u16(struct input *input)
{
	uint16_t low = input_byte(input);
	return (uint16_t)(low | input_byte(input) << 8);
}

static inline uint32_t input_u32(struct input *input)
{
	uint32_t low = input_u16(input);
	return low | (uint32_t)input_u16(input) << 16;
}

/* How many there were. */
static inline size_t input_bytes(struct input *input, void *to, size_t size)
{
	size_t n = size < input->size ? size : input->size;
	memcpy(to, input->data, n);
	input->data += n;
	input->size -= n;
	return n;
}

#endif
