package awsread

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Attempt is one HTTP request to AWS, for counting.
type Attempt struct {
	Service   string // as in [inventory.Outcome.API]
	Operation string
	Class     inventory.Class // OK when it succeeded
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

// budgets hands out token buckets: one per account, region and quota of AWS.
type budgets struct {
	mu       sync.Mutex
	rates    map[string]float64 // requests per second by API
	limiters map[budgetKey]*rate.Limiter
}

type budgetKey struct {
	inventory.Key
	quota string
}

// limiter returns nil where no budget is set. Cognito counts its reads of
// pools together, and those of clients; SES counts every operation by itself.
func (b *budgets) limiter(key inventory.Key, api, operation string) *rate.Limiter {
	limit, ok := b.rates[api]
	if !ok {
		return nil
	}
	k := budgetKey{key, api}
	if api == inventory.APISES || operation == "ListUserPoolClients" {
		k.quota = operation
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.limiters[k]
	if !ok {
		l = rate.NewLimiter(rate.Limit(limit), max(1, int(limit)))
		b.limiters[k] = l
	}
	return l
}

// lastError keeps the error of a call's last attempt.
type lastError struct{ err error }

type lastErrorKey struct{}

// observe returns the option that makes every attempt of a client wait for its
// budget and be counted. It stands after the SDK's retry loop and so sees each
// attempt by itself. What stands before the loop sees to it that a deadline
// within a back-off does not hide what the call was repeated for.
func (r *Reader) observe(key inventory.Key, api string) func(*middleware.Stack) error {
	call := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		var last lastError
		out, md, err := next.HandleFinalize(context.WithValue(ctx, lastErrorKey{}, &last), in)
		if err != nil && ctx.Err() != nil && last.err != nil {
			err = last.err
		}
		return out, md, err
	}
	count := r.count(key)
	attempt := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		operation := awsmiddleware.GetOperationName(ctx)
		if l := r.budgets.limiter(key, api, operation); l != nil {
			if err := l.Wait(ctx); err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, &budgetError{err}
			}
		}
		out, md, err := next.HandleFinalize(ctx, in)
		count.Add(1)
		if last, ok := ctx.Value(lastErrorKey{}).(*lastError); ok && (ctx.Err() == nil || last.err == nil) {
			last.err = err
		}
		if r.opts.Observe != nil {
			r.opts.Observe(Attempt{Service: api, Operation: operation, Class: classOf(err)})
		}
		return out, md, err
	}
	return func(s *middleware.Stack) error {
		if err := s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("KeepLastError", call), "Retry", middleware.Before); err != nil {
			return err
		}
		return s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("BudgetAndCount", attempt), "Retry", middleware.After)
	}
}

// budgetError is a call that could not be made before the target's deadline.
type budgetError struct{ err error }

func (e *budgetError) Error() string {
	return "the request budget leaves no room before the target's deadline: " + e.err.Error()
}

// count returns the number of attempts in an account and region.
func (r *Reader) count(key inventory.Key) *atomic.Int64 {
	r.countsMu.Lock()
	defer r.countsMu.Unlock()
	n := r.counts[key]
	if n == nil {
		n = &atomic.Int64{}
		r.counts[key] = n
	}
	return n
}
