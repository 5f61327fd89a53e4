/* SPDX-License-Identifier: MIT */
/* plot.c - see plot.h */
#include "bench/plot.h"

#include <math.h>
#include <string.h>

#define PANEL_WIDTH   330.0
#define PANEL_HEIGHT  250.0
#define MARGIN_LEFT   58.0
#define MARGIN_RIGHT  14.0
#define MARGIN_TOP    44.0
#define MARGIN_BOTTOM 46.0
#define TITLE_HEIGHT  34.0
#define TICKS	      5

static const char style[] =
	"<style>\n"
	".sp-b{fill:#ffffff}.sp-t{fill:#1c1f23;font:12px "
	"sans-serif}.sp-h{font-size:15px;font-weight:bold}\n"
	".sp-m{fill:#555c66}.sp-g{stroke:#d9dde3;fill:none}.sp-a{stroke:#555c66;fill:none}\n"
	".sp-l{fill:none;stroke-width:2}.sp-d{stroke-dasharray:6 4}\n"
	".sp-c0{stroke:#1f5fbf}.sp-c1{stroke:#c2480c}.sp-c2{stroke:#1b7f4b}.sp-c3{stroke:#7b3fb0}\n"
	".sp-f0{fill:#1f5fbf}.sp-f1{fill:#c2480c}.sp-f2{fill:#1b7f4b}.sp-f3{fill:#7b3fb0}\n"
	"@media "
	"(prefers-color-scheme:dark){.sp-b{fill:#16191d}.sp-t{fill:#e6e9ed}.sp-m{fill:#a7b0bb}\n"
	".sp-g{stroke:#343a42}.sp-a{stroke:#a7b0bb}\n"
	".sp-c0{stroke:#7db1ff}.sp-c1{stroke:#ff9b63}.sp-c2{stroke:#63d39b}.sp-c3{stroke:#cb9cff}\n"
	".sp-f0{fill:#7db1ff}.sp-f1{fill:#ff9b63}.sp-f2{fill:#63d39b}.sp-f3{fill:#cb9cff}}\n"
	"</style>\n";

/* A panel on the page: where its axes are, and what they reach. */
struct frame {
	FILE *out;
	const struct sheaf_plot_panel *panel;
	double left, top, width, height;
	double x_top, y_bottom, y_top;
};

void sheaf_plot_escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

void sheaf_plot_add(struct sheaf_plot_series *series, double x, double y, double low, double high,
		    unsigned label)
{
	unsigned i = series->count;

	if (i == SHEAF_PLOT_POINTS_MAX)
		return;
	series->x[i] = x;
	series->y[i] = y;
	series->low[i] = low;
	series->high[i] = high;
	series->labels[i] = label;
	series->count++;
}

double sheaf_plot_step(double top, unsigned wanted)
{
	double raw = top / wanted, power = pow(10, floor(log10(raw)));

	return power * (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10);
}

static void text_at(FILE *out, double x, double y, const char *anchor, const char *classes,
		    const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"sp-t %s\">", x, y,
		anchor, classes);
	sheaf_plot_escape(out, text);
	fputs("</text>\n", out);
}

static void line_at(FILE *out, double x1, double y1, double x2, double y2, const char *classes)
{
	fprintf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, classes);
}

/* From values to places */

static double x_of(const struct frame *f, double x)
{
	if (f->panel->categories)
		return f->left + (x + 0.5) / f->panel->category_count * f->width;
	return f->left + x / f->x_top * f->width;
}

static double y_of(const struct frame *f, double y)
{
	double part;

	if (f->panel->log_y)
		part = y <= f->y_bottom ? 0 : log(y / f->y_bottom) / log(f->y_top / f->y_bottom);
	else
		part = y / f->y_top;
	return f->top + f->height * (1 - part);
}

static void find_limits(struct frame *f)
{
	double x = 0, y = 0, least = INFINITY;

	for (unsigned s = 0; s < f->panel->series_count; s++) {
		const struct sheaf_plot_series *series = &f->panel->series[s];

		for (unsigned i = 0; i < series->count; i++) {
			x = fmax(x, series->x[i]);
			y = fmax(y, series->high[i]);
			if (series->low[i] > 0)
				least = fmin(least, series->low[i]);
		}
	}
	x = x > 0 ? x : 1;
	y = y > 0 ? y : 1;
	f->x_top = ceil(x * 1.04 / sheaf_plot_step(x, TICKS)) * sheaf_plot_step(x, TICKS);
	if (f->panel->log_y) {
		f->y_bottom = pow(10, floor(log10(fmin(least, y))));
		f->y_top = pow(10, ceil(log10(y * 1.01)));
	} else {
		f->y_top = ceil(y * 1.02 / sheaf_plot_step(y, TICKS)) * sheaf_plot_step(y, TICKS);
	}
}

/* Axes */

static void tick_y(const struct frame *f, double value)
{
	char text[32];
	double y = y_of(f, value);

	line_at(f->out, f->left, y, f->left + f->width, y, "sp-g");
	snprintf(text, sizeof(text), "%.6g", value);
	text_at(f->out, f->left - 6, y + 4, "end", "sp-m", text);
}

static void draw_y_axis(const struct frame *f)
{
	double step;

	if (f->panel->log_y) {
		for (double v = f->y_bottom; v <= f->y_top * 1.001; v *= 10)
			tick_y(f, v);
	} else {
		step = sheaf_plot_step(f->y_top, TICKS);
		for (unsigned i = 0; i * step <= f->y_top * 1.001; i++)
			tick_y(f, i * step);
	}
	fprintf(f->out,
		"<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" "
		"class=\"sp-t sp-m\">",
		f->left - 44, f->top + f->height / 2);
	sheaf_plot_escape(f->out, f->panel->y_label);
	fputs("</text>\n", f->out);
}

static void draw_x_axis(const struct frame *f)
{
	double bottom = f->top + f->height, step;
	char text[32];

	line_at(f->out, f->left, bottom, f->left + f->width, bottom, "sp-a");
	if (f->panel->categories) {
		for (unsigned i = 0; i < f->panel->category_count; i++)
			if (f->panel->categories[i][0])
				text_at(f->out, x_of(f, i), bottom + 16, "middle", "sp-m",
					f->panel->categories[i]);
	} else {
		step = sheaf_plot_step(f->x_top, TICKS);
		for (unsigned i = 0; i * step <= f->x_top * 1.001; i++) {
			snprintf(text, sizeof(text), "%.6g", i * step);
			line_at(f->out, x_of(f, i * step), bottom, x_of(f, i * step), bottom + 4,
				"sp-a");
			text_at(f->out, x_of(f, i * step), bottom + 17, "middle", "sp-m", text);
		}
	}
	text_at(f->out, f->left + f->width / 2, bottom + 35, "middle", "sp-m", f->panel->x_label);
}

/* Series */

static void draw_spread(const struct frame *f, double x, double low, double high, unsigned colour)
{
	char classes[32];
	double y1 = y_of(f, low), y2 = y_of(f, high);

	if (!(high > low))
		return;
	snprintf(classes, sizeof(classes), "sp-l sp-c%u", colour);
	line_at(f->out, x, y1, x, y2, classes);
	line_at(f->out, x - 3, y1, x + 3, y1, classes);
	line_at(f->out, x - 3, y2, x + 3, y2, classes);
}

static void draw_line(const struct frame *f, const struct sheaf_plot_series *s)
{
	char text[16];

	fputs("<path d=\"", f->out);
	for (unsigned i = 0; i < s->count; i++)
		fprintf(f->out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(f, s->x[i]), y_of(f, s->y[i]));
	fprintf(f->out, "\" class=\"sp-l sp-c%u%s\"/>\n", s->colour, s->dashed ? " sp-d" : "");
	for (unsigned i = 0; i < s->count; i++) {
		double x = x_of(f, s->x[i]), y = y_of(f, s->y[i]);

		draw_spread(f, x, s->low[i], s->high[i], s->colour);
		fprintf(f->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" class=\"sp-f%u\"/>\n", x,
			y, s->colour);
		if (!s->labels[i])
			continue;
		snprintf(text, sizeof(text), "%u", s->labels[i]);
		text_at(f->out, x - 5, y - 6, "end", "sp-m", text);
	}
}

static void draw_bars(const struct frame *f, unsigned index)
{
	const struct sheaf_plot_series *s = &f->panel->series[index];
	double slot = f->width / f->panel->category_count * 0.86;
	double width = slot / f->panel->series_count, bottom = f->top + f->height;

	for (unsigned i = 0; i < s->count; i++) {
		double x = x_of(f, s->x[i]) - slot / 2 + index * width, y = y_of(f, s->y[i]);

		if (s->y[i] > 0)
			fprintf(f->out,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
				"class=\"sp-f%u\"/>\n",
				x, y, width, bottom - y, s->colour);
	}
}

static void draw_legend(const struct frame *f)
{
	double x = f->left;

	for (unsigned i = 0; i < f->panel->series_count; i++) {
		const struct sheaf_plot_series *s = &f->panel->series[i];
		char classes[40];

		snprintf(classes, sizeof(classes), "sp-l sp-c%u%s", s->colour,
			 s->dashed ? " sp-d" : "");
		line_at(f->out, x, f->top - 11, x + 18, f->top - 11, classes);
		text_at(f->out, x + 22, f->top - 7, "start", "sp-m", s->name);
		x += 34 + 6.4 * (double)strlen(s->name);
	}
}

static void draw_panel(FILE *out, const struct sheaf_plot_panel *panel, double x, double y)
{
	struct frame f = {
		.out = out,
		.panel = panel,
		.left = x + MARGIN_LEFT,
		.top = y + MARGIN_TOP,
		.width = PANEL_WIDTH - MARGIN_LEFT - MARGIN_RIGHT,
		.height = PANEL_HEIGHT - MARGIN_TOP - MARGIN_BOTTOM,
	};

	find_limits(&f);
	text_at(out, f.left, y + 16, "start", "", panel->title);
	draw_y_axis(&f);
	draw_x_axis(&f);
	for (unsigned i = 0; i < panel->series_count; i++) {
		if (panel->bars)
			draw_bars(&f, i);
		else if (panel->series[i].count)
			draw_line(&f, &panel->series[i]);
	}
	draw_legend(&f);
}

void sheaf_plot_figure(FILE *out, const char *title, const struct sheaf_plot_panel panels[],
		       unsigned count, unsigned columns)
{
	unsigned across = count < columns ? count : columns, rows = (count + columns - 1) / columns;
	double width = across * PANEL_WIDTH + 10, height = rows * PANEL_HEIGHT + TITLE_HEIGHT;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
		"width=\"%.0f\" height=\"%.0f\" role=\"img\">\n<title>",
		width, height, width, height);
	sheaf_plot_escape(out, title);
	fputs("</title>\n", out);
	fputs(style, out);
	fprintf(out, "<rect width=\"%.0f\" height=\"%.0f\" class=\"sp-b\"/>\n", width, height);
	text_at(out, 14, 23, "start", "sp-h", title);
	for (unsigned i = 0; i < count; i++)
		draw_panel(out, &panels[i], i % columns * PANEL_WIDTH,
			   TITLE_HEIGHT + i / columns * PANEL_HEIGHT);
	fputs("</svg>\n", out);
}
