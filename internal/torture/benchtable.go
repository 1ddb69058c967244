//go:build unix

package main

import (
	"fmt"
	"slices"
)

// table returns the rows for people.
func (y *yardstick) table() table {
	t := table{{"what", "connections", "messages/s: median, least to most", "ratio", "processor, ms a message: sender, mail server", "memory beyond that for 30 readers", "freeze"}}
	for _, r := range y.rows {
		speeds := column(r.Runs, func(m measured) float64 { return m.PerSecond })
		memory, freeze := "-", "-"
		if peak := median(column(r.Runs, func(m measured) float64 { return m.Peak })); r.name != smtpSource {
			memory = fmt.Sprintf("%s MB", thousands(peak))
		}
		if f := median(column(r.Runs, func(m measured) float64 { return m.Freeze })); f > 0 {
			freeze = fmt.Sprintf("%.2f s", f)
		}
		t = append(t, []string{
			r.name, connections(r.trial),
			fmt.Sprintf("%s, %s to %s", thousands(median(speeds)), thousands(slices.Min(speeds)), thousands(slices.Max(speeds))),
			y.ratio(r, median(speeds)),
			fmt.Sprintf("%.3f, %.3f", median(column(r.Runs, func(m measured) float64 { return m.CPU })),
				median(column(r.Runs, func(m measured) float64 { return m.SinkCPU }))),
			memory, freeze,
		})
	}
	return t
}

func connections(t trial) string {
	if t.workers > 1 {
		return fmt.Sprintf("%d times %d", t.workers, t.connections)
	}
	return fmt.Sprint(t.connections)
}

func column(runs []measured, f func(measured) float64) []float64 {
	var list []float64
	for _, m := range runs {
		list = append(list, f(m))
	}
	return list
}

// ratio returns what speed is of what it is measured against.
func (y *yardstick) ratio(r *row, speed float64) string {
	limit := r.limit
	if r.against == smtpSource {
		for _, other := range y.rows {
			if other.name == smtpSource && other.connections == r.connections {
				limit = median(column(other.Runs, func(m measured) float64 { return m.PerSecond }))
			}
		}
	}
	if limit == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f of %s, %s", speed/limit, thousands(limit), r.against)
}
