package awssim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
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
	metricRetention   = 14 * day  // after it, a metric is not listed
	pointRetention    = 455 * day // after it, a point is gone
	namespaceCognito  = "AWS/Cognito"
	namespaceSES      = "AWS/SES"
	namespaceUsage    = "AWS/Usage"
	callCount         = "CallCount"
	signUpSuccesses   = "SignUpSuccesses"
	adminClient       = "Admin"
	reputationBounces = "Reputation.BounceRate"
	reputationSpam    = "Reputation.ComplaintRate"
	missing           = "MissingRequiredParameterException"
	invalidValue      = "InvalidParameterValueException"
	wrongCombination  = "InvalidParameterCombinationException"
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

// metric names a series.
type metric struct {
	namespace, name string
	pool, client    string // the dimensions of AWS/Cognito
	category        string // of AWS/Usage
}

func (m metric) key() string { return fmt.Sprintf("%q", m) }

func (m metric) output() object {
	dimensions := []any{}
	for _, d := range m.dimensions() {
		dimensions = append(dimensions, object{"Name": d[0], "Value": d[1]})
	}
	return object{"Namespace": m.namespace, "MetricName": m.name, "Dimensions": dimensions}
}

// dimensions are the metric's, by name and value.
func (m metric) dimensions() [][2]string {
	switch m.namespace {
	case namespaceCognito:
		return [][2]string{{"UserPool", m.pool}, {"UserPoolClient", m.client}}
	case namespaceUsage:
		return [][2]string{{"Service", "Cognito user pool"}, {"Type", "API"}, {"Resource", m.category}, {"Class", "None"}}
	default:
		return nil
	}
}

// categories are the request rate quotas of Cognito that count the operations
// behind the events.
var categories = map[string]string{ //nolint:gosec // They are categories of CloudWatch.
	"SignUp": "UserCreation", "AdminCreateUser": "UserCreation", "ForgotPassword": "UserAccountRecovery", "AdminResetUserPassword": "UserAccountRecovery",
	"ResendConfirmationCode": "UserResourceRead", "GetUserAttributeVerificationCode": "UserResourceRead",
	"UpdateUserAttributes": "UserUpdate", "AdminUpdateUserAttributes": "UserUpdate",
}

// usage returns the metric of AWS/Usage that the event counts in, and how often:
// who signs up confirms it as well. A duplicate is not a second call.
func usage(e *event) (m metric, calls float64) {
	operation := cmp.Or(eventNames[e.name], e.name)
	m = metric{namespace: namespaceUsage, name: callCount, category: categories[operation]}
	switch {
	case e.duplicate:
		return m, 0
	case operation == "SignUp" && *e.outcome <= noMail:
		return m, 2
	default:
		return m, 1
	}
}

// unit is the unit of the metric's values.
func (m metric) unit() string {
	if m.namespace == namespaceCognito {
		return "Count"
	}
	return "None"
}

// sample is one value that was measured, dated to the metric's resolution.
type sample struct {
	at    time.Time
	value float64
}

func late(*event) time.Duration { return publicationDelay }

// signUp returns the metric that the event counts in, if any. A duplicate is
// not a second sign-up.
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

// samples returns the values of every metric in a time, or of one if it is
// given, sorted by time. Older ones than AWS keeps do not exist.
func (c *call) samples(from, to time.Time, only *metric) map[metric][]sample {
	from = slices.MaxFunc([]time.Time{from, c.now.Add(-pointRetention)}, time.Time.Compare)
	to = slices.MinFunc([]time.Time{to, c.now.Add(1)}, time.Time.Compare)
	all := map[metric][]sample{}
	if only == nil || only.namespace == namespaceCognito {
		for _, e := range c.visible(from, to, late) {
			m, ok := signUp(&e)
			if !ok || only != nil && m != *only {
				continue
			}
			value := 1.0
			if *e.outcome > noMail {
				value = 0
			}
			all[m] = append(all[m], sample{e.at.Truncate(resolution), value})
		}
	}
	if here := c.here(); !here.NoUsage && len(here.Pools) > 0 && (only == nil || only.namespace == namespaceUsage) {
		for _, e := range c.visible(from, to, late) {
			if m, calls := usage(&e); calls > 0 && (only == nil || m == *only) {
				all[m] = append(all[m], sample{e.at.Truncate(time.Minute), calls})
			}
		}
		// Somebody looks at the pools every now and then.
		if m := (metric{namespace: namespaceUsage, name: callCount, category: "UserPoolRead"}); only == nil || m == *only {
			begin := from
			if only == nil { // Then the last one will do.
				begin = to.Add(-resolution)
			}
			for at := begin.Add(resolution - 1).Truncate(resolution); at.Before(to); at = at.Add(resolution) {
				all[m] = append(all[m], sample{at, 1})
			}
		}
	}
	ses := c.here().SES
	if ses.SentLast24Hours > 0 && (only == nil || only.namespace == namespaceSES) {
		for name, value := range map[string]float64{reputationBounces: ses.BounceRate, reputationSpam: ses.ComplaintRate} {
			m := metric{namespace: namespaceSES, name: name}
			if only != nil && m != *only {
				continue
			}
			for at := from.Add(resolution - 1).Truncate(resolution); at.Before(to); at = at.Add(resolution) {
				all[m] = append(all[m], sample{at, value})
			}
		}
	}
	return all
}

func listMetrics(c *call) (object, error) {
	from := c.now.Add(-metricRetention)
	switch c.params.text("RecentlyActive") {
	case "":
	case "PT3H":
		from = c.now.Add(-recentlyActive)
	default:
		return nil, badRequest(invalidValue, "The parameter RecentlyActive must be PT3H.")
	}
	var found []metric
	for m := range c.samples(from, c.now, nil) {
		if m.wanted(c.params) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b metric) int { return strings.Compare(a.key(), b.key()) })
	return listing[metric]{key: "Metrics", items: found, name: metric.key, show: func(m metric) any { return m.output() }, min: metricsPerPage, max: metricsPerPage, fallback: metricsPerPage}.page(c)
}

// wanted reports whether the metric fits a filter of ListMetrics.
func (m metric) wanted(p params) bool {
	have := map[string]string{}
	for _, d := range m.dimensions() {
		have[d[0]] = d[1]
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
		case "Resource":
			m.category = d.text("Value")
		}
	}
	have := m.dimensions()
	given := p.objects("Dimensions")
	same := func(d params) bool { return slices.Contains(have, [2]string{d.text("Name"), d.text("Value")}) }
	if len(given) != len(have) || slices.ContainsFunc(given, func(d params) bool { return !same(d) }) {
		m.name = "" // No series has such dimensions.
	}
	return m
}

// values returns the metric's values by period, each sorted. A unit that is
// not the metric's own has none.
func (c *call) values(m metric, from, to time.Time, period time.Duration, unit string) map[time.Time][]float64 {
	bins := map[time.Time][]float64{}
	for _, s := range c.samples(from, to, &m)[m] {
		if at := s.at.Truncate(period); unit == "" || unit == m.unit() {
			bins[at] = append(bins[at], s.value)
		}
	}
	for _, values := range bins {
		slices.Sort(values)
	}
	return bins
}

// refuse is the error of a wrong query: GetMetricStatistics has an error for
// each reason, GetMetricData one for all.
func (c *call) refuse(code, format string, args ...any) *awsError {
	if c.operation == "GetMetricData" {
		code = "ValidationException"
	}
	return badRequest(code, format, args...)
}

// span reads the time that a request asks for.
func (c *call) span() (from, to time.Time, err error) {
	from, ok1 := c.params.time("StartTime")
	to, ok2 := c.params.time("EndTime")
	switch {
	case !ok1 || !ok2:
		err = c.refuse(missing, "The parameters StartTime and EndTime are required.")
	case !from.Before(to):
		err = c.refuse(invalidValue, "The parameter StartTime must be less than the parameter EndTime.")
	}
	return from.Truncate(time.Minute), to, err
}

func (c *call) period(p params) (time.Duration, error) {
	n, ok := p.number("Period")
	switch {
	case !ok:
		return 0, c.refuse(missing, "The parameter Period is required.")
	case n <= 0 || n%60 != 0 && !slices.Contains([]int{1, 5, 10, 20, 30}, n):
		return 0, c.refuse(invalidValue, "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
	default:
		return time.Duration(n) * time.Second, nil
	}
}

func getMetricData(c *call) (object, error) {
	from, to, err := c.span()
	if err != nil {
		return nil, err
	}
	queries := c.params.objects("MetricDataQueries")
	if len(queries) == 0 || len(queries) > queriesPerCall {
		return nil, c.refuse("", "The collection MetricDataQueries must not be empty, nor have a size greater than %d.", queriesPerCall)
	}
	limit, err := c.bounded("MaxDatapoints", 1, pointsPerCall, pointsPerCall)
	if err != nil {
		return nil, err
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
		compute := basicStatistics[stat.text("Stat")]
		if compute == nil {
			compute = extendedStatistic(stat.text("Stat"))
		}
		switch {
		case !queryID.MatchString(id):
			return nil, c.refuse("", "The value %s for parameter id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", id)
		case seen[id]:
			return nil, c.refuse("", "The values for parameter id in MetricDataQueries are not unique.")
		case stat == nil:
			return nil, c.refuse("", "Query %s has no MetricStat: expressions are not simulated.", id)
		case compute == nil:
			return nil, c.refuse("", "The value %s for parameter Stat is not supported.", stat.text("Stat"))
		}
		seen[id] = true
		period, err := c.period(stat)
		if err != nil {
			return nil, err
		}
		if i < skip || next != "" || q.no("ReturnData") {
			continue
		}
		m := metricOf(stat.object("Metric"))
		bins := c.values(m, from, to, period, stat.text("Unit"))
		times, values := []any{}, []any{}
		for _, at := range slices.SortedFunc(maps.Keys(bins), time.Time.Compare) {
			if v := compute(bins[at]); !math.IsNaN(v) {
				times, values = append(times, stamp(at)), append(values, double(v))
			}
		}
		if points += len(times); points > limit && len(results) > 0 {
			next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(i)))
			continue
		}
		if c.params.text("ScanBy") != "TimestampAscending" {
			slices.Reverse(times)
			slices.Reverse(values)
		}
		results = append(results, object{
			"Id": id, "Label": cmp.Or(q.text("Label"), m.name), "StatusCode": "Complete", "Timestamps": times, "Values": values,
		})
	}
	out := object{"MetricDataResults": results, "Messages": []any{}}
	set(out, "NextToken", next)
	return out, nil
}

func getMetricStatistics(c *call) (object, error) {
	for _, name := range []string{"Namespace", "MetricName"} {
		if c.params.text(name) == "" {
			return nil, c.refuse(missing, "The parameter %s is required.", name)
		}
	}
	from, to, err := c.span()
	if err != nil {
		return nil, err
	}
	period, err := c.period(c.params)
	if err != nil {
		return nil, err
	}
	basic, extended := c.params.texts("Statistics"), c.params.texts("ExtendedStatistics")
	switch {
	case len(basic) == 0 && len(extended) == 0:
		return nil, badRequest(wrongCombination, "At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	case len(basic) > 0 && len(extended) > 0:
		return nil, badRequest(wrongCombination, "The parameters Statistics and ExtendedStatistics cannot be specified together.")
	case to.Sub(from)/period > pointsPerRequest:
		return nil, badRequest(wrongCombination, "You have requested up to %d datapoints, which exceeds the limit of %d. "+
			"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", to.Sub(from)/period, pointsPerRequest)
	}
	compute := map[string]statistic{}
	for _, name := range append(basic, extended...) {
		compute[name] = basicStatistics[name]
		if len(extended) > 0 {
			compute[name] = extendedStatistic(name)
		}
		if compute[name] == nil {
			return nil, badRequest(invalidValue, "The statistic %s is not supported.", name)
		}
	}
	m := metricOf(c.params)
	points := []any{} // In no order, as AWS's.
	for at, values := range c.values(m, from, to, period, c.params.text("Unit")) {
		found := object{}
		for name, f := range compute {
			if v := f(values); !math.IsNaN(v) {
				found[name] = double(v)
			}
		}
		o := object{"Timestamp": stamp(at), "Unit": m.unit()}
		if len(basic) > 0 {
			maps.Copy(o, found)
		} else {
			o["ExtendedStatistics"] = dictionary(found)
		}
		points = append(points, o)
	}
	return object{"Label": c.params.text("MetricName"), "Datapoints": points}, nil
}
