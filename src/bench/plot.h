/* SPDX-License-Identifier: MIT */
/**
 * plot.h - plots as SVG, with axes, units and spread; readable on a light and on a dark page
 *
 * A figure is a grid of panels. Colours are classes of a style sheet in the figure itself, so that it works alone and in a page.
 */
#ifndef SHEAF_BENCH_PLOT_H
#define SHEAF_BENCH_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#define SHEAF_PLOT_POINTS_MAX 40
#define SHEAF_PLOT_SERIES_MAX 4

struct sheaf_plot_series {
	const char *name; /* in the legend */
	unsigned colour;  /* 0..3 */
	bool dashed;
	unsigned count;
	double x[SHEAF_PLOT_POINTS_MAX], y[SHEAF_PLOT_POINTS_MAX];
	double low[SHEAF_PLOT_POINTS_MAX],
		high[SHEAF_PLOT_POINTS_MAX];	/* equal to y: no spread is drawn */
	unsigned labels[SHEAF_PLOT_POINTS_MAX]; /* a number beside the point; 0: none */
};

struct sheaf_plot_panel {
	const char *title, *x_label, *y_label;
	const char *const *categories; /* names of x = 0, 1, ...; NULL: x is a number from 0 */
	unsigned category_count;
	bool log_y;
	bool bars; /* of all series side by side, instead of lines */
	unsigned series_count;
	struct sheaf_plot_series series[SHEAF_PLOT_SERIES_MAX];
};

/** Add a point to a series; ignored when it is full. */
void sheaf_plot_add(struct sheaf_plot_series *series, double x, double y, double low, double high,
		    unsigned label);
/** A whole figure: @panels in rows of @columns, with a title. At least one panel. */
void sheaf_plot_figure(FILE *out, const char *title, const struct sheaf_plot_panel panels[],
		       unsigned count, unsigned columns);
/** Text, with what XML wants escaped. */
void sheaf_plot_escape(FILE *out, const char *text);
/** A round number for the distance of ticks: about @wanted of them up to @top, which is more than 0. */
double sheaf_plot_step(double top, unsigned wanted);

#endif
