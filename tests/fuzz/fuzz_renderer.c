/*
 * As fuzz_virtio_gpu, with a renderer: commands of 3D contexts, and workers that say anything. The
 * steps of workers take the values that are left of the first byte.
 */
#define FUZZ_RENDERER 1
#include "fuzz_virtio_gpu.c"
