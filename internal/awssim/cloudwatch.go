package awssim

import (
	"cmp"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	metricsPerPage    = 500
	queriesPerCall    = 500
	pointsPerCall     = 100800
	pointsPerRequest  = 1440 // of GetMetricStatistics
	resolution        = 5 * time.Minute
	publicationDelay  = 2 * time.Minute
	recentlyActive    = 3 * time.Hour
	metricRetention   = 14 * day // after it, a metric is not listed
	namespaceCognito  = "AWS/Cognito"
	namespaceSES      = "AWS/SES"
	signUpSuccesses   = "SignUpSuccesses"
	adminClient       = "Admin"
	reputationBounces = "Reputation.BounceRate"
	reputationSpam    = "Reputation.ComplaintRate"
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

// metric names a series.
type metric struct {
	namespace, name string
	pool, client    string // the dimensions of AWS/Cognito
}

func (m metric) key() string {
	return strings.Join([]string{m.namespace, m.name, m.pool, m.client}, "\x00")
}

func (m metric) output() object {
	dimensions := []any{}
	if m.pool != "" {
		dimensions = append(dimensions, object{"Name": "UserPool", "Value": m.pool}, object{"Name": "UserPoolClient", "Value": m.client})
	}
	return object{"Namespace": m.namespace, "MetricName": m.name, "Dimensions": dimensions}
}

// sample is one data point at the resolution of the metric.
type sample struct {
	at         time.Time
	sum, count float64
}

func late(*event) time.Duration { return publicationDelay }

// signUp returns the metric that the event counts in, if any. A duplicate is
// no second sign-up.
func signUp(e *event) (metric, bool) {
	m := metric{namespace: namespaceCognito, name: signUpSuccesses, pool: e.pool.ID, client: e.client}
	switch {
	case e.duplicate:
		return m, false
	case e.name == "AdminCreateUser":
		m.client = adminClient
		return m, true
	default:
		return m, e.name == "SignUp" || eventNames[e.name] == "SignUp"
	}
}

// samples returns the points of every metric in a time, or of one if it is given.
func (c *call) samples(from, to time.Time, only *metric) map[metric][]sample {
	all := map[metric][]sample{}
	if only == nil || only.namespace == namespaceCognito {
		for _, e := range c.visible(from, to, late) {
			m, ok := signUp(&e)
			if !ok || only != nil && m != *only {
				continue
			}
			at, value := e.at.Truncate(resolution), 0.0
			if e.outcome != overLimit && e.outcome != unverified {
				value = 1
			}
			if n := len(all[m]); n > 0 && all[m][n-1].at.Equal(at) {
				all[m][n-1].sum += value
				all[m][n-1].count++
				continue
			}
			all[m] = append(all[m], sample{at, value, 1})
		}
	}
	ses := c.here().SES
	if ses.SentLast24Hours > 0 && (only == nil || only.namespace == namespaceSES) {
		for name, value := range map[string]float64{reputationBounces: ses.BounceRate, reputationSpam: ses.ComplaintRate} {
			m := metric{namespace: namespaceSES, name: name}
			if only != nil && m != *only {
				continue
			}
			for at := from.Truncate(resolution); at.Before(to) && !at.After(c.now); at = at.Add(resolution) {
				if !at.Before(from) {
					all[m] = append(all[m], sample{at, value, 1})
				}
			}
		}
	}
	return all
}

func listMetrics(c *call) (object, error) {
	active := c.params.text("RecentlyActive")
	if active != "" && active != "PT3H" {
		return nil, &awsError{code: "InvalidParameterValueException", query: "InvalidParameterValue", status: 400, message: "The parameter RecentlyActive must be PT3H."}
	}
	from := c.now.Add(-metricRetention)
	if active != "" {
		from = c.now.Add(-recentlyActive)
	}
	var found []metric
	for m := range c.samples(from, c.now, nil) {
		if m.wanted(c.params) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b metric) int { return strings.Compare(a.key(), b.key()) })
	part, next, ok := page(c, found, metricsPerPage, c.params.text("NextToken"), metric.key)
	if !ok {
		return nil, &awsError{code: "InvalidParameterValueException", query: "InvalidParameterValue", status: 400, message: "The NextToken is invalid."}
	}
	out := object{"Metrics": list(part, func(m metric) any { return m.output() })}
	set(out, "NextToken", next)
	return out, nil
}

// wanted reports whether the metric fits a filter of ListMetrics.
func (m metric) wanted(p params) bool {
	have := map[string]string{}
	if m.pool != "" {
		have["UserPool"], have["UserPoolClient"] = m.pool, m.client
	}
	for _, d := range p.objects("Dimensions") {
		value, ok := have[d.text("Name")]
		if !ok || d.text("Value") != "" && d.text("Value") != value {
			return false
		}
	}
	is := func(key, value string) bool { return p.text(key) == "" || p.text(key) == value }
	return is("Namespace", m.namespace) && is("MetricName", m.name)
}

// metricOf reads the metric that a request is about; a metric that does not
// exist has no points.
func metricOf(p params) metric {
	m := metric{namespace: p.text("Namespace"), name: p.text("MetricName")}
	for _, d := range p.objects("Dimensions") {
		switch d.text("Name") {
		case "UserPool":
			m.pool = d.text("Value")
		case "UserPoolClient":
			m.client = d.text("Value")
		default:
			m.name = "" // No series has such a dimension.
		}
	}
	return m
}

// point is a statistic over one period.
type point struct {
	at    time.Time
	value float64
}

// statistic sums up samples by period.
func statistic(samples []sample, period time.Duration, name string) []point {
	bins := map[time.Time][]sample{}
	for _, s := range samples {
		at := s.at.Truncate(period)
		bins[at] = append(bins[at], s)
	}
	points := make([]point, 0, len(bins))
	for _, at := range slices.SortedFunc(maps.Keys(bins), time.Time.Compare) {
		var sum, count float64
		low, high := bins[at][0].sum/bins[at][0].count, bins[at][0].sum/bins[at][0].count
		for _, s := range bins[at] {
			sum, count = sum+s.sum, count+s.count
			low, high = min(low, s.sum/s.count), max(high, s.sum/s.count)
		}
		average := sum / count
		if low == high {
			average = low // Without the rounding of a long sum.
		}
		value := map[string]float64{"Sum": sum, "SampleCount": count, "Average": average, "Minimum": low, "Maximum": high}[name]
		points = append(points, point{at, value})
	}
	return points
}

var statistics = []string{"Average", "Maximum", "Minimum", "SampleCount", "Sum"}

// span reads the time that a request asks for.
func (c *call) span() (from, to time.Time, err error) {
	from, ok1 := c.params.time("StartTime")
	to, ok2 := c.params.time("EndTime")
	switch {
	case !ok1 || !ok2:
		err = badRequest("MissingParameter", "The parameters StartTime and EndTime are required.")
	case !from.Before(to):
		err = badRequest("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
	}
	return from.Truncate(time.Minute), to, err
}

func period(p params) (time.Duration, error) {
	n, ok := p.number("Period")
	if !ok || n <= 0 || n%60 != 0 {
		return 0, badRequest("ValidationError", "The parameter Period must be a multiple of 60.")
	}
	return time.Duration(n) * time.Second, nil
}

func getMetricData(c *call) (object, error) {
	from, to, err := c.span()
	if err != nil {
		return nil, err
	}
	queries := c.params.objects("MetricDataQueries")
	if len(queries) == 0 || len(queries) > queriesPerCall {
		return nil, badRequest("ValidationError", "The collection MetricDataQueries must have between 1 and %d members.", queriesPerCall)
	}
	skip := 0
	if token := c.params.text("NextToken"); token != "" {
		data, _ := base64.RawURLEncoding.DecodeString(token)
		if skip, err = strconv.Atoi(string(data)); err != nil || skip <= 0 || skip >= len(queries) {
			return nil, badRequest("InvalidNextToken", "The NextToken is invalid.")
		}
	}
	results, points, next := []any{}, 0, ""
	seen := map[string]bool{}
	for i, q := range queries {
		id, stat := q.text("Id"), q.object("MetricStat")
		switch {
		case !queryID.MatchString(id) || seen[id]:
			return nil, badRequest("ValidationError", "The values for parameter Id in MetricDataQueries must be unique and match ^[a-z][a-zA-Z0-9_]*$.")
		case stat == nil:
			return nil, badRequest("ValidationError", "Only MetricStat queries are answered here, not expressions.")
		case !slices.Contains(statistics, stat.text("Stat")):
			return nil, badRequest("ValidationError", "The statistic %s is not known here.", stat.text("Stat"))
		}
		seen[id] = true
		length, err := period(stat)
		if err != nil {
			return nil, err
		}
		if i < skip || next != "" {
			continue
		}
		m := metricOf(stat.object("Metric"))
		found := statistic(c.samples(from, to, &m)[m], length, stat.text("Stat"))
		if points += len(found); points > pointsPerCall && i > skip {
			next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(i)))
			continue
		}
		if c.params.text("ScanBy") != "TimestampAscending" {
			slices.Reverse(found)
		}
		label := q.text("Label")
		results = append(results, object{
			"Id": id, "Label": cmp.Or(label, m.name), "StatusCode": "Complete",
			"Timestamps": list(found, func(p point) any { return p.at }),
			"Values":     list(found, func(p point) any { return p.value }),
		})
	}
	out := object{"MetricDataResults": results, "Messages": []any{}}
	set(out, "NextToken", next)
	return out, nil
}

func getMetricStatistics(c *call) (object, error) {
	from, to, err := c.span()
	if err != nil {
		return nil, err
	}
	length, err := period(c.params)
	if err != nil {
		return nil, err
	}
	if to.Sub(from)/length > pointsPerRequest {
		e := badRequest("InvalidParameterCombinationException", "You have requested up to %d datapoints, which exceeds the limit of %d.", to.Sub(from)/length, pointsPerRequest)
		e.query = "InvalidParameterCombination"
		return nil, e
	}
	m := metricOf(c.params)
	samples := c.samples(from, to, &m)[m]
	at := map[time.Time]object{}
	for _, name := range c.params.texts("Statistics") {
		for _, p := range statistic(samples, length, name) {
			if at[p.at] == nil {
				at[p.at] = object{"Timestamp": p.at, "Unit": "Count"}
			}
			at[p.at][name] = p.value
		}
	}
	points := []any{}
	for _, o := range at {
		points = append(points, o)
	}
	return object{"Label": m.name, "Datapoints": points}, nil
}
