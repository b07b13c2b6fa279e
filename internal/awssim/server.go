package awssim

import (
	"cmp"
	"context"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options configure a Server.
type Options struct {
	Fleet    *Fleet
	Faults   []Fault
	Latency  time.Duration    // before every answer
	NoQuotas bool             // answer everything, however much
	NoDelays bool             // show events in CloudWatch and CloudTrail at once
	Updates  bool             // answer UpdateUserPool, too; for tests of what a person does with it
	Seed     uint64           // of what is random: faults with a rate
	Now      func() time.Time // nil is the wall clock
}

const (
	maxBody      = 1 << 20
	slowDelay    = 3 * time.Second // twice: before and within a slow answer
	longestStall = 2 * time.Minute // of a call that is never answered
)

// Server answers AWS calls, and under /_ the requests of docs/awssim.md that
// drive the simulation. It is an http.Handler, safe for concurrent use.
type Server struct {
	opts    Options
	started time.Time

	mu       sync.Mutex // guards what follows; a Fleet is replaced, never changed
	fleet    *Fleet
	faults   []Fault
	random   *mathrand.Rand
	sessions map[string]*session // by access key
	limiters map[bucket]*rate.Limiter
	counts   map[CallCount]*CallCount // by itself without its numbers
	days     map[dayKey][]event       // of the present fleet
	past     []pastFleet              // in order of time
	acts     []event                  // what changed the fleet, in order of time
}

// pastFleet is a fleet that was replaced.
type pastFleet struct {
	*Fleet
	until time.Time
}

// bucket is what one quota of AWS counts.
type bucket struct{ account, region, service, quota string }

// CallCount says how often an operation was called.
type CallCount struct {
	Account   string `json:"account"`
	Region    string `json:"region"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
	Calls     int    `json:"calls"`
	Errors    int    `json:"errors"` // of these, how many were answered with an error or not at all
}

// session is what AssumeRole handed out.
type session struct {
	account, role, name, token string
	expires                    time.Time
}

// call is one AWS call.
type call struct {
	request
	server    *Server
	fleet     *Fleet // at the time of the call
	now       time.Time
	requestID string

	scope
	account   string
	session   *session // of the access key; nil if there is none
	principal string   // ARN of the caller
	userID    string   // UserId of the caller
}

// owner returns the account that the call is about.
func (c *call) owner() *Account { return c.fleet.account(c.account) }

// here returns what the account has in the call's region.
func (c *call) here() *Region { return c.owner().region(c.region) }

// New returns a server of the fleet.
func New(o Options) (*Server, error) {
	if o.Fleet == nil {
		return nil, errors.New("a fleet is needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.Fleet.complete(); err != nil {
		return nil, err
	}
	o.Fleet.age(o.Now())
	s := &Server{
		opts: o, started: o.Now(), fleet: o.Fleet, days: map[dayKey][]event{}, random: mathrand.New(mathrand.NewPCG(o.Seed, 1)),
		sessions: map[string]*session{}, limiters: map[bucket]*rate.Limiter{}, counts: map[CallCount]*CallCount{},
	}
	s.did(o.Fleet.past(s.started), s.started)
	return s, s.SetFaults(o.Faults)
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(faults []Fault) error {
	faults = append([]Fault{}, faults...) // The caller's are not changed.
	for i := range faults {
		if err := faults[i].check(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
	return nil
}

// SetFleet replaces the fleet, which must not be changed any more afterwards.
// Pools that differ from before become modified now.
func (s *Server) SetFleet(f *Fleet) error {
	if err := f.complete(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	f.age(now)
	f.touch(s.fleet, now)
	s.did(f.changed(s.fleet, now), now)
	s.past = slices.DeleteFunc(append(s.past, pastFleet{s.fleet, now}), func(p pastFleet) bool { return p.until.Before(windowStart(now)) })
	s.fleet = f
	clear(s.days)
	return nil
}

// Fleet returns the present fleet, which must not be changed.
func (s *Server) Fleet() *Fleet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fleet
}

// Calls returns the calls since the start or the last ResetCalls, sorted.
func (s *Server) Calls() []CallCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]CallCount, 0, len(s.counts))
	for _, c := range s.counts {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b CallCount) int {
		return strings.Compare(a.Account+a.Region+a.Service+a.Operation, b.Account+b.Region+b.Service+b.Operation)
	})
	return all
}

// ResetCalls starts the count of calls again.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if strings.HasPrefix(r.URL.Path, "/_") {
		s.control(w, r, body, err)
		return
	}
	if err != nil {
		http.Error(w, "the request is too large or was cut off", http.StatusRequestEntityTooLarge)
		return
	}
	if s.opts.Latency > 0 && !pause(r.Context(), s.opts.Latency) {
		return
	}
	c, refused := s.parse(r, body)
	kind := ""
	if refused == nil {
		kind = s.strike(c)
	}
	switch kind {
	case "timeout":
		s.count(c, true)
		pause(r.Context(), longestStall)
		return
	case "reset":
		s.count(c, true)
		reset(w)
		return
	case "slow":
		if !pause(r.Context(), slowDelay) {
			s.count(c, true)
			return
		}
	}
	a, failed := s.answer(c, refused, kind)
	s.count(c, failed)
	send(w, r, a, kind, c.requestID)
}

// answer works out what to say to the call.
func (s *Server) answer(c *call, refused *awsError, kind string) (a answer, failed bool) {
	if refused == nil {
		refused = failure(kind, c)
	}
	if refused == nil {
		refused = s.authenticate(c)
	}
	op, known := operations[c.service.name][c.operation]
	switch {
	case refused == nil && !known:
		refused = unknownOperation(c)
	case refused == nil && !s.admit(c, op):
		refused = failure("throttle", c)
	}
	if refused != nil {
		return encodeError(c, refused), true
	}
	const again = "again" // A token that leads to its own page.
	if kind == "repeat" && c.params.text(c.service.pageToken) == again {
		delete(c.params, c.service.pageToken)
	}
	if kind == "garbage" {
		return answer{
			status: http.StatusOK, header: map[string]string{"Content-Type": "text/html"},
			body: []byte("<!doctype html><title>Sign in to the network</title><p>Please sign in.</p>"),
		}, true
	}
	out, err := op.handle(c)
	if kind == "repeat" && err == nil {
		for key, value := range out {
			if _, ok := value.([]any); ok {
				out[key] = []any{}
			}
		}
		out[c.service.pageToken] = again
	}
	var e *awsError
	switch {
	case err == nil:
		return encode(c, s.replaced(c, out)), kind == "truncate" || kind == "repeat"
	case errors.As(err, &e):
		return encodeError(c, e), true
	default:
		return encodeError(c, &awsError{code: "InternalFailure", message: err.Error(), status: http.StatusInternalServerError}), true
	}
}

// send writes the answer, or spoils it.
func send(w http.ResponseWriter, r *http.Request, a answer, kind, requestID string) {
	for key, value := range a.header {
		w.Header().Set(key, value)
	}
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	half := len(a.body) / 2
	_, _ = w.Write(a.body[:half]) // Here and below, an error means that the client is gone.
	switch kind {
	case "truncate":
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "slow":
		_ = http.NewResponseController(w).Flush()
		if !pause(r.Context(), slowDelay) {
			return
		}
	}
	_, _ = w.Write(a.body[half:])
}

// reset breaks the connection without an answer.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// count takes note of a call.
func (s *Server) count(c *call, failed bool) {
	k := CallCount{Account: c.account, Region: c.region, Service: c.service.name, Operation: c.operation}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.counts[k]
	if n == nil {
		n = &k
		s.counts[k] = n
	}
	n.Calls++
	if failed {
		n.Errors++
	}
}

// admit reports whether the call is within AWS's quota.
func (s *Server) admit(c *call, op operation) bool {
	if s.opts.NoQuotas || op.rate == 0 {
		return true
	}
	k := bucket{c.account, c.region, c.service.name, cmp.Or(op.quota, c.operation)}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limiters[k]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(op.rate), max(2, int(op.rate)))
		s.limiters[k] = l
	}
	return l.AllowN(c.now, 1)
}

// parse reads the request and whom it is from. A call always comes back, for
// the count and the answer's protocol.
func (s *Server) parse(r *http.Request, body []byte) (*call, *awsError) {
	scope := credentialScope(r)
	q, err := route(r, body, scope.signedFor)
	s.mu.Lock()
	c := &call{
		request: q, scope: scope, server: s, fleet: s.fleet, now: s.opts.Now(), session: s.sessions[scope.accessKey],
		requestID: uuid(mathrand.Uint64(), mathrand.Uint64()),
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		return c, badRequest("SerializationException", "%v", err)
	case c.service == noService, c.operation == "":
		return c, unknownOperation(c)
	case c.accessKey == "" && c.operation != "AssumeRoleWithWebIdentity":
		return c, forbidden("MissingAuthenticationTokenException", "Request is missing Authentication Token")
	}
	c.account, c.userID = c.fleet.Accounts[0].ID, "AIDAAWSSIM0000000000A"
	c.principal = "arn:" + partition(c.region) + ":iam::" + c.account + ":user/awssim"
	if c.session != nil {
		c.account, c.userID, c.principal = c.session.account, roleID+":"+c.session.name, c.session.arn(c.region)
	}
	if c.service == services["sts"] && strings.HasPrefix(c.operation, "AssumeRole") {
		if role := roleARN.FindStringSubmatch(c.params.text("RoleArn")); role != nil {
			c.account = role[1] // A fault of the role's account, not of the caller's, applies to the call.
		}
	}
	return c, nil
}

// scope is what a SigV4 signature says. Without one, all of it is empty.
type scope struct{ accessKey, region, signedFor, token string }

func credentialScope(r *http.Request) scope {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(after, ",")
	}
	part := strings.Split(strings.TrimSpace(credential), "/")
	if len(part) != 5 || part[4] != "aws4_request" {
		return scope{}
	}
	return scope{part[0], part[2], part[3], r.Header.Get("X-Amz-Security-Token")}
}

// authenticate checks the credentials and the region.
func (s *Server) authenticate(c *call) *awsError {
	switch {
	case c.operation == "AssumeRoleWithWebIdentity":
		return nil
	case strings.HasPrefix(c.accessKey, "ASIA") && (c.session == nil || c.token != c.session.token || c.fleet.account(c.session.account) == nil):
		return forbidden("UnrecognizedClientException", invalidToken)
	case c.session != nil && !c.now.Before(c.session.expires):
		return failure("expired_token", c)
	}
	if a := c.owner(); !c.service.global && a != nil && !a.enabled(c.region) {
		return failure("region_disabled", c)
	}
	return nil
}
