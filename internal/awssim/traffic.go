package awssim

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Traffic is what the users of a pool do. Everything is drawn from the seed
// and the pool's id, so that it is the same whenever it is asked for.
type Traffic struct {
	PerHour       map[string]float64 `yaml:"per_hour,omitempty"`        // how often something happens on average, by the event's name in CloudTrail, see eventNames
	SentToday     int                `yaml:"sent_today,omitempty"`      // sign-ups in addition: in the three hours before the start, and on later days in the half hour after the reset
	SMS           float64            `yaml:"sms,omitempty"`             // share whose code goes out by SMS, 0 to 1
	Suppressed    float64            `yaml:"suppressed,omitempty"`      // share of AdminCreateUser with MessageAction SUPPRESS, 0 to 1
	PagesAlsoCall bool               `yaml:"pages_also_call,omitempty"` // page events come with the API event of the same action
	FloatStatus   bool               `yaml:"float_status,omitempty"`    // page events have status 302.0, as in one of AWS's samples
	HideDelivery  bool               `yaml:"hide_delivery,omitempty"`   // codeDeliveryDetails and desiredDeliveryMediums are hidden, as AWS hides other lists and objects
	Strangers     float64            `yaml:"strangers,omitempty"`       // share of ForgotPassword and ResendConfirmationCode for users who do not exist: with PreventUserExistenceErrors AWS answers as if they did
	Odd           float64            `yaml:"odd,omitempty"`             // share of events whose record is not as AWS's samples
}

func (t *Traffic) any() bool { return len(t.PerHour) > 0 || t.SentToday > 0 }

// eventNames are the events in CloudTrail that can make Cognito send a mail,
// with the API operation behind a page.
var eventNames = map[string]string{
	"SignUp": "", "ResendConfirmationCode": "", "ForgotPassword": "", "AdminCreateUser": "", "AdminResetUserPassword": "",
	"UpdateUserAttributes": "", "AdminUpdateUserAttributes": "", "GetUserAttributeVerificationCode": "",
	"Signup_POST": "SignUp", "ResendCode_POST": "ResendConfirmationCode", "ForgotPassword_POST": "ForgotPassword",
	"signup_POST": "SignUp", "forgotPassword_POST": "ForgotPassword",
}

func (t *Traffic) check() error {
	for name, n := range t.PerHour {
		if _, ok := eventNames[name]; !ok {
			return fmt.Errorf("traffic.per_hour: unknown event %q, allowed are %s", name, strings.Join(slices.Sorted(maps.Keys(eventNames)), ", "))
		}
		if n < 0 || n > mostPerHour {
			return fmt.Errorf("traffic.per_hour.%s is %v, allowed is 0 to %d", name, n, mostPerHour)
		}
	}
	for _, share := range []float64{t.SMS, t.Suppressed, t.Strangers, t.Odd} {
		if share < 0 || share > 1 {
			return errors.New("traffic: sms, suppressed, strangers and odd are shares of 0 to 1")
		}
	}
	if t.SentToday < 0 {
		return errors.New("traffic: sent_today is not negative")
	}
	return nil
}

const (
	scopeAccountRegion = "account_region"
	scopeAccount       = "account"
	scopePool          = "user_pool"

	mostPerHour   = 500
	resetHour     = 9 // UTC
	day           = 24 * time.Hour
	sentTodaySpan = 3 * time.Hour
	laterDaysSpan = 30 * time.Minute
	daysKept      = 2000
)

// outcome is what became of an event. Those after noMail are refusals.
type outcome int

const (
	mailed     outcome = iota
	noMail             // by SMS, suppressed, or the pool does not verify addresses
	overLimit          // refused by the default quota
	unverified         // refused by SES, whose account is in the sandbox
)

// event is something that a pool's user or administrator did.
type event struct {
	at        time.Time
	region    string
	pool      *Pool
	name      string // in CloudTrail
	client    string // empty for administrators
	id        string // eventID
	sub       string // of the user
	sms       bool
	suppress  bool
	stranger  bool     // there is no such user
	odd       int      // how the record is odd; 0 is not
	outcome   *outcome // a duplicate has that of its page event
	duplicate bool     // the API event of a page event, for the same mail
	act       *act     // of a call that changed something; nil of all others
}

// windowStart is the last reset of the default quota at or before t.
func windowStart(t time.Time) time.Time {
	t = t.UTC()
	start := time.Date(t.Year(), t.Month(), t.Day(), resetHour, 0, 0, 0, time.UTC)
	if start.After(t) {
		start = start.AddDate(0, 0, -1)
	}
	return start
}

type dayKey struct {
	account string
	start   int64
}

// happened returns what happened in the account in the quota window that
// begins at start, sorted by time, whether or not that time has come.
func (s *Server) happened(f *Fleet, a *Account, start time.Time) []event {
	k := dayKey{a.ID, start.Unix()}
	s.mu.Lock()
	events, ok := s.days[k]
	ok = ok && s.fleet == f
	s.mu.Unlock()
	if ok {
		return events
	}
	for name, r := range a.Regions {
		for i := range r.Pools {
			events = append(events, s.draw(name, &r.Pools[i], start)...)
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fleet == f {
		for i := range events {
			events[i].pool = s.poolAt(a.ID, &events[i])
		}
	}
	f.judge(a, events)
	if s.fleet == f {
		if len(s.days) >= daysKept {
			clear(s.days)
		}
		s.days[k] = events
	}
	return events
}

// poolAt returns the event's pool as it was then.
func (s *Server) poolAt(account string, e *event) *Pool {
	for _, p := range s.past {
		if !e.at.Before(p.until) {
			continue
		}
		if a := p.account(account); a != nil {
			if then := a.region(e.region).pool(e.pool.ID); then != nil {
				return then
			}
		}
		break
	}
	return e.pool
}

// draw makes the events of one pool in one window.
func (s *Server) draw(region string, p *Pool, start time.Time) []event {
	var events []event
	t := &p.Traffic
	add := func(r *mathrand.Rand, at time.Time, name string) {
		e := event{at: at.Truncate(time.Millisecond), region: region, pool: p, name: name, id: uuid(r.Uint64(), r.Uint64()), sub: uuid(r.Uint64(), r.Uint64())}
		e.sms, e.outcome = r.Float64() < t.SMS, new(outcome)
		if strings.HasPrefix(name, "Admin") {
			e.suppress = (name == "AdminCreateUser" || name == "AdminUpdateUserAttributes") && r.Float64() < t.Suppressed
		} else if len(p.Clients) > 0 {
			e.client = p.Clients[r.IntN(len(p.Clients))].ID
		}
		if name == "ForgotPassword" || name == "ResendConfirmationCode" {
			e.stranger = t.Strangers > 0 && r.Float64() < t.Strangers
		}
		if t.Odd > 0 && r.Float64() < t.Odd {
			e.odd = 1 + r.IntN(oddKinds)
		}
		events = append(events, e)
		if twin := eventNames[name]; twin != "" && t.PagesAlsoCall {
			e.name, e.id, e.duplicate = twin, uuid(r.Uint64(), r.Uint64()), true
			events = append(events, e)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.PerHour)) {
		r := s.source(p.ID, name, start)
		for hour := range 24 {
			for range poisson(r, t.PerHour[name]) {
				add(r, start.Add(time.Duration(hour)*time.Hour+time.Duration(r.Int64N(int64(time.Hour)))), name)
			}
		}
	}
	if t.SentToday > 0 {
		first, last := start, start.Add(laterDaysSpan)
		if windowStart(s.started).Equal(start) {
			last = s.started
			first = slices.MaxFunc([]time.Time{start, last.Add(-sentTodaySpan)}, time.Time.Compare)
		}
		r := s.source(p.ID, "sent_today", start)
		for i := range t.SentToday {
			share := (float64(i) + 0.5) / float64(t.SentToday)
			add(r, first.Add(time.Duration(share*float64(last.Sub(first)))), "SignUp")
		}
	}
	return events
}

// source is the randomness of one kind of event of one pool on one day.
func (s *Server) source(pool, name string, start time.Time) *mathrand.Rand {
	d := digest(pool, name, start.Format(time.RFC3339))
	return mathrand.New(mathrand.NewPCG(s.opts.Seed^binary.LittleEndian.Uint64(d), binary.LittleEndian.Uint64(d[8:])))
}

// uuid makes a version 4 UUID of random bits.
func uuid(a, b uint64) string {
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:], a&^(0xf0<<48)|0x40<<48)
	binary.LittleEndian.PutUint64(id[8:], b&^0xc0|0x80)
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// poisson draws how often something happens that does so mean times on average.
func poisson(r *mathrand.Rand, mean float64) int {
	limit, product := math.Exp(-mean), 1.0
	for n := 0; ; n++ {
		if product *= r.Float64(); product <= limit {
			return n
		}
	}
}

// judge decides the outcomes of an account's events, in order of time.
func (f *Fleet) judge(a *Account, events []event) {
	sent := map[string]int{}
	for i := range events {
		e := &events[i]
		wants := !e.sms && !e.suppress && !e.stranger
		switch e.name {
		case "SignUp", "ResendConfirmationCode", "Signup_POST", "ResendCode_POST", "signup_POST", "AdminUpdateUserAttributes":
			wants = wants && slices.Contains(e.pool.AutoVerified, "email")
		}
		switch {
		case e.duplicate:
		case !wants, e.pool.CustomSender != "":
			*e.outcome = noMail
		case e.pool.Mode == "DEVELOPER":
			if !a.region(identityRegion(e.pool.SourceARN)).SES.ProductionAccess {
				*e.outcome = unverified
			}
		default:
			scope := e.region
			switch {
			case e.pool.OwnQuota, f.DefaultQuota.Scope == scopePool:
				scope = e.pool.ID
			case f.DefaultQuota.Scope == scopeAccount:
				scope = ""
			}
			if sent[scope] >= f.DefaultQuota.Limit {
				*e.outcome = overLimit
				continue
			}
			sent[scope]++
		}
	}
}

func identityRegion(arn string) string {
	if part := strings.SplitN(arn, ":", 6); len(part) == 6 {
		return part[3]
	}
	return ""
}

// PoolTruth is what a pool really sent since the last reset.
type PoolTruth struct {
	Account    string `json:"account"`
	Region     string `json:"region"`
	UserPoolID string `json:"user_pool_id"`
	Sent       int    `json:"sent"`
	Default    int    `json:"default"`  // of these, through the built-in sender
	Refused    int    `json:"refused"`  // by the default quota or by SES
	SignUps    int    `json:"sign_ups"` // users that signed up or were created, and whose mail, if any, was not refused
}

// Truth returns what was sent since the last reset, for every pool that has traffic.
func (s *Server) Truth() []PoolTruth {
	f, now := s.Fleet(), s.opts.Now()
	all := []PoolTruth{}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		index := map[string]int{}
		for name, r := range a.Regions {
			for _, p := range r.Pools {
				if p.Traffic.any() {
					index[p.ID] = len(all)
					all = append(all, PoolTruth{Account: a.ID, Region: name, UserPoolID: p.ID})
				}
			}
		}
		for _, e := range s.happened(f, a, windowStart(now)) {
			if e.at.After(now) || e.duplicate {
				continue
			}
			if _, ok := signUp(&e); ok && *e.outcome <= noMail {
				all[index[e.pool.ID]].SignUps++
			}
			switch {
			case *e.outcome == mailed:
				all[index[e.pool.ID]].Sent++
				if e.pool.Mode != "DEVELOPER" {
					all[index[e.pool.ID]].Default++
				}
			case *e.outcome > noMail:
				all[index[e.pool.ID]].Refused++
			}
		}
	}
	slices.SortFunc(all, func(a, b PoolTruth) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.UserPoolID, b.UserPoolID))
	})
	return all
}

// visible returns the account's events in the region from one time up to
// another, without those that show only later.
func (c *call) visible(from, to time.Time, delay func(*event) time.Duration) []event {
	var events []event
	for start := windowStart(from); start.Before(to); start = start.Add(day) {
		for _, e := range c.server.happened(c.fleet, c.owner(), start) {
			if e.region == c.region && c.shows(&e, from, to, delay) {
				events = append(events, e)
			}
		}
	}
	return events
}

// shows reports whether the event lies in the time, and shows already.
func (c *call) shows(e *event, from, to time.Time, delay func(*event) time.Duration) bool {
	shown := e.at
	if !c.server.opts.NoDelays {
		shown = shown.Add(delay(e))
	}
	return !e.at.Before(from) && e.at.Before(to) && !shown.After(c.now)
}
