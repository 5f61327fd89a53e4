# SPDX-License-Identifier: MIT
# peers.gp - the picture of tests/bench/peers: bars relative to the best peer of each row
#
# usage: gnuplot -c peers.gp DATA OUT.svg TITLE
set terminal svg size 1500,640 font "sans,13" background "white"
set output ARG2
set title "How many times the best user-space peer (named below each row, with its figure)\n".ARG3 noenhanced font "sans,11"
set datafile missing "?"
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 0.85 border rgb "white"
set boxwidth 0.95
# Twice as fast is as far up as half as fast is down.
set logscale y 2
set format y "%g"
set yrange [*:*]
set ylabel "ratio, higher is better"
set grid ytics lt 1 lc rgb "#dddddd"
set xtics nomirror rotate by -40 left font "sans,10" noenhanced
set key top right horizontal noenhanced
set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 1.5 lc rgb "black" front
colours = "#9a9a9a #d0b070 #2060b0 #90b8e0"
plot for [i=2:5] ARG1 using i:xtic(1) title columnheader(i) lc rgb word(colours, i-1)
