/*
 * colours-gl: a window whose picture (colours.h) is drawn with OpenGL ES 2. Prints the renderer's
 * name, and "shown" after the last frame; then it stays. Each frame begins with one colour all over
 * (#ff00ff), which is not to be seen.
 *
 *     colours-gl [FRAMES]     instead of a few; "frame N" is printed for every tenth then
 */
#include <EGL/egl.h>
#include <GLES2/gl2.h>
#include <stdio.h>
#include <stdlib.h>
#include <wayland-egl.h>

#include "colours.h"
#include "window.h"

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "%s: EGL error 0x%x\n", what, eglGetError());
	exit(1);
}

static GLuint shader(GLenum type, const char *source)
{
	GLuint name = glCreateShader(type);
	GLint good = 0;
	glShaderSource(name, 1, &source, NULL);
	glCompileShader(name);
	glGetShaderiv(name, GL_COMPILE_STATUS, &good);
	if (!good)
		die("a shader does not compile");
	return name;
}

/* Its only uniform, 0, is the colour. */
static GLint use_program(void)
{
	GLuint program = glCreateProgram();
	glAttachShader(program,
		shader(GL_VERTEX_SHADER,
			"attribute vec2 at; void main() { gl_Position = vec4(at, 0.0, 1.0); }"));
	glAttachShader(program,
		shader(GL_FRAGMENT_SHADER,
			"uniform mediump vec4 colour; void main() { gl_FragColor = colour; }"));
	glBindAttribLocation(program, 0, "at");
	glLinkProgram(program);
	glUseProgram(program);
	glEnableVertexAttribArray(0);
	return glGetUniformLocation(program, "colour");
}

static void make_current(struct window *window, EGLDisplay *display, EGLSurface *surface)
{
	static const EGLint wanted[] = {EGL_SURFACE_TYPE, EGL_WINDOW_BIT, EGL_RENDERABLE_TYPE,
		EGL_OPENGL_ES2_BIT, EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8,
		EGL_ALPHA_SIZE, 0, EGL_NONE};
	static const EGLint version[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
	EGLConfig config;
	EGLint n = 0;

	*display = eglGetDisplay((EGLNativeDisplayType)window->display);
	if (!eglInitialize(*display, NULL, NULL) ||
		!eglChooseConfig(*display, wanted, &config, 1, &n) || n == 0)
		die("no configuration");
	EGLContext context = eglCreateContext(*display, config, EGL_NO_CONTEXT, version);
	*surface = eglCreateWindowSurface(*display, config,
		(EGLNativeWindowType)wl_egl_window_create(
			window->surface, COLOURS_WIDTH, COLOURS_HEIGHT),
		NULL);
	if (!eglMakeCurrent(*display, *surface, *surface, context))
		die("no context");
}

static void draw(GLint uniform, uint32_t frame)
{
	glClearColor(1.0f, 0.0f, 1.0f, 1.0f);
	glClear(GL_COLOR_BUFFER_BIT);
	for (uint32_t i = 0; i < COLOURS; i++) {
		const float left = i % 2 ? 0.0f : -1.0f, bottom = i / 2 ? -1.0f : 0.0f;
		const float corners[8] = {left, bottom, left + 1.0f, bottom, left, bottom + 1.0f,
			left + 1.0f, bottom + 1.0f};
		glUniform4fv(uniform, 1, colour_at(frame, i));
		glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, corners);
		glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	}
}

static void swap(EGLDisplay display, EGLSurface surface)
{
	if (!eglSwapBuffers(display, surface))
		die("a frame is not shown");
}

int main(int argc, char **argv)
{
	const uint32_t more = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0;
	struct window window = {0};
	EGLDisplay display;
	EGLSurface surface;

	window_connect(&window);
	window_create(&window, "colours-gl", COLOURS_WIDTH, COLOURS_HEIGHT);
	make_current(&window, &display, &surface);
	printf("%s\n", (const char *)glGetString(GL_RENDERER));
	GLint uniform = use_program();
	for (uint32_t frame = 0; frame < more; frame++) {
		draw(uniform, frame);
		swap(display, surface);
		if (frame % 10 == 0) {
			printf("frame %u\n", frame);
			fflush(stdout);
		}
	}
	for (uint32_t frame = 0; frame < COLOURS_FRAMES; frame++) {
		draw(uniform, frame);
		swap(display, surface);
	}
	printf("shown\n");
	fflush(stdout);
	while (window_rest(&window, COLOURS_REST_MS)) {
		draw(uniform, COLOURS_FRAMES - 1);
		eglSwapBuffers(display, surface);
	}
	window_die(&window, "the connection");
}
