package awsread_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // The tests are bound by the processor, and keep little.
	goleak.VerifyTestMain(m)
}

// inBubble runs the test beside others, on a clock of its own that stands
// still while anything runs: what waits takes no time, and what runs is never
// late.
func inBubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The clock stops with the test, so what goes on after it ends before.
		defer time.Sleep(time.Hour)
		test(t)
	})
}

// The accounts of the tests: the ambient credentials' own, and two that are
// entered with a role.
const (
	hub      = "100000000001"
	staging  = "100000000002"
	sandbox  = "100000000003"
	external = "correct-horse-battery-staple"
)

// region is what each account of the fleet has in eu-west-1.
const regionYAML = `
        ses: {production_access: true, sent_last_24_hours: 1200}
        identities:
          - {name: example.com, configuration_set: login}
          - {name: noreply@example.org}
          - {name: shaky.example, status: TEMPORARY_FAILURE, verified: true}
        configuration_sets: [{name: login}]
        pools:
          - {name: customers, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:ACCOUNT:identity/example.com", from: no-reply@example.com, tags: {env: prod}}
          - {name: shaky, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:ACCOUNT:identity/shaky.example", from: a@shaky.example}
          - {name: built-in}
`

// fleet returns three accounts with the same in eu-west-1.
func fleet(t testing.TB) *awssim.Fleet {
	t.Helper()
	var b strings.Builder
	b.WriteString("accounts:\n")
	for _, id := range []string{hub, staging, sandbox} {
		fmt.Fprintf(&b, "  - id: %q\n", id)
		if id != hub {
			fmt.Fprintf(&b, "    external_id: %s\n", external)
		}
		fmt.Fprintf(&b, "    regions:\n      eu-west-1:%s", strings.ReplaceAll(regionYAML, "ACCOUNT", id))
	}
	return parseFleet(t, b.String())
}

func parseFleet(t testing.TB, text string) *awssim.Fleet {
	t.Helper()
	f, err := awssim.ParseFleet([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// spoiler replaces an answer: ask gets the true one. A status of 0 lets the
// true answer through.
type spoiler func(operation string, body []byte, ask func() []byte) (status int, answer string)

// simulation is a simulated AWS in the test's own process, whose answers may be
// spoilt. It serves HTTP as well, to the few tests that are about connections.
type simulation struct {
	*awssim.Server
	spoil atomic.Pointer[spoiler]
	// hold, when set before the first request, says how long an answer is kept
	// back.
	hold func(operation, region string) time.Duration
}

func simulate(t testing.TB, o awssim.Options) *simulation {
	t.Helper()
	if o.Fleet == nil {
		o.Fleet = fleet(t)
	}
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &simulation{Server: sim}
}

// RoundTrip answers a request without a network, but otherwise as one: the
// answer comes when its header does, a broken connection is an error, and the
// end of the request's context ends either.
func (s *simulation) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	body, w := io.Pipe()
	a := &answering{ctx: r.Context(), header: http.Header{}, body: w, began: make(chan struct{})}
	stop := context.AfterFunc(r.Context(), func() { a.end(nil) })
	go func() {
		defer stop()
		defer func() {
			switch p := recover(); p {
			case nil:
				a.end(nil)
			case http.ErrAbortHandler:
				a.end(syscall.ECONNRESET)
			default:
				panic(p)
			}
		}()
		s.ServeHTTP(a, served)
	}()
	<-a.began
	if a.failed != nil {
		return nil, a.failed
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: body, ContentLength: -1, Request: r,
	}, nil
}

// serve serves the simulation over HTTP.
func (s *simulation) serve(t *testing.T) *httptest.Server {
	t.Helper()
	return serve(t, s)
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

// answering is an answer on its way.
type answering struct {
	ctx    context.Context
	header http.Header // the handler's
	body   *io.PipeWriter
	once   sync.Once
	began  chan struct{} // closed once what follows is set, by whatever comes first
	status int
	sent   http.Header
	failed error
}

func (a *answering) begin(status int, err error) {
	a.once.Do(func() {
		if a.failed = err; err == nil { // Else the handler may still be writing its header.
			a.status, a.sent = status, a.header.Clone()
		}
		close(a.began)
	})
}

func (a *answering) Header() http.Header { return a.header }

func (a *answering) WriteHeader(status int) { a.begin(status, a.ctx.Err()) }

func (a *answering) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush has nothing to do, since nothing is kept back.
func (a *answering) Flush() {}

// end ends the answer, which is whole unless it was broken off or the client
// has gone.
func (a *answering) end(broken error) {
	if err := a.ctx.Err(); err != nil {
		broken = err
	}
	a.begin(http.StatusOK, broken)
	if errors.Is(broken, syscall.ECONNRESET) {
		broken = io.ErrUnexpectedEOF // So net/http calls a body that is cut off.
	}
	_ = a.body.CloseWithError(broken) // It never fails; nil is the end of the body.
}

func (s *simulation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	spoil := s.spoil.Load()
	if spoil == nil && s.hold == nil {
		s.Server.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	operation := operationOf(r, body)
	if s.hold != nil {
		time.Sleep(s.hold(operation, regionOf(r)))
	}
	again := func() *http.Request {
		c := r.Clone(r.Context())
		c.Body = io.NopCloser(strings.NewReader(string(body)))
		return c
	}
	ask := func() []byte {
		rec := httptest.NewRecorder()
		s.Server.ServeHTTP(rec, again())
		return rec.Body.Bytes()
	}
	status, answer := 0, ""
	if spoil != nil {
		status, answer = (*spoil)(operation, body, ask)
	}
	if status == 0 {
		s.Server.ServeHTTP(w, again())
		return
	}
	if protocol := r.Header.Get("Smithy-Protocol"); protocol != "" {
		w.Header().Set("Smithy-Protocol", protocol)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer) // A client that left is its own business.
}

// operationOf names the operation of a request that awsread makes.
func operationOf(r *http.Request, body []byte) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:]
	}
	if _, operation, ok := strings.Cut(r.URL.Path, "/operation/"); ok {
		return operation
	}
	switch {
	case r.URL.Path == "/v2/email/account":
		return "GetAccount"
	case r.URL.Path == "/v2/email/list-identities", r.URL.Path == "/v2/email/identities":
		return "ListEmailIdentities"
	case path.Dir(r.URL.Path) == "/v2/email/identities":
		return "GetEmailIdentity"
	case path.Dir(r.URL.Path) == "/v2/email/configuration-sets":
		return "GetConfigurationSet"
	case r.URL.Path == "/listRegions":
		return "ListRegions"
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get("Action")
}

// regionOf returns the region that the request was signed for.
func regionOf(r *http.Request) string {
	if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 2 {
		return scope[2]
	}
	return ""
}

// spoilt sets what spoils the answers; nil ends it.
func (s *simulation) spoilt(f spoiler) {
	if f == nil {
		s.spoil.Store(nil)
		return
	}
	s.spoil.Store(&f)
}

func (s *simulation) fault(t testing.TB, faults ...awssim.Fault) {
	t.Helper()
	if err := s.SetFaults(faults); err != nil {
		t.Fatal(err)
	}
}

// calls counts the calls of an operation in one account, or all with "".
func (s *simulation) calls(account, operation string) (n int) {
	for _, c := range s.Calls() {
		if c.Operation == operation && (account == "" || c.Account == account) {
			n += c.Calls
		}
	}
	return n
}

// patch merges JSON into the fleet, as a person who drives the simulation does.
func (s *simulation) patch(t *testing.T, change any) {
	t.Helper()
	data, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.Server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/_fleet", strings.NewReader(string(data))))
	if w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func role(account string) awsread.Account {
	return awsread.Account{ID: account, RoleARN: "arn:aws:iam::" + account + ":role/exporter", ExternalID: external}
}

// reader returns a reader of the simulation; change may be nil.
func (s *simulation) reader(t testing.TB, change func(*awsread.Options)) *awsread.Reader {
	t.Helper()
	o := awsread.Options{
		Accounts:       []awsread.Account{{ID: hub}, role(staging), role(sandbox)},
		DescribeMaxAge: time.Hour, IdentityDetailsEvery: time.Hour, RequestTimeout: 10 * time.Second,
	}
	if change != nil {
		change(&o)
	}
	return s.readerWith(t, o)
}

// readerWith returns a reader of the simulation with these options alone.
func (s *simulation) readerWith(t testing.TB, o awsread.Options) *awsread.Reader {
	t.Helper()
	o.HTTPClient = &http.Client{Transport: s, Timeout: o.RequestTimeout}
	o.Endpoint, o.AccessKeyID, o.SecretAccessKey = "http://aws.example", "AKIATEST", "wJalrXUtnFEMI"
	return newReader(t, o)
}

func newReader(t testing.TB, o awsread.Options) *awsread.Reader {
	t.Helper()
	r, err := awsread.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func target(account string, identities ...string) inventory.Target {
	return inventory.Target{AccountID: account, Region: "eu-west-1", Identities: identities}
}

// class returns how the API fared, and fails when it was not called.
func class(t *testing.T, r inventory.Reading, api string) inventory.Class {
	t.Helper()
	o, ok := r.Outcome(api)
	if !ok {
		t.Errorf("%s %s: %s was not called", r.Target.AccountID, r.Target.Region, api)
		return "not called"
	}
	return o.Class
}

// allOK checks that all three APIs were called, with success.
func allOK(t *testing.T, r inventory.Reading) {
	t.Helper()
	for _, api := range []string{inventory.APISTS, inventory.APICognito, inventory.APISES} {
		if o, ok := r.Outcome(api); !ok || o.Class != inventory.OK || !o.LastSuccess.Equal(r.End) {
			t.Errorf("%s %s, %s: called %v, outcome %+v", r.Target.AccountID, r.Target.Region, api, ok, o)
		}
	}
}

// complete checks that the reading has all that fleet gives an account.
func complete(t *testing.T, r inventory.Reading) {
	t.Helper()
	var names []string
	for _, p := range r.Pools {
		names = append(names, p.Name)
		if p.Settings == nil || p.Confirmed.Before(r.Start) || p.Listed.Before(r.Start) {
			t.Errorf("%s: pool %s is not confirmed", r.Target.AccountID, p.Name)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"built-in", "customers", "shaky"}) {
		t.Errorf("%s: pools %v", r.Target.AccountID, names)
	}
	if r.SES == nil || r.SES.Confirmed.Before(r.Start) || r.SES.Sandbox != inventory.No || !r.SES.Quota.Known || r.SES.Quota.Used != 1200 {
		t.Errorf("%s: SES %+v", r.Target.AccountID, r.SES)
	}
	if len(r.Identities) != 3 || r.IdentitiesListed.Before(r.Start) {
		t.Errorf("%s: identities %+v, listed %s", r.Target.AccountID, r.Identities, r.IdentitiesListed)
	}
	if d := identity(r, "example.com").Details; d == nil || d.ConfigurationSet != "login" {
		t.Errorf("%s: details %+v", r.Target.AccountID, d)
	}
	if len(r.ConfigurationSets) != 1 || r.ConfigurationSets[0].Name != "login" || !r.ConfigurationSets[0].Well() {
		t.Errorf("%s: configuration sets %+v", r.Target.AccountID, r.ConfigurationSets)
	}
}

func pool(t *testing.T, r inventory.Reading, name string) inventory.UserPool {
	t.Helper()
	i := slices.IndexFunc(r.Pools, func(p inventory.UserPool) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("no pool %s in %+v", name, r.Pools)
	}
	return r.Pools[i]
}

func identity(r inventory.Reading, name string) inventory.Identity {
	i := slices.IndexFunc(r.Identities, func(i inventory.Identity) bool { return i.Name == name })
	if i < 0 {
		return inventory.Identity{}
	}
	return r.Identities[i]
}

// existing returns the identities that there are.
func existing(r inventory.Reading) []inventory.Identity {
	return slices.DeleteFunc(slices.Clone(r.Identities), func(i inventory.Identity) bool { return i.Missing })
}

// generated returns a fleet of one account with so many pools in eu-west-1.
func generated(t *testing.T, pools int, mix string, regions ...string) *awssim.Fleet {
	t.Helper()
	f, err := awssim.Generate(awssim.GenerateOptions{Accounts: 1, Regions: append(regions, "eu-west-1"), Pools: pools, Mix: mix})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// discard is a log for what a test provokes.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }
