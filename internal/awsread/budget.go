package awsread

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	// A halved budget takes so long to grow back, and twice as long as before
	// each time that it is halved again soon after.
	leastRecovery, mostRecovery = 5 * time.Second, 80 * time.Second
	// budgetPause is the least time between two halvings. Several requests are
	// throttled for one and the same cause, and a share that AWS throttles
	// whatever we do must not keep the budget at its half.
	budgetPause = 30 * time.Second
	// budgetQuiet is after how long without a throttled request a halving counts
	// as the first one again.
	budgetQuiet = 2 * time.Minute
)

// budget is a token bucket of the requests that AWS counts together in an
// account and region. AWS's quota is the account's own workload's as well, which
// has the right of way: a throttled request halves the rate, which then grows
// back. It is safe for concurrent use.
type budget struct {
	bucket *rate.Limiter

	mu        sync.Mutex    // guards what follows
	full      rate.Limit    // requests per second as configured
	halved    time.Time     // when it last was; zero before the first time
	recovery  time.Duration // how long it then takes to grow back
	throttles time.Time     // when a request was last throttled
}

func newBudget(perSecond rate.Limit, burst int) *budget {
	return &budget{bucket: rate.NewLimiter(perSecond, burst), full: perSecond}
}

// wait waits until there is room for a request, and returns how long.
func (b *budget) wait(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	b.mu.Lock()
	b.grow(start)
	b.mu.Unlock()
	err := b.bucket.Wait(ctx)
	return time.Since(start), err
}

// grow sets the rate to what it has grown back to. The caller holds the mutex.
func (b *budget) grow(now time.Time) {
	if b.full == rate.Inf || b.halved.IsZero() {
		return
	}
	share := min(1, 0.5+0.5*float64(now.Sub(b.halved))/float64(b.recovery))
	if limit := b.full * rate.Limit(share); limit != b.bucket.Limit() {
		b.bucket.SetLimitAt(now, limit)
	}
}

// throttled takes note that AWS refused a request, and reports whether that
// halved the budget.
func (b *budget) throttled() bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	quiet := now.Sub(b.throttles) >= budgetQuiet
	b.throttles = now
	if b.full == rate.Inf || now.Sub(b.halved) < max(budgetPause, b.recovery) {
		return false
	}
	b.halved, b.recovery = now, min(2*b.recovery, mostRecovery)
	if quiet {
		b.recovery = leastRecovery
	}
	b.grow(now)
	return true
}

// set changes the configured rate. What was asked lately still counts.
func (b *budget) set(perSecond rate.Limit, burst int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.full = perSecond
	b.bucket.SetLimitAt(now, perSecond)
	b.bucket.SetBurstAt(now, burst)
	b.grow(now)
}

// budgeted are the operations that AWS counts by account and region.
func budgeted() map[string][]string {
	all := Operations()
	for _, api := range []string{"account", inventory.APIOrganizations, inventory.APISTS} {
		delete(all, api)
	}
	return all
}

// budgets are those of an account in a region, by operation.
type budgets map[string]*budget

// newBudgets makes the budgets of an account in a region. Cognito counts its
// reads of pools together, those of clients, and those of what belongs to pools;
// SES counts every operation by itself.
func newBudgets(rates map[string]float64) budgets {
	all := budgets{}
	for api, operations := range budgeted() {
		shared, details := newBudget(bucket(rates, api)), newBudget(bucket(rates, api))
		for _, operation := range operations {
			switch {
			case api == inventory.APISES || operation == "ListUserPoolClients":
				all[operation] = newBudget(bucket(rates, api))
			case slices.ContainsFunc(detailCalls[:], func(c detailCall) bool { return c.operation == operation }):
				all[operation] = details
			default:
				all[operation] = shared
			}
		}
	}
	return all
}

// set changes the configured rates.
func (all budgets) set(rates map[string]float64) {
	for api, operations := range budgeted() {
		for _, operation := range operations {
			all[operation].set(bucket(rates, api))
		}
	}
}

// bucket returns how fast an API's bucket fills, in requests per second, and
// how many it holds. An API without a rate has no limit.
func bucket(rates map[string]float64, api string) (rate.Limit, int) {
	n, ok := rates[api]
	if !ok {
		return rate.Inf, 1
	}
	return rate.Limit(n), max(1, int(n))
}
