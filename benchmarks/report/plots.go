package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// series is one line of a plot. It is left out if it has no points.
type series struct {
	name   string
	style  style
	points plotter.XYs
	dashed bool // it was not measured in this run
}

// style is a color and a glyph. Who is in several plots has the same in all.
type style int

const (
	styleCasbin style = iota
	styleCedar
	styleLinear
	styleKafka
	styleOurs
	styleOther
)

// chart is one plot.
type chart struct {
	file, title, x, y string
	logX, logY        bool
	formatY           func(float64) string
	series            []series
}

// plotFile is a plot that was written.
type plotFile struct{ file, title string }

// writePlots draws every plot for which something was measured.
func writePlots(r results, folder string) (files []plotFile, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	for _, c := range []chart{costChart(r), throughputChart(r), updateChart(r)} {
		if c.empty() {
			continue
		}
		p, err := c.draw()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, err)
		}
		if err := save(p, filepath.Join(folder, c.file)); err != nil {
			return nil, err
		}
		files = append(files, plotFile{c.file, c.title})
	}
	return files, nil
}

// The size of a plot, and what of its width is for the legend, which stands beside
// the lines where it hides none of them.
const (
	width, height = 20 * vg.Centimeter, 11 * vg.Centimeter
	legendWidth   = 5 * vg.Centimeter
	margin        = 3 * vg.Millimeter
)

// save writes p, and its legend to the right of it, as SVG.
func save(p *plot.Plot, file string) error {
	legend := p.Legend
	p.Legend = plot.NewLegend()
	canvas, err := draw.NewFormattedCanvas(width, height, "svg")
	if err != nil {
		return err
	}
	whole := draw.New(canvas)
	whole.SetColor(p.BackgroundColor)
	whole.Fill(whole.Rectangle.Path())
	p.Draw(draw.Crop(whole, margin, -legendWidth, margin, -margin))
	legend.Draw(draw.Crop(whole, width-legendWidth+margin, 0, 0, -4*margin))
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	return errors.Join(err, f.Close())
}

func costChart(r results) chart {
	return chart{
		file: "cost.svg", title: "One check, random names of the flat shape", x: "ALLOW ACLs", y: "time a check",
		logX: true, logY: true, formatY: duration,
		series: []series{
			{name: "casbin", style: styleCasbin, points: r.line("Rival/rival=casbin/shape=flat/", "/random", timeUnit)},
			{name: "cedar-go", style: styleCedar, points: r.line("Rival/rival=cedar/shape=flat/", "/random", timeUnit)},
			{name: "linear scan", style: styleLinear, points: r.line("Rival/rival=linear/shape=flat/", "/random", timeUnit)},
			{name: "Kafka (another\nrun, scaled)", style: styleKafka, points: kafkaLine(r, func(f kafkaFigure) float64 { return f.allow }), dashed: true},
			{name: "Portcullis", style: styleOurs, points: r.line("Check/shape=flat/", "/random", timeUnit)},
			{name: "one Go map", style: styleOther, points: r.line("Map/shape=flat/", "/random", timeUnit)},
		},
	}
}

func updateChart(r results) chart {
	return chart{
		file: "update.svg", title: "One binding changed and published", x: "ALLOW ACLs", y: "time a binding",
		logX: true, logY: true, formatY: duration,
		series: []series{
			{name: "Kafka (another\nrun, scaled)", style: styleKafka, points: kafkaLine(r, func(f kafkaFigure) float64 { return f.addACL }), dashed: true},
			{name: "Portcullis, one in\na transaction", style: styleOurs, points: r.line("Update/shape=flat/", "/transaction=1", bindingUnit)},
			{name: "Portcullis, 1,000\nin a transaction", style: styleOther, points: r.line("Update/shape=flat/", "/transaction=1000", bindingUnit)},
		},
	}
}

// throughputChart has a line for each rate of updates.
func throughputChart(r results) chart {
	const size, perMillion = "Readers/shape=flat/n=100k/", 1e6
	c := chart{
		file: "throughput.svg", title: "Throughput, random names of the flat shape, 120,000 ACLs",
		x: "processors", y: "million checks a second", formatY: plainNumber,
	}
	for _, name := range r.names {
		rate, ok := strings.CutPrefix(name, size+"updates=")
		if !ok {
			continue
		}
		s := series{name: rate + " updates/s", style: style(len(c.series))}
		for _, n := range r.processors(name) {
			s.points = append(s.points, plotter.XY{X: float64(n), Y: 1 / r.on(name, n) / perMillion})
		}
		c.series = append(c.series, s)
	}
	return c
}

// line returns the points, in nanoseconds, of the benchmarks with prefix, any n, and
// suffix.
func (r results) line(prefix, suffix, unit string) (points plotter.XYs) {
	for _, s := range r.sizesOf(prefix, suffix) {
		if v, ok := r.median(s.benchmark, unit); ok {
			points = append(points, plotter.XY{X: float64(s.n), Y: v * nsPerSecond})
		}
	}
	return points
}

func kafkaLine(r results, pick func(kafkaFigure) float64) (points plotter.XYs) {
	factor := machineFactor(r)
	for _, f := range kafkaFigures {
		points = append(points, plotter.XY{X: float64(f.n), Y: pick(f) * factor})
	}
	return points
}

// empty reports whether nothing in c was measured in this run.
func (c chart) empty() bool {
	for _, s := range c.series {
		if len(s.points) > 0 && !s.dashed {
			return false
		}
	}
	return true
}

// colors are told apart by most people, and in print by their lightness (Okabe and
// Ito, "Color Universal Design").
var colors = []color.RGBA{
	{0xd5, 0x5e, 0x00, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff},
	{0x00, 0x9e, 0x73, 0xff}, {0x00, 0x72, 0xb2, 0xff}, {0x00, 0x00, 0x00, 0xff},
}

var glyphs = []draw.GlyphDrawer{
	draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.SquareGlyph{}, draw.RingGlyph{}, draw.CircleGlyph{}, draw.BoxGlyph{},
}

func (c chart) draw() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	p.Title.Padding, p.BackgroundColor = vg.Points(8), color.White // also where the page is dark
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{0xdd}, color.Gray{0xdd}
	p.Add(grid)
	for _, s := range c.series {
		if len(s.points) == 0 {
			continue
		}
		line, points, err := plotter.NewLinePoints(s.points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colors[int(s.style)%len(colors)], vg.Points(1.8)
		points.Color, points.Shape, points.Radius = line.Color, glyphs[int(s.style)%len(glyphs)], vg.Points(3)
		if s.dashed {
			line.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
		}
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
	}
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(4)
	scaleAxis(&p.X, c.logX, count)
	scaleAxis(&p.Y, c.logY, c.formatY)
	return p, nil
}

// scaleAxis widens a logarithmic axis to whole powers of ten, and a linear one to
// whole numbers from zero, and labels it.
func scaleAxis(a *plot.Axis, log bool, format func(float64) string) {
	if !log {
		a.Min, a.Max = 0, math.Floor(a.Max)+1
		a.Tick.Marker = formatted{wholeNumbers{}, format}
		return
	}
	a.Scale = plot.LogScale{}
	a.Min, a.Max = math.Pow(10, math.Floor(math.Log10(a.Min))), math.Pow(10, math.Ceil(math.Log10(a.Max)))
	a.Tick.Marker = formatted{plot.LogTicks{Prec: -1}, format}
}

// formatted labels the ticks that another ticker labels, its own way.
type formatted struct {
	plot.Ticker
	format func(float64) string
}

// Ticks returns the ticks between min and max.
func (f formatted) Ticks(min, max float64) []plot.Tick {
	ticks := f.Ticker.Ticks(min, max)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = f.format(ticks[i].Value)
		}
	}
	return ticks
}

// wholeNumbers is a ticker that labels at most about ten whole numbers.
type wholeNumbers struct{}

// Ticks returns the ticks between min and max.
func (wholeNumbers) Ticks(min, max float64) (ticks []plot.Tick) {
	step := math.Ceil((max - min) / 10)
	for v := math.Ceil(min); v <= max; v += math.Max(1, step) {
		ticks = append(ticks, plot.Tick{Value: v, Label: plainNumber(v)})
	}
	return ticks
}

// duration names a number of nanoseconds.
func duration(ns float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= unit.size {
			return plainNumber(ns/unit.size) + " " + unit.name
		}
	}
	return plainNumber(ns) + " ns"
}

// count names a number of things.
func count(n float64) string {
	switch {
	case n >= 1e6:
		return plainNumber(n/1e6) + "M"
	case n >= 1e3:
		return plainNumber(n/1e3) + "k"
	default:
		return plainNumber(n)
	}
}

// plainNumber prints three significant digits, without an exponent.
func plainNumber(v float64) string {
	digits := 0
	if v != math.Trunc(v) && v != 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	s := fmt.Sprintf("%.*f", digits, v)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
