package main

import (
	"fmt"
	"math"
)

// line is one figure. A line with neither bound is for information.
type line struct {
	name     string
	measured float64
	unit     string // after the figure, such as " ns" or " x map"
	atMost   float64
	atLeast  float64
	exact    bool   // atMost is 0, not absent
	note     string // what else was seen
}

const fallsShort = "short"

// verdict returns "ok", fallsShort, or "" for a line without a budget. What is not
// a number falls short.
func (l line) verdict() string {
	switch {
	case l.budget() == "":
		return ""
	case math.IsNaN(l.measured),
		(l.exact || l.atMost > 0) && l.measured > l.atMost,
		l.atLeast > 0 && l.measured < l.atLeast:
		return fallsShort
	default:
		return "ok"
	}
}

func (l line) budget() string {
	switch {
	case l.exact || l.atMost > 0:
		return "<= " + figure(l.atMost) + l.unit
	case l.atLeast > 0:
		return ">= " + figure(l.atLeast) + l.unit
	default:
		return ""
	}
}

func (l line) String() string {
	s := fmt.Sprintf("%-62s %14s %16s %-5s", l.name, figure(l.measured)+l.unit, l.budget(), l.verdict())
	if l.note != "" {
		s += "  " + l.note
	}
	return s
}

// figure prints three significant digits, and no exponent.
func figure(v float64) string {
	switch {
	case v == math.Trunc(v) || math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
