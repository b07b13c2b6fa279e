package awsread

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Attempt is one HTTP request to AWS, for counting.
type Attempt struct {
	Service   string // as in [inventory.Outcome.API]
	Operation string
	Class     inventory.Class // OK when it succeeded
	Waited    time.Duration   // until the request budget had room for it
	Took      time.Duration   // from then to the answer
	Halved    bool            // AWS throttled it, and so halved the budget
}

const (
	throttleAttempts = 10 // a throttled call is worth waiting for; the target's deadline bounds it
	failureAttempts  = 3  // as in the SDK's standard mode
	maxBackoff       = 10 * time.Second
)

// patientRetryer is the SDK's standard mode, with more attempts for throttled
// calls and without its retry quota, since one bad region must not take the
// attempts from a good one; jittered back-off comes with it.
type patientRetryer struct {
	*retry.Standard
}

func newRetryer() aws.Retryer {
	return patientRetryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = throttleAttempts
		o.MaxBackoff = maxBackoff
		o.RateLimiter = ratelimit.None
	})}
}

// RetryDelay ends the attempts early for anything but throttling, with the
// call's own error.
func (r patientRetryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= failureAttempts && classOf(err) != inventory.Throttled {
		return 0, err
	}
	return r.Standard.RetryDelay(attempt, err)
}

// hastyRetryer leaves it to the caller when a throttled call is made again, so
// that others need not wait for it.
type hastyRetryer struct{ aws.Retryer }

// RetryDelay ends the attempts of a throttled call with its own error.
func (r hastyRetryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if classOf(err) == inventory.Throttled {
		return 0, err
	}
	return r.Retryer.RetryDelay(attempt, err)
}

// backoff is how long a throttled call waits when it was the n-th one in a row,
// at least the first: up to twice as long each time, at random. It begins
// shorter than the SDK's, since the request budgets slow the calls down anyway.
func backoff(n int) time.Duration {
	return rand.N(min(maxBackoff, 250*time.Millisecond<<min(n-1, 10)))
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// requests is what happens around the requests of one API's client. It is safe
// for concurrent use, and lives as long as the client.
type requests struct {
	api     string
	budgets budgets       // nil for STS and what is no region's
	session *session      // what signs the requests; nil for the ambient credentials
	observe func(Attempt) // may be nil
}

// lastErrorKey is the context's key of the error of a call's last attempt, an *error.
type lastErrorKey struct{}

// sharedErrorKey is the context's key of the same of a call that passes wait for
// together, a *sharedError.
type sharedErrorKey struct{}

// sharedError is an error that others read while the call goes on. The zero value
// has none.
type sharedError struct {
	mu  sync.Mutex
	err error // behind the mutex
}

func (s *sharedError) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// or returns what the call failed with so far, for who stops waiting for it;
// without that, err.
func (s *sharedError) or(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return err
}

// hurriedError is the error of a call that the end of the pass cut off at its
// first attempt.
type hurriedError struct {
	error
	took time.Duration // what AWS had to answer
}

func (e *hurriedError) Unwrap() error { return e.error }

// callsKey is the context's key of a pass's count of requests, an *atomic.Int64.
type callsKey struct{}

// register puts call before the SDK's retry loop, and attempt into it.
func (q *requests) register(s *middleware.Stack) error {
	if err := s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("KeepLastError", q.call), "Retry", middleware.Before); err != nil {
		return err
	}
	return s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("BudgetAndCount", q.attempt), "Retry", middleware.After)
}

// call sees to it that a deadline within a back-off does not hide what the call
// was repeated for.
func (q *requests) call(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	var last error
	out, md, err := next.HandleFinalize(context.WithValue(ctx, lastErrorKey{}, &last), in)
	if err != nil && ctx.Err() != nil && last != nil {
		err = last
	}
	return out, md, err
}

// attempt makes one request wait for its budget, and counts it.
func (q *requests) attempt(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	t := Attempt{Service: q.api, Operation: awsmiddleware.GetOperationName(ctx)}
	own := q.budgets[t.Operation] // nil without a budget
	if own != nil {
		var err error
		if t.Waited, err = own.wait(ctx); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, &ownError{
				inventory.Throttled, "the request budget leaves no room before the target's deadline: " + err.Error(),
				"raise request_budgets, or timeout and interval",
			}
		}
	}
	generation := q.session.generation() // The request is signed after this, within next.
	start := time.Now()
	out, md, err := recovered(ctx, in, next)
	t.Took, t.Class = time.Since(start), classOf(err)
	if isExpired(err) {
		q.session.expired(generation)
	}
	if calls, ok := ctx.Value(callsKey{}).(*atomic.Int64); ok && q.api != inventory.APISTS {
		calls.Add(1)
	}
	if ctx.Err() == nil {
		if shared, ok := ctx.Value(sharedErrorKey{}).(*sharedError); ok {
			shared.set(err)
		}
	}
	if last, ok := ctx.Value(lastErrorKey{}).(*error); ok && (ctx.Err() == nil || *last == nil) {
		if err != nil && ctx.Err() != nil {
			err = &hurriedError{err, t.Took}
		}
		*last = err
	}
	t.Halved = t.Class == inventory.Throttled && own != nil && own.throttled()
	if q.observe != nil {
		q.observe(t)
	}
	return out, md, err
}

// recovered makes an error of a panic: some answers, for example a time that is
// NaN, make the SDK's decoders panic, also in goroutines that only the SDK knows.
func recovered(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (out middleware.FinalizeOutput, md middleware.Metadata, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return next.HandleFinalize(ctx, in)
}
