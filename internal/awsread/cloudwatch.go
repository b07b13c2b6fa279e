package awsread

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	queriesPerCall = 500 // the most that GetMetricData takes
	signUpPeriod   = 5 * time.Minute
	// settled is how old a point has to be to be read no more. AWS publishes
	// points late, and does not say how late.
	settled = 15 * time.Minute
	// recently is how long after the last full list the list of the metrics
	// that were active in the last three hours still shows all that is new.
	recently = 2 * time.Hour
)

// readSignUps reads how many sign-ups the pools with the built-in sender had
// since the day of the quota began. Listing is free, values are billed by the
// metric: so only metrics that had points since they were last read are read.
func (p *pass) readSignUps(ctx context.Context) {
	now := time.Now()
	start, _ := p.opts.Quota.Window(now)
	settings := map[string]*inventory.Settings{}
	var pools []string
	for _, up := range p.reading.Pools {
		if up.Settings != nil && up.Settings.SendsDefault() {
			settings[up.ID] = up.Settings
			pools = append(pools, up.ID)
		}
	}
	if len(pools) == 0 {
		p.reading.SignUps = nil
		return
	}
	slices.Sort(pools)
	if before := p.reading.SignUps; before != nil && before.WindowStart.Equal(start) && p.reading.Start.Sub(before.Confirmed) < before.Every && slices.Equal(before.Pools, pools) {
		p.skipped(inventory.APICloudWatch)
		return
	}
	if ctx.Err() != nil { // Cognito took all the time; CloudWatch is not to blame.
		p.notAsked(inventory.APICloudWatch)
		return
	}
	p.called(inventory.APICloudWatch)

	next := &inventory.SignUps{WindowStart: start, Confirmed: now, Pools: pools}
	known := map[metric]inventory.SignUpSeries{}
	recent := now.Sub(start) < recently
	if before := p.reading.SignUps; before != nil && before.WindowStart.Equal(start) {
		for _, s := range before.Series {
			known[metric{s.PoolID, s.ClientID}] = s
		}
		same := !slices.ContainsFunc(pools, func(id string) bool {
			_, ok := slices.BinarySearch(before.Pools, id)
			return !ok
		})
		recent = recent || same && now.Sub(before.Confirmed) < recently
	}
	listed, err := p.listSignUps(ctx, recent)
	if err != nil {
		p.fail(ctx, inventory.APICloudWatch, "ListMetrics", err)
		return
	}
	var read []inventory.SignUpSeries
	for _, m := range listed {
		if s := settings[m.pool]; s == nil || !s.CountsSignUps(m.client) {
			continue
		}
		s, ok := known[m]
		if !ok {
			s = inventory.SignUpSeries{PoolID: m.pool, ClientID: m.client, Through: start}
		}
		delete(known, m)
		read = append(read, s)
	}
	if len(read) == 0 {
		next.Every = p.opts.MetricsEvery
	}
	for chunk := range slices.Chunk(read, queriesPerCall) {
		odd, err := p.addPoints(ctx, chunk, start, now)
		if err != nil {
			p.fail(ctx, inventory.APICloudWatch, "GetMetricData", err)
			return
		}
		if len(odd) > 0 {
			next.Pools = slices.DeleteFunc(slices.Clone(next.Pools), func(id string) bool { return slices.Contains(odd, id) })
		}
	}
	for _, s := range known {
		next.Series = append(next.Series, s)
	}
	next.Series = append(next.Series, read...)
	slices.SortFunc(next.Series, func(a, b inventory.SignUpSeries) int {
		return metric{a.PoolID, a.ClientID}.compare(metric{b.PoolID, b.ClientID})
	})
	p.reading.SignUps = next
}

// metric names one series of SignUpSuccesses.
type metric struct{ pool, client string }

func (m metric) compare(o metric) int {
	return slices.Compare([]string{m.pool, m.client}, []string{o.pool, o.client})
}

// listSignUps lists the metrics of the region, or those of the last three hours.
func (p *pass) listSignUps(ctx context.Context, recent bool) ([]metric, error) {
	in := &cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/Cognito"), MetricName: aws.String("SignUpSuccesses")}
	if recent {
		in.RecentlyActive = types.RecentlyActivePt3h
	}
	var all []metric
	err := p.listMetrics(ctx, in, func(listed types.Metric) {
		var m metric
		for _, d := range listed.Dimensions {
			switch aws.ToString(d.Name) {
			case "UserPool":
				m.pool = aws.ToString(d.Value)
			case "UserPoolClient":
				m.client = aws.ToString(d.Value)
			}
		}
		if m.pool != "" && m.client != "" {
			all = append(all, m)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, metric.compare)
	return slices.Compact(all), nil
}

// addPoints reads the series on from where they were read to. It returns the
// pools of those that CloudWatch gives no usable answer about; they stay as they
// are, and are read on from there next time.
func (p *pass) addPoints(ctx context.Context, series []inventory.SignUpSeries, start, now time.Time) (odd []string, err error) {
	from := now
	queries := make([]types.MetricDataQuery, 0, len(series))
	for i, s := range series {
		if s.Through.Before(from) {
			from = s.Through
		}
		queries = append(queries, query(fmt.Sprintf("m%d", i), "AWS/Cognito", "SignUpSuccesses", "Sum", signUpPeriod,
			types.Dimension{Name: aws.String("UserPool"), Value: aws.String(s.PoolID)},
			types.Dimension{Name: aws.String("UserPoolClient"), Value: aws.String(s.ClientID)}))
	}
	from = from.Add(-settled).Truncate(signUpPeriod)
	if from.Before(start) {
		from = start
	}
	if !from.Before(now) {
		return nil, nil // The day has only just begun.
	}
	all, err := p.metricData(ctx, queries, from, now, mostPerPoint)
	if err != nil {
		return nil, err
	}
	for i := range series {
		s := &series[i]
		if err := all[i].err; err != nil {
			p.fail(ctx, inventory.APICloudWatch, "GetMetricData", err)
			odd = append(odd, s.PoolID)
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(s.Points), func(p inventory.Point) bool { return !p.At.Before(from) })
		for _, p := range all[i].points {
			if p.N > 0 {
				kept = append(kept, p)
			}
		}
		s.Points, s.Through = kept, now
	}
	return odd, nil
}

// callsEvery is how far apart the calls are counted while they are far from the
// limit, and twice that while there are none. Near it they are counted in every
// pass.
const callsEvery = time.Hour

// mailCategories are the request rate quotas of Cognito that the operations
// which send e-mail belong to. AWS/Usage counts calls by them.
var mailCategories = []string{"UserCreation", "UserAccountRecovery", "UserResourceRead", "UserUpdate"}

// readCalls reads how many calls bound from above what went out through the
// built-in sender since the day of the quota began.
func (p *pass) readCalls(ctx context.Context) {
	now := time.Now()
	start, _ := p.opts.Quota.Window(now)
	if !p.reading.UsedDefault(start) {
		p.reading.CallCounts = nil
		return
	}
	before := p.reading.CallCounts
	today := before != nil && before.WindowStart.Equal(start)
	if !start.Before(now) || today && now.Sub(before.Confirmed) < before.Every && !p.near(before.N) {
		p.skipped(inventory.APICloudWatch)
		return
	}
	if ctx.Err() != nil {
		p.notAsked(inventory.APICloudWatch)
		return
	}
	p.called(inventory.APICloudWatch)
	next := &inventory.CallCounts{WindowStart: start, Confirmed: now, Every: callsEvery, Listed: before != nil && before.Listed, ByMetric: map[string]float64{}}
	recent := next.Listed && (now.Sub(start) < recently || today && now.Sub(before.Confirmed) < recently)
	metrics, listed, err := p.listCalls(ctx, recent)
	if err != nil {
		p.fail(ctx, inventory.APICloudWatch, "ListMetrics", err)
		return
	}
	next.Listed = next.Listed || listed
	queries := make([]types.MetricDataQuery, 0, len(metrics))
	for i, dimensions := range metrics {
		queries = append(queries, query(fmt.Sprintf("c%d", i), "AWS/Usage", "CallCount", "Sum", signUpPeriod, dimensions...))
	}
	if today { // Without new points, what a metric counts is as before.
		maps.Copy(next.ByMetric, before.ByMetric)
	}
	from := start.Truncate(signUpPeriod)
	for i, chunk := range slices.Collect(slices.Chunk(queries, queriesPerCall)) {
		all, err := p.metricData(ctx, chunk, from, now, mostPerPoint)
		if err != nil {
			p.fail(ctx, inventory.APICloudWatch, "GetMetricData", err)
			return
		}
		for j, m := range all {
			if m.err != nil { // All of them together are the bound.
				p.fail(ctx, inventory.APICloudWatch, "GetMetricData", m.err)
				return
			}
			n := 0.0
			for _, point := range m.points {
				n += point.N
			}
			next.ByMetric[dimensionsKey(metrics[i*queriesPerCall+j])] = n
		}
	}
	for _, n := range next.ByMetric {
		next.N += n
	}
	if next.N == 0 {
		next.Every = 2 * callsEvery
	}
	p.reading.CallCounts = next
}

// nearLimit is the part of the limit from which on calls are counted in every pass.
const nearLimit = 0.8

// near reports whether so many calls, or the sign-ups since, may soon be as many
// as the limit. Once they are, counting on bounds nothing.
func (p *pass) near(calls float64) bool {
	n := calls
	if s := p.reading.SignUps; s != nil {
		signUps := 0.0
		for _, series := range s.Series {
			for _, point := range series.Points {
				signUps += point.N
			}
		}
		n = max(n, signUps)
	}
	return calls < p.opts.Quota.Limit && n >= nearLimit*p.opts.Quota.Limit
}

// listCalls lists the metrics of calls to the operations that send e-mail, all
// or those of the last three hours, and whether there are any of Cognito. How
// AWS writes their dimensions is not documented for certain, so they are looked
// for among those of all services.
func (p *pass) listCalls(ctx context.Context, recent bool) (metrics [][]types.Dimension, listed bool, err error) {
	in := &cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/Usage"), MetricName: aws.String("CallCount")}
	if recent {
		in.RecentlyActive = types.RecentlyActivePt3h
	}
	err = p.listMetrics(ctx, in, func(m types.Metric) {
		service, resource := "", ""
		for _, d := range m.Dimensions {
			switch strings.ToLower(aws.ToString(d.Name)) {
			case "service":
				service = strings.ToLower(aws.ToString(d.Value))
			case "resource":
				resource = aws.ToString(d.Value)
			}
		}
		if !strings.Contains(service, "cognito") {
			return
		}
		listed = true
		if slices.ContainsFunc(mailCategories, func(c string) bool { return strings.EqualFold(c, resource) }) {
			metrics = append(metrics, m.Dimensions)
		}
	})
	return metrics, listed, err
}

// listMetrics calls each for every metric that is listed.
func (p *pass) listMetrics(ctx context.Context, in *cloudwatch.ListMetricsInput, each func(types.Metric)) error {
	token := ""
	pages := cloudwatch.NewListMetricsPaginator(listMetrics(p.place.cloudwatch.ListMetrics), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil && repeats(page.NextToken, &token) {
			err = errRepeated
		}
		if err != nil {
			return err
		}
		for _, m := range page.Metrics {
			each(m)
		}
	}
	return nil
}

// dimensionsKey names a metric by its dimensions.
func dimensionsKey(dimensions []types.Dimension) string {
	all := make([]string, 0, len(dimensions))
	for _, d := range dimensions {
		all = append(all, fmt.Sprintf("%q=%q", aws.ToString(d.Name), aws.ToString(d.Value)))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

func query(id, namespace, name, stat string, period time.Duration, dimensions ...types.Dimension) types.MetricDataQuery {
	return types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String(namespace), MetricName: aws.String(name), Dimensions: dimensions},
		Period: aws.Int32(int32(period / time.Second)), Stat: aws.String(stat), //nolint:gosec // A day at most.
	}}
}

// measured is what CloudWatch answers to one query.
type measured struct {
	points []inventory.Point // sorted by time
	err    error             // why the answer is of no use; it names the metric
}

// add adds a part of the answer, which is about the time from from to to. No
// value may be greater than most.
func (m *measured) add(part types.MetricDataResult, from, to time.Time, most float64) {
	switch {
	case part.StatusCode != types.StatusCodeComplete && part.StatusCode != types.StatusCodePartialData:
		m.err = fmt.Errorf("%w: its status is %q", errValue, part.StatusCode)
	case len(part.Timestamps) != len(part.Values):
		m.err = fmt.Errorf("%w: it has %d timestamps and %d values", errValue, len(part.Timestamps), len(part.Values))
	}
	for i := 0; m.err == nil && i < len(part.Values); i++ {
		at, n := part.Timestamps[i].UTC(), part.Values[i]
		switch {
		case !during(at, from, to):
			m.err = fmt.Errorf("%w: a timestamp is %s", errValue, at.Format(time.RFC3339))
		case !within(n, most):
			m.err = fmt.Errorf("%w: a value is %v", errValue, n)
		}
		m.points = append(m.points, inventory.Point{At: at, N: n})
	}
}

// metricData returns the answer to each query, of which one may be of use and
// another not.
func (p *pass) metricData(ctx context.Context, queries []types.MetricDataQuery, from, to time.Time, most float64) ([]measured, error) {
	index := make(map[string]int, len(queries))
	for i, q := range queries {
		index[aws.ToString(q.Id)] = i
	}
	all := make([]measured, len(queries))
	answered := map[string]bool{}
	token := ""
	pages := cloudwatch.NewGetMetricDataPaginator(getMetricData(p.place.cloudwatch.GetMetricData), &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(from), EndTime: aws.Time(to), MetricDataQueries: queries, ScanBy: types.ScanByTimestampAscending,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil && repeats(page.NextToken, &token) {
			err = errRepeated
		}
		if err != nil {
			return nil, err
		}
		for _, result := range page.MetricDataResults {
			id := aws.ToString(result.Id)
			i, ok := index[id]
			if !ok {
				return nil, errMalformed
			}
			answered[id] = true
			if all[i].err == nil {
				all[i].add(result, from, to, most)
			}
		}
	}
	if len(answered) != len(queries) {
		return nil, errMalformed
	}
	if p.opts.Billed != nil {
		p.opts.Billed(len(queries))
	}
	for i := range all {
		m := &all[i]
		if m.err != nil {
			m.points, m.err = nil, fmt.Errorf("metric %s: %w", metricName(queries[i].MetricStat.Metric), m.err)
		}
		slices.SortFunc(m.points, func(a, b inventory.Point) int { return a.At.Compare(b.At) })
	}
	return all, nil
}

// metricName names a metric in errors.
func metricName(m *types.Metric) string {
	name := aws.ToString(m.Namespace) + " " + aws.ToString(m.MetricName)
	if len(m.Dimensions) == 0 {
		return name
	}
	return name + " with " + dimensionsKey(m.Dimensions)
}

const (
	reputationLookback = 24 * time.Hour
	reputationPeriod   = time.Hour
)

// readReputation reads the bounce and complaint rate of an SES account that
// pools send through.
func (p *pass) readReputation(ctx context.Context, used []string) {
	if len(used) == 0 {
		p.reading.Reputation = nil
		return
	}
	now := time.Now()
	if before := p.reading.Reputation; before != nil && now.Sub(before.Confirmed) < inventory.ReputationInterval {
		p.skipped(inventory.APICloudWatch)
		return
	}
	if ctx.Err() != nil { // SES took the time.
		p.notAsked(inventory.APICloudWatch)
		return
	}
	p.called(inventory.APICloudWatch)
	all, err := p.metricData(ctx, []types.MetricDataQuery{
		query("bounce", "AWS/SES", "Reputation.BounceRate", "Average", reputationPeriod),
		query("complaint", "AWS/SES", "Reputation.ComplaintRate", "Average", reputationPeriod),
	}, now.Add(-reputationLookback), now, 1)
	if err != nil {
		p.fail(ctx, inventory.APICloudWatch, "GetMetricData", err)
		return
	}
	for _, m := range all {
		if m.err != nil { // The other one is known all the same.
			p.fail(ctx, inventory.APICloudWatch, "GetMetricData", m.err)
		}
	}
	p.reading.Reputation = &inventory.Reputation{Confirmed: now, BounceRatio: last(all[0].points), ComplaintRatio: last(all[1].points)}
}

func last(points []inventory.Point) *float64 {
	if len(points) == 0 {
		return nil
	}
	return &points[len(points)-1].N
}
