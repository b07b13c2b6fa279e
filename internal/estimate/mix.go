package estimate

import "math"

// Mix says what user pools are usually like, where only their number is known.
type Mix struct {
	BuiltIn    float64 // share of the pools on the built-in sender
	SignUps    float64 // of them, share with sign-ups in the last three hours
	Clients    float64 // app clients of such a pool with sign-ups
	MFA        float64 // share of the pools with MFA
	Identities float64 // that the other pools of a place send as
}

// callMetrics is how many metrics of calls a place with sign-ups has: those of
// sign-ups, and those of forgotten passwords.
const callMetrics = 2

// Spread returns n places with so many pools each that are mixed like that. Of
// what is less than one in a place, some places have one and the others none.
func (m Mix) Spread(n int, pools float64, ses bool) []Places {
	share := func(each float64) int { return int(math.Round(float64(n) * min(1, each))) }
	builtIn := pools * m.BuiltIn
	own := pools - builtIn
	withBuiltIn := share(builtIn)
	withSignUps := min(withBuiltIn, share(builtIn*m.SignUps))
	plain := Places{SES: ses, Pools: pools, MFA: pools * m.MFA}
	quiet := plain
	quiet.BuiltIn = max(1, builtIn)
	busy := quiet
	busy.SignUpMetrics, busy.CallMetrics = max(1, builtIn*m.SignUps)*m.Clients, callMetrics
	plain.N, quiet.N, busy.N = n-withBuiltIn, withBuiltIn-withSignUps, withSignUps

	var all []Places
	left := share(own)
	for _, p := range []Places{plain, quiet, busy} {
		sending := p
		if sending.N = min(p.N, left); ses && sending.N > 0 {
			sending.Identities, sending.AllIdentities = m.Identities, m.Identities
			all = append(all, sending)
			left -= sending.N
			p.N -= sending.N
		}
		if p.N > 0 {
			all = append(all, p)
		}
	}
	return all
}
