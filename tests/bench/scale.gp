# SPDX-License-Identifier: MIT
# scale.gp - the pictures of tests/bench/scale
#
# usage: gnuplot -c scale.gp FOLDER OUT.svg; FOLDER has images, slots and submitters: "what n kIOPS cpu_us p99_us enters"
set terminal svg size 1200,420 font "sans,12" background "white"
set output ARG2
set multiplot layout 1,3
set logscale x 2
set yrange [0:*]
set y2range [0:*]
set ytics nomirror
set y2tics
set grid ytics lc rgb "#dddddd"
set ylabel "thousand I/Os a second"
set y2label "server CPU, us an I/O"
set key bottom right
do for [what in "images slots submitters"] {
	set xlabel what
	plot ARG1."/".what using 2:3 axes x1y1 with linespoints lw 2 pt 7 lc rgb "#2060b0" title "kIOPS", \
	     ARG1."/".what using 2:4 axes x1y2 with linespoints lw 1 pt 5 lc rgb "#d0a050" title "CPU us/IO"
}
