package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

// chaos disturbs an exporter. What it does follows from its seed; when, only
// roughly.
type chaos struct {
	random   *rand.Rand
	fleet    stand.Fleet
	config   stand.Config
	sim      *stand.Sim
	exporter *stand.Exporter
	pools    map[stand.Target][]string
	say      func(string, ...any)

	faults, reloads, changes int // how many there were
}

// run disturbs the exporter for so long.
func (c *chaos) run(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		var err error
		switch n := c.random.IntN(10); {
		case n < 4:
			err = c.fault(ctx)
		case n < 7:
			err = c.change(ctx)
		default:
			err = c.reload()
		}
		if err != nil {
			return err
		}
		pause := time.Second + time.Duration(c.random.Int64N(int64(6*time.Second)))
		if err := c.exporter.Pause(ctx, min(pause, max(0, time.Until(end)))); err != nil {
			return err
		}
	}
	return nil
}

func pick[T any](c *chaos, list ...T) T { return list[c.random.IntN(len(list))] }

// fault puts up to three faults in place of those before. None at all lets
// the exporter recover now and then.
func (c *chaos) fault(ctx context.Context) error {
	list := make([]stand.Fault, c.random.IntN(4))
	for i := range list {
		list[i] = stand.Fault{
			Kind:    pick(c, "throttle", "deny", "error500", "timeout", "reset", "truncate", "garbage", "slow", "expired_token", "region_disabled"),
			Service: pick(c, "", "", "cognito-idp", "sesv2", "cloudwatch", "sts"),
			Rate:    pick(c, 0.1, 0.5, 1),
		}
		if c.random.IntN(5) > 0 { // Else it hits all accounts.
			list[i].Account = c.fleet.Account(c.random.IntN(c.fleet.Accounts))
		}
		if c.random.IntN(2) > 0 {
			list[i].Region = pick(c, c.fleet.RegionNames()...)
		}
	}
	c.faults++
	c.say("faults %+v", list)
	return c.sim.Faults(ctx, list...)
}

// change changes a pool, an identity or the state of SES in one target.
func (c *chaos) change(ctx context.Context) error {
	c.changes++
	t := stand.Target{Account: c.fleet.Account(c.random.IntN(c.fleet.Accounts)), Region: pick(c, c.fleet.RegionNames()...)}
	pool := map[string]any{"id": pick(c, c.pools[t]...)}
	change := map[string]any{"pools": []any{pool}}
	switch c.random.IntN(5) {
	case 0:
		pool["name"] = fmt.Sprintf("renamed-%d", c.changes)
	case 1:
		pool["mode"] = "COGNITO_DEFAULT"
	case 2:
		pool["id"] = fmt.Sprintf("%s_Soak%d", t.Region, c.changes)
		pool["name"] = fmt.Sprintf("new-%d", c.changes)
		pool["mode"], pool["from"] = "DEVELOPER", "no-reply@example.com"
		pool["source_arn"] = "arn:aws:ses:" + t.Region + ":" + t.Account + ":identity/example.com"
	case 3:
		verified := c.random.IntN(2) == 0
		status := map[bool]string{true: "SUCCESS", false: "FAILED"}[verified]
		change = map[string]any{"identities": []any{map[string]any{"name": "example.com", "status": status, "verified": verified, "sending_enabled": verified}}}
	default:
		// Not what was sent: with the first e-mail an account gets a bounce rate, which is read once an hour.
		change = map[string]any{"ses": map[string]any{"sending_enabled": c.random.IntN(3) > 0, "max_24_hour_send": c.random.IntN(50000)}}
	}
	c.say("account %s, %s: %v", t.Account, t.Region, change)
	return c.sim.Patch(ctx, stand.Change{Target: t, To: change})
}

// reload gives the exporter another configuration: some accounts less than
// there are, and another interval.
func (c *chaos) reload() error {
	c.reloads++
	config := c.config
	config.Interval += time.Duration(c.random.IntN(5)) * time.Second
	config.Accounts = nil
	out := c.random.IntN(6)
	for _, i := range c.random.Perm(c.fleet.Accounts)[out:] {
		config.Accounts = append(config.Accounts, c.fleet.Account(i))
	}
	c.say("reload without %d accounts, interval %s", out, config.Interval)
	if err := config.Write(c.exporter.Config, c.fleet); err != nil {
		return err
	}
	return c.exporter.Signal(syscall.SIGHUP)
}

// end takes the faults away and returns to the first configuration.
func (c *chaos) end(ctx context.Context) error {
	if err := c.sim.Faults(ctx); err != nil {
		return err
	}
	if err := c.config.Write(c.exporter.Config, c.fleet); err != nil {
		return err
	}
	return c.exporter.Signal(syscall.SIGHUP)
}
