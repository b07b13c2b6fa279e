package awssim

import (
	_ "embed"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

//go:embed demo.yaml
var demo []byte

// Demo returns the fleet that shows every mode, state and trouble at once.
func Demo() *Fleet {
	f, err := ParseFleet(demo)
	if err != nil {
		panic(err) // The file is part of the program.
	}
	return f
}

// GenerateOptions describe a fleet that is generated.
type GenerateOptions struct {
	Accounts int      // their ids are 100000000001 and up
	Regions  []string // of every account
	Pools    int      // in each account and region
	Seed     uint64
	Mix      string  // mixed: half COGNITO_DEFAULT and every state somewhere; healthy: nothing to report
	Active   float64 // share of the pools with traffic, 0 to 1
	Share    float64 // of the accounts × regions, which have pools; the others are empty. 0 is all of them.
}

const firstAccount = 100000000001

// Generate returns a fleet, the same for the same options.
func Generate(o GenerateOptions) (*Fleet, error) {
	if err := oneOf("mix", o.Mix, "mixed", "healthy"); err != nil {
		return nil, err
	}
	switch {
	case o.Accounts < 1 || o.Pools < 0 || len(o.Regions) == 0:
		return nil, fmt.Errorf("at least one account and one region are needed, not %d and %d, and no negative number of pools", o.Accounts, len(o.Regions))
	case o.Active < 0 || o.Active > 1:
		return nil, fmt.Errorf("active is %v, allowed is 0 to 1", o.Active)
	case o.Share < 0 || o.Share > 1:
		return nil, fmt.Errorf("share is %v, allowed is 0 to 1", o.Share)
	}
	if o.Share == 0 {
		o.Share = 1
	}
	g := &generator{GenerateOptions: o, random: rand.New(rand.NewPCG(o.Seed, 2))}
	f := &Fleet{}
	for i := range o.Accounts {
		a := Account{ID: strconv.Itoa(firstAccount + i), Name: fmt.Sprintf("account-%d", i+1), Regions: map[string]*Region{}}
		for j, region := range o.Regions {
			before := float64(i*len(o.Regions) + j)
			if math.Floor(before*o.Share) == math.Floor((before+1)*o.Share) {
				continue
			}
			a.Regions[region] = g.region(a.ID, region)
		}
		f.Accounts = append(f.Accounts, a)
	}
	return f, f.complete()
}

type generator struct {
	GenerateOptions
	random *rand.Rand
	n      int // regions made
}

func (g *generator) region(account, region string) *Region {
	healthy := SES{ProductionAccess: true, SendingEnabled: true, Enforcement: "HEALTHY", Review: "GRANTED", Max24HourSend: 50000, MaxSendRate: 14}
	r := &Region{SES: healthy, Identities: []Identity{
		{Name: "example.com", Status: "SUCCESS", Verified: true, SendingEnabled: true},
		{Name: "noreply@example.org", Status: "SUCCESS", Verified: true, SendingEnabled: true},
	}}
	r.SES.SentLast24Hours = float64(g.random.IntN(20000))
	if g.Mix == "mixed" {
		r.Identities = append(r.Identities, Identity{Name: "pending.example.net", Status: "PENDING"}, Identity{Name: "failed.example.net", Status: "FAILED", ErrorType: "DNS_SERVER_ERROR"})
		g.trouble(&r.SES)
	}
	g.n++
	for i := range g.Pools {
		r.Pools = append(r.Pools, g.pool(account, region, i))
	}
	return r
}

// trouble gives every eighth SES account one of the troubles in turn.
func (g *generator) trouble(s *SES) {
	if g.n%8 != 1 {
		return
	}
	switch g.n / 8 % 6 {
	case 0:
		*s = newSES()
		s.Review = "PENDING"
	case 1:
		s.SendingEnabled = false
	case 2:
		s.Enforcement, s.SendingEnabled = "SHUTDOWN", false
	case 3:
		s.SentLast24Hours = s.Max24HourSend
	case 4:
		s.Enforcement, s.BounceRate = "PROBATION", 0.07
	case 5:
		s.Max24HourSend = -1
	}
}

func (g *generator) pool(account, region string, i int) Pool {
	arn := func(name string) string {
		return "arn:" + partition(region) + ":ses:" + region + ":" + account + ":identity/" + name
	}
	p := Pool{
		Name: fmt.Sprintf("pool-%d", i+1), AutoVerified: []string{"email"},
		Tags: map[string]string{"env": []string{"prod", "staging", "dev"}[g.random.IntN(3)], "team": fmt.Sprintf("team-%d", g.random.IntN(8))},
	}
	if g.random.Float64() < g.Active {
		p.Traffic.PerHour = map[string]float64{"SignUp": 0.5 + 2*g.random.Float64(), "ForgotPassword": g.random.Float64()}
	}
	if g.Mix == "mixed" && i%2 == 0 {
		return p
	}
	p.Mode, p.SourceARN, p.From = "DEVELOPER", arn("example.com"), "no-reply@example.com"
	if g.Mix == "healthy" {
		return p
	}
	switch n := (i/2 + g.n) % 12; n {
	case 1, 2, 3:
		name := []string{"pending.example.net", "failed.example.net", "gone.example.net"}[n-1]
		p.SourceARN, p.From = arn(name), "no-reply@"+name
	case 4:
		p.From = "no-reply@elsewhere.example"
	case 5:
		p.CustomSender = "arn:" + partition(region) + ":lambda:" + region + ":" + account + ":function:sender"
	case 6:
		p.SourceARN, p.From = arn("noreply@example.org"), ""
	}
	return p
}
