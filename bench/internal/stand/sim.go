package stand

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// regions are those that the fleets use, in this order: the ones that are on in
// every account.
var regions = []string{
	"eu-west-1", "us-east-1", "eu-central-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "eu-west-2", "eu-west-3", "eu-north-1",
	"ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "sa-east-1",
}

// controlWithin bounds a change of the simulated fleet: with 100,000 pools it
// takes the better part of a minute.
const controlWithin = 5 * time.Minute

// Fleet is a simulated estate: its accounts, the regions of each (at most 17)
// and the pools of each region.
type Fleet struct {
	Accounts, Regions, Pools int
	Active                   float64       // share of the pools with traffic
	Share                    float64       // of the accounts × regions, which have pools; 0 is all of them
	Latency                  time.Duration // of every answer
	Quotas                   bool          // AWS's, beyond which requests are throttled
}

// Places returns the number of accounts times regions.
func (f Fleet) Places() int { return f.Accounts * f.Regions }

// Targets returns the number of accounts times regions that have pools.
func (f Fleet) Targets() int {
	if f.Share > 0 {
		return int(float64(f.Places()) * f.Share)
	}
	return f.Places()
}

// Size returns the number of pools.
func (f Fleet) Size() int { return f.Targets() * f.Pools }

// Account returns the ID of an account, counted from 0.
func (f Fleet) Account(i int) string { return strconv.Itoa(100000000001 + i) }

// AllAccounts returns the IDs of all accounts.
func (f Fleet) AllAccounts() []string {
	all := make([]string, f.Accounts)
	for i := range all {
		all[i] = f.Account(i)
	}
	return all
}

// RegionNames returns the regions of each account.
func (f Fleet) RegionNames() []string { return regions[:f.Regions] }

// Sim is a running simulated AWS.
type Sim struct {
	*Process
	url string
}

// Fault is a fault of the simulated AWS; see docs/awssim.md.
type Fault struct {
	Kind    string  `json:"kind"`
	Service string  `json:"service,omitempty"`
	Account string  `json:"account,omitempty"`
	Region  string  `json:"region,omitempty"`
	Rate    float64 `json:"rate,omitempty"`
}

// Call says how often an operation was called.
type Call struct {
	Service   string `json:"service"`
	Account   string `json:"account"`
	Region    string `json:"region"`
	Operation string `json:"operation"`
	Calls     int    `json:"calls"`
}

// StartSim starts a simulated AWS. Unless the fleet says otherwise, it answers at
// once and everything: what makes the exporter wait are its own budgets.
func StartSim(ctx context.Context, dir, path string, f Fleet, seed uint64) (*Sim, error) {
	address, err := FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--listen=" + address, "--seed=" + strconv.FormatUint(seed, 10), "--latency=" + f.Latency.String(),
		"--accounts=" + strconv.Itoa(f.Accounts), "--regions=" + strings.Join(f.RegionNames(), ","), "--pools=" + strconv.Itoa(f.Pools),
		"--active=" + strconv.FormatFloat(f.Active, 'g', -1, 64), "--share=" + strconv.FormatFloat(f.Share, 'g', -1, 64),
	}
	if !f.Quotas {
		args = append(args, "--no-quotas")
	}
	p, err := Start(ctx, dir, path, nil, args...)
	if err != nil {
		return nil, err
	}
	s := &Sim{p, "http://" + address}
	for {
		err := s.control(ctx, http.MethodGet, "/_faults", nil, nil)
		if err == nil {
			return s, nil
		}
		if err := p.Pause(ctx, 100*time.Millisecond); err != nil {
			p.Stop()
			return nil, err
		}
	}
}

// Faults replaces the faults.
func (s *Sim) Faults(ctx context.Context, faults ...Fault) error {
	return s.control(ctx, http.MethodPut, "/_faults", append([]Fault{}, faults...), nil)
}

// Change is what is to become different in a target: keys of a region of the
// fleet, whose pools are found by id and identities by name.
type Change struct {
	Target
	To map[string]any
}

// Patch merges changes of different accounts into the fleet.
func (s *Sim) Patch(ctx context.Context, changes ...Change) error {
	var accounts []any
	for _, c := range changes {
		accounts = append(accounts, map[string]any{"id": c.Account, "regions": map[string]any{c.Region: c.To}})
	}
	return s.control(ctx, http.MethodPatch, "/_fleet", map[string]any{"accounts": accounts}, nil)
}

// Calls returns how often each operation was called.
func (s *Sim) Calls(ctx context.Context) ([]Call, error) {
	var all []Call
	return all, s.control(ctx, http.MethodGet, "/_calls", nil, &all)
}

func (s *Sim) control(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, controlWithin)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return err
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = a.Body.Close() }()
	data, err := io.ReadAll(a.Body)
	switch {
	case err != nil:
		return err
	case a.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s of the simulated AWS: %s: %s", method, path, a.Status, bytes.TrimSpace(data))
	case out != nil:
		return json.Unmarshal(data, out)
	default:
		return nil
	}
}
