package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// The size of a curve in its own units, which are as many as it may have steps.
const (
	curveWidth  = 720 // two minutes each
	curveHeight = 120
)

// curve is the use of a default quota in the course of its day. What it draws are
// paths of SVG.
type curve struct {
	Words      string // what it shows, for who does not see it
	Start, End string // of the day

	Sum, Area string // of all pools that share the quota
	Own       string // of this pool, where there are others; may be empty
	Limit     string
	Forecast  string // may be empty

	Width, Height int
}

// curve returns nil for a pool without a default quota, and when nothing was
// counted.
func (v *view) curve(r *row) *curve {
	a, _ := v.account(r.Target.AccountID)
	if a == nil || !r.Quota.Finite() {
		return nil
	}
	day, ok := a.Day(r.Pool)
	if !ok {
		return nil
	}
	return drawDay(day, r.Quota, a.At)
}

// drawDay draws a day up to now.
func drawDay(day inventory.Day, q *inventory.Quota, now time.Time) *curve {
	c := &curve{Start: day.Start.UTC().Format("15:04 UTC"), End: day.End.UTC().Format("15:04 UTC"), Width: curveWidth, Height: curveHeight}
	sum := day.Own
	if day.Shared != nil {
		sum = day.Shared
	}
	most := 0.0
	for _, p := range sum {
		most += p.N
	}
	scale := curveHeight / (1.1 * max(q.Limit, most, 1))
	x := func(t time.Time) int {
		return int(curveWidth * min(1, max(0, t.Sub(day.Start).Seconds()/day.End.Sub(day.Start).Seconds())))
	}
	y := func(n float64) int { return curveHeight - int(n*scale) }

	c.Sum = steps(sum, x, y, now)
	c.Area = c.Sum + fmt.Sprintf("V%dH0Z", curveHeight)
	if day.Shared != nil {
		c.Own = steps(day.Own, x, y, now)
	}
	c.Limit = fmt.Sprintf("M0 %dH%d", y(q.Limit), curveWidth)
	if q.Exhaustion.After(now) {
		c.Forecast = fmt.Sprintf("M%d %dL%d %d", x(now), y(most), x(q.Exhaustion), y(q.Limit))
	}
	c.Words = dayWords(day, sum, q, now)
	return c
}

// steps is the path of a sum that grows with each point.
func steps(points []inventory.Point, x func(time.Time) int, y func(float64) int, now time.Time) string {
	var path strings.Builder
	fmt.Fprintf(&path, "M0 %d", y(0))
	n, last := 0.0, 0
	for i, p := range points {
		n += p.N
		if i+1 < len(points) && x(points[i+1].At) == x(p.At) {
			continue // The next one is at the same place.
		}
		if x(p.At) != last {
			last = x(p.At)
			fmt.Fprintf(&path, "H%d", last)
		}
		fmt.Fprintf(&path, "V%d", y(n))
	}
	fmt.Fprintf(&path, "H%d", max(last, x(now)))
	return path.String()
}

// dayWords says in words what the curve shows: how many e-mails were sent by up
// to six times of the day.
func dayWords(day inventory.Day, sum []inventory.Point, q *inventory.Quota, now time.Time) string {
	by := func(points []inventory.Point, t time.Time) (n float64) {
		for _, p := range points {
			if !p.At.After(t) {
				n += p.N
			}
		}
		return n
	}
	const times = 6
	words := []string{}
	for i := 1; i < times; i++ {
		t := day.Start.Add(now.Sub(day.Start) * time.Duration(i) / times).Truncate(time.Minute)
		words = append(words, number(by(sum, t))+" by "+t.UTC().Format("15:04"))
	}
	text := fmt.Sprintf("E-mails since %s: %s, %s now, of %s.", day.Start.UTC().Format("15:04 UTC"), strings.Join(words, ", "), number(by(sum, now)), number(q.Limit))
	if day.Shared != nil {
		text += " " + number(by(day.Own, now)) + " of them are of this pool."
	}
	if q.Exhaustion.After(now) {
		text += " At the present pace the quota runs out at " + q.Exhaustion.UTC().Format("15:04 UTC") + "."
	}
	return text
}
