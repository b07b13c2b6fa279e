package awssim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

// inProcess calls a handler without a network.
type inProcess struct{ http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

// start makes a simulation and the configuration of a client that makes one
// attempt and needs no network.
func start(t *testing.T, o awssim.Options) (*awssim.Server, aws.Config) {
	t.Helper()
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return sim, aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://awssim"), HTTPClient: inProcess{sim},
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// listen does as start, over the network.
func listen(t *testing.T, o awssim.Options) (*awssim.Server, aws.Config) {
	t.Helper()
	sim, cfg := start(t, o)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(server.URL), awshttp.NewBuildableClient().WithTimeout(500*time.Millisecond)
	return sim, cfg
}

// parse reads a fleet.
func parse(t *testing.T, text string) *awssim.Fleet {
	t.Helper()
	f, err := awssim.ParseFleet([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// in returns the configuration for another region.
func in(cfg aws.Config, region string) aws.Config {
	cfg.Region = region
	return cfg
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func generated(t *testing.T, o awssim.GenerateOptions) *awssim.Fleet {
	t.Helper()
	if o.Mix == "" {
		o.Mix = "mixed"
	}
	f, err := awssim.Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestShare generates accounts of whose regions one in five has pools.
func TestShare(t *testing.T) {
	o := awssim.GenerateOptions{Accounts: 7, Regions: []string{"eu-west-1", "us-east-1", "eu-central-1"}, Pools: 2, Share: 0.2}
	populated, most := 0, 0
	for _, a := range generated(t, o).Accounts {
		populated, most = populated+len(a.Regions), max(most, len(a.Regions))
	}
	if populated != 4 || most != 1 {
		t.Errorf("%d of 21 regions have pools, up to %d of an account, want 4 of different accounts", populated, most)
	}
	o.Share = 0
	for _, a := range generated(t, o).Accounts {
		if len(a.Regions) != 3 {
			t.Errorf("%d of three regions have pools without a share", len(a.Regions))
		}
	}
	for _, share := range []float64{-0.1, 1.1} {
		o.Mix, o.Share = "mixed", share
		if _, err := awssim.Generate(o); err == nil {
			t.Errorf("a share of %v is accepted", share)
		}
	}
}

func TestPaging(t *testing.T) {
	_, cfg := start(t, awssim.Options{NoQuotas: true, Fleet: generated(t, awssim.GenerateOptions{Accounts: 45, Regions: []string{"eu-west-1"}, Pools: 130})})
	ctx := t.Context()

	seen, pages := map[string]bool{}, 0
	cognito := cognitoidentityprovider.NewFromConfig(cfg)
	for p := cognitoidentityprovider.NewListUserPoolsPaginator(cognito, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(60)}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, up := range out.UserPools {
			seen[*up.Id] = true
		}
	}
	if len(seen) != 130 || pages != 3 {
		t.Errorf("%d pools on %d pages, want 130 on 3", len(seen), pages)
	}

	accounts := 0
	for p := organizations.NewListAccountsPaginator(organizations.NewFromConfig(in(cfg, "us-east-1")), nil); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		accounts += len(out.Accounts)
	}
	if accounts != 45 {
		t.Errorf("%d accounts, want 45", accounts)
	}

	for _, n := range []int32{0, 61} {
		_, err := cognito.ListUserPools(ctx, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(n)})
		if code(err) != "InvalidParameterException" {
			t.Errorf("MaxResults %d: %v", n, err)
		}
	}
	_, err := cognito.ListUserPools(ctx, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1), NextToken: aws.String("bm9uc2Vuc2U")})
	if code(err) != "InvalidParameterException" {
		t.Errorf("a made-up token: %v", err)
	}
}

func TestAssumeRole(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sim, cfg := start(t, awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, Now: func() time.Time { return now }})
	client := sts.NewFromConfig(cfg)
	assume := func(arn, external string, seconds int32) (*sts.AssumeRoleOutput, error) {
		return client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String(arn), RoleSessionName: aws.String("test"), ExternalId: aws.String(external), DurationSeconds: aws.Int32(seconds),
		})
	}
	const arn = "arn:aws:iam::100000000002:role/reader"
	for _, tt := range []struct {
		name, arn, external string
		seconds             int32
		want                string
	}{
		{"wrong external id", arn, "wrong", 900, "AccessDenied"},
		{"unknown account", "arn:aws:iam::999999999999:role/reader", "demo", 900, "AccessDenied"},
		{"too short", arn, "demo", 899, "ValidationError"},
		{"no role", "arn:aws:iam::100000000002:user/reader", "demo", 900, "ValidationError"},
	} {
		if _, err := assume(tt.arn, tt.external, tt.seconds); code(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	out, err := assume(arn, "demo", 900)
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	guest := cfg.Copy()
	guest.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	me, err := sts.NewFromConfig(guest).GetCallerIdentity(t.Context(), nil)
	if err != nil || *me.Account != "100000000002" || *me.Arn != "arn:aws:sts::100000000002:assumed-role/reader/test" {
		t.Errorf("%+v, %v", me, err)
	}
	for seconds, want := range map[int32]string{3600: "<nil>", 3601: "ValidationError"} {
		_, err := sts.NewFromConfig(guest).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::100000000003:role/reader"), RoleSessionName: aws.String("test"), ExternalId: aws.String("demo"), DurationSeconds: &seconds,
		})
		if code(err) != want {
			t.Errorf("a chained role for %d seconds: %v, want %s", seconds, err, want)
		}
	}
	me, err = client.GetCallerIdentity(t.Context(), nil)
	if err != nil || *me.Account != "100000000001" {
		t.Errorf("ambient: %+v, %v", me, err)
	}
	fleet := sim.Fleet()
	if err := sim.SetFleet(parse(t, `accounts: [{id: "100000000001"}]`)); err != nil {
		t.Fatal(err)
	}
	if _, err := sesv2.NewFromConfig(guest).GetAccount(t.Context(), nil); code(err) != "UnrecognizedClientException" {
		t.Errorf("in an account that left: %v", err)
	}
	if err := sim.SetFleet(fleet); err != nil {
		t.Fatal(err)
	}
	now = now.Add(15 * time.Minute)
	if _, err := sesv2.NewFromConfig(guest).GetAccount(t.Context(), nil); code(err) != "ExpiredTokenException" {
		t.Errorf("after its time: %v", err)
	}
	guest.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, "wrong")
	if _, err := sesv2.NewFromConfig(guest).GetAccount(t.Context(), nil); code(err) != "UnrecognizedClientException" {
		t.Errorf("with a wrong token: %v", err)
	}
}

func TestRegions(t *testing.T) {
	_, cfg := start(t, awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, Faults: []awssim.Fault{
		{Kind: "region_disabled", Region: "eu-south-1"}, {Kind: "region_disabled", Region: "eu-west-3", Service: "ses"},
	}})
	_, err := cognitoidentityprovider.NewFromConfig(in(cfg, "af-south-1")).ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)})
	if code(err) != "UnrecognizedClientException" {
		t.Errorf("a region that is off: %v", err)
	}
	if _, err := organizations.NewFromConfig(in(cfg, "af-south-1")).ListAccounts(t.Context(), nil); err != nil {
		t.Errorf("a service without regions, asked from a region that is off: %v", err)
	}
	status, pages := map[string]string{}, 0
	for p := account.NewListRegionsPaginator(account.NewFromConfig(in(cfg, "us-east-1")), nil); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Regions) > 20 {
			t.Errorf("%d regions on a page", len(out.Regions))
		}
		for _, r := range out.Regions {
			status[*r.RegionName] = string(r.RegionOptStatus)
		}
	}
	if pages != 2 || len(status) != 34 {
		t.Errorf("%d regions on %d pages", len(status), pages)
	}
	for region, want := range map[string]string{"eu-west-1": "ENABLED_BY_DEFAULT", "af-south-1": "DISABLED", "eu-south-1": "DISABLED", "eu-west-3": "ENABLED_BY_DEFAULT"} {
		if status[region] != want {
			t.Errorf("%s is %s, want %s", region, status[region], want)
		}
	}
}

// TestFaults checks that every kind looks to a client as AWS's own.
func TestFaults(t *testing.T) {
	sim, cfg := listen(t, awssim.Options{Fleet: awssim.Demo(), NoQuotas: true})
	cognito, ses, role := cognitoidentityprovider.NewFromConfig(cfg), sesv2.NewFromConfig(cfg), sts.NewFromConfig(cfg)
	call := func(service string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var err error
		switch service {
		case "cognito-idp":
			_, err = cognito.ListUserPools(ctx, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(60)})
		case "sesv2":
			_, err = ses.GetAccount(ctx, nil)
		case "sts":
			_, err = role.AssumeRole(ctx, &sts.AssumeRoleInput{
				RoleArn: aws.String("arn:aws:iam::100000000002:role/r"), RoleSessionName: aws.String("test"), ExternalId: aws.String("demo"),
			})
		}
		return err
	}
	for _, tt := range []struct{ kind, cognito, ses, sts string }{
		{"throttle", "TooManyRequestsException", "TooManyRequestsException", "Throttling"},
		{"deny", "AccessDeniedException", "AccessDeniedException", "AccessDenied"},
		{"error500", "InternalErrorException", "InternalFailure", "InternalFailure"},
		{"expired_token", "ExpiredTokenException", "ExpiredTokenException", "ExpiredToken"},
		{"region_disabled", "UnrecognizedClientException", "UnrecognizedClientException", "RegionDisabledException"},
		{"timeout", "request send failed", "request send failed", "request send failed"},
		{"slow", "request send failed", "request send failed", "request send failed"},
		{"reset", "connection reset", "connection reset", "connection reset"},
		{"truncate", "unexpected EOF", "unexpected EOF", "unexpected EOF"},
		{"garbage", "deserial", "deserial", "deserial"},
	} {
		if err := sim.SetFaults([]awssim.Fault{{Kind: tt.kind}}); err != nil {
			t.Fatal(err)
		}
		for service, want := range map[string]string{"cognito-idp": tt.cognito, "sesv2": tt.ses, "sts": tt.sts} {
			if err := call(service); err == nil || !strings.Contains(code(err)+" "+err.Error(), want) {
				t.Errorf("%s, %s: %v, want %s", tt.kind, service, err, want)
			}
		}
	}
	for _, kind := range awssim.FaultKinds() {
		if err := sim.SetFaults([]awssim.Fault{{Kind: kind, Service: "ses", Count: 1}}); err != nil {
			t.Fatal(err)
		}
		if err := call("cognito-idp"); err != nil {
			t.Errorf("%s of ses hits cognito-idp: %v", kind, err)
		}
		sim.ResetCalls()
		err := call("sesv2") // A client tries again by itself when an idle connection was reset.
		n := 0
		for range 100 { // The server may see later than the client that the client gave up.
			if n = errorCount(sim); n > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n != 1 {
			t.Errorf("%s strikes %d times: %v", kind, n, err)
		}
		if err := call("sesv2"); err != nil {
			t.Errorf("%s with a count of one strikes twice: %v", kind, err)
		}
	}
}

func errorCount(sim *awssim.Server) (n int) {
	for _, c := range sim.Calls() {
		n += c.Errors
	}
	return n
}

func TestDenyShutsTheAccount(t *testing.T) {
	f, err := awssim.ParseFault("kind=deny,account=100000000002")
	if err != nil {
		t.Fatal(err)
	}
	_, cfg := start(t, awssim.Options{Fleet: awssim.Demo(), Faults: []awssim.Fault{f}})
	assume := func(account string) error {
		_, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::" + account + ":role/r"), RoleSessionName: aws.String("test"), ExternalId: aws.String("demo"),
		})
		return err
	}
	if err := assume("100000000002"); code(err) != "AccessDenied" {
		t.Errorf("into the denied account: %v", err)
	}
	if err := assume("100000000003"); err != nil {
		t.Errorf("into another: %v", err)
	}
}

func TestQuotas(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, cfg := start(t, awssim.Options{Fleet: awssim.Demo(), Now: func() time.Time { return now }})
	cognito := cognitoidentityprovider.NewFromConfig(cfg)
	admitted := 0
	for range 40 {
		_, err := cognito.ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)})
		switch {
		case err == nil:
			admitted++
		case code(err) != "TooManyRequestsException":
			t.Fatal(err)
		}
	}
	if admitted != 15 {
		t.Errorf("%d of 40 calls at once were admitted, want 15", admitted)
	}
	if _, err := cognitoidentityprovider.NewFromConfig(in(cfg, "eu-central-1")).ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)}); err != nil {
		t.Errorf("another region shares the quota: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := cognito.ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)}); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

// TestStream checks that CloudWatch, CloudTrail and the truth tell of the same events.
func TestStream(t *testing.T) {
	fleet := generated(t, awssim.GenerateOptions{Accounts: 1, Regions: []string{"eu-west-1"}, Pools: 6, Active: 1, Seed: 5})
	for i := range fleet.Accounts[0].Regions["eu-west-1"].Pools {
		fleet.Accounts[0].Regions["eu-west-1"].Pools[i].Traffic.PerHour["AdminCreateUser"] = 1
	}
	now := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	sim, cfg := start(t, awssim.Options{Fleet: fleet, NoQuotas: true, NoDelays: true, Now: func() time.Time { return now }})
	windowStart := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	ctx := t.Context()

	succeeded := map[string]float64{} // by pool
	listed, err := cloudwatch.NewFromConfig(cfg).ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/Cognito"), MetricName: aws.String("SignUpSuccesses")})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range listed.Metrics {
		out, err := cloudwatch.NewFromConfig(cfg).GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
			StartTime: &windowStart, EndTime: &now,
			MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String(fmt.Sprint("m", i)), MetricStat: &cwtypes.MetricStat{Metric: &m, Period: aws.Int32(300), Stat: aws.String("Sum")}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out.MetricDataResults[0].Values {
			succeeded[*m.Dimensions[0].Value] += v
		}
	}
	trail := map[string]float64{}
	ids := map[string]bool{}
	for _, name := range []cttypes.LookupAttribute{
		{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: aws.String("SignUp")},
		{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: aws.String("AdminCreateUser")},
	} {
		last := now
		for p := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(cfg), &cloudtrail.LookupEventsInput{StartTime: &windowStart, LookupAttributes: []cttypes.LookupAttribute{name}}); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.Events {
				var record struct {
					ErrorCode         string
					RequestParameters struct{ ClientID, UserPoolID string }
				}
				if err := json.Unmarshal([]byte(*e.CloudTrailEvent), &record); err != nil {
					t.Fatal(err)
				}
				if ids[*e.EventId] || e.EventTime.After(last) {
					t.Errorf("event %s at %s comes again, or after %s", *e.EventId, e.EventTime, last)
				}
				ids[*e.EventId], last = true, *e.EventTime
				if record.ErrorCode == "" {
					trail[record.RequestParameters.ClientID+record.RequestParameters.UserPoolID]++
				}
			}
		}
	}
	for _, p := range fleet.Accounts[0].Regions["eu-west-1"].Pools {
		if have := trail[p.ID] + trail[p.Clients[0].ID]; have == 0 || have != succeeded[p.ID] {
			t.Errorf("%s: %v events in CloudTrail, %v in CloudWatch", p.ID, have, succeeded[p.ID])
		}
	}
	sent := 0
	for _, truth := range sim.Truth() {
		if truth.Sent+truth.Refused == 0 {
			t.Errorf("%s has no traffic", truth.UserPoolID)
		}
		i := slices.IndexFunc(fleet.Accounts[0].Regions["eu-west-1"].Pools, func(p awssim.Pool) bool { return p.ID == truth.UserPoolID })
		if fleet.Accounts[0].Regions["eu-west-1"].Pools[i].Mode == "COGNITO_DEFAULT" {
			sent += truth.Sent
		}
	}
	if sent != 50 {
		t.Errorf("the built-in sender sent %d mails, want its limit of 50", sent)
	}
}

func TestDelays(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	fleet := parse(t, `{"accounts": [{"id": "100000000001", "regions": {"eu-west-1": {"pools": [{"name": "busy", "traffic": {"per_hour": {"SignUp": 200}}}]}}}]}`)
	_, cfg := start(t, awssim.Options{Fleet: fleet, NoQuotas: true, Now: func() time.Time { return now }})
	client := cloudtrail.NewFromConfig(cfg)
	from, to := now.Add(-4*time.Minute), now
	look := func() []string {
		out, err := client.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{StartTime: &from, EndTime: &to})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range out.Events {
			ids = append(ids, *e.EventId)
		}
		return ids
	}
	before := look()
	now = now.Add(10 * time.Minute)
	after := look()
	if len(before) == 0 || len(before) >= len(after) {
		t.Fatalf("%d events at once, %d ten minutes later", len(before), len(after))
	}
	if slices.Equal(before, after[len(after)-len(before):]) {
		t.Error("the events come in order")
	}
}

func TestControl(t *testing.T) {
	sim, cfg := start(t, awssim.Options{Fleet: awssim.Demo(), NoQuotas: true})
	do := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	ses := sesv2.NewFromConfig(cfg)
	if _, err := ses.GetAccount(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	want := []awssim.CallCount{{Account: "100000000001", Region: "eu-west-1", Service: "sesv2", Operation: "GetAccount", Calls: 1}}
	if !slices.Equal(sim.Calls(), want) {
		t.Errorf("calls %+v", sim.Calls())
	}
	if _, body := do("GET", "/_calls", ""); body != `[{"account":"100000000001","region":"eu-west-1","service":"sesv2","operation":"GetAccount","calls":1,"errors":0}]`+"\n" {
		t.Errorf("calls %s", body)
	}
	if status, _ := do("DELETE", "/_calls", ""); status != http.StatusNoContent || len(sim.Calls()) != 0 {
		t.Errorf("status %d, calls %v", status, sim.Calls())
	}
	if status, body := do("PUT", "/_faults", `[{"kind": "explode"}]`); status != http.StatusBadRequest || !strings.Contains(body, "unknown kind of fault") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := do("PUT", "/_faults", `[{"kind": "deny", "service": "ses"}]`); status != http.StatusNoContent {
		t.Errorf("%d %s", status, body)
	}
	if _, err := ses.GetAccount(t.Context(), nil); code(err) != "AccessDeniedException" {
		t.Error(err)
	}
	do("PUT", "/_faults", `[]`)

	cognito := cognitoidentityprovider.NewFromConfig(cfg)
	modified := func() map[string]time.Time {
		out, err := cognito.ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(60)})
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]time.Time{}
		for _, up := range out.UserPools {
			m[*up.Name] = *up.LastModifiedDate
		}
		return m
	}
	before := modified()
	if status, body := do("PATCH", "/_fleet", `{"accounts": [{"id": "100000000001", "regions": {"eu-west-1": {"ses": {"sending_enabled": false},
		"pools": [{"id": "`+poolID(t, sim, "typo")+`", "name": "typo", "source_arn": "arn:aws:ses:eu-west-1:100000000001:identity/example.com"}]}}}]}`); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	after := modified()
	for name := range before {
		if moved := !before[name].Equal(after[name]); moved != (name == "typo") {
			t.Errorf("LastModifiedDate of %s was %s and is %s", name, before[name], after[name])
		}
	}
	if out, err := ses.GetAccount(t.Context(), nil); err != nil || out.SendingEnabled || out.SendQuota.Max24HourSend != 50000 {
		t.Errorf("%+v, %v", out, err)
	}
	_, fleet := do("GET", "/_fleet", "")
	if status, body := do("PUT", "/_fleet", fleet); status != http.StatusNoContent {
		t.Errorf("a fleet put back as it was: %d %s", status, body)
	}
	if again := modified(); !maps.EqualFunc(after, again, time.Time.Equal) {
		t.Errorf("an unchanged fleet changed pools: %v, %v", after, again)
	}
	if status, _ := do("GET", "/_nothing", ""); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
}

func poolID(t *testing.T, sim *awssim.Server, name string) string {
	t.Helper()
	for _, p := range sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools {
		if p.Name == name {
			return p.ID
		}
	}
	t.Fatalf("no pool %s", name)
	return ""
}

func TestParseFleet(t *testing.T) {
	region := func(text string) string {
		return "accounts: [{id: '100000000001', regions: {eu-west-1: {" + text + "}}}]"
	}
	for _, tt := range []struct{ name, fleet, want string }{
		{"empty", "", "at least one account"},
		{"JSON", "{", "unexpected end of JSON"},
		{"unknown key", "accounts:\n- id: '100000000001'\n  regions: {eu-west-1: {pools: [{name: a,\n    mod: x}]}}", `line 4: unknown key "mod"`},
		{"unknown region", "accounts: [{id: '100000000001', regions: {mars-1: {}}}]", `unknown region "mars-1"`},
		{"account twice", "accounts: [{id: '100000000001'}, {id: '100000000001'}]", "duplicate"},
		{"identity twice", region("identities: [{name: a.example}, {name: a.example}]"), `identity "a.example" has no name, or is a duplicate`},
		{"dkim", region("identities: [{name: a.example, dkim: MAYBE}]"), `identity a.example: dkim is "MAYBE"`},
		{"mail from", region("identities: [{name: a.example, mail_from: {domain: m.a.example, on_failure: SHRUG}}]"), `mail_from.on_failure is "SHRUG"`},
		{"mode", region("pools: [{name: a, mode: SES}]"), `mode is "SES", allowed are COGNITO_DEFAULT, DEVELOPER, ABSENT`},
		{"mfa", region("pools: [{name: a, mfa: MAYBE}]"), `mfa is "MAYBE", allowed are OFF, ON, OPTIONAL`},
		{"recovery", region("pools: [{name: a, recovery: [verified_email, oracle]}]"), `recovery is "oracle"`},
		{"first factor", region("pools: [{name: a, first_factors: [SMELL]}]"), `first_factors is "SMELL"`},
		{"log delivery", region("pools: [{name: a, log_delivery: [gossip]}]"), `log_delivery is "gossip"`},
		{"pool id", region("pools: [{name: a, id: mars-1_a}]"), `user pool id "mars-1_a" is not a region, _, and letters or digits, or is a duplicate`},
		{"pool twice", region("pools: [{name: a, id: eu-west-1_a}, {name: b, id: eu-west-1_a}]"), "duplicate"},
		{"replica without primary", region("pools: [{id: eu-west-2_a}]"), "user pool eu-west-2_a in eu-west-1 is a replica, but there is no such pool in eu-west-2"},
		{
			"two replicas", "accounts: [{id: '100000000001', regions: {eu-west-1: {pools: [{id: eu-west-1_a}]}, eu-west-2: {pools: [{id: eu-west-1_a}]}, eu-west-3: {pools: [{id: eu-west-1_a}]}}}]",
			"more than one replica",
		},
		{
			"replica with traffic", "accounts: [{id: '100000000001', regions: {eu-west-1: {pools: [{id: eu-west-1_a}]}, eu-west-2: {pools: [{id: eu-west-1_a, traffic: {sent_today: 1}}]}}}]",
			"it sends only codes at sign-in",
		},
		{"state", "accounts: [{id: '100000000001', state: GONE}]", `account 100000000001: state is "GONE", allowed are PENDING_ACTIVATION, ACTIVE`},
		{"unit", "accounts: [{id: '100000000001', unit: a//b}]", `organizational unit "a//b" is not names of 1 to 128 characters`},
		{"deep unit", "accounts: [{id: '100000000001'}]\norganization: {units: [a/b/c/d/e/f]}", "at most 5"},
		{"delegated administrator", "accounts: [{id: '100000000001'}]\norganization: {delegated: ['100000000002']}", `there is no account "100000000002"`},
		{
			"replica status", "accounts: [{id: '100000000001', regions: {eu-west-1: {pools: [{id: eu-west-1_a}]}, eu-west-2: {pools: [{id: eu-west-1_a, replica_status: LATE}]}}}]",
			`user pool eu-west-1_a in eu-west-2: replica_status is "LATE"`,
		},
		{"replica status of none", region("pools: [{id: eu-west-1_a, replica_status: ACTIVE}]"), "user pool eu-west-1_a in eu-west-1 is not a replica and has no replica_status"},
		{"traffic", region("pools: [{name: a, traffic: {per_hour: {Dance: 1}}}]"), `unknown event "Dance"`},
	} {
		if _, err := awssim.ParseFleet([]byte(tt.fleet)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestFill checks what is assumed of what a fleet does not say.
func TestFill(t *testing.T) {
	f := parse(t, `accounts: [{id: "100000000001", regions: {us-east-1: , us-west-1: {ses: {review: DENIED}}, eu-west-1: {
		ses: {production_access: true, max_send_rate: 99, sent_last_24_hours: 1000, bounce_rate: 0.0126, complaint_rate: 0.002, complaints: 0},
		identities: [{name: a.example}, {name: b.example, status: PENDING}, {name: c.example, status: TEMPORARY_FAILURE, verified: true, dkim: SUCCESS}, {name: d@example.com, sending_enabled: false}],
		configuration_sets: [{name: on}, {name: off, sending_enabled: false}],
		pools: [{name: a}, {name: b, auto_verified: []}]}}}]`)
	regions := f.Accounts[0].Regions
	for name, want := range map[string]awssim.SES{
		"us-east-1": {SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 200, MaxSendRate: 1},
		"us-west-1": {SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 200, MaxSendRate: 1, Review: "DENIED"},
		"eu-west-1": {ProductionAccess: true, SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 50000, MaxSendRate: 99, Review: "GRANTED", SentLast24Hours: 1000, BounceRate: 0.0126, ComplaintRate: 0.002, Bounces: 13},
	} {
		if regions[name].SES != want {
			t.Errorf("%s: %+v, want %+v", name, regions[name].SES, want)
		}
	}
	var got []string
	for _, i := range regions["eu-west-1"].Identities {
		got = append(got, fmt.Sprint(i.Name, i.Status, i.Verified, i.SendingEnabled, i.DKIM, i.MailFrom.OnFailure))
	}
	if want := []string{
		"a.exampleSUCCESStrue trueSUCCESSUSE_DEFAULT_VALUE", "b.examplePENDINGfalse falsePENDINGUSE_DEFAULT_VALUE",
		"c.exampleTEMPORARY_FAILUREtrue trueSUCCESSUSE_DEFAULT_VALUE", "d@example.comSUCCESStrue falseNOT_STARTEDUSE_DEFAULT_VALUE",
	}; !slices.Equal(got, want) {
		t.Errorf("identities %q, want %q", got, want)
	}
	if sets := regions["eu-west-1"].ConfigurationSets; !sets[0].SendingEnabled || sets[1].SendingEnabled {
		t.Errorf("configuration sets %+v", sets)
	}
	if pools := regions["eu-west-1"].Pools; !slices.Equal(pools[0].AutoVerified, []string{"email"}) || len(pools[1].AutoVerified) != 0 || len(pools[0].Clients) != 1 {
		t.Errorf("pools %+v", pools)
	}
}

func TestParseFault(t *testing.T) {
	got, err := awssim.ParseFault("kind=deny, service=ses,operation=GetAccount,account=100000000002,region=eu-west-1,rate=0.5,count=3")
	if want := (awssim.Fault{Kind: "deny", Service: "sesv2", Operation: "GetAccount", Account: "100000000002", Region: "eu-west-1", Rate: 0.5, Count: 3}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for text, want := range map[string]string{
		"":                          "unknown kind of fault",
		"deny":                      "not a list of objects with the keys kind, service",
		"kind=deny,acount=1":        `unknown key "acount"`,
		"kind=deny,rate=many":       "many",
		"kind=deny,rate=2":          "rate 2 must be within 0 and 1",
		"kind=deny,service=dynamo":  `unknown service "dynamo", allowed are account, `,
		"kind=deny},{kind=throttle": "must be key=value",

		"kind=replace":                      `field "" goes with kind replace`,
		"kind=deny,field=Arn":               `field "Arn" goes with kind replace, and only with it`,
		"kind=replace,field=Arn,value=[]":   "value [] must be a string",
		"kind=replace,field=Arn,value=.inf": "value +Inf must be a string",
	} {
		if _, err := awssim.ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseFleet(f *testing.F) {
	data, err := os.ReadFile("demo.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		fleet, err := awssim.ParseFleet(data)
		if err != nil {
			return
		}
		out, err := awssim.JSON(fleet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := awssim.ParseFleet(out); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}

// FuzzParseFault reads anything as --fault: what is accepted can be set.
func FuzzParseFault(f *testing.F) {
	sim, err := awssim.New(awssim.Options{Fleet: awssim.Demo(), NoQuotas: true})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"kind=deny,account=100000000002", "kind=replace,field=Arn,value=x", "kind=throttle,rate=.5", "=", "kind=deny}, {kind=deny", "kind=replace,field=a.b,value=[1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := awssim.ParseFault(text)
		if err != nil {
			return
		}
		if err := sim.SetFaults([]awssim.Fault{fault}); err != nil {
			t.Errorf("%q is accepted and refused: %v", text, err)
		}
	})
}
